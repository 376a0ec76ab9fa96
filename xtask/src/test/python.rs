//! Tests written for Python: those of the package, and those whose tools are there: generated requests, hostile HTTP/2, a
//! look at TLS.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Request;
use crate::process::{self, Failure};
use crate::tally::Part;
use crate::tools::{debian, python};
use crate::workspace::Workspace;

/// Folders with tests, each with the requirements of an environment of its own.
const SUITES: &[&str] = &["tests/python", PACKAGE_SUITE];

/// The package, and the suite that needs it built.
const PACKAGE: &str = "clients/python";
const PACKAGE_SUITE: &str = "clients/python/tests";

/// Sets the environments up, and builds the package into the build folder of this tree.
pub(crate) fn install(workspace: &Workspace) -> Result<(), Failure> {
    SUITES.iter().try_for_each(|suite| interpreter(workspace, suite).map(drop))?;
    install_package(workspace)
}

/// Builds the package for its suite and for the scenarios of all clients, which find it through a program of its own.
pub(crate) fn install_package(workspace: &Workspace) -> Result<(), Failure> {
    let interpreter = interpreter(workspace, PACKAGE_SUITE)?;
    let folder = build_package(workspace, &interpreter)?;
    let program = folder.join("python");
    let script = format!("#!/bin/sh\nPYTHONPATH='{}' exec '{}' \"$@\"\n", folder.display(), interpreter.display());
    let failed = |error| Failure::new(format!("write {}", program.display()), error);
    fs::write(&program, script).map_err(failed)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).map_err(failed)
}

/// Runs every suite.
pub(crate) fn test(workspace: &Workspace, request: &Request) -> Vec<Part> {
    SUITES.iter().map(|suite| test_suite(workspace, suite, request)).collect()
}

fn test_suite(workspace: &Workspace, suite: &str, request: &Request) -> Part {
    let mut part = Part::new(suite);
    let mut pytest = match prepare(workspace, suite) {
        Ok(pytest) => pytest,
        Err(failure) => {
            part.fail(failure.to_string());
            return part;
        }
    };
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

/// pytest, with all that the suite imports.
fn prepare(workspace: &Workspace, suite: &str) -> Result<Command, Failure> {
    let interpreter = interpreter(workspace, suite)?;
    let mut pytest = Command::new(&interpreter);
    pytest.args(["-m", "pytest", "-q"]).current_dir(workspace.root.join(suite));
    if suite == PACKAGE_SUITE {
        pytest.env("PYTHONPATH", package(workspace));
    }
    Ok(pytest)
}

fn interpreter(workspace: &Workspace, suite: &str) -> Result<PathBuf, Failure> {
    python::interpreter(&workspace.root.join(suite).join("requirements.txt"))
}

/// Builds the package as `pip install` does for anybody, and puts it into the build folder of this tree: the
/// environment is shared with other trees.
pub(crate) fn build_package(workspace: &Workspace, interpreter: &Path) -> Result<PathBuf, Failure> {
    let folder = package(workspace);
    let mut pip = workspace.building(interpreter);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]);
    pip.args(["--upgrade", "--target"]).arg(&folder).arg(format!("./{PACKAGE}"));
    process::run(pip.env("PATH", python::search_path(interpreter)))?;
    Ok(folder)
}

fn package(workspace: &Workspace) -> PathBuf {
    workspace.target.join("python")
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
