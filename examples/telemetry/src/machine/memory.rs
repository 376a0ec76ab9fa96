//! `/proc/meminfo`: how much memory there is and how much could be had.

/// Memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    /// What the kernel manages.
    pub(super) total: u64,
    /// What a program could get without swapping; caches count as free here.
    available: u64,
}

impl Memory {
    /// What is taken for good.
    pub(super) fn used(self) -> u64 {
        self.total.saturating_sub(self.available)
    }
}

/// Reads the two lines that matter; `None` when one is missing.
pub(super) fn parse(text: &str) -> Option<Memory> {
    Some(Memory { total: field(text, "MemTotal:")?, available: field(text, "MemAvailable:")? })
}

/// `MemTotal:       24684096 kB`, where kB means 1,024 bytes.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kib: u64 = line[name.len()..].trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_is_what_is_not_available() {
        let text = "MemTotal:       24684096 kB\nMemFree:        22851688 kB\nMemAvailable:   24243036 kB\n";
        let memory = parse(text).unwrap();
        assert_eq!(memory.total, 24_684_096 * 1024);
        assert_eq!(memory.used(), (24_684_096 - 24_243_036) * 1024);
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(parse("MemTotal: 1 kB\n"), None);
        assert_eq!(parse("MemTotal: many kB\nMemAvailable: 1 kB\n"), None);
        assert_eq!(parse("MemTotal: 99999999999999999 kB\nMemAvailable: 1 kB\n"), None);
    }
}
