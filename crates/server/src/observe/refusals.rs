//! Requests that were refused for who sent them, by reason.

use headwater_access::Refusal;

use super::counters::Counter;

/// One counter for every reason, and one for those that are not known here.
#[derive(Debug)]
pub(crate) struct Refusals(Vec<Counter>);

/// Reasons that are not about the form or the content of a credential.
const OWN: [&str; 10] = [
    "missing",
    "no-right-to-subscribe",
    "no-right-to-publish",
    "no-right-to-admin",
    "reserved-topic",
    "other-holder",
    "foreign-host",
    "foreign-origin",
    "foreign-cookie",
    "webhook-refused",
];

impl Refusals {
    /// Counts one. The labels of the metric are these words and no others.
    pub(crate) fn count(&self, reason: &str) {
        let place = words().position(|word| word == reason).unwrap_or(self.0.len() - 1);
        self.0[place].add(1);
    }

    /// Every reason with its number.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        words().chain(["other"]).zip(self.0.iter().map(Counter::get))
    }
}

impl Default for Refusals {
    fn default() -> Self {
        Self(words().chain(["other"]).map(|_| Counter::default()).collect())
    }
}

fn words() -> impl Iterator<Item = &'static str> {
    OWN.into_iter().chain(Refusal::ALL.into_iter().map(Refusal::reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_apart_and_others_together() {
        let refusals = Refusals::default();
        for reason in ["missing", "expired", "expired", "made up", "another"] {
            refusals.count(reason);
        }
        let counted: Vec<_> = refusals.all().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [("missing", 1), ("expired", 2), ("other", 2)]);
        let mut words: Vec<_> = refusals.all().map(|(word, _)| word).collect();
        words.sort_unstable();
        let count = words.len();
        words.dedup();
        assert_eq!(words.len(), count, "no label twice");
    }
}
