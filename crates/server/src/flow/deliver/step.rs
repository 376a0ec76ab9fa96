//! What a session receives next.

use std::sync::Arc;

use headwater_hub::{Format, GapReason, Gather, Group, Place, Run, Tail};
use headwater_log::Selection;

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

/// A run that was gathered, for the next session that is in the same place: after an interruption there are many.
pub(crate) struct Gathered {
    selection: Arc<Selection>,
    format: Format,
    after: u64,
    head: u64,
    most: usize,
    run: Run,
}

impl Gathered {
    fn is_for(&self, group: &Group, after: u64, head: u64, most: usize) -> bool {
        (self.after, self.head, self.most, self.format) == (after, head, most, group.format)
            && Arc::ptr_eq(&self.selection, &group.selection)
    }
}

impl State {
    /// Decides. Moves the session between log, tail and head as its cursor allows, but not the cursor:
    /// the driver does when bytes have left.
    pub(crate) fn step(&mut self, slot: u32) -> Step {
        loop {
            let head = self.head;
            let Some(entry) = self.sessions.get_mut(slot) else { return Step::End(CloseCause::Client) };
            if !entry.control.is_empty() {
                return Step::Control;
            }
            if let Some(cause) = entry.ending {
                return Step::End(cause);
            }
            if let Some(closing) = entry.closing
                && entry.session.partial() == 0
            {
                let reconnect = self.hub.retry_ms(&mut self.random);
                self.hub.wire.closing(entry.format, closing, reconnect, &mut entry.control);
                entry.ending = Some(closing.into());
                continue;
            }
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
            let group = entry.session.group;
            let Some(group) = self.fanout.group(group) else { return Step::End(CloseCause::Error) };
            // Nothing but the rest of the frame that was begun comes before the goodbye.
            if entry.closing.is_some()
                && let Some(run) = begun(&self.hub.tail, group, after, partial)
            {
                return Step::Tail(run);
            }
            if let Some(last) = &self.last_gathered
                && last.is_for(group, after, head, most)
            {
                return Step::Tail(last.run.clone());
            }
            match self.hub.tail.gather(&group.selection, group.format, after, head, most) {
                Gather::Run(run) if partial == 0 => {
                    let (selection, format) = (group.selection.clone(), group.format);
                    self.last_gathered = Some(Gathered { selection, format, after, head, most, run: run.clone() });
                    return Step::Tail(run);
                }
                Gather::Run(run) => return Step::Tail(run),
                Gather::Fallen => match begun(&self.hub.tail, group, after, partial) {
                    Some(run) => return Step::Tail(run),
                    None => self.fall_to_log(slot),
                },
                // It read the log, or comes with an id, that this shard has not reached: its place is further on.
                Gather::Nothing if after > head => {
                    self.ahead.extend(self.sessions.ticket(slot));
                    return Step::Wait;
                }
                Gather::Nothing => {
                    let finished = self.finished(group);
                    let Some(entry) = self.sessions.get_mut(slot) else { return Step::End(CloseCause::Client) };
                    entry.session.go_live();
                    if finished {
                        entry.ending = Some(CloseCause::Ended);
                    }
                }
            }
        }
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
