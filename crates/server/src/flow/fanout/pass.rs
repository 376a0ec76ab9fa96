//! The fan-out pass: what has become durable since the last one goes to the live sessions.
//!
//! The pass goes group by group and, inside, session by session: the run of frames is made once per group.
//! While a pass is slow more events gather, and the next pass carries them together: coalescing without
//! any delay when idle.

use std::sync::Arc;

use headwater_hub::{Batch, Gather, GroupId, Place, Run};
use headwater_log::Topic;

use super::sessions::Driver;
use super::{CloseCause, State};
use crate::hub::RUN_BYTES;

impl State {
    /// Hands everything up to the tail's head to the live sessions.
    pub(crate) fn pass(&mut self) {
        let before = self.head;
        if self.hub.tail.head() == before {
            return;
        }
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
            self.serve_group(group, before, ended);
        }
        for ticket in std::mem::take(&mut self.ahead) {
            if self.sessions.find(ticket).is_some() {
                self.serve(ticket.slot);
            }
        }
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

    fn serve_group(&mut self, id: GroupId, before: u64, ended: bool) {
        let Some(group) = self.fanout.group(id) else { return };
        let finished = ended && self.finished(group);
        let members = group.members().to_vec();
        let runs = self.runs(id, before);
        for slot in members {
            let Some(entry) = self.sessions.get_mut(slot) else { continue };
            let live = entry.session.place == Place::Live;
            entry.session.fall_behind(before);
            match (&mut entry.driver, &runs) {
                (Driver::Pull { waker }, _) => {
                    if let Some(waker) = waker.take() {
                        waker.wake();
                    }
                }
                (Driver::Socket(_), Some(runs)) if live => self.serve_live(slot, runs, finished),
                // Behind with something unsent: the socket says when it goes on.
                (Driver::Socket(_), Some(_)) => {}
                (Driver::Socket(_), None) => self.pump(slot),
            }
        }
    }

    /// The frames of a group between `before` and the head; `None` if the tail no longer has them.
    fn runs(&self, id: GroupId, before: u64) -> Option<Vec<Run>> {
        let group = self.fanout.group(id)?;
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

    fn serve_live(&mut self, slot: u32, runs: &[Run], finished: bool) {
        for run in runs {
            if !self.send_run(slot, run, 0) {
                return;
            }
        }
        if let Some(entry) = self.sessions.get_mut(slot) {
            entry.session.go_live();
            if finished {
                self.close(slot, CloseCause::Ended);
            }
        }
    }
}
