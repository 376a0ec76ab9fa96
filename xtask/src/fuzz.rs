//! Fuzzing: every target of `fuzz/` for a bounded time, its corpus kept.

use std::fs;
use std::process::Command;

use crate::process::{self, Failure};
use crate::tools::cargo::CARGO_FUZZ;
use crate::workspace::Workspace;

/// How long each target runs when nothing else is said.
const DEFAULT_SECONDS: u32 = 60;

/// What to run, as asked for on the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// For how long each.
    seconds: u32,
    /// Only this target.
    target: Option<String>,
}

impl Request {
    /// Reads `[--seconds N] [TARGET]`.
    pub(crate) fn parse(mut words: &[&str]) -> Result<Self, Failure> {
        let mut request = Self { seconds: DEFAULT_SECONDS, target: None };
        let refused = |why: String| Failure::new("read the arguments", why);
        loop {
            words = match words {
                [] => return Ok(request),
                ["--seconds", number, rest @ ..] => {
                    let wrong = |_| refused(format!("`{number}` is not a number of seconds"));
                    request.seconds = number.parse().map_err(wrong)?;
                    rest
                }
                [name, rest @ ..] if request.target.is_none() && !name.starts_with('-') => {
                    request.target = Some((*name).to_owned());
                    rest
                }
                [word, ..] => {
                    return Err(refused(format!("`{word}` is one too many; `cargo xtask help` shows what there is")));
                }
            }
        }
    }
}

/// Runs every target, or one, and stops at the first crash, whose input stays in `fuzz/artifacts`.
pub(crate) fn run(workspace: &Workspace, request: &Request) -> Result<(), Failure> {
    let (targets, seconds) = (targets(workspace)?, request.seconds);
    if let Some(name) = request.target.as_ref().filter(|name| !targets.contains(name)) {
        return Err(Failure::new("find the fuzz target", format!("`{name}` is none of {}", targets.join(", "))));
    }
    let program = CARGO_FUZZ.program(workspace)?;
    for target in targets.into_iter().filter(|target| request.target.as_ref().is_none_or(|name| name == target)) {
        println!("\n== fuzz target {target}, {seconds} s");
        let mut fuzz = Command::new(&program);
        fuzz.args(["fuzz", "run", &target, "--", &format!("-max_total_time={seconds}"), "-rss_limit_mb=2048"]);
        // The sanitizers are options of a nightly compiler; this lets the stable one take them.
        fuzz.current_dir(&workspace.root).env("RUSTC_BOOTSTRAP", "1");
        process::run(&mut fuzz)?;
    }
    Ok(())
}

/// The names of the `.rs` files in `fuzz/fuzz_targets`.
fn targets(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let folder = workspace.root.join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| Failure::new(format!("list {}", folder.display()), error))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_string_lossy().strip_suffix(".rs").map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_seconds_and_a_target() {
        let parsed = Request::parse(&["--seconds", "5", "decoder"]).unwrap();
        assert_eq!(parsed, Request { seconds: 5, target: Some("decoder".into()) });
        assert_eq!(Request::parse(&[]).unwrap(), Request { seconds: DEFAULT_SECONDS, target: None });
        for words in [&["--seconds", "soon"][..], &["a", "b"], &["--minutes"]] {
            let message = Request::parse(words).unwrap_err().to_string();
            assert!(message.contains(words.last().unwrap()), "{message}");
        }
    }
}
