//! One timer wheel for all deadlines of a shard.
//!
//! Every session has one entry that counts. A deadline that turns out to be early (the session was busy
//! meanwhile) is simply put back, so sending never touches the wheel; one that has to come sooner gets another entry,
//! and the session knows which of them counts.

/// Names a session in the wheel: its slot and the generation of the slot, so that an entry of a
/// session that has left is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The slot.
    pub slot: u32,
    /// The generation.
    pub generation: u32,
}

/// A hashed timer wheel with ticks of [`Wheel::TICK_MS`] milliseconds.
#[derive(Debug)]
pub struct Wheel {
    /// One list per tick; an entry further away than the circumference comes round again.
    slots: Vec<Vec<(u64, Ticket)>>,
    /// The last tick that was taken.
    tick: u64,
    len: usize,
}

impl Wheel {
    /// Length of a tick in milliseconds: how late a deadline may be noticed.
    pub const TICK_MS: u64 = 100;
    const SLOTS: u64 = 512;

    /// An empty wheel that stands at `now_ms`.
    pub fn new(now_ms: u64) -> Self {
        Self { slots: (0..Self::SLOTS).map(|_| Vec::new()).collect(), tick: now_ms / Self::TICK_MS, len: 0 }
    }

    /// Whether nothing is scheduled.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Schedules `ticket` for `at_ms`, at the earliest the next tick.
    pub fn schedule(&mut self, at_ms: u64, ticket: Ticket) {
        let tick = at_ms.div_ceil(Self::TICK_MS).max(self.tick + 1);
        self.slots[(tick % Self::SLOTS) as usize].push((tick, ticket));
        self.len += 1;
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Forgets the entries of tickets that nobody waits for any more, and frees their memory.
    pub fn sweep(&mut self, mut waits: impl FnMut(Ticket) -> bool) {
        self.len = 0;
        for slot in &mut self.slots {
            slot.retain(|(_, ticket)| waits(*ticket));
            slot.shrink_to_fit();
            self.len += slot.len();
        }
    }

    /// Moves on to `now_ms` and hands out what is due.
    pub fn advance(&mut self, now_ms: u64, due: &mut Vec<Ticket>) {
        let target = now_ms / Self::TICK_MS;
        // After a long sleep one round visits every slot; more rounds would visit them again.
        let first = (self.tick + 1).max(target.saturating_sub(Self::SLOTS - 1));
        for tick in first..=target {
            let slot = &mut self.slots[(tick % Self::SLOTS) as usize];
            let before = slot.len();
            slot.retain(|(at, ticket)| {
                let later = *at > target;
                if !later {
                    due.push(*ticket);
                }
                later
            });
            self.len -= before - slot.len();
            if slot.is_empty() && slot.capacity() > 64 {
                *slot = Vec::new();
            }
        }
        self.tick = self.tick.max(target);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // POOL-05: one shared schedule; nothing early, nothing lost, nothing twice.
        #[test]
        fn everything_fires_once_and_in_time(delays in proptest::collection::vec(0u64..200_000, 1..200), steps in proptest::collection::vec(1u64..90_000, 1..40)) {
            let mut wheel = Wheel::new(1_000);
            for (slot, delay) in delays.iter().enumerate() {
                wheel.schedule(1_000 + delay, Ticket { slot: slot as u32, generation: 0 });
            }
            let mut fired = vec![false; delays.len()];
            let mut now = 1_000;
            let mut due = Vec::new();
            for step in steps.into_iter().chain([300_000]) {
                now += step;
                due.clear();
                wheel.advance(now, &mut due);
                for ticket in &due {
                    let slot = ticket.slot as usize;
                    prop_assert!(!fired[slot], "fired twice");
                    prop_assert!(1_000 + delays[slot] <= now + Wheel::TICK_MS, "fired early");
                    fired[slot] = true;
                }
                for (slot, delay) in delays.iter().enumerate() {
                    prop_assert!(fired[slot] || 1_000 + delay + 2 * Wheel::TICK_MS > now, "late");
                }
            }
            prop_assert!(fired.iter().all(|f| *f));
            prop_assert!(wheel.is_empty());
        }

        #[test]
        fn a_sweep_leaves_what_is_waited_for(delays in proptest::collection::vec(0u64..200_000, 1..200)) {
            let mut wheel = Wheel::new(0);
            for (slot, delay) in delays.iter().enumerate() {
                wheel.schedule(*delay, Ticket { slot: slot as u32, generation: 0 });
            }
            wheel.sweep(|ticket| ticket.slot % 2 == 0);
            prop_assert_eq!(wheel.len(), delays.len().div_ceil(2));
            let mut due = Vec::new();
            wheel.advance(300_000, &mut due);
            due.sort_by_key(|ticket| ticket.slot);
            let left: Vec<u32> = due.iter().map(|ticket| ticket.slot).collect();
            prop_assert_eq!(left, (0..delays.len() as u32).step_by(2).collect::<Vec<_>>());
            prop_assert!(wheel.is_empty());
        }
    }
}
