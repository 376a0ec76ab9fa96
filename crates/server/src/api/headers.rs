//! Headers that every answer carries (T8), errors included.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::access::{Page, Visitor};

const SECURITY: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Response headers a page on another origin may read.
const EXPOSED: &str = "Headwater-Cursor, Headwater-Heartbeat, Location, Retry-After";

/// Completes the headers of an answer. What a handler has set stays.
pub(crate) fn complete(headers: &mut HeaderMap, visitor: Option<&Visitor>, tls: bool) {
    for (name, value) in SECURITY {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let resource_policy = HeaderName::from_static("cross-origin-resource-policy");
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        // It is everybody's, and has said so itself.
        return secure(headers, tls);
    }
    match visitor.and_then(|visitor| visitor.page.clone()) {
        // T2: no credentials beside a wildcard.
        Some(Page::Any) => {
            headers.insert(resource_policy, HeaderValue::from_static("cross-origin"));
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
        Some(Page::Exact(origin)) => {
            headers.insert(resource_policy, HeaderValue::from_static("cross-origin"));
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
        None => {
            headers.insert(resource_policy, HeaderValue::from_static("same-origin"));
        }
    }
    secure(headers, tls);
}

fn secure(headers: &mut HeaderMap, tls: bool) {
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

/// The headers of an event stream or NDJSON stream.
pub(crate) fn stream(headers: &mut HeaderMap, content_type: &'static str, cursor: Option<&str>, heartbeat_s: u64) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    if let Some(Ok(cursor)) = cursor.map(HeaderValue::from_str) {
        headers.insert("headwater-cursor", cursor);
    }
    headers.insert("headwater-heartbeat", heartbeat_s.into());
}

/// The answer to a CORS preflight, beside what [`complete`] adds.
pub(crate) fn preflight(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, DELETE"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "Authorization, Cache-Control, Content-Type, Headwater-Event, Headwater-Key, Idempotency-Key, Last-Event-ID",
        ),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}
