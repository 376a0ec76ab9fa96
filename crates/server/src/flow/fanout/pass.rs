//! The fan-out pass: what has become durable since the last one goes to the live sessions.
//!
//! The pass goes group by group and, inside, session by session: the run of frames is made once per group.
//! While a pass is slow more events gather, and the next pass carries them together: coalescing without
//! any delay when idle. A long pass lets requests and other sockets have their turn every few sends, and is followed by
//! a short rest, in which publishers get the processor and more events gather.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headwater_hub::{Batch, Conflate, Gather, GroupId, Place, Run};
use headwater_log::{Selection, Topic};

use super::sessions::Driver;
use super::{CloseCause, State};
use crate::hub::RUN_BYTES;

/// Sends after which others have their turn: about a tenth of a millisecond. Publishers are answered meanwhile, and what they
/// send next goes out with the next pass.
const SENDS_PER_TURN: usize = 12;

/// Longest rest after a pass (BUF-03). A pass that begins later than that after the one before is not delayed at all.
const LONGEST_REST: Duration = Duration::from_millis(4);

/// The time between two passes. After a pass that took long the next one waits for as long again: without that, two passes
/// in a row would each carry the one event that came during the other, and the publisher would get no processor.
pub(super) struct Rest {
    began: Instant,
    until: Instant,
}

impl Rest {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, until: now }
    }

    fn pass_ended(&mut self) {
        let now = Instant::now();
        self.until = now + now.duration_since(self.began).min(LONGEST_REST);
    }
}

/// What the sessions of a group still have to get in this pass.
pub(crate) struct Round {
    group: GroupId,
    /// Tells the group from a later one of the same id.
    selection: Arc<Selection>,
    /// The members when the pass began; those from `next` on have had nothing yet.
    members: Vec<u32>,
    next: usize,
    /// The frames after this place, up to the shard's head.
    before: u64,
    runs: Vec<Run>,
    /// All topics of the group are finished.
    finished: bool,
}

impl State {
    /// When the next pass may begin, if there is something for it.
    pub(super) fn pass_due(&self) -> Option<Instant> {
        (self.rounds.is_empty() && self.hub.tail.head() != self.head).then_some(self.rest.until)
    }

    /// Begins to hand everything up to the tail's head to the live sessions, once the pass before is over.
    pub(crate) fn pass(&mut self) {
        let before = self.head;
        let now = Instant::now();
        if self.pass_due().is_none_or(|due| due > now) {
            return;
        }
        self.rest.began = now;
        let mut ended = false;
        match self.hub.tail.batches_after(before) {
            Some(batches) => {
                let Some(last) = batches.last() else { return };
                self.head = last.head;
                ended = self.mark(&batches);
            }
            // This shard slept while the tail went past its head: its sessions read the log.
            None => {
                self.head = self.hub.tail.head();
                self.fanout.mark_all();
            }
        }
        for group in self.fanout.take_marked() {
            self.begin_round(group, before, ended);
        }
        self.unfinished.extend(self.ahead.drain(..));
    }

    /// Marks the groups that read something of these batches; whether a topic ended in them.
    fn mark(&mut self, batches: &[Arc<Batch>]) -> bool {
        let mut ended = false;
        let mut previous: Option<&Topic> = None;
        for event in batches.iter().flat_map(|batch| &batch.events) {
            ended |= event.end.is_some();
            if previous != Some(&event.topic) {
                self.fanout.mark(&event.topic);
                previous = Some(&event.topic);
            }
        }
        ended
    }

    /// From here on the members' own cursors count, so that whoever comes in between finds each where it is.
    fn begin_round(&mut self, group: GroupId, before: u64, ended: bool) {
        let Some(found) = self.fanout.group(group) else { return };
        let finished = ended && self.finished(found);
        let selection = found.selection.clone();
        let mut members = found.members().to_vec();
        let runs = self.runs(group, before);
        let now = self.now_ms();
        let mut own_turn = Vec::new();
        members.retain(|slot| {
            let Some(entry) = self.sessions.get_mut(*slot) else { return false };
            let live = entry.session.place == Place::Live;
            if live {
                entry.left_live_ms = Some(now);
            }
            entry.session.fall_behind(before);
            match &mut entry.driver {
                Driver::Pull(puller) => {
                    puller.fresh |= live && puller.unsent == 0;
                    puller.wake();
                    false
                }
                // One that was behind has something unsent: the socket says when it goes on.
                Driver::Socket(_) if entry.pace.is_none() => live,
                Driver::Socket(_) => {
                    own_turn.extend(live.then_some(*slot));
                    false
                }
            }
        });
        self.unfinished.extend(own_turn.iter().filter_map(|slot| self.sessions.ticket(*slot)));
        match runs {
            Some(runs) => {
                self.rounds.push_back(Round { group, selection, members, next: 0, before, runs, finished });
            }
            None => self.unfinished.extend(members.iter().filter_map(|slot| self.sessions.ticket(*slot))),
        }
    }

    /// The frames of a group between `before` and the head; `None` if the tail no longer has them, or its sessions leave
    /// some out.
    fn runs(&self, id: GroupId, before: u64) -> Option<Vec<Run>> {
        let group = self.fanout.group(id).filter(|group| group.conflate == Conflate::Never)?;
        let mut runs = Vec::new();
        let mut cursor = before;
        loop {
            match self.hub.tail.gather(&group.selection, group.format, cursor, self.head, RUN_BYTES) {
                Gather::Run(run) => {
                    cursor = run.upto;
                    runs.push(run);
                }
                Gather::Nothing => return Some(runs),
                Gather::Fallen => return None,
            }
        }
    }

    /// Goes on with the pass for one turn.
    pub(crate) fn go_round(&mut self) {
        let mut sends = 0;
        while sends < SENDS_PER_TURN
            && let Some(mut round) = self.rounds.pop_front()
        {
            let found = self.fanout.group(round.group);
            if !found.is_some_and(|group| Arc::ptr_eq(&group.selection, &round.selection)) {
                continue;
            }
            while sends < SENDS_PER_TURN
                && let Some(slot) = round.members.get(round.next)
            {
                self.serve_live(*slot, &round);
                round.next += 1;
                sends += 1;
            }
            if round.next < round.members.len() {
                self.rounds.push_front(round);
            }
        }
        if sends > 0 && self.rounds.is_empty() {
            self.rest.pass_ended();
        }
    }

    /// Sends a round's frames to one of its sessions, unless that has moved since the pass began.
    fn serve_live(&mut self, slot: u32, round: &Round) {
        let Some(entry) = self.sessions.get_mut(slot) else { return };
        let session = &entry.session;
        let waits = session.place == Place::Behind && session.partial() == 0 && entry.control.is_empty();
        if !waits || session.group != round.group || session.cursor(round.before) != round.before {
            return;
        }
        for run in &round.runs {
            if !self.send_run(slot, run, 0) {
                return;
            }
        }
        if let Some(taken) = round.runs.first().and_then(|run| run.taken) {
            self.counters.latency.note_since(taken);
        }
        let Some(entry) = self.sessions.get_mut(slot) else { return };
        entry.go_live();
        if round.finished {
            self.close(slot, CloseCause::Ended);
        }
    }
}
