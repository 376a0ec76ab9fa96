//! Child processes: run one, show what it prints, and read along.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitStatus, Stdio};

/// What could not be done, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    doing: String,
    why: String,
}

impl Failure {
    /// `doing` completes "failed to", `why` says what happened and what to try.
    pub(crate) fn new(doing: impl Into<String>, why: impl fmt::Display) -> Self {
        Self { doing: doing.into(), why: why.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to {}: {}", self.doing, self.why)
    }
}

/// Runs a command to its end; anything but success is a failure.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let doing = format!("run {}", shown(command));
    let status = command.stdin(Stdio::null()).status().map_err(|error| Failure::new(&doing, error))?;
    if status.success() { Ok(()) } else { Err(Failure::new(doing, status)) }
}

/// Runs a command, passes its standard output on and gives every line of it to `read`.
pub(crate) fn run_reading(command: &mut Command, mut read: impl FnMut(&str)) -> Result<ExitStatus, Failure> {
    let doing = format!("run {}", shown(command));
    let failed = |error| Failure::new(&doing, error);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(output) = child.stdout.take() {
        let mut lines = BufReader::new(output);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).map_err(failed)? > 0 {
            std::io::stdout().write_all(&line).map_err(failed)?;
            read(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    }
    child.wait().map_err(failed)
}

/// The program and its arguments, as one would type them.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut text = program.to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}
