//! The response: from a stream of events and a few settings to a head and a body.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use headwater_event_stream::{EventId, IdText};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use crate::body::{EventBody, Plan};
use crate::{Event, IntoEvent, LastEventId};

/// Any error of a producer.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A response that is a stream of events.
///
/// The producer is any stream of events. It lives in the response's body: it is asked for events as fast as the client
/// takes them, and dropped as soon as the stream ends, whoever ends it.
///
/// | the stream ends because | the client is told |
/// |---|---|
/// | the producer is done | `headwater.end` with the reason `done` |
/// | the producer failed or panicked | `headwater.end` with the reason `error` |
/// | it is [old](Self::max_age), or the server [stops](Self::until) | `headwater.closing` with the reason `max_age` or `drain` |
/// | the client left | nothing |
#[must_use = "a stream does nothing until it is returned from a handler"]
pub struct EventStream {
    /// `None` for a client that has had all of it.
    plan: Option<Plan>,
}

impl EventStream {
    /// A stream of what `events` yields: [events](Event), texts, or results of them.
    pub fn new<S>(events: S) -> Self
    where
        S: Stream<Item: IntoEvent> + Send + 'static,
    {
        Self::of(events, false)
    }

    /// A stream that goes on after what the client has: `events` gets the id of the last event it had, or `None` when it
    /// comes for the first time, and makes the producer of what follows. An id that the application does not know is best
    /// answered with everything, or with an event that tells the client to load again.
    ///
    /// Such a stream is not begun again once it has ended: a client that had its `headwater.end` and comes back is answered
    /// 204, at which `EventSource` and Headwater's clients stop; `events` is not called then. Without this, a client of
    /// [`EventStream::new`] that comes back has the producer run again.
    ///
    /// ```
    /// use futures_util::stream;
    /// use headwater_axum::{Event, EventStream, LastEventId};
    ///
    /// async fn numbers(last: LastEventId) -> EventStream {
    ///     EventStream::resume(last, |id| {
    ///         let next: u64 = id.and_then(|id| id.as_str().parse().ok()).map_or(0, |last: u64| last + 1);
    ///         stream::iter((next..100).map(|number| Event::new(number.to_string()).id(number)))
    ///     })
    /// }
    /// # let _ = numbers;
    /// ```
    pub fn resume<S>(last: LastEventId, events: impl FnOnce(Option<EventId>) -> S) -> Self
    where
        S: Stream<Item: IntoEvent> + Send + 'static,
    {
        let id = last.into_id();
        match id.as_ref().is_some_and(|id| id.as_str() == END_ID) {
            true => Self { plan: None },
            false => Self::of(events(id), true),
        }
    }

    fn of<S>(events: S, resumes: bool) -> Self
    where
        S: Stream<Item: IntoEvent> + Send + 'static,
    {
        let plan = Plan {
            producer: Box::pin(Events { items: events }),
            heartbeat: Duration::from_secs(15),
            retry: Duration::from_secs(3),
            max_age: None,
            shutdown: None,
            end_id: resumes.then(|| IdText::new(END_ID).ok()).flatten(),
            on_error: Box::new(|error| {
                tracing::error!(%error, "the producer of an event stream failed");
                None
            }),
        };
        Self { plan: Some(plan) }
    }

    /// Silence after which the client gets a heartbeat; a little less for most. Whole seconds are also told in the head
    /// (`Headwater-Heartbeat`), for clients that watch over silence. Default 15 s, which is half of the shortest
    /// time after which proxies usually take a connection for dead.
    pub fn heartbeat(self, silence: Duration) -> Self {
        self.with(|plan| plan.heartbeat = silence.max(Duration::from_millis(1)))
    }

    /// When clients are to reconnect after the stream has ended: this, varied by half of it either way for each
    /// client. Default 3 s.
    pub fn retry(self, delay: Duration) -> Self {
        self.with(|plan| plan.retry = delay)
    }

    /// Ends the stream at this age, varied by a tenth either way, so that clients move to where there is room, and
    /// have to show again that they may read. Default: never.
    pub fn max_age(self, age: Duration) -> Self {
        self.with(|plan| plan.max_age = Some(age))
    }

    /// Ends the stream in good order when this future does: a server that stops, see [`Shutdown`](crate::Shutdown).
    pub fn until(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Self {
        self.with(|plan| plan.shutdown = Some(Box::pin(shutdown)))
    }

    /// What becomes of the error with which the producer fails. It is given the error, and may make an event for the client
    /// of it, which is sent before the end. By default it is logged and the client is told nothing of it, as an error may
    /// say what is not for everybody.
    pub fn on_error(self, tell: impl FnOnce(&BoxError) -> Option<Event> + Send + 'static) -> Self {
        self.with(|plan| plan.on_error = Box::new(tell))
    }

    fn with(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        if let Some(plan) = &mut self.plan {
            change(plan);
        }
        self
    }

    /// The response, for hyper, tower or any other that takes one. Heartbeats need tokio's clock where it is polled.
    pub fn into_http(self) -> Response<EventBody> {
        let Some(plan) = self.plan else {
            let mut response = Response::new(EventBody::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            return response;
        };
        let heartbeat = plan.heartbeat;
        let mut response = Response::new(EventBody::new(plan));
        for (name, value) in HEAD {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        if heartbeat.subsec_nanos() == 0 {
            response.headers_mut().insert("headwater-heartbeat", heartbeat.as_secs().into());
        }
        response
    }
}

#[cfg(feature = "axum")]
impl axum_core::response::IntoResponse for EventStream {
    fn into_response(self) -> axum_core::response::Response {
        self.into_http().map(axum_core::body::Body::new)
    }
}

pin_project_lite::pin_project! {
    /// Items of any kind as events.
    struct Events<S> {
        #[pin]
        items: S,
    }
}

impl<S: Stream<Item: IntoEvent>> Stream for Events<S> {
    type Item = Result<Event, BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().items.poll_next(cx).map(|item| item.map(IntoEvent::into_event))
    }
}

/// The head: nothing keeps a part of the stream back, rewrites it, or takes it for something else.
const HEAD: [(HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "text/event-stream"),
    (header::CACHE_CONTROL, "no-store, no-transform"),
    (HeaderName::from_static("x-accel-buffering"), "no"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// The id of the end of a stream that can be resumed. A client that sends it has had all.
const END_ID: &str = "headwater.end";
