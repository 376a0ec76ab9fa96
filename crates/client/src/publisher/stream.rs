//! A streaming publish: one request whose events are stored as they come.

use std::sync::Arc;

use bytes::Bytes;
use headwater_event_stream::{Encoder, Message, TypeRef};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Shared;
use super::error::PublishError;
use super::event::{Final, StoredStream};
use super::piped::{self, Piece};

/// A streaming publish, made by [`Publisher::stream`](super::Publisher::stream).
///
/// Events are stored, and can be read, as they are sent; [`finish`](Self::finish) waits for all of them. When the
/// connection breaks everything is sent again, of which the hub takes what it does not have, as long as the stream is not
/// longer than 1 MiB and not older than [`within`](super::PublisherBuilder::within). In silence a comment every 15 seconds
/// keeps the connection alive.
///
/// A redirect of a stream is an error, because its body cannot be moved: give the publisher the address that it leads to.
///
/// A stream that is dropped without being finished breaks off: what was stored stays, and its topic is not ended.
#[must_use = "a stream does nothing until something is sent"]
pub struct PublishStream {
    shared: Arc<Shared>,
    topic: String,
    event_type: Option<String>,
    key: Option<String>,
    idempotency_key: String,
    /// Once something was sent.
    running: Option<Running>,
    /// What it has failed with.
    failed: Option<PublishError>,
}

/// The task that makes the request. It ends with this.
struct Running {
    pieces: mpsc::Sender<Piece>,
    task: JoinHandle<Result<StoredStream, PublishError>>,
}

/// Events that may wait for the task.
const MOST_WAITING: usize = 16;

impl PublishStream {
    pub(super) fn new(shared: Arc<Shared>, topic: String) -> Self {
        let idempotency_key = shared.keys.next();
        Self { shared, topic, event_type: None, key: None, idempotency_key, running: None, failed: None }
    }

    /// The type of the events that have none of their own; `message` by default. It counts before the first event.
    pub fn event_type(mut self, name: impl Into<String>) -> Self {
        self.event_type = Some(name.into());
        self
    }

    /// The key of all events. It counts before the first event.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// What makes the idempotency keys of the events, instead of a random one: the *n*-th has `<key>/<n>`. It counts before
    /// the first event.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = key.into();
        self
    }

    /// Sends an event. Waits while the connection, or the hub, does not keep up. Dropping it before it is done sends
    /// nothing.
    ///
    /// All line ends in the data arrive as LF, which is how the format of the request has it.
    ///
    /// # Errors
    /// What the stream has failed with; what was stored before is in [`PublishError::stored`].
    pub async fn send(&mut self, data: impl AsRef<str>) -> Result<(), PublishError> {
        self.push(encode(&Message::new(data.as_ref()))).await
    }

    /// Sends an event with a type of its own.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`PublishError::Invalid`] for a type with a line end or NUL.
    pub async fn send_event(&mut self, event_type: &str, data: impl AsRef<str>) -> Result<(), PublishError> {
        let name = TypeRef::new(event_type).map_err(|error| PublishError::Invalid {
            what: "event type",
            value: event_type.into(),
            why: error.to_string(),
        })?;
        self.push(encode(&Message::new(data.as_ref()).event_type(name))).await
    }

    /// Ends the stream and waits until everything is stored. The topic goes on.
    ///
    /// # Errors
    /// What the stream has failed with.
    pub async fn finish(mut self) -> Result<StoredStream, PublishError> {
        self.end().await
    }

    /// Ends the stream, waits until everything is stored, and then ends its topic: its readers are told, and nothing
    /// follows on it.
    ///
    /// # Errors
    /// What the stream has failed with; the topic is not ended then.
    pub async fn finish_topic(mut self, reason: Final) -> Result<StoredStream, PublishError> {
        let stored = self.end().await?;
        let finishing = self.shared.transport.finish(&self.topic, reason, &self.idempotency_key);
        self.shared.unless_closed(finishing).await?;
        Ok(stored)
    }

    async fn push(&mut self, block: Bytes) -> Result<(), PublishError> {
        let pieces = self.running()?.pieces.clone();
        match pieces.send(Piece::Block(block)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.failure().await),
        }
    }

    async fn end(&mut self) -> Result<StoredStream, PublishError> {
        let running = self.running()?;
        // A task that has ended already has its outcome.
        let _ = running.pieces.send(Piece::End).await;
        (&mut running.task).await.unwrap_or(Err(PublishError::Closed))
    }

    /// What the task has ended with, before the stream did.
    async fn failure(&mut self) -> PublishError {
        let error = match self.end().await {
            Err(error) => error,
            Ok(_) => super::transport::unexpected(200, "it came before the end of the stream"),
        };
        self.running = None;
        self.failed.insert(error).clone()
    }

    fn running(&mut self) -> Result<&mut Running, PublishError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.running.is_none() {
            let query = [
                ("event", self.event_type.as_deref()),
                ("key", self.key.as_deref()),
                ("idempotency_key", Some(&*self.idempotency_key)),
            ];
            let address = self.shared.transport.topic(&self.topic, &query)?;
            let (sender, pieces) = mpsc::channel(MOST_WAITING);
            let (shared, topic) = (self.shared.clone(), self.topic.clone());
            let task = tokio::spawn(async move {
                let publishing = piped::publish(&shared.transport, address, &topic, pieces);
                shared.unless_closed(publishing).await
            });
            self.running = Some(Running { pieces: sender, task });
        }
        self.running.as_mut().ok_or(PublishError::Closed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for PublishStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublishStream").field("topic", &self.topic).finish_non_exhaustive()
    }
}

fn encode(message: &Message<'_>) -> Bytes {
    let mut block = Vec::new();
    Encoder::new(&mut block).event(message);
    block.into()
}
