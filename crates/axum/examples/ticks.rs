//! A server with one event stream: the seconds since it started, with resume and an end in good order.
//!
//! `cargo run -p headwater-axum --example ticks`, then `curl -N http://127.0.0.1:7072/ticks`.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use headwater_axum::{Event, EventStream, LastEventId, Shutdown, TypeRef, producer};

const TICK: TypeRef<'static> = TypeRef::from_static("tick");

async fn ticks(last: LastEventId, State(shutdown): State<Shutdown>) -> EventStream {
    EventStream::resume(last, |id| {
        let next = id.and_then(|id| id.as_str().parse().ok()).map_or(0, |last: u64| last + 1);
        producer(move |events| async move {
            for second in next..3600 {
                events.send(Event::json(&second)?.event_type(TICK).id(second)).await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Ok(())
        })
    })
    .until(shutdown.begun())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let shutdown = Shutdown::new();
    let app = Router::new().route("/ticks", get(ticks)).with_state(shutdown.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:7072").await?;
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            // When the signal cannot be had, there is no good order to stop in.
            let _ = tokio::signal::ctrl_c().await;
            shutdown.begin();
        })
        .await
}
