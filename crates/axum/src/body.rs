//! The body of an event stream: first bytes, events, heartbeats, an end.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use headwater_event_stream::{Encoder, IdText, Message, TypeRef};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::{BoxError, Event};

/// Hears of the producer's error, and may have an event for the client.
pub(crate) type OnError = Box<dyn FnOnce(&BoxError) -> Option<Event> + Send>;

/// How a stream is to be.
pub(crate) struct Plan {
    /// Where its events come from.
    pub(crate) producer: Pin<Box<dyn Stream<Item = Result<Event, BoxError>> + Send>>,
    /// Longest silence.
    pub(crate) heartbeat: Duration,
    /// Middle of the reconnect delays.
    pub(crate) retry: Duration,
    /// Middle of the ages at which streams end.
    pub(crate) max_age: Option<Duration>,
    /// Ends when the stream has to.
    pub(crate) shutdown: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// The id of its `headwater.end`, if it is to have one.
    pub(crate) end_id: Option<IdText>,
    /// Hears of the producer's error.
    pub(crate) on_error: OnError,
}

/// The body of an [`EventStream`](crate::EventStream). Dropping it drops the producer.
pub struct EventBody(State);

enum State {
    /// Nothing was sent yet.
    New(Box<Plan>),
    /// Between the first bytes and the last.
    Open(Box<Open>),
    /// All was sent; the producer is gone.
    Over,
}

struct Open {
    plan: Plan,
    /// Due when nothing has been sent for long enough.
    heartbeat: Pin<Box<Sleep>>,
    /// Due when the stream is old enough.
    old: Option<Pin<Box<Sleep>>>,
    /// What the last event with a topic was about, for the end to name.
    topic: Option<Box<str>>,
}

/// How a stream ends.
enum Ending {
    /// The producer is done.
    Done,
    /// The producer has failed.
    Failed(BoxError),
    /// The client is to come back, for this reason.
    Closing(&'static str),
}

impl EventBody {
    pub(crate) fn new(plan: Plan) -> Self {
        Self(State::New(Box::new(plan)))
    }

    pub(crate) fn empty() -> Self {
        Self(State::Over)
    }
}

impl Body for EventBody {
    type Data = Bytes;
    /// What goes wrong is told in the stream, and the stream ends as it should.
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut out = Vec::new();
        self.0 = match std::mem::replace(&mut self.0, State::Over) {
            State::Over => return Poll::Ready(None),
            State::New(plan) => {
                Encoder::new(&mut out).retry(varied(plan.retry)).end_block();
                State::Open(Box::new(Open::begin(*plan)))
            }
            State::Open(mut open) => match open.advance(cx, &mut out) {
                Some(ending) => {
                    open.end(ending, &mut out);
                    State::Over
                }
                None => State::Open(open),
            },
        };
        match out.is_empty() {
            true => Poll::Pending,
            false => Poll::Ready(Some(Ok(Frame::data(out.into())))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, State::Over)
    }

    fn size_hint(&self) -> SizeHint {
        match self.0 {
            State::Over => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}

impl Open {
    fn begin(plan: Plan) -> Self {
        let old = plan.max_age.map(|age| Box::pin(sleep(age.mul_f64(0.9 + 0.2 * fastrand::f64()))));
        let heartbeat = Box::pin(sleep(beat(plan.heartbeat)));
        Self { plan, heartbeat, old, topic: None }
    }

    /// Writes what there is to send; how the stream ends, if it does.
    fn advance(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Option<Ending> {
        // First, so that a producer that always has something does not put the end off.
        if self.plan.shutdown.as_mut().is_some_and(|shutdown| shutdown.as_mut().poll(cx).is_ready()) {
            return Some(Ending::Closing("drain"));
        }
        if self.old.as_mut().is_some_and(|old| old.as_mut().poll(cx).is_ready()) {
            return Some(Ending::Closing("max_age"));
        }
        while out.len() < FRAME_BYTES {
            match guarded(|| self.plan.producer.as_mut().poll_next(cx)) {
                Ok(Poll::Pending) => break,
                Ok(Poll::Ready(None)) => return Some(Ending::Done),
                Ok(Poll::Ready(Some(Err(error)))) | Err(error) => return Some(Ending::Failed(error)),
                Ok(Poll::Ready(Some(Ok(event)))) => {
                    event.encode(out);
                    self.topic = event.into_topic().or_else(|| self.topic.take());
                }
            }
        }
        if out.is_empty() && self.heartbeat.as_mut().poll(cx).is_ready() {
            Encoder::new(out).comment("");
        }
        if !out.is_empty() {
            self.heartbeat.as_mut().reset(Instant::now() + beat(self.plan.heartbeat));
        }
        None
    }

    /// Writes the end. The producer is gone before the client hears of it.
    fn end(self, ending: Ending, out: &mut Vec<u8>) {
        let Plan { producer, retry, end_id, on_error, .. } = self.plan;
        drop(producer);
        let reason = match ending {
            Ending::Closing(reason) => {
                let data = format!("{{\"reason\":\"{reason}\",\"reconnect_ms\":{}}}", varied(retry));
                Encoder::new(out).event(&Message::new(&data).event_type(TypeRef::from_static("headwater.closing")));
                return;
            }
            Ending::Done => "done",
            Ending::Failed(error) => {
                if let Some(event) = on_error(&error) {
                    event.encode(out);
                }
                "error"
            }
        };
        let topic = self.topic.unwrap_or_default();
        let data = serde_json::json!({ "reason": reason, "topic": topic }).to_string();
        let mut end = Message::new(&data).event_type(TypeRef::from_static("headwater.end"));
        if let Some(id) = &end_id {
            end = end.id(id);
        }
        Encoder::new(out).event(&end);
    }
}

/// Polls a part of the application. Its panic would tear the connection, with all the streams of it in HTTP/2; so it is an
/// error. What panicked is not polled again, so that it does not matter in which state it was left.
pub(crate) fn guarded<T>(poll: impl FnOnce() -> T) -> Result<T, BoxError> {
    catch_unwind(AssertUnwindSafe(poll)).map_err(|_| "the producer panicked".into())
}

/// The reconnect delay of one client in milliseconds: half to one and a half times the delay.
fn varied(delay: Duration) -> u64 {
    u64::try_from(delay.mul_f64(0.5 + fastrand::f64()).as_millis()).unwrap_or(u64::MAX)
}

/// The silence one heartbeat waits for: a little less than the longest, so that streams fed by the same event do not all
/// beat in the same moment.
fn beat(silence: Duration) -> Duration {
    silence.mul_f64(0.9 + 0.1 * fastrand::f64())
}

/// Events are gathered into one frame until it has this many bytes.
const FRAME_BYTES: usize = 16 << 10;
