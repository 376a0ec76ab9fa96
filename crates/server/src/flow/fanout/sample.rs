//! How far the sessions of a shard are behind: counted a stretch of slots at a time, so that to count a million sessions never
//! holds up a delivery.

use std::collections::VecDeque;
use std::time::SystemTime;

use headwater_hub::Place;

use super::view::SessionView;
use super::{CloseCause, Entry, State};

/// Sessions that the hub ended, of those that are remembered.
const MOST_ENDED: usize = 20;
/// Slots that are looked at in one go: some tenths of a millisecond.
const SLOTS_PER_LOOK: u32 = 2_000;

/// A client that takes nothing for this long is worth counting.
const BLOCKED_MS: u64 = 1_000;

/// Steps of lag: sessions that have been behind for less than so many milliseconds, and at last all others. The
/// first is those that have everything.
pub(crate) const LAG_STEPS_MS: [u64; 7] = [0, 100, 1_000, 5_000, 15_000, 60_000, 300_000];

/// What was found in a stretch of slots.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Sessions by how long they have been behind; the first have everything.
    pub(crate) lag: [u64; LAG_STEPS_MS.len() + 1],
    /// Sessions that wait for their turn because they get so many deliveries a second.
    pub(crate) limited: u64,
    /// Sessions that are about to end.
    pub(crate) closing: u64,
    /// Sessions whose clients have taken nothing for a second although something waits.
    pub(crate) blocked: u64,
    /// Those that have been behind for longest, with for how long, in milliseconds.
    pub(crate) slowest: Vec<(u64, SessionView)>,
    /// The slot to go on from, if there is more.
    pub(crate) next: Option<u32>,
}

/// A session that the hub ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// As it was then.
    pub(crate) session: SessionView,
    pub(crate) cause: CloseCause,
    pub(crate) at: SystemTime,
}

impl Sample {
    /// Adds what another stretch has, and keeps the slowest of both.
    pub(crate) fn add(&mut self, other: Self, most: usize) {
        for (total, count) in self.lag.iter_mut().zip(other.lag) {
            *total += count;
        }
        self.limited += other.limited;
        self.closing += other.closing;
        self.blocked += other.blocked;
        self.slowest.extend(other.slowest);
        self.slowest.sort_by_key(|(behind, _)| std::cmp::Reverse(*behind));
        self.slowest.truncate(most);
    }

    fn count(&mut self, entry: &Entry, now: u64, behind: Option<u64>) {
        let step = behind.map_or(0, |ms| LAG_STEPS_MS.partition_point(|step| *step <= ms));
        self.lag[step] += 1;
        self.limited += u64::from(entry.pace.as_ref().is_some_and(|pace| pace.waiting));
        self.closing += u64::from(entry.closing.is_some() || entry.ending.is_some());
        self.blocked += u64::from(entry.blocked_ms.is_some_and(|since| now.saturating_sub(since) >= BLOCKED_MS));
    }
}

impl State {
    /// Looks at some of the slots from `from` on, and names at most `most` of those that are furthest behind.
    pub(super) fn sample(&self, from: u32, most: usize) -> Sample {
        let now = self.now_ms();
        let mut sample = Sample::default();
        let mut behind = Vec::new();
        let end = from.saturating_add(SLOTS_PER_LOOK).min(self.sessions.slot_count());
        for slot in from..end {
            let Some(entry) = self.sessions.get(slot) else { continue };
            let for_ms = entry.behind_for(now);
            sample.count(entry, now, for_ms);
            behind.extend(for_ms.map(|ms| (ms, slot)));
        }
        behind.sort_unstable_by_key(|(ms, _)| std::cmp::Reverse(*ms));
        behind.truncate(most);
        let named = behind.into_iter().filter_map(|(ms, slot)| Some((ms, self.view_slot(slot)?)));
        sample.slowest = named.collect();
        sample.next = (end < self.sessions.slot_count()).then_some(end);
        sample
    }

    /// Remembers a session that the hub is about to end. Those whose clients leave are no news.
    pub(super) fn remember_end(&mut self, slot: u32, cause: CloseCause) {
        if cause == CloseCause::Client {
            return;
        }
        let Some(session) = self.view_slot(slot) else { return };
        if self.ended.len() == MOST_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(Ended { session, cause, at: SystemTime::now() });
    }

    /// The last sessions that the hub ended, oldest first.
    pub(super) fn ended(&self) -> &VecDeque<Ended> {
        &self.ended
    }
}

impl Entry {
    /// For how many milliseconds it has been behind: since it last had everything, or since it was opened if it never did.
    pub(super) fn behind_for(&self, now: u64) -> Option<u64> {
        let since = self.left_live_ms.unwrap_or(self.opened_ms);
        (self.session.place != Place::Live).then(|| now.saturating_sub(since))
    }
}

#[cfg(test)]
mod tests {
    use headwater_hub::{Format, Ticket};
    use headwater_log::Selection;

    use super::super::{SessionName, SessionState};
    use super::*;

    fn view(slot: u32) -> SessionView {
        SessionView {
            name: SessionName { shard: 0, ticket: Ticket { slot, generation: 0 } },
            selection: Selection::new([]).into(),
            format: Format::EventStream,
            driver: "socket",
            state: SessionState::CatchingUp,
            cursor: 0,
            told: 0,
            behind_ms: None,
            age_ms: 0,
            idle_ms: 0,
            blocked_ms: None,
            grant: None,
            address: std::net::Ipv4Addr::LOCALHOST.into(),
            bytes: 0,
        }
    }

    #[test]
    fn stretches_are_added_up_and_the_slowest_of_all_are_kept() {
        let part = |behind: &[u64]| Sample {
            lag: [1, 0, 0, 0, 0, 0, 0, behind.len() as u64],
            slowest: behind.iter().map(|ms| (*ms, view(*ms as u32))).collect(),
            ..Sample::default()
        };
        let mut all = Sample::default();
        [part(&[9, 5, 1]), part(&[8, 7]), part(&[])].into_iter().for_each(|part| all.add(part, 3));
        assert_eq!(all.lag, [3, 0, 0, 0, 0, 0, 0, 5]);
        assert_eq!(all.slowest.iter().map(|(ms, _)| *ms).collect::<Vec<_>>(), [9, 8, 7]);
    }
}
