//! Publishing to a hub.

mod attempts;
mod body;
mod builder;
mod credentials;
mod error;
mod event;
mod piped;
mod retrying;
mod room;
mod stream;
mod transport;
mod worker;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{mpsc, oneshot, watch};

pub use builder::PublisherBuilder;
pub use error::PublishError;
pub use event::{Final, NewEvent, Stored, StoredStream};
pub use retrying::Retrying;
pub use stream::PublishStream;

use event::Keys;
use room::{Place, Room};
use transport::Transport;
use worker::{Events, Job};

/// Publishes to one hub: in the order in which events are handed over, and each of them once, however often a request has
/// to be made.
///
/// ```no_run
/// use headwater_client::{NewEvent, Publisher};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let publisher = Publisher::builder("http://127.0.0.1:7070").open()?;
/// let stored = publisher.publish("orders/42", NewEvent::new("paid").event_type("order.paid")).await?;
/// println!("stored as {}", stored.id);
/// # Ok(())
/// # }
/// ```
///
/// One request is under way at a time; what is handed over meanwhile shares the next one. When that is refused, only the
/// event at fault fails. Clones share everything.
///
/// What passes by itself (no connection, 5xx, 408, 425, 429) is tried again, with the waiting times of a subscription, for
/// [five minutes](PublisherBuilder::within). 401 and 403 are a matter of the [refresh hook](PublisherBuilder::refresh).
///
/// A publisher whose clones are all dropped still sends what it was given, as long as its runtime runs.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

/// What clones, and streams, have in common.
struct Shared {
    transport: Arc<Transport>,
    /// To the task. What is in it is bounded by `room`.
    jobs: mpsc::UnboundedSender<Job>,
    room: Room,
    keys: Keys,
    /// Becomes true once.
    closed: watch::Sender<bool>,
}

impl Publisher {
    /// Settings for a publisher to the hub at this address, for example `http://127.0.0.1:7070`.
    pub fn builder(base: impl Into<String>) -> PublisherBuilder {
        PublisherBuilder::new(base.into())
    }

    /// Publishes an event and waits until it is stored.
    ///
    /// Dropping the future while it waits for room publishes nothing; later the event is stored all the same.
    ///
    /// # Errors
    /// [`PublishError`] when it is not stored, and not going to be.
    pub async fn publish(&self, topic: impl Into<String>, event: impl Into<NewEvent>) -> Result<Stored, PublishError> {
        self.enqueue(topic, event).await?.await
    }

    /// Hands an event over, and waits only while the [queue](PublisherBuilder::queue) is full: so one task keeps many
    /// events on their way. Whether it is stored is told by the [`Receipt`]; a failure whose receipt was dropped is logged
    /// with `tracing`.
    ///
    /// ```no_run
    /// # async fn run(publisher: headwater_client::Publisher) -> Result<(), headwater_client::PublishError> {
    /// let mut receipts = Vec::new();
    /// for n in 0..10_000 {
    ///     receipts.push(publisher.enqueue("numbers", n.to_string()).await?);
    /// }
    /// for receipt in receipts {
    ///     receipt.await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PublishError::Closed`].
    pub async fn enqueue(&self, topic: impl Into<String>, event: impl Into<NewEvent>) -> Result<Receipt, PublishError> {
        let topic = topic.into();
        let json = event.into().written(&topic, &self.shared.keys);
        let answer = self.hand_over(vec![topic], json, false).await?;
        Ok(Receipt { answer })
    }

    /// Publishes 1 to 10,000 events as one, all or none, and waits until they are stored.
    ///
    /// ```no_run
    /// # async fn run(publisher: headwater_client::Publisher) -> Result<(), headwater_client::PublishError> {
    /// let stored = publisher.publish_all([("accounts/1", "-5"), ("accounts/2", "+5")]).await?;
    /// assert_eq!(stored.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PublishError`]; one that is refused says which event is at fault.
    pub async fn publish_all<T: Into<String>, E: Into<NewEvent>>(
        &self,
        events: impl IntoIterator<Item = (T, E)>,
    ) -> Result<Vec<Stored>, PublishError> {
        let (mut topics, mut json) = (Vec::new(), Vec::new());
        for (topic, event) in events {
            let topic = topic.into();
            json.push(event.into().written(&topic, &self.shared.keys));
            topics.push(topic);
        }
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.hand_over(topics, json.join(","), true).await?;
        let ids = answer.await.unwrap_or(Err(PublishError::Closed))?;
        Ok(ids.into_iter().map(|id| Stored { id }).collect())
    }

