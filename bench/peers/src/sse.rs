//! What one would write with axum: its `Sse` answer over a broadcast channel. And the origin Pushpin asks, which does
//! nothing but hold every stream.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::BroadcastStream;

/// Serves until it is killed.
pub(crate) fn serve(port: u16) -> io::Result<()> {
    let channel = broadcast::Sender::new(1024);
    run(port, Router::new().route("/", get(subscribe).post(publish)).with_state(channel))
}

/// Serves the origin until it is killed.
pub(crate) fn serve_origin(port: u16) -> io::Result<()> {
    run(port, Router::new().fallback(hold))
}

async fn subscribe(State(channel): State<broadcast::Sender<String>>) -> impl IntoResponse {
    // A reader that falls behind loses events without a word, which the oracle would see.
    let events = BroadcastStream::new(channel.subscribe()).filter_map(Result::ok);
    Sse::new(events.map(|data| Ok::<_, Infallible>(Event::default().data(data)))).keep_alive(KeepAlive::default())
}

async fn publish(State(channel): State<broadcast::Sender<String>>, data: String) -> StatusCode {
    // Nobody may be there.
    let _ = channel.send(data);
    StatusCode::NO_CONTENT
}

async fn hold() -> impl IntoResponse {
    let fields = [("content-type", "text/event-stream"), ("grip-hold", "stream"), ("grip-channel", "bench")];
    (fields.map(|(name, value)| (HeaderName::from_static(name), value)), ":\n\n")
}

fn run(port: u16, router: Router) -> io::Result<()> {
    crate::process::raise_descriptors();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
        axum::serve(listener, router).await
    })
}
