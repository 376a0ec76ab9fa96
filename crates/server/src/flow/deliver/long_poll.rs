//! Long-poll: the same read, one answer.

use std::time::Duration;

use headwater_hub::{GapReason, Wire};

use super::pull::{Piece, Pull};

/// One answer.
pub(crate) struct Answer {
    /// The events as JSON objects, joined by commas.
    pub(crate) events: Vec<u8>,
    /// The place the next request goes on from.
    pub(crate) cursor: u64,
    /// The gap as JSON.
    pub(crate) gap: Option<String>,
}

/// Why events are missing, and the places around them.
struct Missing {
    reason: GapReason,
    requested: String,
    resumed_at: u64,
}

/// Waits until there is an event, a gap, the end of the topics, or `wait` is over. `gap` is what the start has found.
pub(crate) async fn collect(
    mut pull: Pull,
    wire: Wire,
    start: u64,
    gap: Option<(GapReason, String)>,
    wait: Duration,
    limit: usize,
) -> Answer {
    let mut missing = gap.map(|(reason, requested)| Missing { reason, requested, resumed_at: start });
    let mut answer = Answer { events: Vec::new(), cursor: start, gap: None };
    let (mut taken, mut untold) = (0, None);
    let deadline = tokio::time::Instant::now() + wait;
    let mut piece = match &missing {
        Some(_) => pull.next_unless_live().await,
        None => loop {
            match tokio::time::timeout_at(deadline, pull.next()).await {
                // What a stream would be told beside its events is not what is waited for.
                Ok(Some(Piece::Control(_))) => {}
                Ok(piece) => break piece,
                // What is being read from the log at this moment still belongs to the answer.
                Err(_) => break pull.next_unless_live().await,
            }
        },
    };
    // Once there is something to tell, only what is there already is added.
    loop {
        match piece {
            Some(Piece::Run(run)) => {
                let count = run.events().min(limit - taken);
                let end = count.checked_sub(1).map_or(0, |last| run.ends[last].1 as usize);
                for line in run.bytes[..end].split_inclusive(|b| *b == b'\n') {
                    if !answer.events.is_empty() {
                        answer.events.push(b',');
                    }
                    answer.events.extend_from_slice(line.trim_ascii_end());
                }
                taken += count;
                if count > 0 {
                    answer.cursor = run.ends[count - 1].0;
                }
                if taken == limit {
                    break;
                }
            }
            // Events before the gap go out first; the next request meets the rest of it.
            Some(Piece::Gap { reason, .. }) if taken > 0 => {
                untold = Some(reason);
                break;
            }
            Some(Piece::Gap { reason, requested, resumed_at }) => {
                missing = Some(Missing { reason, requested: wire.position(requested).to_string(), resumed_at });
                answer.cursor = resumed_at;
            }
            Some(Piece::Control(_)) => {}
            None => {
                answer.cursor = pull.cursor().unwrap_or(answer.cursor).max(answer.cursor);
                break;
            }
        }
        piece = pull.next_unless_live().await;
    }
    // The next request begins at the cursor and knows nothing of what is missing between these events.
    let untold = untold.or_else(|| pull.untold().then_some(GapReason::Retention));
    if let Some(reason) = untold.filter(|_| taken > 0) {
        let requested = wire.position(start).to_string();
        let told = missing.unwrap_or(Missing { reason, requested, resumed_at: start });
        missing = Some(Missing { resumed_at: answer.cursor, ..told });
    }
    answer.gap = missing.map(|found| wire.gap_data(found.reason, &found.requested, found.resumed_at));
    answer
}
