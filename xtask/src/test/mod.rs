//! `cargo xtask test`: all runners one after the other, one count at the end.
//!
//! Tests find the hub they drive in `HEADWATER_BIN`; it is built before the first of them starts.

mod book;
pub(crate) mod node;
pub(crate) mod python;
mod rust;

use std::process::ExitCode;

use crate::process::Failure;
use crate::tally::{self, Part};
use crate::tools::debian;
use crate::workspace::Workspace;

/// What to run, as asked for on the command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// Only this runner.
    part: Option<Runner>,
    /// Only tests whose name contains this.
    pub(crate) filter: Option<String>,
}

/// The runners, in the order they run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runner {
    /// Unit, property, documentation and whole-system tests of the Cargo workspace.
    Rust,
    /// The workspaces beside it: the fuzz targets over their stored inputs.
    Workspaces,
    /// Tests written for Node, the browser ones among them.
    Node,
    /// Tests written for Python: the package, generated requests, hostile HTTP/2, TLS.
    Python,
    /// The samples of README and book.
    Book,
}

impl Request {
    /// Reads `[--part PART] [FILTER]`.
    pub(crate) fn parse(mut words: &[&str]) -> Result<Self, Failure> {
        let mut request = Self::default();
        loop {
            words = match words {
                [] => return Ok(request),
                ["--part", name, rest @ ..] => {
                    let unknown = || format!("`{name}` is none of the parts rust, workspaces, node, python, book");
                    let part = Runner::named(name).ok_or_else(|| Failure::new("read the arguments", unknown()))?;
                    request.part = Some(part);
                    rest
                }
                [filter, rest @ ..] if request.filter.is_none() && !filter.starts_with('-') => {
                    request.filter = Some((*filter).to_owned());
                    rest
                }
                [word, ..] => {
                    let why = format!("`{word}` is one too many; `cargo xtask help` shows what there is");
                    return Err(Failure::new("read the arguments", why));
                }
            }
        }
    }

    fn wants(&self, runner: Runner) -> bool {
        self.part.is_none_or(|part| part == runner)
    }
}

impl Runner {
    fn named(name: &str) -> Option<Self> {
        match name {
            "rust" => Some(Self::Rust),
            "workspaces" => Some(Self::Workspaces),
            "node" => Some(Self::Node),
            "python" => Some(Self::Python),
            "book" => Some(Self::Book),
            _ => None,
        }
    }
}

/// Sets up what is missing, runs what was asked for and counts.
pub(crate) fn run(workspace: &Workspace, request: &Request) -> ExitCode {
    let mut parts = Vec::new();
    if let Err(failure) = debian::install_missing(debian::FOR_TESTS) {
        eprintln!("{failure}");
        let mut part = Part::new("set-up");
        part.fail(failure.to_string());
        parts.push(part);
    }
    // The scenarios of the clients, in Rust, drive this one, too; a browser test has an example with it.
    if [Runner::Rust, Runner::Node, Runner::Python].into_iter().any(|runner| request.wants(runner))
        && let Err(failure) = python::install_package(workspace)
    {
        let mut part = Part::new("the Python package");
        part.fail(failure.to_string());
        parts.push(part);
    }
    let built = rust::build(workspace, request.wants(Runner::Rust));
    match &built {
        Ok(()) if request.wants(Runner::Rust) => parts.push(rust::test_workspace(workspace, request)),
        Ok(()) => {}
        Err(failure) => {
            let mut part = Part::new("build");
            part.fail(failure.to_string());
            parts.push(part);
        }
    }
    if request.wants(Runner::Workspaces) {
        parts.push(rust::test_models(workspace, request));
        parts.extend(rust::test_other_workspaces(workspace, request));
    }
    // Without a hub these could only fail one by one for the reason that is already counted.
    if built.is_ok() {
        if request.wants(Runner::Node) {
            parts.extend(node::test(workspace, request));
        }
        if request.wants(Runner::Python) {
            parts.extend(python::test(workspace, request));
        }
        if request.wants(Runner::Book) {
            parts.push(book::test(workspace, request));
        }
    }
    tally::conclude(&parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_a_part_and_a_filter_in_any_order() {
        let expected = Request { part: Some(Runner::Book), filter: Some("resume".into()) };
        assert_eq!(Request::parse(&["--part", "book", "resume"]).unwrap(), expected);
        assert_eq!(Request::parse(&["resume", "--part", "book"]).unwrap(), expected);
        assert_eq!(Request::parse(&[]).unwrap(), Request::default());
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for words in [&["--part", "nose"][..], &["a", "b"], &["--jobs"]] {
            let message = Request::parse(words).unwrap_err().to_string();
            assert!(message.contains(words.last().unwrap()), "{message}");
        }
    }
}
