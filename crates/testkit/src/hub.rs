//! The real binary as a child process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::binary;
use crate::client::Client;
use crate::wait::until;

/// What a hub is started with.
#[derive(Debug, Default)]
pub struct HubBuilder {
    config: String,
    variables: Vec<(String, String)>,
    data: Option<PathBuf>,
}

/// A running hub, or one that was stopped and can be started again. Killed when dropped; what it logged is printed
/// if the test fails.
#[derive(Debug)]
pub struct Hub {
    builder: HubBuilder,
    /// Holds the configuration and, unless the builder named another place, the data.
    folder: TempDir,
    child: Option<Child>,
    address: SocketAddr,
    /// Every line it wrote since it was first started.
    log: Arc<Mutex<Vec<String>>>,
}

impl HubBuilder {
    /// Adds to its `headwater.toml`. Top-level keys have to come before tables.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config.push_str(toml);
        self.config.push('\n');
        self
    }

    /// Sets an environment variable. Of the test's own it sees none but `PATH`.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps the data here and not in a folder that is gone with the hub.
    #[must_use]
    pub fn data(mut self, folder: &Path) -> Self {
        self.data = Some(folder.to_owned());
        self
    }

    /// Starts it on a free port and waits until it serves.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(self) -> Hub {
        let folder = TempDir::with_prefix("headwater-test-").unwrap();
        let mut hub = Hub {
            builder: self,
            folder,
            child: None,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            log: Arc::default(),
        };
        hub.restart();
        hub
    }
}

impl Hub {
    /// A hub with the default configuration on a free port and an empty data folder.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A hub that is not started yet.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// Where it listens; the same after every restart.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Where its log lies.
    pub fn data(&self) -> PathBuf {
        self.builder.data.clone().unwrap_or_else(|| self.folder.path().join("data"))
    }

    /// Its configuration file, for tests that change it and send SIGHUP.
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("headwater.toml")
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pid(&self) -> u32 {
        self.running().id()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.running()), signal).unwrap();
    }

    /// Kills it as `kill -9` does and waits until the process is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it does not end, or does not run.
    pub fn wait(&mut self) -> ExitStatus {
        let child = self.child.as_mut().unwrap();
        let status = until("the hub to end", || child.try_wait().unwrap());
        self.child = None;
        status
    }

    /// Sends SIGTERM and waits until it has ended.
    ///
    /// # Panics
    /// When it does not end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Starts it again on the same address and data, after killing it if it still runs, and waits until it serves.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn restart(&mut self) {
        self.kill();
        fs::write(self.config_file(), &self.builder.config).unwrap();
        let mut child = self.command().spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(collect(errors, self.log.clone()));
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        let read = output.read_line(&mut first).unwrap();
        self.child = Some(child);
        if read == 0 {
            let status = self.wait();
            panic!("the hub ended before it served: {status}");
        }
        self.address = address_in(&first).unwrap_or_else(|| panic!("no address in its first line: {first}"));
        thread::spawn(collect(output, self.log.clone()));
    }

    /// Runs the binary with other arguments, until it ends.
    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(binary::headwater()).args(arguments).env_clear().current_dir(self.folder.path()).output().unwrap()
    }

    /// Rewrites its configuration file and sends SIGHUP.
    ///
    /// # Panics
    /// When it does not run.
    pub fn reload(&mut self, config: &str) {
        self.builder.config = config.to_owned();
        fs::write(self.config_file(), config).unwrap();
        self.signal(Signal::HUP);
    }

    /// What it has logged so far, restarts included.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a line of its log with this text.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn logged(&self, text: &str) -> String {
        until(&format!("the log line {text:?}"), || self.log().into_iter().find(|line| line.contains(text)))
    }

    fn running(&self) -> &Child {
        self.child.as_ref().expect("the hub was stopped")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(binary::headwater());
        command.arg("serve").arg("--config").arg(self.config_file()).arg("--data").arg(self.data());
        command.arg("--listen").arg(self.address.to_string());
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(self.builder.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("--- the log of the hub on {}\n{}\n---", self.address, self.log().join("\n"));
        }
    }
}

fn collect(mut lines: impl BufRead, log: Arc<Mutex<Vec<String>>>) -> impl FnOnce() {
    move || {
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
            log.lock().unwrap_or_else(PoisonError::into_inner).push(line.trim_end().to_owned());
            line.clear();
        }
        // What is no text is left in the pipe until it ends, so that the hub never waits for us.
        let _ = lines.read_to_end(&mut Vec::new());
    }
}

/// The address in `… listens on http://127.0.0.1:41234`.
pub(crate) fn address_in(line: &str) -> Option<SocketAddr> {
    line.trim().rsplit_once("://")?.1.parse().ok()
}