    /// Ends a topic, after everything that was handed over before: its readers are told, and nothing follows on it.
    ///
    /// # Errors
    /// [`PublishError`] when it is not ended.
    pub async fn finish(&self, topic: impl Into<String>, reason: Final) -> Result<Stored, PublishError> {
        let (topic, key) = (topic.into(), self.shared.keys.next());
        let (reply, answer) = oneshot::channel();
        let job = |place| Job::Finish { topic, reason, key, reply, _place: place };
        self.shared.enter(1, 0, job).await?;
        Ok(Stored { id: answer.await.unwrap_or(Err(PublishError::Closed))? })
    }

    /// Settings of a streaming publish to a topic, such as the answer of a language model: one request, whose events are
    /// stored as they are sent. It has a connection of its own, and keeps no order with what is published otherwise.
    ///
    /// ```no_run
    /// use headwater_client::Final;
    ///
    /// # async fn run(publisher: headwater_client::Publisher) -> Result<(), headwater_client::PublishError> {
    /// let mut answer = publisher.stream("chat/7").event_type("token");
    /// for token in ["Hel", "lo"] {
    ///     answer.send(token).await?;
    /// }
    /// answer.send_event("usage", r#"{"tokens":2}"#).await?;
    /// let stored = answer.finish_topic(Final::Done).await?;
    /// assert_eq!(stored.ids.len(), 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream(&self, topic: impl Into<String>) -> PublishStream {
        PublishStream::new(self.shared.clone(), topic.into())
    }

    /// Waits until everything that was handed over before is stored, or has failed. Streams are not waited for.
    pub async fn flush(&self) {
        let (reply, done) = oneshot::channel();
        if self.shared.jobs.send(Job::Flush(reply)).is_ok() {
            // When there is no answer the task has ended, and everything with it.
            let _ = done.await;
        }
    }

    /// Ends it, its clones and its streams at once: what is not known to be stored fails with
    /// [`PublishError::Closed`]. To wait for that, [`flush`](Self::flush) before.
    pub fn close(&self) {
        self.shared.closed.send_replace(true);
        self.shared.room.end();
    }

    async fn hand_over(
        &self,
        topics: Vec<String>,
        json: String,
        is_alone: bool,
    ) -> Result<oneshot::Receiver<Result<Vec<String>, PublishError>>, PublishError> {
        let (reply, answer) = oneshot::channel();
        let (events, bytes) = (topics.len(), json.len());
        let job = |place| Job::Events(Events { json, topics, is_alone, reply, place });
        self.shared.enter(events, bytes, job).await?;
        Ok(answer)
    }
}

impl Shared {
    /// Waits for room and puts a job behind those before it.
    async fn enter(&self, events: usize, bytes: usize, job: impl FnOnce(Place) -> Job) -> Result<(), PublishError> {
        let entered = self.room.enter(events, bytes, |place| self.jobs.send(job(place))).await;
        match entered {
            Ok(Ok(())) => Ok(()),
            _ => Err(PublishError::Closed),
        }
    }

    async fn unless_closed<T>(&self, work: impl Future<Output = Result<T, PublishError>>) -> Result<T, PublishError> {
        unless_closed(self.closed.subscribe(), work).await.unwrap_or(Err(PublishError::Closed))
    }
}

/// Does some work as long as the publisher is not closed; `None` when it is. Whoever drops it is not in a hurry.
async fn unless_closed<T>(mut closed: watch::Receiver<bool>, work: impl Future<Output = T>) -> Option<T> {
    let closing = async {
        if closed.wait_for(|closed| *closed).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        () = closing => None,
        done = work => Some(done),
    }
}

/// An event on its way. It resolves when the event is stored; dropping it changes nothing about that.
#[must_use = "without it nobody is told whether the event is stored"]
#[derive(Debug)]
pub struct Receipt {
    answer: oneshot::Receiver<Result<Vec<String>, PublishError>>,
}

impl Future for Receipt {
    type Output = Result<Stored, PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx).map(|answer| match answer {
            // The task has seen to it that there is one.
            Ok(Ok(ids)) => ids.into_iter().next().map(|id| Stored { id }).ok_or(PublishError::Closed),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(PublishError::Closed),
        })
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("hub", &self.shared.transport.base.as_str()).finish_non_exhaustive()
    }
}
