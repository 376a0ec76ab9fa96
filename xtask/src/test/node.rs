//! Tests written for Node: the test runner that comes with it, packages from a lock file.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Request;
use crate::process::{self, Failure};
use crate::tally::Part;
use crate::tools::debian;
use crate::workspace::Workspace;

/// Folders with a lock file and a `package.json` whose `test` script runs `node --test` with the TAP reporter.
const SUITES: &[&str] = &["clients/js", "examples/node", "tests/browser"];

/// Installs the locked packages of every suite whose folder does not hold them yet.
pub(crate) fn install(workspace: &Workspace) -> Result<(), Failure> {
    SUITES.iter().try_for_each(|suite| install_packages(&workspace.root.join(suite)))
}

/// Runs every suite.
pub(crate) fn test(workspace: &Workspace, request: &Request) -> Vec<Part> {
    SUITES.iter().map(|suite| test_suite(workspace, suite, request)).collect()
}

fn test_suite(workspace: &Workspace, suite: &str, request: &Request) -> Part {
    let folder = workspace.root.join(suite);
    let mut part = Part::new(suite);
    if let Err(failure) = install_packages(&folder) {
        part.fail(failure.to_string());
        return part;
    }
    let mut npm = Command::new("npm");
    npm.args(["test", "--silent"]).current_dir(&folder);
    if let Some(filter) = &request.filter {
        npm.arg("--").arg(format!("--test-name-pattern={}", literal(filter)));
    }
    npm.env("HEADWATER_BIN", workspace.hub()).env("PATH", debian::search_path());
    let mut tap = Tap::default();
    let end = process::run_reading(&mut npm, |line| tap.read(line, &mut part));
    tap.conclude(request.filter.is_some(), &mut part);
    part.finish(end)
}

/// `npm ci`, unless it ran after the lock file last changed.
pub(crate) fn install_packages(folder: &Path) -> Result<(), Failure> {
    let changed = |name: &str| fs::metadata(folder.join(name)).and_then(|file| file.modified()).ok();
    let lock = changed("package-lock.json").ok_or_else(|| {
        Failure::new("install npm packages", format!("there is no {}", folder.join("package-lock.json").display()))
    })?;
    if changed("node_modules/.package-lock.json").is_some_and(|installed| installed >= lock) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    // The browser is Debian's: nothing is to be downloaded beside the packages.
    npm.args(["ci", "--no-audit", "--no-fund"]).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").current_dir(folder);
    process::run(&mut npm)
}

/// A pattern of the test runner that matches exactly this text.
fn literal(text: &str) -> String {
    text.chars().flat_map(|c| (!c.is_alphanumeric()).then_some('\\').into_iter().chain([c])).collect()
}

/// Reads the runner's TAP output: names on the way, counts from the summary at its end.
///
/// What tests print is passed through as comments too, so of lines that look like the summary the last counts.
#[derive(Default)]
struct Tap {
    passed: u64,
    failed: u64,
    cancelled: u64,
    /// Left out by the test itself, or by a filter.
    skipped: u64,
}

impl Tap {
    fn read(&mut self, line: &str, part: &mut Part) {
        if let Some((word, count)) = line.strip_prefix("# ").and_then(|rest| rest.split_once(' ')) {
            let Ok(count) = count.parse() else { return };
            match word {
                "pass" => self.passed = count,
                "fail" => self.failed = count,
                "cancelled" => self.cancelled = count,
                "skipped" => self.skipped = count,
                _ => {}
            }
        } else if let Some(rest) = line.trim_start().strip_prefix("not ok ") {
            part.failures.push(rest.split_once(" - ").map_or(rest, |(_, name)| name).to_owned());
        } else if line.contains("# SKIP") {
            part.failures.push(line.trim().to_owned());
        }
    }

    /// A test that leaves itself out has not passed; neither has a suite without tests.
    fn conclude(self, filtered: bool, part: &mut Part) {
        part.passed += self.passed;
        part.failed += self.failed + self.cancelled;
        if filtered {
            part.failures.retain(|name| !name.contains("# SKIP"));
        } else {
            part.failed += self.skipped;
            if self.passed + self.failed + self.cancelled + self.skipped == 0 {
                part.fail("no test was found");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tap_is_counted_by_its_summary_and_a_skip_is_a_failure() {
        let (mut tap, mut part) = (Tap::default(), Part::new("node"));
        for line in [
            "TAP version 13",
            "# pass 400",
            "    ok 1 - opens",
            "    not ok 2 - reconnects with its id",
            "ok 2 - no browser # SKIP",
            "1..2",
            "# tests 3",
            "# pass 1",
            "# fail 1",
            "# skipped 1",
            "# duration_ms 812",
        ] {
            tap.read(line, &mut part);
        }
        tap.conclude(false, &mut part);
        assert_eq!((part.passed, part.failed), (1, 2));
        assert_eq!(part.failures, ["reconnects with its id", "ok 2 - no browser # SKIP"]);
    }

    #[test]
    fn a_suite_without_tests_has_failed() {
        let mut part = Part::new("node");
        Tap::default().conclude(false, &mut part);
        assert_eq!(part.failed, 1);
    }

    #[test]
    fn a_filter_is_taken_literally() {
        assert_eq!(literal("a.b (c)"), r"a\.b\ \(c\)");
    }
}
