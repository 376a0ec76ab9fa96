//! What the kernel says about the measured process and its children.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::time::Duration;

use crate::BenchError;

/// A process and everything it started, looked at from outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processes(pub(crate) u32);

/// Memory in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Resident, what is shared with others counted in full.
    pub(crate) resident: u64,
    /// Resident, what is shared with others divided among them.
    pub(crate) proportional: u64,
    /// Resident and not of a file: heap and stacks, where sessions live.
    pub(crate) anonymous: u64,
}

impl Processes {
    /// CPU time, user and system, used up to now.
    pub(crate) fn cpu(self) -> Result<Duration, BenchError> {
        let mut total = Duration::ZERO;
        for pid in self.family()? {
            match Stat::of(pid) {
                Ok(stat) => total += stat.cpu,
                // A child may end while it is looked at; the process itself may not.
                Err(error) if pid == self.0 => return Err(self.failed(error)),
                Err(_) => {}
            }
        }
        Ok(total)
    }

    /// Memory now.
    pub(crate) fn memory(self) -> Result<Memory, BenchError> {
        let mut total = Memory::default();
        for pid in self.family()? {
            match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
                Ok(text) => total.add(&text),
                Err(error) if pid == self.0 => return Err(self.failed(error)),
                Err(_) => {}
            }
        }
        Ok(total)
    }

    /// It and its descendants.
    fn family(self) -> Result<Vec<u32>, BenchError> {
        Stat::of(self.0).map_err(|error| self.failed(error))?;
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        let entries = fs::read_dir("/proc").map_err(|error| self.failed(error))?;
        for pid in entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()) {
            if let Ok(stat) = Stat::of(pid) {
                children.entry(stat.parent).or_default().push(pid);
            }
        }
        let (mut family, mut next) = (vec![self.0], 0);
        while let Some(pid) = family.get(next) {
            family.extend(children.remove(pid).unwrap_or_default());
            next += 1;
        }
        Ok(family)
    }

    const fn failed(self, error: io::Error) -> BenchError {
        BenchError::Process { pid: self.0, error }
    }
}

impl Memory {
    /// Adds what `smaps_rollup` says.
    fn add(&mut self, text: &str) {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() << 10
        };
        self.resident += field("Rss:");
        self.proportional += field("Pss:");
        self.anonymous += field("Anonymous:");
    }
}

/// Memory of the kernel in the buffers of all TCP sockets of this machine, in bytes; `None` where it does not tell.
pub(crate) fn tcp_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/net/sockstat").ok()?;
    let line = text.lines().find(|line| line.starts_with("TCP:"))?;
    let mut words = line.split_whitespace().skip_while(|word| *word != "mem");
    Some(words.nth(1)?.parse::<u64>().ok()? * rustix::param::page_size() as u64)
}

struct Stat {
    parent: u32,
    cpu: Duration,
}

impl Stat {
    fn of(pid: u32) -> io::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Self::read(&text, rustix::param::clock_ticks_per_second()).ok_or_else(|| io::Error::other("not understood"))
    }

    fn read(text: &str, ticks: u64) -> Option<Self> {
        // Behind the name, which may hold anything: state, parent, nine others, user and system time in ticks.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let used = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        let cpu = Duration::from_millis(used.saturating_mul(1_000) / ticks.max(1));
        Some(Self { parent: fields.get(1)?.parse().ok()?, cpu })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Memory, Processes, Stat};

    #[test]
    fn a_name_with_anything_in_it_does_not_mislead() {
        let stat = Stat::read("7 (a) b (c) S 3 7 7 0 -1 4194560 9 0 0 0 150 50 1 1 20 0 1 0", 100).unwrap();
        assert_eq!((stat.parent, stat.cpu), (3, Duration::from_secs(2)));
        assert!(Stat::read("7 (a", 100).is_none());
    }

    #[test]
    fn memory_is_read_and_added_up() {
        let mut memory = Memory::default();
        for _ in 0..2 {
            memory.add("5581-7ffc ---p 00000000 00:00 0 [rollup]\nRss:  12 kB\nPss:  8 kB\nAnonymous:  4 kB\n");
        }
        assert_eq!((memory.resident, memory.proportional, memory.anonymous), (24 << 10, 16 << 10, 8 << 10));
    }

    #[test]
    fn this_process_can_be_looked_at_and_one_that_is_not_there_is_named() {
        let this = Processes(std::process::id());
        assert!(this.memory().unwrap().resident > 0 && this.cpu().is_ok());
        let said = Processes(u32::MAX).cpu().unwrap_err().to_string();
        assert!(said.contains("4294967295") && said.contains("is it running?"), "{said}");
    }
}
