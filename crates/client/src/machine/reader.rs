//! From the bytes of one connection after another to items.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use headwater_event_stream::{Chunk, Decoder};

use super::known::Known;
use crate::item::{Closing, Gap, Item, TOPIC};

/// Decodes, and drops what was received before. What it holds is bounded: bytes are decoded only when an item is asked
/// for, and at most [`SLICE`] of them at a time.
#[derive(Debug)]
pub(super) struct Reader {
    decoder: Decoder,
    /// The id in force before the block that is being skipped, because it is too large.
    refused: Option<String>,
    max_event: usize,
    /// `None` when duplicates are to be delivered.
    known: Option<Known>,
    /// Received and not decoded; one piece as the network gave it.
    bytes: Bytes,
    /// Decoded and not asked for; at most 1,024.
    ready: VecDeque<Item>,
    /// The closing event of this connection.
    closing: Option<Closing>,
    /// The session whose credential ends, until somebody takes it.
    expiring: Option<(String, String)>,
}

/// The shortest event has six bytes, so that this is at most 1,024 of them.
const SLICE: usize = 6 * 1024;

/// Room in a line for what is no value, such as the name of its field.
const LINE_MARGIN: usize = 64;

impl Reader {
    pub(super) fn new(max_event: usize, dedupe: bool) -> Self {
        Self {
            decoder: decoder(max_event, ""),
            refused: None,
            max_event,
            known: dedupe.then(Known::new),
            bytes: Bytes::new(),
            ready: VecDeque::new(),
            closing: None,
            expiring: None,
        }
    }

    /// Goes on after this id. A `stored` one was handled, and is not to come again.
    pub(super) fn resume(&mut self, id: &str, stored: bool) {
        self.decoder = decoder(self.max_event, id);
        if let Some(known) = &mut self.known
            && stored
            && !id.is_empty()
        {
            known.is_repeated(id);
        }
    }

    /// A new connection is read from now on.
    pub(super) fn connect(&mut self) {
        self.disconnect();
        self.closing = None;
        if let Some(known) = &mut self.known {
            known.connect();
        }
    }

    /// Drops what is not decoded: it is asked for again.
    pub(super) fn disconnect(&mut self) {
        self.decoder.reset();
        self.refused = None;
        self.bytes = Bytes::new();
        self.expiring = None;
    }

    /// Drops what was not asked for.
    pub(super) fn clear(&mut self) {
        self.disconnect();
        self.ready.clear();
    }

    /// Takes the next bytes of the connection. Called only when the ones before are decoded.
    pub(super) fn push(&mut self, bytes: Bytes) {
        debug_assert!(self.bytes.is_empty(), "bytes are taken one piece at a time");
        self.bytes = bytes;
    }

    /// The next item, decoding as far as it takes.
    pub(super) fn next(&mut self) -> Option<Item> {
        while self.ready.is_empty() && !self.bytes.is_empty() {
            self.decode_slice();
        }
        self.ready.pop_front()
    }

    /// Whether an item waits that was decoded.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The last event id in force of what was decoded; empty when there is none.
    pub(super) fn cursor(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// The server's last `retry`.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.decoder.retry()
    }

    /// The closing event of this connection, once.
    pub(super) fn take_closing(&mut self) -> Option<Closing> {
        self.closing.take()
    }

    /// The session whose credential ends soon and when, once.
    pub(super) fn take_expiring(&mut self) -> Option<(String, String)> {
        self.expiring.take()
    }

    fn decode_slice(&mut self) {
        let slice = self.bytes.split_to(SLICE.min(self.bytes.len()));
        let mut chunk = Chunk::new(&slice);
        loop {
            if let Some(before) = self.refused.take() {
                if !self.decoder.skip_refused(&mut chunk) {
                    self.refused = Some(before);
                    return;
                }
                self.ready.push_back(Item::Gap(Gap::oversized(&before, self.decoder.last_event_id())));
            }
            let item = match self.decoder.decode(&mut chunk) {
                Ok(None) => return,
                Ok(Some(event)) => {
                    let item = Item::read(&event);
                    // A gap is never dropped: its id is a place in the stream, and not its own.
                    let has_identity = event.has_own_id() && matches!(item, Item::Event(_) | Item::End(_));
                    if let Some(known) = &mut self.known
                        && has_identity
                        && !event.id.is_empty()
                        && known.is_repeated(event.id)
                    {
                        continue;
                    }
                    item
                }
                Err(_) => {
                    self.refused = Some(self.decoder.last_event_id().into());
                    continue;
                }
            };
            match &item {
                Item::Closing(closing) => self.closing = Some(closing.clone()),
                Item::Expiring(item) => self.expiring = Some((item.session.clone(), item.expires_at.clone())),
                _ => {}
            }
            self.ready.push_back(item);
        }
    }
}

fn decoder(max_event: usize, last_event_id: &str) -> Decoder {
    Decoder::builder()
        .capture(TOPIC)
        .max_event(max_event)
        .max_line(max_event.saturating_add(LINE_MARGIN))
        .last_event_id(last_event_id)
        .build()
}
