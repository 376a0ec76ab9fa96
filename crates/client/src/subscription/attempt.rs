//! One request for the stream.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, HeaderValue};
use http::{HeaderMap, Method};
use reqwest::{RequestBuilder, Url};

use crate::error::chain;
use crate::http::read_problem;
use crate::machine::{Answer, is_passing};
use crate::redirect::Http;
use crate::refresh::BoxFuture;

/// What every attempt sends.
pub(super) struct Attempt {
    pub(super) http: Http,
    pub(super) method: Method,
    pub(super) address: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

/// An answer, and its body when it is a stream.
pub(super) struct Opened {
    pub(super) answer: Answer,
    pub(super) body: Option<reqwest::Body>,
}

const LAST_EVENT_ID: &str = "last-event-id";
const EVENTS: &str = "/v1/events";

impl Attempt {
    /// Makes the request. The future ends when there is the head of an answer, and of a refusal its body.
    pub(super) fn send(&self, token: Option<&HeaderValue>, cursor: &str) -> BoxFuture<Result<Opened, String>> {
        let request = self.http.clone().send(self.request(token, cursor));
        Box::pin(async move {
            let response = request.await.map_err(|error| chain(&error.without_url()))?;
            let (parts, body) = http::Response::from(response).into_parts();
            let mut answer = Answer::read(parts.status.as_u16(), &parts.headers, SystemTime::now());
            if answer.status == 200 {
                return Ok(Opened { answer, body: Some(body) });
            }
            if answer.status >= 300 && !is_passing(answer.status) {
                answer.problem = read_problem(&parts.headers, body).await;
            }
            Ok(Opened { answer, body: None })
        })
    }

    /// A request that gives the session of a hub another credential; none when the address is not that of a hub.
    pub(super) fn renewal(&self, session: &str) -> Option<RequestBuilder> {
        let base = self.address.path().strip_suffix(EVENTS)?.to_owned();
        let mut address = self.address.clone();
        address.set_query(None);
        address.set_path(&base);
        address.path_segments_mut().ok()?.pop_if_empty().extend(["v1", "sessions", session, "credential"]);
        Some(self.http.request(Method::POST, address))
    }

    fn request(&self, token: Option<&HeaderValue>, cursor: &str) -> RequestBuilder {
        // A limit on the whole time that the caller's client may have is not for streams.
        const NEVER: Duration = Duration::MAX;
        let mut headers = self.headers.clone();
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("text/event-stream"));
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        let mut address = self.address.clone();
        match HeaderValue::from_bytes(cursor.as_bytes()) {
            _ if cursor.is_empty() => {}
            Ok(cursor) => drop(headers.insert(LAST_EVENT_ID, cursor)),
            // A control character, which no header can have.
            Err(_) => drop(address.query_pairs_mut().append_pair("last_event_id", cursor)),
        }
        let request = self.http.request(self.method.clone(), address).headers(headers).timeout(NEVER);
        match &self.body {
            Some(body) => request.body(body.clone()),
            None => request,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(address: &str) -> Attempt {
        Attempt {
            http: Http::ours(reqwest::Client::new()),
            method: Method::GET,
            address: Url::parse(address).unwrap(),
            headers: HeaderMap::new(),
            body: None,
        }
    }

    #[test]
    fn a_session_is_renewed_beside_its_stream() {
        let renewal = |address: &str, session: &str| {
            let request = attempt(address).renewal(session)?.build().unwrap();
            Some(request.url().to_string())
        };
        assert_eq!(
            renewal("https://hub.example/v1/events?topic=a&ticket=secret", "0-12").as_deref(),
            Some("https://hub.example/v1/sessions/0-12/credential")
        );
        assert_eq!(
            renewal("https://site.example/hub/v1/events", "../admin?x").as_deref(),
            Some("https://site.example/hub/v1/sessions/..%2Fadmin%3Fx/credential")
        );
        assert_eq!(renewal("https://site.example/stream", "0-12"), None);
    }

    #[test]
    fn a_cursor_goes_into_the_header_where_it_can() {
        let sent = |cursor: &str| {
            let request = attempt("http://hub.example/events?topic=a").request(None, cursor).build().unwrap();
            let header = request.headers().get(LAST_EVENT_ID).map(|value| value.as_bytes().to_vec());
            (header, request.url().query().map(str::to_owned))
        };
        assert_eq!(sent(""), (None, Some("topic=a".into())));
        assert_eq!(sent("1-é"), (Some("1-é".as_bytes().to_vec()), Some("topic=a".into())));
        assert_eq!(sent("1\u{1}"), (None, Some("topic=a&last_event_id=1%01".into())));
    }
}
