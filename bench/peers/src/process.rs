//! Child processes that are gone with their value, and free ports.

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

/// A running program and its children.
pub(crate) struct Program(Child);

impl Program {
    /// Starts one; what it says goes to a file of `folder`.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: impl AsRef<OsStr>,
        arguments: &[A],
        folder: &Path,
    ) -> io::Result<Self> {
        raise_descriptors();
        let log = std::fs::File::create(folder.join("log"))?;
        let errors = log.try_clone()?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(log).stderr(errors);
        command.spawn().map(Self)
    }

    /// Starts this program again to be one of its parts.
    pub(crate) fn own(part: &str, port: u16, folder: &Path) -> io::Result<Self> {
        Self::start(std::env::current_exe()?, &[part, &port.to_string()], folder)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // In good order first, so that it takes its children along.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port nobody listens on right now.
pub(crate) fn free_port() -> io::Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr().map(|address| address.port())
}

/// Waits until somebody answers a request on the port, whatever the answer.
pub(crate) fn until_answered(port: u16, path: &str) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match request(port, "GET", path, "") {
            Ok(answer) if answer.starts_with("HTTP/1.1 ") => return Ok(()),
            answer if Instant::now() > deadline => {
                return Err(io::Error::other(format!("it does not answer: {answer:?}")));
            }
            _ => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// One request; the beginning of the answer.
pub(crate) fn request(port: u16, method: &str, path: &str, fields: &str) -> io::Result<String> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(socket, "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: 0\r\n\r\n")?;
    let mut answer = [0; 512];
    let read = socket.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
}

/// As many descriptors as the system allows, for this process and those it starts.
pub(crate) fn raise_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Not to be had shows when readers do not get their connection.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
