//! What a session receives next.

use headwater_hub::{Closing, GapReason, Gather, Group, Place, Run, Tail, Taken};

use super::gather::Reading;
use super::pull::PIECE_BYTES;
use crate::flow::fanout::{CloseCause, Driver, State};
use crate::hub::RUN_BYTES;

/// The next thing to hand to a session's client.
pub(crate) enum Step {
    /// The session's control bytes.
    Control,
    /// Events of the tail; the session's partial bytes of the first frame went out before.
    Tail(Run),
    /// The page at the front of the session's log read.
    Log,
    /// Events are missing up to this place.
    Gap {
        /// Why.
        reason: GapReason,
        /// The place before them.
        requested: u64,
        /// The place after them, where the session goes on.
        resumed_at: u64,
    },
    /// Nothing for now.
    Wait,
    /// The stream is over.
    End(CloseCause),
}

impl State {
    /// Decides. Moves the session between log, tail and head as its cursor allows, but not the cursor:
    /// the driver does when bytes have left.
    pub(crate) fn step(&mut self, slot: u32) -> Step {
        loop {
            let (head, started) = (self.head, self.started);
            let Some(entry) = self.sessions.get_mut(slot) else { return Step::End(CloseCause::Client) };
            if !entry.control.is_empty() {
                return Step::Control;
            }
            if let Some(cause) = entry.ending {
                return Step::End(cause);
            }
            // Memory no longer has what it needs, and its class does not want it to read the log for long.
            if entry.session.place == Place::Log
                && entry.closes_slow
                && entry.closing.is_none()
                && entry.is_slow(started)
            {
                entry.closing = Some(Closing::Lagged);
            }
            if let Some(closing) = entry.closing
                && entry.session.partial() == 0
            {
                let reconnect = self.hub.retry_ms(&mut self.random);
                self.hub.wire.closing(entry.format, closing, reconnect, &mut entry.control);
                entry.ending = Some(closing.into());
                continue;
            }
            if entry.session.place != Place::Live && !self.may_go_on(slot) {
                return Step::Wait;
            }
            let Some(entry) = self.sessions.get_mut(slot) else { return Step::End(CloseCause::Client) };
            match entry.session.place {
                Place::Live => return Step::Wait,
                Place::Log => match self.log_step(slot) {
                    Some(step) => return step,
                    None => continue,
                },
                Place::Behind => {}
            }
            let (after, partial) = (entry.session.cursor(head), entry.session.partial());
            let most = match entry.driver {
                Driver::Socket(_) => RUN_BYTES,
                Driver::Pull(_) => PIECE_BYTES,
            };
            let closing = entry.closing.is_some();
            let Some(group) = self.fanout.group(entry.session.group) else { return Step::End(CloseCause::Error) };
            let thinning = entry.thinning(group.conflate, self.started);
            // Nothing but the rest of the frame that was begun comes before the goodbye, or before what takes the place of
            // the frames behind it.
            if (closing || thinning.is_some())
                && let Some(run) = begun(&self.hub.tail, group, after, partial)
            {
                return Step::Tail(run);
            }
            let read =
                Reading { selection: group.selection.clone(), format: group.format, after, head, most, thinning };
            match self.gather(&read) {
                Taken::Hole { upto, events } => {
                    self.counters.conflated.add(events.into());
                    return Step::Gap { reason: GapReason::Conflated, requested: after, resumed_at: upto };
                }
                Taken::Gather(Gather::Run(run)) => return Step::Tail(run),
                Taken::Gather(Gather::Fallen) => {
                    let Some(group) = self.group_of(slot) else { return Step::End(CloseCause::Error) };
                    match begun(&self.hub.tail, group, after, partial) {
                        Some(run) => return Step::Tail(run),
                        None => self.fall_to_log(slot),
                    }
                }
                // It read the log, or comes with an id, that this shard has not reached: its place is further on.
                Taken::Gather(Gather::Nothing) if after > head => {
                    self.ahead.extend(self.sessions.ticket(slot));
                    return Step::Wait;
                }
                Taken::Gather(Gather::Nothing) => {
                    let finished = self.group_of(slot).is_some_and(|group| self.finished(group));
                    let Some(entry) = self.sessions.get_mut(slot) else { return Step::End(CloseCause::Client) };
                    entry.go_live();
                    if finished {
                        entry.ending = Some(CloseCause::Ended);
                    }
                }
            }
        }
    }
}

impl State {
    fn group_of(&self, slot: u32) -> Option<&Group> {
        self.fanout.group(self.sessions.get(slot)?.session.group)
    }
}

/// The frame of which a session has had the first `partial` bytes: it is finished first, even if its event was deleted
/// meanwhile.
fn begun(tail: &Tail, group: &Group, after: u64, partial: usize) -> Option<Run> {
    if partial == 0 {
        return None;
    }
    tail.started(&group.selection, group.format, after).filter(|run| run.bytes.len() > partial)
}
