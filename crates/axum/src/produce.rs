//! A producer written as an async function.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;

use crate::body::guarded;
use crate::{BoxError, Event};

/// A stream of the events that an async function sends: the way to write a producer as a loop.
///
/// The function runs as a part of the stream, not as a task of its own. So it is dropped with the stream, wherever it
/// waits, and it waits in [`Sender::send`] while the client is behind.
///
/// ```
/// use headwater_axum::{Event, EventStream, producer};
///
/// let stream = EventStream::new(producer(|events| async move {
///     for word in ["one", "two"] {
///         events.send(Event::new(word)).await?;
///     }
///     Ok(())
/// }));
/// ```
pub fn producer<F, R>(produce: F) -> Producer
where
    F: FnOnce(Sender) -> R,
    R: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let (sender, sent) = mpsc::channel(1);
    Producer { running: Some(Box::pin(produce(Sender(sender)))), outcome: None, sent }
}

/// The function while it runs.
type Running = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// What [`producer`] makes.
pub struct Producer {
    /// Gone when it has returned.
    running: Option<Running>,
    /// What it returned, until that is told.
    outcome: Option<BoxError>,
    /// At most one event: the next is sent when it has been taken.
    sent: mpsc::Receiver<Event>,
}

/// Sends events to the stream of a [`producer`].
#[derive(Clone, Debug)]
pub struct Sender(mpsc::Sender<Event>);

/// The stream to which an event was sent is gone. A producer never sees this as long as its sender stays within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event stream is gone; stop producing for it")]
pub struct Closed;

impl Sender {
    /// Sends an event, and waits while the one before has not been taken. When the wait is dropped, the event was not
    /// sent.
    ///
    /// # Errors
    /// [`Closed`] when the stream is gone, which only a sender that was moved to another task lives to see.
    pub async fn send(&self, event: Event) -> Result<(), Closed> {
        self.0.send(event).await.map_err(|_| Closed)
    }
}

impl Stream for Producer {
    type Item = Result<Event, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(Some(event)) = self.sent.poll_recv(cx) {
            return Poll::Ready(Some(Ok(event)));
        }
        if let Some(running) = &mut self.running {
            // What it sent before a panic is sent nevertheless, so a panic is an outcome like any other.
            match guarded(|| running.as_mut().poll(cx)).unwrap_or_else(|error| Poll::Ready(Err(error))) {
                Poll::Ready(outcome) => {
                    self.running = None;
                    self.outcome = outcome.err();
                }
                Poll::Pending => return self.sent.poll_recv(cx).map(|event| event.map(Ok)),
            }
        }
        // What it sent last comes before its end.
        if let Ok(event) = self.sent.try_recv() {
            return Poll::Ready(Some(Ok(event)));
        }
        Poll::Ready(self.outcome.take().map(Err))
    }
}
