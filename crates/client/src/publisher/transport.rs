//! One request of a publisher, made until there is an answer that stands.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use reqwest::{RequestBuilder, Url};
use serde::Deserialize;

use super::attempts::{Attempts, Failed, Next};
use super::credentials::{Credentials, Token};
use super::error::PublishError;
use super::event::Final;
use super::retrying::OnRetry;
use crate::error::chain;
use crate::http::{content_type, is_type, read_problem, read_some};
use crate::machine::{Answer, Retry};
use crate::redirect::Http;
use crate::state::Reason;

/// The hub, and how it is spoken to.
pub(super) struct Transport {
    pub(super) http: Http,
    /// Of the hub, before `/v1`.
    pub(super) base: Url,
    pub(super) headers: HeaderMap,
    pub(super) credentials: Credentials,
    pub(super) retry: Retry,
    /// How long a publish is tried.
    pub(super) within: Duration,
    /// How long an answer may take once the request is sent.
    pub(super) patience: Duration,
    pub(super) on_retry: Option<OnRetry>,
}

/// What a hub says about what it has stored.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Answered {
    /// Of a single event.
    id: Option<String>,
    #[serde(default)]
    pub(super) ids: Vec<String>,
    #[serde(default)]
    pub(super) omitted: u64,
}

impl Transport {
    /// Where batches go.
    pub(super) fn events(&self) -> Url {
        self.address(&["v1", "events"])
    }

    /// Where what belongs to one topic goes.
    ///
    /// # Errors
    /// [`PublishError::Invalid`] for a topic that would be another one in an address.
    pub(super) fn topic(&self, topic: &str, query: &[(&str, Option<&str>)]) -> Result<Url, PublishError> {
        if topic.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            let why = "it has an empty segment, or one that is '.' or '..'".into();
            return Err(PublishError::Invalid { what: "topic", value: topic.into(), why });
        }
        let segments: Vec<&str> = ["v1", "topics"].into_iter().chain(topic.split('/')).collect();
        let mut address = self.address(&segments);
        for (name, value) in query {
            if let Some(value) = value {
                address.query_pairs_mut().append_pair(name, value);
            }
        }
        Ok(address)
    }

    /// Makes a request with this body; what the hub has stored.
    pub(super) async fn post(
        &self,
        address: &Url,
        media: &'static str,
        body: impl Into<Bytes>,
    ) -> Result<Answered, PublishError> {
        let body = body.into();
        let mut attempts = self.attempts();
        loop {
            let token = self.credentials.token().await;
            let request = self.request(address, media, &token).body(body.clone()).timeout(self.patience);
            match self.answer(request).await {
                Ok(answered) => return Ok(answered),
                Err(failed) => self.recover(&mut attempts, failed, &token).await?,
            }
        }
    }

    /// Ends a topic; the id of its end.
    pub(super) async fn finish(&self, topic: &str, reason: Final, key: &str) -> Result<String, PublishError> {
        let address = self.topic(topic, &[("final", Some(reason.name())), ("idempotency_key", Some(key))])?;
        let answered = self.post(&address, "text/plain", "").await;
        let mut answered = answered.map_err(|error| error.about(Some(topic), None))?;
        answered.ids.pop().ok_or_else(|| unexpected(200, "it names no id"))
    }

    pub(super) fn attempts(&self) -> Attempts {
        Attempts::new(self.retry, self.within, self.credentials.can_refresh(), Instant::now())
    }

    pub(super) fn request(&self, address: &Url, media: &'static str, token: &Token) -> RequestBuilder {
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        if let Some(token) = &token.value {
            headers.insert(AUTHORIZATION, token.clone());
        }
        self.http.request(Method::POST, address.clone()).headers(headers)
    }

    /// Makes one attempt.
    pub(super) async fn answer(&self, request: RequestBuilder) -> Result<Answered, Failed> {
        // 65,536 ids of a stream, the most there are.
        const MOST: usize = 4 * 1024 * 1024;
        let lost = |error: reqwest::Error| match error.is_timeout() {
            true => Failed::Lost(Reason::Timeout),
            false => Failed::Lost(Reason::Unreachable(chain(&error.without_url()))),
        };
        let (parts, body) = http::Response::from(self.http.clone().send(request).await.map_err(lost)?).into_parts();
        let mut answer = Answer::read(parts.status.as_u16(), &parts.headers, SystemTime::now());
        if !parts.status.is_success() {
            answer.problem = read_problem(&parts.headers, body).await;
            return Err(Failed::Refused(answer));
        }
        if !content_type(&parts.headers).is_some_and(|name| is_type(name, "application/json")) {
            let found = answer.content_type.as_deref().unwrap_or("of no type");
            return Err(Failed::For(unexpected(answer.status, &format!("it is {found}"))));
        }
        let body = read_some(body, MOST, self.patience).await;
        match serde_json::from_slice::<Answered>(&body) {
            Ok(mut answered) => {
                answered.ids.extend(answered.id.take());
                match answered.ids.iter().find(|id| !is_id(id)) {
                    None => Ok(answered),
                    Some(id) => Err(Failed::For(unexpected(answer.status, &format!("{id:?} is no id of an event")))),
                }
            }
            // The connection broke in the middle of it, and what was stored will be told again.
            Err(error) if error.is_eof() => Err(Failed::Lost(Reason::Broken("the answer is not whole".into()))),
            Err(error) => Err(Failed::For(unexpected(answer.status, &error.to_string()))),
        }
    }

    /// Waits for the time of the next attempt, or gets another credential for it.
    ///
    /// # Errors
    /// When there is to be none.
    pub(super) async fn recover(
        &self,
        attempts: &mut Attempts,
        failed: Failed,
        token: &Token,
    ) -> Result<(), PublishError> {
        let mut next = attempts.failed(failed, Instant::now());
        if let Next::Refresh(cause, refused) = next {
            let Err(error) = self.credentials.refresh(token, cause).await else { return Ok(()) };
            tracing::warn!("the refresh hook failed: {error}");
            next = attempts.not_refreshed(refused, error, Instant::now());
        }
        match next {
            Next::Wait(retrying) => {
                if let Some(tell) = &self.on_retry {
                    tell(&retrying);
                }
                tokio::time::sleep(retrying.delay).await;
            }
            Next::Fail(error) => return Err(error),
            Next::Refresh(..) => {}
        }
        Ok(())
    }

    fn address(&self, segments: &[&str]) -> Url {
        let mut address = self.base.clone();
        // Every http address has a path.
        if let Ok(mut path) = address.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        address
    }
}

