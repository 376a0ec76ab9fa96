//! The Rust client as a test service: `tests/client-service/README.md` describes its interface.

mod messages;
mod options;

use std::collections::HashMap;
use std::error::Error;
use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use headwater_client::{Handle, MemoryStore, Subscription};
use http::{StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use messages::Messages;
use options::Options;

/// What all requests share.
#[derive(Clone, Default)]
struct Service {
    stores: MemoryStore,
    clients: Arc<Mutex<Clients>>,
    end: Arc<Notify>,
}

#[derive(Default)]
struct Clients {
    started: u64,
    running: HashMap<u64, Client>,
}

struct Client {
    handle: Handle,
    paused: watch::Sender<bool>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("the first argument has to be an address such as 127.0.0.1:0")?;
    let listener = TcpListener::bind(address).await?;
    announce(&format!("listening on http://{}", listener.local_addr()?))?;
    let service = Service::default();
    let end = service.end.clone();
    std::thread::spawn({
        let end = end.clone();
        move || {
            // Whatever comes, and however it ends, the service ends with it.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            end.notify_one();
        }
    });
    let routes = Router::new()
        .route("/", get(status).post(start).delete(stop_all))
        .route("/streams/{number}", post(command).delete(stop))
        .with_state(service);
    axum::serve(listener, routes).with_graceful_shutdown(async move { end.notified().await }).await?;
    Ok(())
}

fn announce(line: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut output = std::io::stdout();
    writeln!(output, "{line}")?;
    output.flush()
}

async fn status() -> Json<Value> {
    Json(json!({
        "capabilities": ["headers", "last-event-id", "post", "read-timeout", "restart", "headwater"],
        "name": "rust",
    }))
}

async fn start(State(service): State<Service>, body: Bytes) -> Result<impl axum::response::IntoResponse, Refusal> {
    let refuse = |error: &dyn Error| (StatusCode::BAD_REQUEST, format!("{error}\n"));
    let options: Options = serde_json::from_slice(&body).map_err(|error| refuse(&error))?;
    let messages = Messages::to(options.callback_url.clone());
    let (told, headwater) = (messages.clone(), options.headwater);
    let builder = options.builder(&service.stores).map_err(|error| refuse(&error))?;
    let builder = builder.on_state(move |state| match state {
        _ if headwater => told.send(messages::state(state)),
        headwater_client::State::Waiting { reason, .. } => told.send(messages::failure(reason)),
        _ => {}
    });
    let subscription = builder.open().map_err(|error| refuse(&error))?;
    let (paused, pause) = watch::channel(false);
    let client = Client { handle: subscription.handle(), paused };
    tokio::spawn(run(subscription, messages, pause));
    let mut clients = service.clients.lock().unwrap_or_else(PoisonError::into_inner);
    clients.started += 1;
    let number = clients.started;
    clients.running.insert(number, client);
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/streams/{number}"))]))
}

type Refusal = (StatusCode, String);

/// Reads until there is nothing more. While it is paused it asks for nothing.
async fn run(mut subscription: Subscription, messages: Messages, mut pause: watch::Receiver<bool>) {
    loop {
        if pause.wait_for(|paused| !paused).await.is_err() {
            // The client was stopped before it asked for more.
            return subscription.close().await;
        }
        match subscription.next().await {
            Some(Ok(item)) => messages.deliver(messages::item(&item)).await,
            Some(Err(error)) => messages.send(messages::error(&error)),
            None => return subscription.close().await,
        }
    }
}

async fn command(State(service): State<Service>, Path(number): Path<u64>, body: Bytes) -> StatusCode {
    let clients = service.clients.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(client) = clients.running.get(&number) else { return StatusCode::NOT_FOUND };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match body["command"].as_str() {
        Some("restart") => client.handle.restart(),
        Some("pause") => drop(client.paused.send_replace(true)),
        Some("resume") => drop(client.paused.send_replace(false)),
        _ => return StatusCode::BAD_REQUEST,
    }
    StatusCode::ACCEPTED
}

async fn stop(State(service): State<Service>, Path(number): Path<u64>) -> StatusCode {
    let client = service.clients.lock().unwrap_or_else(PoisonError::into_inner).running.remove(&number);
    match client {
        Some(client) => {
            client.handle.close();
            StatusCode::NO_CONTENT
        }
        None => StatusCode::NOT_FOUND,
    }
}

async fn stop_all(State(service): State<Service>) -> StatusCode {
    service.end.notify_one();
    StatusCode::NO_CONTENT
}
