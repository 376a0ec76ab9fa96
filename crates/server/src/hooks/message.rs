//! What a hook is told, and the signature on it (Standard Webhooks 1.0).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headwater_log::StoredEvent;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::json;

use crate::config::{Hook, HookEvent};
use crate::presence::{is_joined, rfc3339, topic_of};

/// The body for an event of the log, if it is one that this hook waits for.
pub(super) fn body(hook: &Hook, event: &StoredEvent) -> Option<String> {
    let (kind, data) = match (topic_of(&event.topic), event.end) {
        (Some(topic), _) => {
            #[derive(Deserialize)]
            struct Told {
                count: u64,
            }
            let Told { count } = serde_json::from_str(&event.data).ok()?;
            let kind = match (is_joined(event)?, count) {
                (true, 1) => HookEvent::Occupied,
                (false, 0) => HookEvent::Vacated,
                _ => return None,
            };
            (kind, json!({ "topic": topic.as_str() }))
        }
        (None, Some(reason)) => {
            (HookEvent::Finished, json!({ "topic": event.topic.as_str(), "reason": reason.as_str() }))
        }
        (None, None) => return None,
    };
    let body = json!({ "type": kind.as_str(), "timestamp": rfc3339(event.time), "data": data });
    hook.events.contains(&kind).then(|| body.to_string())
}

/// The head of a request with this body, signed at this second since 1970.
pub(super) fn headers(secret: &[u8], id: &str, second: u64, body: &str) -> HeaderMap {
    let fields = [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", second.to_string()),
        ("webhook-signature", signature(secret, id, second, body)),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| {
        // They are digits, letters and a few signs.
        Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?))
    });
    let mut headers: HeaderMap = fields.collect();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}

fn signature(secret: &[u8], id: &str, second: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{id}.{second}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the specification.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed = signature(&secret, id, 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
