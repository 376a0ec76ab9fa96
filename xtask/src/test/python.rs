//! Tests written for Python, where the tools of the trade are: generated requests, hostile HTTP/2, a look at TLS.

use std::process::Command;

use super::Request;
use crate::process::{self, Failure};
use crate::tally::Part;
use crate::tools::{debian, python};
use crate::workspace::Workspace;

/// The folder with the tests and their requirements.
const SUITE: &str = "tests/python";

/// Sets the environment up.
pub(crate) fn install(workspace: &Workspace) -> Result<(), Failure> {
    python::interpreter(&workspace.root.join(SUITE).join("requirements.txt")).map(drop)
}

/// Runs the suite.
pub(crate) fn test(workspace: &Workspace, request: &Request) -> Part {
    let mut part = Part::new(SUITE);
    let folder = workspace.root.join(SUITE);
    let interpreter = match python::interpreter(&folder.join("requirements.txt")) {
        Ok(interpreter) => interpreter,
        Err(failure) => {
            part.fail(failure.to_string());
            return part;
        }
    };
    let mut pytest = Command::new(interpreter);
    pytest.args(["-m", "pytest", "-q"]).current_dir(&folder);
    // A filter is taken literally, which the option for names would not do.
    if let Some(filter) = &request.filter {
        pytest.env("HEADWATER_TEST_FILTER", filter);
    }
    pytest.env("HEADWATER_BIN", workspace.hub()).env("PATH", debian::search_path()).env("PYTHONDONTWRITEBYTECODE", "1");
    match process::run_reading(&mut pytest, |line| read(line, &mut part)) {
        Ok(status) if status.code() == Some(NOTHING_SELECTED) && request.filter.is_some() => part,
        end => part.finish(end),
    }
}

/// How pytest ends when it ran no test.
const NOTHING_SELECTED: i32 = 5;

/// Takes one line of the report into account, which `conftest.py` writes: `test NAME ... ok`.
fn read(line: &str, part: &mut Part) {
    let Some((name, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) else { return };
    match outcome {
        "ok" => part.passed += 1,
        // One that leaves itself out has not passed.
        "FAILED" | "SKIPPED" => part.fail(name),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_by_name_and_a_skip_is_a_failure() {
        let mut part = Part::new("python");
        for line in [
            "test test_r20_development[GET /healthz] ... ok",
            "test test_t11_rapid_reset ... FAILED",
            "test test_r16_tls ... SKIPPED",
            "test_openapi.py:40: AssertionError",
            "1 failed, 1 passed, 1 skipped in 3.00s",
        ] {
            read(line, &mut part);
        }
        assert_eq!((part.passed, part.failed), (1, 2));
        assert_eq!(part.failures, ["test_t11_rapid_reset", "test_r16_tls"]);
    }
}
