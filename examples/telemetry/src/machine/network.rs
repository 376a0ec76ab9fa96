//! `/proc/net/dev`: bytes through every network device since it came up.

/// Bytes through all devices but loopback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// Bytes received.
    pub(super) received: u64,
    /// Bytes sent.
    pub(super) sent: u64,
}

/// Adds up the devices; `None` when a line has another shape. Loopback is left out, because what
/// goes through it never leaves the machine.
pub(super) fn parse(text: &str) -> Option<Counters> {
    let mut sum = Counters::default();
    // Two lines of headings come first.
    for line in text.lines().skip(2) {
        let (device, columns) = line.split_once(':')?;
        if device.trim() == "lo" {
            continue;
        }
        let columns: Vec<&str> = columns.split_ascii_whitespace().collect();
        sum.received = sum.received.wrapping_add(columns.first()?.parse().ok()?);
        sum.sent = sum.sent.wrapping_add(columns.get(8)?.parse().ok()?);
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";

    #[test]
    fn devices_are_added_up_without_loopback() {
        let text = format!(
            "{HEAD}    lo: 4674049   12832    0    0    0     0          0         0  4674049   12832    0    0    0     0       0          0\n  \
             eth0: 1000 9 0 0 0 0 0 0 200 9 0 0 0 0 0 0\n wlan0:30 9 0 0 0 0 0 0 4 9 0 0 0 0 0 0\n"
        );
        assert_eq!(parse(&text), Some(Counters { received: 1_030, sent: 204 }));
    }

    #[test]
    fn a_machine_without_devices_moves_nothing() {
        assert_eq!(parse(HEAD), Some(Counters::default()));
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(parse(&format!("{HEAD}eth0 1 2 3\n")), None);
        assert_eq!(parse(&format!("{HEAD}eth0: 1 2 3\n")), None);
        assert_eq!(parse(&format!("{HEAD}eth0: x 9 0 0 0 0 0 0 200\n")), None);
    }
}
