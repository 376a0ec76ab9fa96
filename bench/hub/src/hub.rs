//! A hub as a child process.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running hub on a folder of its own.
pub(crate) struct Hub {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
    started_in: Duration,
}

impl Hub {
    /// Starts one; returns after its first 200.
    pub(crate) fn start(arguments: &[&str]) -> io::Result<Self> {
        Self::on(tempfile::tempdir_in(scratch())?, arguments)
    }

    fn on(folder: TempDir, arguments: &[&str]) -> io::Result<Self> {
        let binary = std::env::var_os("HEADWATER_BIN")
            .map_or_else(|| PathBuf::from("../../target/release/headwater"), PathBuf::from);
        let started = Instant::now();
        let mut child = Command::new(&binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path().join("data"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                io::Error::other(format!(
                    "cannot start {}: {error}; build it or name it in HEADWATER_BIN",
                    binary.display()
                ))
            })?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let mut lines = BufReader::new(output).lines();
        let address = lines
            .find_map(|line| {
                let line = line.ok()?;
                let rest = line.split("http://").nth(1)?;
                rest.split(|c: char| c == '/' || c.is_whitespace()).next()?.parse().ok()
            })
            .ok_or_else(|| io::Error::other("the hub did not tell its address"))?;
        // The rest of its output is read away, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        while !alive(address) {
            std::thread::yield_now();
        }
        Ok(Self { child, address, folder, started_in: started.elapsed() })
    }

    /// Stops it and starts it again on the same folder.
    pub(crate) fn restart(mut self) -> io::Result<Self> {
        self.terminate()?;
        let Self { folder, .. } = self;
        Self::on(folder, &[])
    }

    /// Stops it.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        self.terminate()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A folder on the disk it writes to.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// From the start of the process to its first 200.
    pub(crate) fn started_in(&self) -> Duration {
        self.started_in
    }

    /// Resident memory.
    pub(crate) fn resident_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
    }

    fn terminate(&mut self) -> io::Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait().map(drop)
    }
}

fn scratch() -> PathBuf {
    std::env::var_os("BENCH_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from)
}

fn alive(address: SocketAddr) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer.ends_with(b"200"))
    };
    ask().unwrap_or(false)
}
