//! The hub the samples go to: one that runs already, or a child that this program starts, starts
//! again when it dies, and stops at the end.

use std::env;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A hub started here; stopped when dropped.
pub(crate) struct OwnHub {
    /// Dropping it ends the watching thread, which ends the hub.
    stop: Option<mpsc::Sender<()>>,
    watcher: Option<JoinHandle<()>>,
}

/// Whether somebody listens at the address.
pub(crate) fn answers(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

impl OwnHub {
    /// Starts a hub and waits until it listens, or until `stopped` says that nobody wants it any more.
    pub(crate) fn start(address: SocketAddr, stopped: &mpsc::Receiver<()>) -> io::Result<Self> {
        let binary = find_or_build(stopped)?;
        let mut child = spawn(&binary, address)?;
        let end = Instant::now() + START_TIMEOUT;
        while !answers(address) {
            if let Some(status) = child.try_wait()? {
                return Err(io::Error::other(format!("the hub ended at once with {status}; what it said is above")));
            }
            if Instant::now() > end {
                terminate(child);
                return Err(io::Error::other(format!("the hub does not listen on {address} after {START_TIMEOUT:?}")));
            }
            if pause(stopped, POLL) {
                terminate(child);
                return Err(io::Error::other("stopped before the hub listened"));
            }
        }
        let (stop, stopped) = mpsc::channel();
        let watcher = thread::spawn(move || watch(child, &binary, address, &stopped));
        Ok(Self { stop: Some(stop), watcher: Some(watcher) })
    }
}

impl Drop for OwnHub {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(watcher) = self.watcher.take() {
            // A panic there has been printed already.
            let _ = watcher.join();
        }
    }
}

/// Starts the hub again whenever it ends by itself, so that `kill -9` shows what resume does.
fn watch(mut child: Child, binary: &Path, address: SocketAddr, stopped: &mpsc::Receiver<()>) {
    loop {
        if pause(stopped, POLL) {
            return terminate(child);
        }
        let Ok(Some(status)) = child.try_wait() else { continue };
        eprintln!("the hub ended with {status}; it is started again");
        if pause(stopped, RESTART_DELAY) {
            return;
        }
        match spawn(binary, address) {
            Ok(next) => child = next,
            Err(error) => return eprintln!("failed to start the hub again: {error}"),
        }
    }
}

/// The hub's binary lies beside this program's, or is built there.
fn find_or_build(stopped: &mpsc::Receiver<()>) -> io::Result<PathBuf> {
    let binary = env::current_exe()?.with_file_name("headwater");
    if binary.is_file() {
        return Ok(binary);
    }
    println!("Building the hub, once");
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--package", "headwater", "--manifest-path", workspace]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let mut build = cargo.spawn()?;
    loop {
        match build.try_wait()? {
            Some(status) if status.success() && binary.is_file() => return Ok(binary),
            Some(status) => {
                let place = binary.display();
                return Err(io::Error::other(format!(
                    "cargo ended with {status} and there is no {place}; start a hub yourself: cargo headwater serve"
                )));
            }
            None if pause(stopped, POLL) => {
                terminate(build);
                return Err(io::Error::other("stopped while it was built"));
            }
            None => {}
        }
    }
}

fn spawn(binary: &Path, address: SocketAddr) -> io::Result<Child> {
    // In a process group of its own, Ctrl-C does not reach it: it stops when this program says so.
    Command::new(binary).args(["serve", "--listen", &address.to_string()]).process_group(0).spawn()
}

/// Waits, and says whether the end has come meanwhile.
fn pause(stopped: &mpsc::Receiver<()>, time: Duration) -> bool {
    stopped.recv_timeout(time) != Err(RecvTimeoutError::Timeout)
}

/// Asks it to end, and makes it end when it does not.
fn terminate(mut child: Child) {
    // The child has not been waited for, so its id cannot belong to another process.
    let _ = kill_process(Pid::from_child(&child), Signal::TERM);
    let end = Instant::now() + STOP_TIMEOUT;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        thread::sleep(POLL);
    }
}

/// Opening a large log takes a while.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const RESTART_DELAY: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(50);
