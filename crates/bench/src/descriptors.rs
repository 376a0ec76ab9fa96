//! How many sockets one process may have, and how many processes it takes therefore.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::BenchError;

/// Raises the soft limit as far as the hard one allows; the number of descriptors there are then.
pub(crate) fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        Ok(()) => most,
        Err(_) => limit.current.unwrap_or(most),
    }
}

/// Processes for this many readers, each of which may have `descriptors`.
pub(crate) fn processes(readers: u64, descriptors: u64) -> Result<u64, BenchError> {
    let each = descriptors.saturating_sub(SPARE).clamp(1, MOST_READERS);
    let needed = readers.div_ceil(each);
    if needed > MOST_PROCESSES {
        return Err(BenchError::Descriptors { readers, needed, each, most: MOST_PROCESSES });
    }
    Ok(needed.max(1))
}

/// Descriptors a process needs for itself.
const SPARE: u64 = 32;
/// Readers of one process: its local address has some 28,000 ports, and a reader that comes back takes another one.
const MOST_READERS: u64 = 12_500;
/// More processes than this only take the processors from each other.
const MOST_PROCESSES: u64 = 64;

#[cfg(test)]
mod tests {
    use super::processes;

    #[test]
    fn processes_are_as_few_as_the_descriptors_allow() {
        assert_eq!(processes(1, 20_000).unwrap(), 1);
        assert_eq!(processes(12_500, 20_000).unwrap(), 1);
        assert_eq!(processes(12_501, 20_000).unwrap(), 2);
        assert_eq!(processes(1_000, 1_024).unwrap(), 2);
        let said = processes(100_000, 1_024).unwrap_err().to_string();
        assert!(said.contains("ulimit -Hn") && said.contains("101 processes"), "{said}");
    }
}
