//! The request of a streaming publish, made again from its beginning when it breaks.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Body, Url};
use tokio::sync::mpsc;

use super::attempts::Failed;
use super::body;
use super::error::PublishError;
use super::event::StoredStream;
use super::transport::Transport;
use crate::machine::is_passing;
use crate::problem::Problem;
use crate::state::Reason;

/// What a stream is handed.
pub(super) enum Piece {
    Block(Bytes),
    End,
}

/// How much of a stream is kept to be sent again, in bytes.
const MOST_KEPT: usize = 1024 * 1024;

/// Silence after which a comment keeps the body alive: a model may think for longer than a proxy waits.
const QUIET: Duration = Duration::from_secs(15);
const HEARTBEAT: &[u8] = b":\n";

/// Publishes what comes until its end.
pub(super) async fn publish(
    transport: &Transport,
    address: Url,
    topic: &str,
    pieces: mpsc::Receiver<Piece>,
) -> Result<StoredStream, PublishError> {
    let mut source = Source { pieces, kept: Vec::new(), size: 0, is_complete: true, is_ended: false };
    let mut attempts = transport.attempts();
    loop {
        let token = transport.credentials.token().await;
        let (sender, body) = body::channel();
        // The body takes as long as it takes.
        let request = transport.request(&address, "text/event-stream", &token).timeout(Duration::MAX);
        let answer = transport.answer(request.body(Body::wrap(body)));
        tokio::pin!(answer);
        let outcome = tokio::select! {
            outcome = &mut answer => outcome,
            () = source.feed(sender) => {
                let outcome = tokio::time::timeout(transport.patience, &mut answer).await;
                outcome.unwrap_or(Err(Failed::Lost(Reason::Timeout)))
            }
        };
        match outcome {
            Ok(answered) => return Ok(StoredStream { ids: answered.ids, omitted: answered.omitted }),
            Err(failed) if !source.is_complete && is_another_matter(&failed) => return Err(lost(topic, failed)),
            Err(failed) => {
                let recovered = transport.recover(&mut attempts, failed, &token).await;
                recovered.map_err(|error| error.about(Some(topic), None))?;
            }
        }
    }
}

/// What is sent, and as far as it is short enough kept.
struct Source {
    pieces: mpsc::Receiver<Piece>,
    /// All blocks from the first one on, or none once they were too many.
    kept: Vec<Bytes>,
    size: usize,
    is_complete: bool,
    is_ended: bool,
}

impl Source {
    /// Writes all of it into a body, from the beginning. May be dropped at any time, and called again.
    async fn feed(&mut self, body: mpsc::Sender<Bytes>) {
        for block in &self.kept {
            if body.send(block.clone()).await.is_err() {
                return;
            }
        }
        while !self.is_ended {
            let block = match tokio::time::timeout(QUIET, self.pieces.recv()).await {
                Err(_) => Bytes::from_static(HEARTBEAT),
                Ok(Some(Piece::Block(block))) => {
                    self.keep(block.clone());
                    block
                }
                Ok(Some(Piece::End) | None) => {
                    self.is_ended = true;
                    return;
                }
            };
            if body.send(block).await.is_err() {
                return;
            }
        }
    }

    fn keep(&mut self, block: Bytes) {
        self.size = self.size.saturating_add(block.len());
        self.is_complete &= self.size <= MOST_KEPT;
        match self.is_complete {
            true => self.kept.push(block),
            false => self.kept = Vec::new(),
        }
    }
}

/// Whether the same body, sent again, may be answered otherwise.
fn is_another_matter(failed: &Failed) -> bool {
    match failed {
        Failed::Lost(_) => true,
        Failed::Refused(answer) => is_passing(answer.status) || matches!(answer.status, 401 | 403),
        Failed::For(_) => false,
    }
}

/// The error of a stream that would have to be sent again and cannot be.
fn lost(topic: &str, failed: Failed) -> PublishError {
    let (last, problem) = match failed {
        Failed::Refused(answer) => (Reason::Refused(answer.status), answer.problem),
        Failed::Lost(reason) => (reason, Problem::default()),
        Failed::For(error) => return error,
    };
    PublishError::NotReplayable { topic: topic.into(), last, problem: problem.into() }
}
