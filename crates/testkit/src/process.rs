//! What the kernel says about a process.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::until;

/// Lets this process, and hubs it starts from here on, open as many descriptors as the system allows: tests with many
/// connections need more than the customary 1024.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Not to be had is found out by the test that needs it.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// A look at a running process, from outside.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

impl Process {
    /// Open descriptors.
    ///
    /// # Panics
    /// When it does not run.
    pub fn descriptors(self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.0)).unwrap().count()
    }

    /// Resident memory in bytes.
    ///
    /// # Panics
    /// When it does not run.
    pub fn resident(self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Threads.
    ///
    /// # Panics
    /// When it does not run.
    pub fn threads(self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.0)).unwrap().count()
    }

    /// CPU time it has used.
    ///
    /// # Panics
    /// When it does not run.
    pub fn cpu(self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap();
        // Behind the name, which may hold anything: user and system time in hundredths of a second.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Waits until it has at most this many open descriptors.
    ///
    /// # Panics
    /// When it keeps more.
    #[track_caller]
    pub fn until_descriptors(self, most: usize) {
        until(&format!("at most {most} descriptors"), || (self.descriptors() <= most).then_some(()));
    }
}
