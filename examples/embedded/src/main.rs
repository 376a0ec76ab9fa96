//! A chat in one process: the application's routes, and a hub inside with its log in a folder.
//!
//! `cargo run -p embedded`, then open the page it names. Stop it and start it again: the page goes on where it was.
//! The arguments are the address and the folder, if not `127.0.0.1:8080` and `./chat-data`.

use std::io::Write as _;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{Html, Response};
use axum::routing::{get, post};
use headwater_server::config::{AccessLogTarget, Settings, Storage};
use headwater_server::embedded::{Hub, Item, NewEvent, Read, Refusal};
use http::request::Parts;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

const TOPIC: &str = "chat";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let folder = arguments.next().unwrap_or_else(|| "chat-data".to_owned());
    let hub = Hub::open(Settings {
        storage: Storage::Disk(folder.into()),
        retry: Duration::from_secs(1),
        access_log: AccessLogTarget::Off,
        ..Settings::default()
    })?;
    let bot = tokio::spawn(count(hub.clone()));

    let routes = Router::new().route("/", get(page)).route("/say", post(say)).route("/events", get(events));
    let listener = TcpListener::bind(address).await?;
    writeln!(std::io::stdout(), "Open http://{}/", listener.local_addr()?)?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stopping = hub.clone();
    axum::serve(listener, routes.with_state(hub.clone()))
        .with_graceful_shutdown(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            // Tells the streams, for which the server would wait.
            stopping.drain();
        })
        .await?;
    bot.await??;
    hub.stopped().await?;
    Ok(())
}

/// The page, with a form and an `EventSource`.
async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

/// The form posts here. The answer comes when the message is on disk.
async fn say(State(hub): State<Hub>, message: String) -> Result<String, Refusal> {
    Ok(hub.publish(TOPIC, message).await?.id)
}

/// The page listens here: to this topic, from where it says it is.
async fn events(State(hub): State<Hub>, request: Parts) -> Result<Response, Refusal> {
    Ok(hub.respond(Read::topics([TOPIC])?.asked_by(&request)?).await)
}

/// A background task that listens, too, and answers whoever asks "how many?".
async fn count(hub: Hub) -> Result<(), Refusal> {
    let mut chat = hub.subscribe(Read::topics([TOPIC])?).await?;
    let mut messages = 0;
    while let Some(item) = chat.next().await {
        match item {
            Item::Event(event) if event.event_type == "message" => {
                messages += 1;
                if event.data == "how many?" {
                    let answer = format!("{messages} since I was started");
                    // With the question's id as its key it is stored once, even if the question were read twice.
                    let answer = NewEvent::new(answer).event_type("bot").idempotency_key(event.id);
                    hub.publish(TOPIC, answer).await?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