/// Whether this is `<sequence>-<epoch>`: a number, and four to eight hexadecimal digits.
fn is_id(text: &str) -> bool {
    text.split_once('-').is_some_and(|(sequence, epoch)| {
        sequence.parse::<u64>().is_ok()
            && sequence.bytes().all(|byte| byte.is_ascii_digit())
            && (4..=8).contains(&epoch.len())
            && epoch.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

pub(super) fn unexpected(status: u16, why: &str) -> PublishError {
    PublishError::Unexpected { status, why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_number_and_an_epoch() {
        for id in ["1-abcd", "1042-6f3a", "18446744073709551615-ffffffff"] {
            assert!(is_id(id), "{id}");
        }
        for text in
            ["", "1", "1-", "1-abc", "-abcd", "+1-abcd", "1-ABCD", "1-123456789", "1\u{1b}[31m-abcd", "1-abcd\n"]
        {
            assert!(!is_id(text), "{text:?}");
        }
    }

    #[test]
    fn a_topic_is_one_path_and_no_other() {
        let transport = Transport {
            http: Http::ours(reqwest::Client::new()),
            base: Url::parse("https://site.example/hub/").unwrap(),
            headers: HeaderMap::new(),
            credentials: Credentials::new(None, None),
            retry: Retry::default(),
            within: Duration::ZERO,
            patience: Duration::ZERO,
            on_retry: None,
        };
        assert_eq!(transport.events().as_str(), "https://site.example/hub/v1/events");
        let topic = |topic: &str| transport.topic(topic, &[("key", Some("a&b")), ("event", None)]).map(String::from);
        assert_eq!(
            topic("orders/zürich 1?").unwrap(),
            "https://site.example/hub/v1/topics/orders/z%C3%BCrich%201%3F?key=a%26b"
        );
        for wrong in ["", "a//b", "/a", "a/", "../admin", "a/./b"] {
            assert!(matches!(topic(wrong), Err(PublishError::Invalid { what: "topic", .. })), "{wrong}");
        }
    }
}
