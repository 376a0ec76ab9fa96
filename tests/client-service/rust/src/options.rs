//! The body that starts a client.

use std::collections::HashMap;
use std::time::Duration;

use headwater_client::{BoxError, Builder, Cause, InvalidSetting, MemoryStore, Retry, Subscription};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

/// What a harness asks for; members it does not know are ignored.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Options {
    stream_url: String,
    pub(crate) callback_url: String,
    /// The harness knows what is ours.
    #[serde(default)]
    pub(crate) headwater: bool,
    #[serde(default)]
    headers: HashMap<String, String>,
    method: Option<String>,
    body: Option<String>,
    last_event_id: Option<String>,
    initial_delay_ms: Option<u64>,
    read_timeout_ms: Option<u64>,
    max_delay_ms: Option<u64>,
    stable_ms: Option<u64>,
    connect_timeout_ms: Option<u64>,
    max_failures: Option<u32>,
    max_event: Option<usize>,
    store: Option<String>,
    refresh_url: Option<String>,
    token: Option<String>,
}

impl Options {
    /// The client that is meant. `stores` lives as long as the service.
    pub(crate) fn builder(&self, stores: &MemoryStore) -> Result<Builder, InvalidSetting> {
        let millis = |given: Option<u64>, default| given.map_or(default, Duration::from_millis);
        let default = Retry::default();
        let mut builder = Subscription::builder(&self.stream_url).retry(Retry {
            first: millis(self.initial_delay_ms, default.first),
            most: millis(self.max_delay_ms, default.most),
            stable: millis(self.stable_ms, default.stable),
            failures: self.max_failures,
        });
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = &self.body {
            builder = builder.body(body.clone());
        }
        if let Some(method) = self.method.as_ref().and_then(|name| Method::from_bytes(name.as_bytes()).ok()) {
            builder = builder.method(method);
        }
        if let Some(id) = &self.last_event_id {
            builder = builder.last_event_id(id);
        }
        if let Some(silence) = self.read_timeout_ms {
            // A stream is dead after 2.5 heartbeats.
            builder = builder.heartbeat(Duration::from_millis(silence) * 2 / 5);
        }
        if let Some(limit) = self.connect_timeout_ms {
            builder = builder.connect_timeout(Duration::from_millis(limit));
        }
        if let Some(bytes) = self.max_event {
            builder = builder.max_event(bytes);
        }
        if let Some(name) = &self.store {
            builder = builder.store(stores.clone()).store_key(name);
        }
        if let Some(token) = &self.token {
            builder = builder.token(token);
        }
        if let Some(url) = self.refresh_url.clone() {
            builder = builder.refresh(move |cause| ask(url.clone(), cause));
        }
        Ok(builder)
    }
}

/// Asks the harness for a token.
async fn ask(url: String, cause: Cause) -> Result<String, BoxError> {
    let question = match cause {
        Cause::Refused { status, reason } => json!({ "status": status, "reason": reason }),
        Cause::Closing { reason } => json!({ "status": 0, "reason": reason }),
        _ => json!({ "status": 0, "reason": "expiring" }),
    };
    let request = reqwest::Client::new().post(url).header("content-type", "application/json");
    let answer = request.body(question.to_string()).send().await?;
    if answer.status().as_u16() != 200 {
        return Err(format!("it answered with the status {}", answer.status()).into());
    }
    let answer: Value = serde_json::from_slice(&answer.bytes().await?)?;
    Ok(answer["token"].as_str().ok_or("its answer has no token")?.to_owned())
}
