//! `/proc/stat`: time every core spent on what, in ticks since start.

/// Times of all cores together and of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Times {
    all: Core,
    cores: Vec<Core>,
}

/// Ticks of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Core {
    /// Waiting: `idle` and `iowait`.
    idle: u64,
    total: u64,
}

impl Times {
    /// Share of time the machine was busy since an earlier reading, 0 to 1.
    pub(super) fn busy_since(&self, earlier: &Self) -> f64 {
        self.all.busy_since(earlier.all)
    }

    /// The same for every core; cores that came or went in between are left out.
    pub(super) fn cores_busy_since(&self, earlier: &Self) -> Vec<f64> {
        self.cores.iter().zip(&earlier.cores).map(|(now, before)| now.busy_since(*before)).collect()
    }
}

impl Core {
    /// The kernel lets `iowait` go back now and then, so differences saturate.
    fn busy_since(self, earlier: Self) -> f64 {
        let total = self.total.saturating_sub(earlier.total);
        let idle = self.idle.saturating_sub(earlier.idle).min(total);
        if total == 0 { 0.0 } else { (total - idle) as f64 / total as f64 }
    }
}

/// Reads the `cpu` lines; `None` when there is none.
pub(super) fn parse(text: &str) -> Option<Times> {
    let mut lines = text.lines().filter(|line| line.starts_with("cpu"));
    Some(Times { all: parse_line(lines.next()?)?, cores: lines.map(parse_line).collect::<Option<_>>()? })
}

/// `cpu0 user nice system idle iowait irq softirq steal guest guest_nice`. Guest time is in user
/// time already, so the first eight are the whole; old kernels have fewer.
fn parse_line(line: &str) -> Option<Core> {
    let ticks: Vec<u64> =
        line.split_ascii_whitespace().skip(1).take(8).map(|n| n.parse().ok()).collect::<Option<_>>()?;
    let idle = ticks.get(3)? + ticks.get(4).unwrap_or(&0);
    Some(Core { idle, total: ticks.iter().sum() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "cpu  100 0 100 700 100 0 0 0 0 0\n\
        cpu0 50 0 50 350 50 0 0 0 0 0\ncpu1 50 0 50 350 50 0 0 0 0 0\n\
        intr 975633 0 0\nctxt 1799403\nbtime 1795392000\n";
    const AFTER: &str = "cpu  150 0 150 780 120 0 0 0 40 0\n\
        cpu0 100 0 100 350 50 0 0 0 40 0\ncpu1 50 0 50 430 70 0 0 0 0 0\nintr 975700 0 0\n";

    #[test]
    fn busy_is_what_is_neither_idle_nor_waiting() {
        let (before, after) = (parse(BEFORE).unwrap(), parse(AFTER).unwrap());
        assert_eq!(after.busy_since(&before), 0.5);
        assert_eq!(after.cores_busy_since(&before), [1.0, 0.0]);
    }

    #[test]
    fn equal_readings_and_counters_that_went_back_are_idle() {
        let (before, after) = (parse(BEFORE).unwrap(), parse(AFTER).unwrap());
        assert_eq!(before.busy_since(&before), 0.0);
        assert_eq!(before.busy_since(&after), 0.0);
    }

    #[test]
    fn old_kernels_have_fewer_columns() {
        assert_eq!(parse("cpu 1 2 3 4\n").unwrap().all, Core { idle: 4, total: 10 });
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("cpu 1 2\n"), None);
        assert_eq!(parse("cpu a b c d\n"), None);
    }
}
