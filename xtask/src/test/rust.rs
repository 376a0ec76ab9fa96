//! Tests that Cargo runs, and what its harness prints.

use std::process::Command;

use super::Request;
use crate::process::{self, Failure};
use crate::tally::Part;
use crate::tools::debian;
use crate::workspace::Workspace;

/// Workspaces of their own whose tests run too; their dependencies stay out of the product's lock file.
const OTHER_WORKSPACES: &[&str] = &["fuzz"];

/// Builds the hub, and the tests of the workspace if they run too. Both in one go then: built apart, their
/// common dependencies would be built twice, once with the features of the tests and once without.
pub(crate) fn build(workspace: &Workspace, with_tests: bool) -> Result<(), Failure> {
    let what: &[&str] =
        if with_tests { &["--workspace", "--lib", "--bins", "--tests"] } else { &["--package", "headwater"] };
    process::run(workspace.cargo(".").arg("build").args(what))
}

/// Every test of the workspace, documentation included.
pub(crate) fn test_workspace(workspace: &Workspace, request: &Request) -> Part {
    let mut command = workspace.cargo(".");
    command.args(["test", "--workspace", "--no-fail-fast"]);
    run("rust", workspace, command, request)
}

/// The models of concurrent parts: their own build, as they swap the locks for a checker's.
pub(crate) fn test_models(workspace: &Workspace, request: &Request) -> Part {
    let mut command = workspace.cargo(".");
    command.args(["test", "--package", "headwater-hub", "--features", "model", "--test", "interleavings"]);
    run("models", workspace, command, request)
}

/// Every test of the workspaces beside it.
pub(crate) fn test_other_workspaces(workspace: &Workspace, request: &Request) -> Vec<Part> {
    let test = |folder: &&str| {
        let mut command = workspace.cargo(folder);
        command.args(["test", "--no-fail-fast"]);
        run(folder, workspace, command, request)
    };
    OTHER_WORKSPACES.iter().map(test).collect()
}

fn run(name: &str, workspace: &Workspace, mut command: Command, request: &Request) -> Part {
    command.args(&request.filter).env("HEADWATER_BIN", workspace.hub()).env("PATH", debian::search_path());
    let mut part = Part::new(name);
    let end = process::run_reading(&mut command, |line| read(line, &mut part));
    part.finish(end)
}

/// Takes one line of the test harness into account.
fn read(line: &str, part: &mut Part) {
    if let Some(counts) = line.strip_prefix("test result: ") {
        let words: Vec<&str> = counts.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed" => part.passed += count,
                "failed" => part.failed += count,
                "ignored" => part.on_request += count,
                _ => {}
            }
        }
    } else if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
        part.failures.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_summed_over_harnesses() {
        let mut part = Part::new("rust");
        for line in [
            "running 3 tests",
            "test position::tests::reads_back ... ok",
            "test drain::ends_streams ... FAILED",
            "test result: FAILED. 2 passed; 1 failed; 4 ignored; 0 measured; 7 filtered out; finished in 0.05s",
            "test result: ok. 10 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.10s",
            "all doctests ran in 0.42s; merged doctests compilation took 0.30s",
        ] {
            read(line, &mut part);
        }
        assert_eq!((part.passed, part.failed, part.on_request), (12, 1, 4));
        assert_eq!(part.failures, ["drain::ends_streams"]);
    }
}
