//! Middleware around an event stream.

use axum::Router;
use axum::routing::get;
use futures_util::stream;
use headwater_axum::{EventStream, Shutdown};
use headwater_testkit::Request;
use tower_http::compression::CompressionLayer;

use crate::server::Served;

// RUN-04
#[test]
fn compression_leaves_an_event_stream_alone() {
    let app = Router::new()
        .route("/events", get(async || EventStream::new(stream::pending::<String>())))
        .route("/text", get(async || "text ".repeat(100)))
        .layer(CompressionLayer::new());
    let served = Served::app(Shutdown::new(), app);
    let text = served.client.send(&Request::get("/text").header("Accept-Encoding", "gzip")).expect(200);
    assert_eq!(text.header("content-encoding"), Some("gzip"), "the layer is on");
    let mut events = served.client.stream(&Request::get("/events").header("Accept-Encoding", "gzip"));
    assert_eq!(events.head.header("content-encoding"), None);
    events.until_raw(|raw| raw.starts_with("retry: ") && raw.ends_with("\n\n"));
}
