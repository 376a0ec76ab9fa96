//! The application that is asked who may read what, in place of a token.
//!
//! A question is asked once per request for a stream: a POST with the topics and the caller's address in its body and the
//! caller's cookie or other credential in its head, as the application itself would get it from a browser. Equal questions
//! that are asked at the same time are one, and an answer is kept for as long as it says. Whenever there is no answer
//! that can be understood, nobody may do anything.

mod answer;
mod desk;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use headwater_access::{Grant, Source};
use headwater_log::{Pattern, Selection, Topic};
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::json;

use self::answer::Answer;
use self::desk::{Desk, Digest, Found};
use super::{Caller, Visitor, credential};
use crate::api::problem::Problem;
use crate::config;
use crate::outgoing::{Dispatch, Endpoint, EndpointError, Reach, Rules};

/// What the application says about somebody.
#[derive(Clone, Debug)]
enum Verdict {
    /// They may do this.
    Granted(Arc<Grant>),
    /// It does not know them.
    Stranger,
    /// It knows them, and they may not.
    Forbidden,
    /// Nothing that could be understood, or it could not be asked.
    Nothing,
}

/// The application.
pub(super) struct Webhook {
    /// What of a request it gets to see.
    headers: Vec<HeaderName>,
    outgoing: OnceLock<Dispatch>,
    shared: Arc<Shared>,
}

/// What the questions under way share.
struct Shared {
    endpoint: Endpoint,
    desk: Mutex<Desk>,
    /// The last question got no answer, which was logged.
    failing: AtomicBool,
}

/// What somebody asks for, as the application gets to see it.
pub(super) struct Question {
    headers: HeaderMap,
    body: String,
}

/// Largest answer: a hundred patterns of 512 bytes and some room.
const MOST_ANSWER: usize = 64 << 10;

impl Webhook {
    /// The application at the configured address.
    ///
    /// # Errors
    /// [`EndpointError`] for an address that cannot be asked.
    pub(super) fn new(webhook: &config::Webhook) -> Result<Self, EndpointError> {
        let rules = Rules {
            // The operator names the application, which is usually next door.
            reach: Reach::Inside,
            plain: true,
            ca: webhook.ca.clone(),
            time: webhook.timeout,
            most: MOST_ANSWER,
        };
        let endpoint = Endpoint::new(&webhook.url, &rules)?;
        let headers = webhook.headers.iter().filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok()).collect();
        let shared = Shared { endpoint, desk: Mutex::default(), failing: AtomicBool::new(false) };
        Ok(Self { headers, outgoing: OnceLock::new(), shared: Arc::new(shared) })
    }

    /// From now on it can be asked.
    pub(super) fn start(&self, outgoing: &Dispatch) {
        // It is started once.
        let _ = self.outgoing.set(outgoing.clone());
    }

    /// The question whether whoever sent this request may read `selection`.
    pub(super) fn question(&self, parts: &Parts, visitor: &Visitor, selection: &Selection) -> Question {
        let mut headers = HeaderMap::new();
        for name in &self.headers {
            // Any page can have the browser send a cookie; only those of ours may have it count (T1).
            if *name == COOKIE && !visitor.cookies {
                continue;
            }
            for value in parts.headers.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        let topics = selection.topics().map(Topic::as_str);
        let mut patterns: Vec<&str> = topics.chain(selection.patterns().map(Pattern::as_str)).collect();
        patterns.sort_unstable();
        let source = parts.extensions.get::<Source>().filter(|source| source.known);
        let address = source.map(|source| source.address.to_string());
        let mut body = json!({ "subscribe": patterns });
        if let Some(address) = address {
            body["address"] = address.into();
        }
        Question { headers, body: body.to_string() }
    }

    /// Who it is that asks. `None` when the application gives no answer.
    ///
    /// # Errors
    /// 401 or 403 as the application says.
    pub(super) async fn decide(&self, question: Question) -> Result<Option<Caller>, Problem> {
        match self.ask(question).await {
            Verdict::Granted(grant) => Ok(Some(Caller::holder(grant))),
            Verdict::Stranger => Err(credential::unauthorized(
                "webhook-refused",
                "The application that decides about access does not know who sent this. Log in there, and try again.",
            )),
            Verdict::Forbidden => {
                let detail = "The application that decides about access does not allow this.";
                Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail).because("webhook-refused"))
            }
            Verdict::Nothing => Ok(None),
        }
    }

    /// Asks, unless the answer is known.
    async fn ask(&self, question: Question) -> Verdict {
        let digest = question.digest();
        let found = self.shared.desk().find(&digest, Instant::now());
        let mut verdict = match found {
            Found::Kept(grant) => return Verdict::Granted(grant),
            Found::Full => return Verdict::Nothing,
            Found::UnderWay(verdict) => verdict,
            Found::New(sender) => {
                let verdict = sender.subscribe();
                let shared = self.shared.clone();
                let Some(outgoing) = self.outgoing.get() else { return Verdict::Nothing };
                // It goes on when whoever asked leaves: others may wait for the same answer.
                drop(outgoing.spawn(async move {
                    let verdict = shared.answer(question, digest).await;
                    sender.send_replace(Some(verdict));
                }));
                verdict
            }
        };
        let verdict = verdict.wait_for(Option::is_some).await.ok().and_then(|verdict| verdict.clone());
        verdict.unwrap_or(Verdict::Nothing)
    }
}

impl Shared {
    async fn answer(&self, question: Question, digest: Digest) -> Verdict {
        let Question { mut headers, body } = question;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.endpoint.send(Method::POST, headers, Bytes::from(body)).await;
        let now = SystemTime::now();
        let answer = match answer {
            Ok(answer) => {
                answer::read(answer.status(), answer.body(), now).map_err(|fault| format!("its answer {fault}"))
            }
            Err(error) => Err(error.to_string()),
        };
        let mut desk = self.desk();
        desk.done(&digest);
        let verdict = match answer {
            Ok(Answer::Granted { grant, keep }) => {
                let grant = Arc::new(grant);
                if !keep.is_zero() {
                    desk.keep(digest, grant.clone(), Instant::now() + keep);
                }
                Verdict::Granted(grant)
            }
            Ok(Answer::Stranger) => Verdict::Stranger,
            Ok(Answer::Forbidden) => Verdict::Forbidden,
            Err(cause) => {
                // Once, and not for everybody who comes meanwhile.
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        cause,
                        "the application at access.webhook.url gives no answer; nobody whom it would be asked about is let in"
                    );
                }
                return Verdict::Nothing;
            }
        };
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("the application at access.webhook.url answers again");
        }
        verdict
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question {
    /// Whether the request has brought nothing that could tell who sent it.
    pub(super) fn is_nobodys(&self) -> bool {
        self.headers.is_empty()
    }

    fn digest(&self) -> Digest {
        let mut context = Context::new(&SHA256);
        let mut part = |bytes: &[u8]| {
            context.update(&bytes.len().to_be_bytes());
            context.update(bytes);
        };
        part(self.body.as_bytes());
        for (name, value) in &self.headers {
            part(name.as_str().as_bytes());
            part(value.as_bytes());
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }
}
