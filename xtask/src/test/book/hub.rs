//! A hub for one page, started from the built binary.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::process::Failure;

/// How long a hub may take to say where it listens.
const START: Duration = Duration::from_secs(30);

/// A running hub; killed with the value.
pub(crate) struct Hub {
    child: Child,
    program: PathBuf,
    data: PathBuf,
    /// `address:port`, read from what it prints.
    address: String,
}

impl Hub {
    /// Starts a hub on `data` and waits until it says where it listens.
    pub(crate) fn start(program: &Path, data: &Path, listen: &str) -> Result<Self, Failure> {
        let doing = "start the hub";
        let log = File::create(data.with_extension("log")).map_err(|error| Failure::new(doing, error))?;
        let mut child = Command::new(program)
            .args(["serve", "--listen", listen, "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| Failure::new(doing, format!("{}: {error}", program.display())))?;
        let stdout = child.stdout.take();
        let mut hub = Self { child, program: program.into(), data: data.into(), address: String::new() };
        match stdout.and_then(address) {
            Some(address) => hub.address = address,
            None => {
                let log = std::fs::read_to_string(data.with_extension("log")).unwrap_or_default();
                return Err(Failure::new(doing, format!("it printed no address; it said\n{log}")));
            }
        }
        Ok(hub)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The next hub on the same data and port, after this one died without a chance to tidy up.
    pub(crate) fn killed_and_restarted(mut self) -> Result<Self, Failure> {
        self.kill();
        Self::start(&self.program, &self.data, &self.address)
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The address in the first line that has one. The rest is read to its end, so that the hub never waits.
fn address(stdout: ChildStdout) -> Option<String> {
    let (found, address) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(address) = in_line(&line) {
                // Nobody listens any more after the first.
                let _ = found.send(address);
            }
        }
    });
    address.recv_timeout(START).ok()
}

fn in_line(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("://")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && !".:[]".contains(c)).unwrap_or(rest.len());
    let address = rest[..end].trim_end_matches(['.', ':']);
    address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_a_hub_says_at_start() {
        assert_eq!(in_line("headwater 0.1.0 listens on http://127.0.0.1:41235/"), Some("127.0.0.1:41235".into()));
        assert_eq!(in_line("open http://127.0.0.1:7070."), Some("127.0.0.1:7070".into()));
        assert_eq!(in_line("see https://example.org/docs"), None);
    }
}
