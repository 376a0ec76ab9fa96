//! Fuzzing: every target of `fuzz/` for a bounded time, its corpus kept.

use std::fs;
use std::process::Command;

use crate::process::{self, Failure};
use crate::tools::cargo::CARGO_FUZZ;
use crate::workspace::Workspace;

/// How long each target runs when nothing else is said.
pub(crate) const DEFAULT_SECONDS: u32 = 60;

/// Runs every target for `seconds` each and stops at the first crash, whose input stays in `fuzz/artifacts`.
pub(crate) fn run(workspace: &Workspace, seconds: u32) -> Result<(), Failure> {
    let program = CARGO_FUZZ.program(workspace)?;
    for target in targets(workspace)? {
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
