//! An application to test against.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use headwater_axum::{EventStream, LastEventId, Shutdown};
use headwater_testkit::{Client, Request, Sse, until};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// A served application. It is gone when dropped.
pub(crate) struct Served {
    pub(crate) client: Client,
    /// Its thread ends when it is dropped.
    _runtime: Runtime,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
}

impl Served {
    /// Serves this stream at `/events`.
    pub(crate) fn stream(stream: impl Fn(LastEventId) -> EventStream + Clone + Send + Sync + 'static) -> Self {
        Self::app(Shutdown::new(), Router::new().route("/events", get(async move |last: LastEventId| stream(last))))
    }

    /// Serves these routes until `shutdown` begins.
    pub(crate) fn app(shutdown: Shutdown, app: Router) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let client = Client::new(listener.local_addr().unwrap());
        let begun = shutdown.begun();
        let serving =
            runtime.spawn(async move { axum::serve(listener, app).with_graceful_shutdown(begun).await.unwrap() });
        Self { client, _runtime: runtime, shutdown, serving }
    }

    /// Opens the stream.
    #[track_caller]
    pub(crate) fn open(&self) -> Sse {
        self.client.stream(&Request::get("/events"))
    }

    /// Stops in good order, which needs every response to end.
    #[track_caller]
    pub(crate) fn stop(&self) {
        self.shutdown.begin();
        until("the server to stop", || self.serving.is_finished().then_some(()));
    }
}

/// Counts what is dropped.
#[derive(Clone, Default)]
pub(crate) struct Drops(Arc<AtomicUsize>);

/// Part of a producer: counts when it is dropped.
pub(crate) struct Part(Drops);

impl Drops {
    pub(crate) fn part(&self) -> Part {
        Part(self.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits for the first.
    #[track_caller]
    pub(crate) fn wait(&self) {
        until("the producer to be dropped", || (self.count() > 0).then_some(()));
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}
