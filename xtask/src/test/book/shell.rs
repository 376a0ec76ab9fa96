//! One sample, run by bash, its output held against what the page says.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::tools::debian;

/// How long the output may take to show what is expected.
const BOUND: Duration = Duration::from_secs(30);

/// Lines read ahead of the comparison; a sample that prints more waits, as it would for a pager.
const LINES: usize = 1_000;

/// Runs `script` in `folder`, with the hub's command on the search path, until every expectation is met.
pub(crate) fn run(script: &str, expected: &[String], folder: &Path, hub: &Path) -> Result<(), String> {
    let mut shell = Shell::start(script, folder, hub).map_err(|error| format!("failed to start bash: {error}"))?;
    let output = shell.output();
    let deadline = Instant::now() + BOUND;
    let mut shown = String::new();
    let mut line = String::new();
    for text in expected {
        loop {
            if let Some(end) = met(&line, text) {
                line.drain(..end);
                break;
            }
            match output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(next) => line = next,
                Err(end) => return Err(format!("  expected: {text}\n  {}; its output:\n{shown}", reason(end))),
            }
            shown.push_str(&line);
            shown.push('\n');
        }
    }
    Ok(())
}

/// Where in the line the text, in which `…` stands for anything, ends.
fn met(line: &str, text: &str) -> Option<usize> {
    text.split('…').try_fold(0, |from, piece| Some(from + line[from..].find(piece)? + piece.len()))
}

fn reason(end: RecvTimeoutError) -> String {
    match end {
        RecvTimeoutError::Timeout => format!("the sample did not show it within {} s", BOUND.as_secs()),
        RecvTimeoutError::Disconnected => "the sample ended without it".to_owned(),
    }
}

/// A running shell with everything it started; gone with the value.
struct Shell {
    child: Child,
}

impl Shell {
    fn start(script: &str, folder: &Path, hub: &Path) -> std::io::Result<Self> {
        let path = debian::search_path();
        let folders = hub.parent().map(Path::to_path_buf).into_iter().chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders.collect::<Vec<PathBuf>>()).unwrap_or(path);
        let mut bash = Command::new("bash");
        // One stream of lines, in the order the reader of a terminal would see them.
        bash.args(["-c", &format!("exec 2>&1\n{script}")]);
        // A terminal shows no progress meter; neither does this.
        std::fs::write(folder.join(".curlrc"), "silent\nshow-error\n")?;
        bash.env("CURL_HOME", folder).env("PATH", path).current_dir(folder);
        bash.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
        Ok(Self { child: bash.spawn()? })
    }

    /// The lines it prints, as they come.
    fn output(&mut self) -> Receiver<String> {
        let (lines, output) = mpsc::sync_channel(LINES);
        if let Some(stdout) = self.child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                    if lines.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                        break;
                    }
                }
            });
        }
        output
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // The group, not the shell alone: a stream it follows would outlive it. Already gone is fine.
        let group = format!("kill -KILL -- -{} 2>/dev/null", self.child.id());
        let _ = Command::new("bash").args(["-c", &group]).status();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &str, expected: &[&str]) -> Result<(), String> {
        let expected: Vec<String> = expected.iter().map(|text| (*text).to_owned()).collect();
        let folder = scratch();
        run(script, &expected, &folder, Path::new("/nowhere/headwater"))
    }

    fn scratch() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-shell-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn expectations_are_met_in_order_and_dots_stand_for_anything() {
        check("echo 'id: 12-ab'; echo data: x", &["id: …-…", "data: x"]).unwrap();
        check("printf '{\"id\":1}{\"id\":2}200'", &["{\"id\":…}", "{\"id\":…}", "200"]).unwrap();
        let reason = check("echo data: x; echo id: 12", &["id: 12", "data: x"]).unwrap_err();
        assert!(reason.contains("expected: data: x") && reason.contains("ended without it"), "{reason}");
    }

    #[test]
    fn a_stream_that_never_ends_is_left_once_it_showed_everything() {
        check("echo first; tail -f /dev/null & wait", &["first"]).unwrap();
    }

    #[test]
    fn standard_error_is_part_of_what_a_reader_sees() {
        check("echo refused >&2", &["refused"]).unwrap();
    }
}
