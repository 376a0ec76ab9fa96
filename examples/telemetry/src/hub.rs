//! The hub the samples go to: one that runs already, or a child that this program starts, starts
//! again when it dies, and stops at the end.

use std::env;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
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
        let mut child = spawn(address)?;
        let end = Instant::now() + START_TIMEOUT;
        while !answers(address) {
            if let Some(status) = child.try_wait()? {
                return Err(io::Error::other(format!("the hub ended at once with {status}; what it said is above")));
            }
            if Instant::now() > end {
                terminate(child);
                return Err(io::Error::other(format!("the hub does not listen on {address} after {START_TIMEOUT:?}")));
            }
            if stopped.recv_timeout(POLL) != Err(RecvTimeoutError::Timeout) {
                terminate(child);
                return Err(io::Error::other("stopped before the hub listened"));
            }
        }
        let (stop, stopped) = mpsc::channel();
        let watcher = thread::spawn(move || watch(child, address, &stopped));
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
fn watch(mut child: Child, address: SocketAddr, stopped: &mpsc::Receiver<()>) {
    loop {
        if stopped.recv_timeout(POLL) != Err(RecvTimeoutError::Timeout) {
            return terminate(child);
        }
        let Ok(Some(status)) = child.try_wait() else { continue };
        eprintln!("the hub ended with {status}; it is started again");
        if stopped.recv_timeout(RESTART_DELAY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        match spawn(address) {
            Ok(next) => child = next,
            Err(error) => return eprintln!("failed to start the hub again: {error}"),
        }
    }
}

fn spawn(address: SocketAddr) -> io::Result<Child> {
    let beside = env::current_exe()?.with_file_name("headwater");
    let mut command = if beside.is_file() {
        Command::new(beside)
    } else {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
        cargo.args(["run", "--release", "--manifest-path", workspace, "--package", "headwater", "--"]);
        cargo
    };
    // In a process group of its own, Ctrl-C does not reach it: it stops when this program says so.
    command.args(["serve", "--listen", &address.to_string()]).process_group(0).spawn()
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

/// The first start may compile the hub.
const START_TIMEOUT: Duration = Duration::from_secs(600);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const RESTART_DELAY: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(50);
