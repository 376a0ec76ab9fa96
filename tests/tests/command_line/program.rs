//! One run of the command.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use headwater_testkit::{PATIENCE, headwater, until};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// What is run, in a folder of its own and with nothing in its environment but `PATH`.
pub(crate) struct Program {
    command: Command,
    folder: TempDir,
}

/// A program that runs; killed when dropped.
pub(crate) struct Running {
    pub(crate) folder: TempDir,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Arc<Mutex<String>>,
    errors_end: Option<JoinHandle<()>>,
}

/// What a program has left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// The lines nobody has taken yet.
    pub(crate) lines: Vec<String>,
    pub(crate) errors: String,
}

impl Program {
    /// The command with these arguments, and the hub it is about.
    pub(crate) fn new(hub: SocketAddr, arguments: &[&str]) -> Self {
        let mut command = Command::new(headwater());
        command.args(arguments);
        Self::of(command, hub)
    }

    /// The same on a terminal, where standard output and standard error go both.
    pub(crate) fn on_terminal(hub: SocketAddr, arguments: &[&str]) -> Self {
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &in_shell(arguments)]).arg("/dev/null");
        Self::of(command, hub).variable("TERM", "xterm")
    }

    /// The same with standard output in the file `events` and standard error on a terminal, whose screen is written down in
    /// the file `screen`.
    pub(crate) fn watched(hub: SocketAddr, arguments: &[&str]) -> Self {
        let mut command = Command::new("script");
        let watched = format!("{} >events", in_shell(arguments));
        command.args(["--quiet", "--return", "--flush", "--command", &watched, "screen"]);
        Self::of(command, hub).variable("TERM", "xterm")
    }

    /// The same in front of a pipe to another command.
    pub(crate) fn piped(hub: SocketAddr, arguments: &[&str], to: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{} | {to}", in_shell(arguments))]);
        Self::of(command, hub)
    }

    /// The same with standard output in a file.
    pub(crate) fn printing_to(file: &str, hub: SocketAddr, arguments: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "file=$1; shift; exec \"$@\" >\"$file\"", "sh", file]).arg(headwater()).args(arguments);
        Self::of(command, hub)
    }

    fn of(mut command: Command, hub: SocketAddr) -> Self {
        let folder = TempDir::with_prefix("headwater-command-").unwrap();
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HEADWATER_URL", format!("http://{hub}")).current_dir(folder.path());
        Self { command, folder }
    }

    /// Writes a file into its folder.
    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        fs::write(self.folder.path().join(name), content).unwrap();
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// In this folder instead of its own.
    pub(crate) fn inside(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        // A program that nobody reads from has to wait: so at most one line is taken ahead.
        let (sender, lines) = mpsc::sync_channel(0);
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let errors = Arc::new(Mutex::new(String::new()));
        let errors_end = collect(child.stderr.take().unwrap(), errors.clone());
        Running { folder: self.folder, stdin: child.stdin.take(), child, lines, errors, errors_end: Some(errors_end) }
    }

    /// Runs it to its end, with nothing on standard input.
    pub(crate) fn run(self) -> Ended {
        self.start().end()
    }

    /// Runs it to its end, with this on standard input.
    pub(crate) fn run_with(self, input: &[u8]) -> Ended {
        let mut running = self.start();
        let mut stdin = running.stdin.take().unwrap();
        let input = input.to_owned();
        // A program that ends early does not read it all.
        thread::spawn(move || drop(stdin.write_all(&input)));
        running.end()
    }
}

impl Running {
    /// The next line of standard output.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("no line came; on standard error: {}", self.said()),
            Err(RecvTimeoutError::Disconnected) => panic!("it ended; on standard error: {}", self.said()),
        }
    }

    /// Gives it something to read.
    pub(crate) fn write(&mut self, input: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(input.as_bytes()).and_then(|()| stdin.flush()).unwrap();
    }

    /// What it has said on standard error so far.
    pub(crate) fn said(&self) -> String {
        self.errors.lock().unwrap().clone()
    }

    /// Waits until it has said this on standard error.
    #[track_caller]
    pub(crate) fn until_said(&self, text: &str) {
        until(&format!("{text:?} on standard error"), || self.said().contains(text).then_some(()));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its exit code, when it has ended.
    pub(crate) fn code(&mut self) -> Option<Option<i32>> {
        self.child.try_wait().unwrap().map(|status| status.code())
    }

    /// Closes its standard output as a reader does that has enough.
    pub(crate) fn close_output(&mut self) {
        self.lines = mpsc::channel().1;
    }

    /// Closes its standard input, reads all it writes, and waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        drop(self.stdin.take());
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end; on standard error: {}", self.said()),
            }
        }
        let status = until("the end of the command", || self.child.try_wait().unwrap());
        self.errors_end.take().unwrap().join().unwrap();
        Ended { code: status.code(), lines, errors: self.said() }
    }
}

impl Ended {
    /// Its lines, when all went well.
    #[track_caller]
    pub(crate) fn well(self) -> Vec<String> {
        assert_eq!(self.code, Some(0), "{}", self.errors);
        self.lines
    }

    /// The one sentence it failed with.
    #[track_caller]
    pub(crate) fn failure(self, code: i32) -> String {
        assert_eq!((self.code, self.errors.lines().count()), (Some(code), 1), "{self:?}");
        self.errors
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn in_shell(arguments: &[&str]) -> String {
    let quoted: Vec<String> = arguments.iter().map(|argument| format!("'{argument}'")).collect();
    format!("{} {}", headwater().display(), quoted.join(" "))
}

fn collect(mut from: impl Read + Send + 'static, to: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            to.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    })
}
