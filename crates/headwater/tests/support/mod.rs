//! The command under test, in a folder and environment of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "every test file uses another part")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Longest wait for anything a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The command in this folder, with an empty environment.
pub(crate) fn headwater(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    command.env_clear().current_dir(folder);
    command
}

/// Runs it to its end: exit code, standard output, standard error.
pub(crate) fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (pid, (sender, output)) = (Pid::from_child(&child), mpsc::channel());
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = output.recv_timeout(PATIENCE) else {
        kill_process(pid, Signal::KILL).unwrap();
        panic!("{command:?} did not end by itself");
    };
    let output = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A hub that serves; killed when dropped.
pub(crate) struct Hub {
    child: Child,
    /// Its whole greeting.
    pub(crate) greeting: String,
    /// `http://address`.
    pub(crate) base: String,
    log: mpsc::Receiver<String>,
}

impl Hub {
    /// Starts one and waits until it is ready.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, log) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let greeting = read_greeting(stdout, &log);
        let base = greeting.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
        Self { child, greeting, base, log }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for a line of its log with this text.
    pub(crate) fn logged(&self, text: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("never logged: {text}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        // Its standard error ends with it.
        while self.log.recv_timeout(PATIENCE).is_ok() {}
        self.child.wait().unwrap()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The greeting ends with the empty line after the two lines to try.
fn read_greeting(mut stdout: BufReader<ChildStdout>, log: &mpsc::Receiver<String>) -> String {
    let mut greeting = String::new();
    while !greeting.contains("/v1/topics/hello'\n\n") {
        if stdout.read_line(&mut greeting).unwrap() == 0 {
            let log: Vec<String> = log.iter().collect();
            panic!("ended before it was ready: {greeting}{}", log.join("\n"));
        }
    }
    // Nothing else comes, but the pipe stays open as long as the hub has it.
    thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
    greeting
}
