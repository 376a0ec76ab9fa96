//! A session: where one reader stands.
//!
//! The state is a cursor and, when a send took only part of a frame, how much of it. Frames of an event
//! are always encoded to the same bytes, so the rest of a frame can be made again from the tail or
//! the log; no session keeps bytes.

use crate::{Group, GroupId, Run};

/// Where a session reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the head of its shard: everything up to there was handed over.
    Live,
    /// In the tail, after its cursor.
    Behind,
    /// Before the floor of the tail: pages come from the log.
    Log,
}

/// One open subscription.
#[derive(Debug)]
pub struct Session {
    /// The sessions that receive the same bytes.
    pub group: GroupId,
    /// Its place among the members of the group.
    pub member: u32,
    /// Where it reads.
    pub place: Place,
    /// Every selected event up to here was handed over. Not kept up to date while live.
    cursor: u64,
    /// Bytes of the next frame that were handed over already.
    partial: u32,
    /// The newest id the client has been told.
    told: u64,
}

impl Session {
    /// A session that starts after `cursor`, which its client has been told.
    pub fn new(group: GroupId, member: u32, cursor: u64) -> Self {
        Self { group, member, place: Place::Behind, cursor, partial: 0, told: cursor }
    }

    /// The place after which it reads on, given the head of its shard.
    pub fn cursor(&self, head: u64) -> u64 {
        match self.place {
            Place::Live => head,
            _ => self.cursor,
        }
    }

    /// Bytes of the frame after the cursor that were sent already.
    pub fn partial(&self) -> usize {
        self.partial as usize
    }

    /// The newest id the client has been told.
    pub fn told(&self) -> u64 {
        self.told
    }

    /// Notes that the first `sent` bytes of `run` were handed over; returns the number of events completed.
    /// `run` starts at the cursor, and `sent` counts from the start of its first frame.
    pub fn advance(&mut self, run: &Run, sent: usize) -> usize {
        let mark = run.mark(sent);
        if let Some(seq) = mark.whole {
            self.told = seq;
            self.cursor = seq;
        }
        self.partial = mark.partial;
        // With conflation the frame that was begun need not be the next of the log: the cursor stands right before it.
        if let Some(seq) = mark.begun {
            self.cursor = self.cursor.max(seq - 1);
        }
        if sent == run.bytes.len() {
            self.cursor = self.cursor.max(run.upto);
        }
        run.events_within(sent)
    }

    /// It has everything up to the shard's head.
    pub fn go_live(&mut self) {
        self.place = Place::Live;
    }

    /// It did not get everything after `head`: from now on its own cursor counts.
    pub fn fall_behind(&mut self, head: u64) {
        if self.place == Place::Live {
            self.place = Place::Behind;
            self.cursor = head;
            self.partial = 0;
        }
    }

    /// Moves on past a gap that was announced with the id `resumed_at`.
    pub fn skip_to(&mut self, resumed_at: u64) {
        self.cursor = resumed_at;
        self.told = resumed_at;
    }

    /// Moves on to `upto`: there is nothing for it up to there.
    pub fn skip_over(&mut self, upto: u64) {
        self.cursor = self.cursor.max(upto);
    }

    /// Notes that the client was told the id of `cursor` by an id-only block.
    pub fn tell(&mut self, cursor: u64) {
        self.told = cursor;
    }
}

impl Group {
    /// Whether all its topics are finished at `head`, given how to look up where a topic ended; never with a pattern,
    /// which new topics may match.
    pub fn finished(&self, head: u64, mut ended_at: impl FnMut(&headwater_log::Topic) -> Option<u64>) -> bool {
        self.selection.patterns().len() == 0
            && self.selection.topics().all(|topic| ended_at(topic).is_some_and(|seq| seq <= head))
    }
}
