//! A stretch of frames: what one send carries, with the places where it may be cut.

use std::sync::Arc;

use bytes::Bytes;
use headwater_log::Timestamp;

/// Encoded events of one selection in log order.
#[derive(Clone, Debug)]
pub struct Run {
    /// The frames, one after another.
    pub bytes: Bytes,
    /// For each frame its sequence number and where it ends in `bytes`.
    pub ends: Arc<[(u64, u32)]>,
    /// Every selected event up to here is in the run or was before it.
    pub upto: u64,
    /// With conflation for each frame how many events gave way before it and are not told of otherwise.
    pub skipped: Option<Arc<[u32]>>,
    /// When the log took the first of them; `None` for what was read from the log.
    pub taken: Option<Timestamp>,
}

/// How far a reader has come in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The last event that went out whole, if any did.
    pub(crate) whole: Option<u64>,
    /// Bytes of the following frame that went out too.
    pub(crate) partial: u32,
    /// The event of that frame, if it was begun.
    pub(crate) begun: Option<u64>,
}

impl Run {
    /// Number of events.
    pub fn events(&self) -> usize {
        self.ends.len()
    }

    /// Events that end within the first `bytes` bytes.
    pub fn events_within(&self, bytes: usize) -> usize {
        self.ends.partition_point(|(_, end)| *end as usize <= bytes)
    }

    /// Events that gave way before the frames that end within the first `bytes` bytes.
    pub fn skipped_within(&self, bytes: usize) -> u32 {
        let skipped = self.skipped.as_ref().zip(self.events_within(bytes).checked_sub(1));
        skipped.map_or(0, |(skipped, last)| skipped[last])
    }

    /// Where a reader stands that has taken the first `sent` bytes.
    pub(crate) fn mark(&self, sent: usize) -> Mark {
        match self.events_within(sent) {
            0 => Mark { whole: None, partial: sent as u32, begun: self.begun(0, sent > 0) },
            n => {
                let (seq, end) = self.ends[n - 1];
                Mark { whole: Some(seq), partial: sent as u32 - end, begun: self.begun(n, sent as u32 > end) }
            }
        }
    }

    fn begun(&self, index: usize, is_begun: bool) -> Option<u64> {
        self.ends.get(index).filter(|_| is_begun).map(|(seq, _)| *seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_fall_on_frame_ends_and_inside_frames() {
        let run = Run {
            bytes: Bytes::from_static(b"aaabbbb"),
            ends: Arc::new([(5, 3), (9, 7)]),
            upto: 12,
            skipped: None,
            taken: None,
        };
        assert_eq!(run.mark(0), Mark { whole: None, partial: 0, begun: None });
        assert_eq!(run.mark(2), Mark { whole: None, partial: 2, begun: Some(5) });
        assert_eq!(run.mark(3), Mark { whole: Some(5), partial: 0, begun: None });
        assert_eq!(run.mark(6), Mark { whole: Some(5), partial: 3, begun: Some(9) });
        assert_eq!(run.mark(7), Mark { whole: Some(9), partial: 0, begun: None });
    }
}
