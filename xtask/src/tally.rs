//! Counting: one part per runner, one line for all of them at the end.

use std::process::{ExitCode, ExitStatus};

use crate::process::Failure;

/// What one runner found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// The runner, as the last table names it.
    pub(crate) name: String,
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed, among them a runner that did not start or died.
    pub(crate) failed: u64,
    /// Long tests that run on request only.
    pub(crate) on_request: u64,
    /// The names of those that failed.
    pub(crate) failures: Vec<String>,
}

impl Part {
    /// A part nothing has run in yet.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Counts one failure by name.
    pub(crate) fn fail(&mut self, name: impl Into<String>) {
        self.failed += 1;
        self.failures.push(name.into());
    }

    /// Takes the runner's end into account: one that failed without a failed test counts as one.
    pub(crate) fn finish(mut self, end: Result<ExitStatus, Failure>) -> Self {
        match end {
            Ok(status) if status.success() => {}
            Ok(status) if self.failed == 0 => self.fail(format!("the runner ended with {status}")),
            Ok(_) => {}
            Err(failure) => self.fail(failure.to_string()),
        }
        self
    }
}

/// Prints the table, the failures and, last, the one line that counts; success if nothing failed.
pub(crate) fn conclude(parts: &[Part]) -> ExitCode {
    let failures: Vec<_> = parts.iter().flat_map(|part| part.failures.iter().map(move |name| (part, name))).collect();
    if !failures.is_empty() {
        println!("\nfailed:");
        for (part, name) in failures {
            println!("  {}: {name}", part.name);
        }
    }
    println!();
    for part in parts {
        let on_request = match part.on_request {
            0 => String::new(),
            count => format!("   ({count} on request only)"),
        };
        println!("  {:<24} {:>6} passed {:>4} failed{on_request}", part.name, part.passed, part.failed);
    }
    let (passed, failed) = parts.iter().fold((0, 0), |(p, f), part| (p + part.passed, f + part.failed));
    println!("\n{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn a_runner_that_dies_is_a_failure_and_one_that_reports_failures_is_not_counted_twice() {
        let died = Part::new("rust").finish(Ok(ExitStatus::from_raw(6)));
        assert_eq!(died.failed, 1);
        let reported = Part { failed: 3, ..Part::new("rust") }.finish(Ok(ExitStatus::from_raw(101 << 8)));
        assert_eq!(reported.failed, 3);
        let missing = Part::new("node").finish(Err(Failure::new("run node", "no such program")));
        assert_eq!(missing.failures, ["failed to run node: no such program"]);
        assert_eq!(Part::new("rust").finish(Ok(ExitStatus::from_raw(0))).failed, 0);
    }
}
