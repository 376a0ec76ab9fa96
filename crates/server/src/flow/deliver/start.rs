//! Where a new session starts: cursor, gap, or nothing left to read.

use std::sync::Arc;
use std::time::SystemTime;

use headwater_hub::GapReason;
use headwater_log::{Position, Selection};

use super::LogRead;
use crate::hub::Hub;

/// What the client says about its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// An event id, as it came: any bytes.
    Cursor(Vec<u8>),
    /// From now on.
    Latest,
    /// Everything there is.
    Earliest,
    /// Everything taken at or after this time.
    Time(SystemTime),
}

/// Where a session starts.
pub(crate) struct Start {
    /// It reads after this place.
    pub(crate) cursor: u64,
    /// What it has to be told first: why events are missing, and the id it asked for.
    pub(crate) gap: Option<(GapReason, String)>,
    /// Its reader, when the place is before the tail.
    pub(crate) log: Option<Box<LogRead>>,
    /// Every topic is finished and read: there is nothing to wait for.
    pub(crate) over: bool,
}

/// Longest id that is looked at; a longer one is not ours (EVR-08).
const MAX_ID: usize = 256;

impl Hub {
    /// Finds the place for a session whose shard has handed out everything up to `head`.
    pub(crate) fn start(&self, selection: &Arc<Selection>, from: &From, head: u64) -> Start {
        let (after, foreign) = match from {
            From::Cursor(id) => match self.own_position(id, head) {
                Ok(seq) => (seq, None),
                Err(reason) => (head, Some((reason, printable(id)))),
            },
            From::Latest => (head, None),
            From::Earliest => (0, None),
            From::Time(time) => (self.engine.seek(*time).min(head), None),
        };
        let fresh = || self.engine.reader(selection.clone(), after);
        let resume = || self.engine.resume(selection.clone(), after);
        let (reader, missing, gap) = match (from, foreign) {
            // Whoever says where it has been is told what is missing since.
            (From::Cursor(id), None) => {
                let (reader, missing) = resume();
                (Some(reader), missing, missing.map(|_| (GapReason::Retention, printable(id))))
            }
            // The others take what there is. Their reader is made first, so that it notices whatever goes in between.
            (From::Earliest | From::Time(_), _) => (Some(fresh()), resume().1, None),
            (_, foreign) => (None, None, foreign),
        };
        let cursor = missing.map_or(after, |missing| missing.upto);
        let from_log = missing.is_some() || !self.tail.serves(selection, cursor);
        let over = gap.is_none()
            && selection.patterns().len() == 0
            && selection
                .topics()
                .all(|topic| self.engine.topic(topic).is_some_and(|info| info.end.is_some() && info.last <= cursor));
        Start { cursor, gap, log: from_log.then(|| LogRead::new(reader.unwrap_or_else(fresh))), over }
    }

    fn own_position(&self, id: &[u8], head: u64) -> Result<u64, GapReason> {
        let text = std::str::from_utf8(id).ok().filter(|id| id.len() <= MAX_ID).ok_or(GapReason::Unknown)?;
        let position: Position = text.parse().map_err(|_| GapReason::Unknown)?;
        if position.epoch != self.wire.position(0).epoch {
            return Err(GapReason::Epoch);
        }
        // An id that was handed out may be ahead of this shard by a moment, never ahead of the log.
        match position.seq <= head.max(self.tail.head()) {
            true => Ok(position.seq),
            false => Err(GapReason::Unknown),
        }
    }
}

/// An id as it can be repeated to its sender.
fn printable(id: &[u8]) -> String {
    String::from_utf8_lossy(&id[..id.len().min(MAX_ID)]).into_owned()
}
