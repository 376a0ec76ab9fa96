//! What the service tells the harness.

use headwater_client::{Error, Item, Reason, State};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

/// Sends messages in order, one at a time.
#[derive(Clone, Debug)]
pub(crate) struct Messages(mpsc::UnboundedSender<(Value, oneshot::Sender<()>)>);

impl Messages {
    /// To `<callback>/1`, `<callback>/2`, …
    pub(crate) fn to(callback: String) -> Self {
        let (sender, mut waiting) = mpsc::unbounded_channel::<(Value, oneshot::Sender<()>)>();
        tokio::spawn(async move {
            let client = reqwest::Client::new();
            let mut number = 0_u64;
            while let Some((message, sent)) = waiting.recv().await {
                number += 1;
                let url = format!("{}/{number}", callback.trim_end_matches('/'));
                let request = client.post(url).header("content-type", "application/json").body(message.to_string());
                // A harness that has gone is told nothing.
                let _ = request.send().await;
                let _ = sent.send(());
            }
        });
        Self(sender)
    }

    /// Queues a message.
    pub(crate) fn send(&self, message: Value) {
        let _ = self.0.send((message, oneshot::channel().0));
    }

    /// Sends a message, and waits until the harness has it.
    pub(crate) async fn deliver(&self, message: Value) {
        let (sent, has_it) = oneshot::channel();
        if self.0.send((message, sent)).is_ok() {
            let _ = has_it.await;
        }
    }
}

pub(crate) fn item(item: &Item) -> Value {
    match item {
        Item::Event(event) => json!({
            "kind": "event",
            "event": { "type": event.event_type, "data": event.data, "id": event.id, "topic": event.topic },
        }),
        Item::Gap(gap) => json!({
            "kind": "gap",
            "gap": { "reason": gap.reason, "requested": gap.requested, "resumed_at": gap.resumed_at },
        }),
        Item::Closing(closing) => {
            let reconnect = u64::try_from(closing.reconnect.as_millis()).unwrap_or(u64::MAX);
            json!({ "kind": "closing", "closing": { "reason": closing.reason, "reconnect_ms": reconnect } })
        }
        Item::Expiring(expiring) => json!({
            "kind": "expiring",
            "expiring": { "expires_at": expiring.expires_at, "session": expiring.session },
        }),
        Item::End(end) => json!({ "kind": "end", "end": { "reason": end.reason, "topic": end.topic } }),
        other => json!({ "kind": "comment", "comment": format!("an item the service does not know: {other:?}") }),
    }
}

pub(crate) fn error(error: &Error) -> Value {
    json!({ "kind": "error", "error": error.reason().name(), "comment": error.to_string() })
}

/// An attempt that failed, for a harness that knows no states.
pub(crate) fn failure(reason: &Reason) -> Value {
    json!({ "kind": "error", "error": reason.name(), "comment": reason.to_string() })
}

pub(crate) fn state(state: &State) -> Value {
    let mut told = json!({ "name": state.name() });
    match state {
        State::Waiting { reason, delay, failures } => {
            told["reason"] = reason.name().into();
            told["delay_ms"] = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX).into();
            told["failures"] = (*failures).into();
            if let Reason::Refused(status) = reason {
                told["status"] = (*status).into();
            }
        }
        State::Closed { reason } => told["reason"] = reason.name().into(),
        _ => {}
    }
    json!({ "kind": "state", "state": told })
}
