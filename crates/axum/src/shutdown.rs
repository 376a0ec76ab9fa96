//! Telling streams that the server stops.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

/// A server that stops in good order waits for its responses to end, and an event stream does not end by itself: one
/// `Shutdown` per server, a clone of it in every handler, ends them all.
///
/// ```no_run
/// # use headwater_axum::{EventStream, Shutdown, producer};
/// # async fn serve(listener: tokio::net::TcpListener, signal: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
/// let shutdown = Shutdown::new();
/// let streams = shutdown.clone();
/// let events = move || async move {
///     EventStream::new(futures_util::stream::pending::<String>()).until(streams.begun())
/// };
/// let app = axum::Router::new().route("/events", axum::routing::get(events));
/// axum::serve(listener, app)
///     .with_graceful_shutdown(async move {
///         signal.await;
///         shutdown.begin();
///     })
///     .await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<watch::Sender<bool>>);

impl Shutdown {
    /// A server that does not stop yet.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Begins to stop: every stream that lives until [`begun`](Self::begun) ends now. Again: nothing.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Ends when the server begins to stop; at once when it has begun.
    pub fn begun(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut begun = self.0.subscribe();
        async move {
            // Nobody is left who could begin it: then nobody stops it.
            if begun.wait_for(|begun| *begun).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}
