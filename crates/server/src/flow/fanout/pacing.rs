//! Sessions that get at most so many deliveries a second.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use headwater_hub::{Conflate, Over, Pace, Ticket};

use super::State;

/// How a client wants to be served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Least time between deliveries in microseconds; zero: none.
    pub(crate) interval_us: u64,
    /// Whether of events with the same topic and key only the newest is wanted, if it said so.
    pub(crate) conflate: Option<bool>,
}

impl Flow {
    /// What its session leaves out, where its classes say so much.
    pub(super) fn conflation(self, over: Over) -> Conflate {
        match self.conflate {
            Some(true) => Conflate::Asked,
            None if over.conflate => Conflate::ByClass,
            Some(false) | None => Conflate::Never,
        }
    }

    /// The pace of its session: the slower of what it wants and what its classes allow.
    pub(super) fn pace(self, over: Over, now_us: u64) -> Option<Box<Pace>> {
        let allowed = 1_000_000_u64.checked_div(over.max_rate.into()).unwrap_or(0);
        let interval = self.interval_us.max(allowed);
        (interval > 0).then(|| Box::new(Pace::new(interval, now_us)))
    }
}

/// When the next delivery of a session may begin, in microseconds of the shard's clock; ordered by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    at_us: u64,
    slot: u32,
    generation: u32,
}

/// Deliveries to come of a shard, the next on top.
pub(super) type Paced = BinaryHeap<Reverse<Due>>;

/// Entries of sessions that have left which are not worth a sweep.
const SPARE: usize = 4096;

impl State {
    /// Whether a session that has something to get may get it now; else it has its turn when it may.
    pub(crate) fn may_go_on(&mut self, slot: u32) -> bool {
        let Some(entry) = self.sessions.get_mut(slot) else { return false };
        // A goodbye waits for nobody.
        let told = entry.session.told();
        let Some(pace) = entry.pace.as_mut().filter(|pace| !pace.is_open() && entry.closing.is_none()) else {
            return true;
        };
        let now_us = self.started.elapsed().as_micros() as u64;
        match pace.begin(now_us, told) {
            Ok(()) => {
                // What it waited for is not held against it.
                entry.left_live_ms = entry.left_live_ms.map(|_| now_us / 1000);
                true
            }
            Err(at_us) => {
                if !std::mem::replace(&mut pace.waiting, true)
                    && let Some(Ticket { slot, generation }) = self.sessions.ticket(slot)
                {
                    self.paced.push(Reverse(Due { at_us, slot, generation }));
                }
                false
            }
        }
    }

    /// When the next session has its turn.
    pub(super) fn next_turn(&self) -> Option<Instant> {
        self.paced.peek().map(|Reverse(due)| self.started + Duration::from_micros(due.at_us))
    }

    /// Serves the sessions whose turn has come.
    pub(super) fn serve_paced(&mut self) {
        if self.paced.len() > 2 * self.sessions.len() + SPARE {
            let sessions = &mut self.sessions;
            self.paced.retain(|Reverse(Due { slot, generation, .. })| {
                sessions.find(Ticket { slot: *slot, generation: *generation }).is_some()
            });
        }
        let now_us = self.started.elapsed().as_micros() as u64;
        while let Some(Reverse(due)) = self.paced.peek()
            && due.at_us <= now_us
        {
            let ticket = Ticket { slot: due.slot, generation: due.generation };
            self.paced.pop();
            let Some(entry) = self.sessions.find(ticket) else { continue };
            if let Some(pace) = &mut entry.pace {
                pace.waiting = false;
            }
            // With the other sessions that have something to get, a few at a time.
            self.unfinished.push_back(ticket);
        }
    }
}
