//! One figure, and what its key means.

/// A value by its key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) key: &'static str,
    pub(crate) value: f64,
}

impl Figure {
    /// Meaning and unit, for people.
    pub(crate) fn meaning(&self) -> (&'static str, &'static str) {
        let found = MEANINGS.iter().find(|(key, ..)| *key == self.key);
        found.map_or((self.key, ""), |(_, meaning, unit)| (meaning, unit))
    }

    /// Whether there is nothing to say about it where people read.
    pub(crate) fn goes_without_saying(&self) -> bool {
        self.value == 0.0 && matches!(self.key, "foreign_events" | "publishes_refused" | "publish_queue_max")
    }
}

/// The value in the middle, or between the two there.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get(values.len().saturating_sub(1) / 2)?;
    Some((lower + upper) / 2.0)
}

/// A number as people read it.
pub(crate) fn shown(value: f64) -> String {
    let decimals = match value.abs() {
        at_least if at_least >= 100.0 || value == value.trunc() => 0,
        at_least if at_least >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, digits) = whole.split_at(whole.len() - whole.trim_start_matches('-').len());
    let mut grouped = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{rest}")
}

/// Key, meaning, unit.
const MEANINGS: &[(&str, &str, &str)] = &[
    ("deliveries", "deliveries", ""),
    ("deliveries_per_second", "deliveries a second", ""),
    ("foreign_events", "events of others, control events included", ""),
    ("latency_p50_us", "latency from due to read, p50", "µs"),
    ("latency_p90_us", "  p90", "µs"),
    ("latency_p99_us", "  p99", "µs"),
    ("latency_p999_us", "  p99.9", "µs"),
    ("latency_max_us", "  max", "µs"),
    ("last_reader_p50_us", "until the last reader had an event, p50", "µs"),
    ("last_reader_max_us", "  max", "µs"),
    ("latency_p99_us_without_slow", "latency p99 without slow readers", "µs"),
    ("latency_p99_us_with_slow", "latency p99 beside slow readers", "µs"),
    ("latency_p99_ratio", "  as a ratio", ""),
    ("events_published", "events published", ""),
    ("events_per_second", "events published a second", ""),
    ("publish_p50_us", "publish, request to answer, p50", "µs"),
    ("publish_p90_us", "  p90", "µs"),
    ("publish_p99_us", "  p99", "µs"),
    ("publish_p999_us", "  p99.9", "µs"),
    ("publish_max_us", "  max", "µs"),
    ("publishes_refused", "publishes put off with 429 or 503", ""),
    ("publish_queue_max", "most events that were due and unsent", ""),
    ("connected_seconds", "until all readers were connected", "s"),
    ("resumed_seconds", "until all readers were connected again", "s"),
    ("caught_up_seconds", "until all readers had what they missed", "s"),
    ("connections", "connections opened and left", ""),
    ("connections_per_second", "connections a second", ""),
    ("connect_p50_us", "connect to head of the stream, p50", "µs"),
    ("connect_p90_us", "  p90", "µs"),
    ("connect_p99_us", "  p99", "µs"),
    ("connect_p999_us", "  p99.9", "µs"),
    ("connect_max_us", "  max", "µs"),
    ("server_cpu_us_per_delivery", "server's processor time per delivery", "µs"),
    ("server_cpu_us_per_event", "server's processor time per event published", "µs"),
    ("server_cpu_us_per_connection", "server's processor time per connection", "µs"),
    ("server_cpu_percent", "server's share of one processor", "%"),
    ("generator_cpu_us_per_delivery", "generator's processor time per delivery", "µs"),
    ("generator_cpu_percent", "generator's share of one processor", "%"),
    ("resident_bytes_per_session", "server's memory per session, resident", "B"),
    ("proportional_bytes_per_session", "  resident, shared memory divided", "B"),
    ("anonymous_bytes_per_session", "  anonymous: heap and stacks", "B"),
    ("kernel_bytes_per_slow_reader", "kernel's TCP memory per slow reader, both ends", "B"),
    ("resident_bytes_before", "server's memory before, resident", "B"),
    ("resident_bytes", "server's memory, resident", "B"),
    ("anonymous_bytes_before", "server's memory before, anonymous", "B"),
    ("anonymous_bytes_left", "server's memory afterwards, anonymous", "B"),
    ("anonymous_left_ratio", "  as a ratio", ""),
];

#[cfg(test)]
mod tests {
    use super::{median, shown};

    #[test]
    fn medians_stand_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn numbers_are_grouped_and_short() {
        let cases = [
            (1_234_567.8, "1,234,568"),
            (-1234.0, "-1,234"),
            (12.345, "12.35"),
            (0.0123, "0.012"),
            (5.0, "5"),
            (100.0, "100"),
        ];
        for (value, text) in cases {
            assert_eq!(shown(value), text);
        }
    }
}
