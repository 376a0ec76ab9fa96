//! Reading inside the process.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use headwater_event_stream::{Chunk, Decoder};
use tokio::sync::mpsc;

use super::Item;
use super::carry::{Answer, AnswerBody};
use super::item::TOPIC;

/// Events as they come, in the order of the log. Dropping it ends its session.
///
/// It ends when all its topics are finished, which every one of them has told before with [`Item::End`], and when the hub
/// ends it, which it has told with [`Item::Closing`] if there was time. A reader that is slow is further back in the log
/// and holds nothing up; it is not ended for taking its time, nor for its age.
#[derive(Debug)]
pub struct Subscription {
    /// Pieces of the session's stream, one at a time.
    pieces: Option<mpsc::Receiver<Bytes>>,
    /// What is left of the last one.
    piece: Bytes,
    decoder: Decoder,
}

impl Subscription {
    pub(super) fn of(answer: Answer) -> Self {
        let cursor = answer.parts.headers.get("headwater-cursor").and_then(|id| id.to_str().ok()).unwrap_or_default();
        let decoder = Decoder::builder()
            // The hub has limited its events where they came in.
            .max_line(usize::MAX)
            .max_event(usize::MAX)
            .capture(TOPIC)
            .last_event_id(cursor)
            .build();
        let pieces = match answer.body {
            AnswerBody::Session(pieces) => Some(pieces),
            // All is finished and read: there is nothing to wait for.
            AnswerBody::Whole(_) => None,
        };
        Self { pieces, piece: Bytes::new(), decoder }
    }

    /// The next item; `None` at the end. When the wait is dropped, nothing is lost.
    pub async fn next(&mut self) -> Option<Item> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    /// Where it is: the id after which another subscription would go on. It moves with every item, and now and then
    /// between them.
    pub fn cursor(&self) -> &str {
        self.decoder.last_event_id()
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        loop {
            while !self.piece.is_empty() {
                let mut chunk = Chunk::new(&self.piece);
                let decoded = self.decoder.decode(&mut chunk);
                // Without limits there is no error.
                let item = decoded.ok().flatten().map(|event| Item::read(&event));
                let left = chunk.rest().len();
                self.piece.advance(self.piece.len() - left);
                if let Some(item) = item {
                    return Poll::Ready(Some(item));
                }
            }
            let Some(pieces) = &mut self.pieces else { return Poll::Ready(None) };
            match ready!(pieces.poll_recv(cx)) {
                Some(piece) => self.piece = piece,
                None => self.pieces = None,
            }
        }
    }
}

impl Stream for Subscription {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.poll_item(cx)
    }
}
