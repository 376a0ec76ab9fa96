//! Request bodies that are one JSON object.

use axum::body::{Body, to_bytes};
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::router::Api;

/// Reads a body of at most `most` bytes; `shape` says what it should have been.
pub(super) async fn read<T: DeserializeOwned>(api: &Api, body: Body, most: usize, shape: &str) -> Result<T, Problem> {
    let time = api.hub.settings().limits.body_timeout;
    let bytes = match tokio::time::timeout(time, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => return Err(Problem::too_large("body", "The body", most)),
        Err(_) => {
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", "The body did not arrive in time."));
        }
    };
    let malformed = |what: &dyn std::fmt::Display| Problem::malformed("body", format!("The body is {shape}: {what}."));
    // A list could stand for the members of an object in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(malformed(&"it is a list"));
    }
    serde_json::from_slice(&bytes).map_err(|error| malformed(&Told(&error)))
}

/// What is wrong and where. The error itself may repeat what was sent, which can be a secret.
struct Told<'e>(&'e serde_json::Error);

impl std::fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.0.classify() {
            serde_json::error::Category::Eof => "it ends too early",
            serde_json::error::Category::Data => "a member is missing, unknown or of the wrong type",
            _ => "it is not JSON",
        };
        write!(f, "{what}, at line {} column {}", self.0.line(), self.0.column())
    }
}
