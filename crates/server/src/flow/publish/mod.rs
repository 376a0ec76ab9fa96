//! Request → checked event. Everything is parsed once here; what goes on is a
//! [`NewEvent`](headwater_log::NewEvent) that cannot be wrong.

mod batch;
mod body;
pub(crate) mod check;
mod single;
mod stream;

pub(crate) use batch::publish_batch;
pub(crate) use check::{publishable, topic_of_path};
pub(crate) use single::publish_topic;

use headwater_log::{NewEvent, Receipt};
use http::{HeaderMap, StatusCode, header};
use tokio::sync::watch;

use crate::access::Caller;
use crate::api::problem::Problem;
use crate::edge::connection::Phase;
use crate::flow::append;
use crate::hub::Hub;
use crate::limit::{PartyKey, whole_seconds};
use crate::observe::Counters;

/// What a publish handler works with.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) hub: &'a Hub,
    pub(crate) counters: &'a Counters,
    /// Ends bodies that would never end by themselves.
    pub(crate) phase: &'a watch::Receiver<Phase>,
    /// Who publishes.
    pub(crate) caller: &'a Caller,
    /// Who is charged for it; nobody where it is not limited.
    pub(crate) party: Option<PartyKey>,
}

/// The id of the last event that a publish has stored, as an extension of its answer.
#[derive(Clone, Debug)]
pub(crate) struct LastId(pub(crate) String);

/// How a body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyKind {
    /// One event (or one JSON document).
    Whole,
    /// `text/event-stream`.
    EventStream,
    /// `application/x-ndjson`.
    Ndjson,
}

impl Context<'_> {
    /// Lets events pass the limits on publishing, all or none.
    ///
    /// # Errors
    /// 429 with the time to wait.
    fn admit(&self, events: &[NewEvent]) -> Result<(), Problem> {
        let passed = self.hub.limiter.publish(self.party, events, &self.hub.settings());
        passed.map_err(|refused| {
            let wait = whole_seconds(refused.wait.unwrap_or_default());
            Problem::limited(refused.limit.as_str(), wait)
        })
    }

    /// The same for a body that streams: waits until its events may pass, and so slows the publisher down.
    ///
    /// # Errors
    /// 503 when the hub stops meanwhile.
    async fn admit_in_time(&self, events: &[NewEvent]) -> Result<(), Problem> {
        let mut phase = self.phase.clone();
        while let Err(refused) = self.hub.limiter.publish(self.party, events, &self.hub.settings()) {
            tokio::select! {
                () = tokio::time::sleep(refused.wait.unwrap_or_default()) => {}
                _ = phase.wait_for(|phase| *phase >= Phase::Stopping) => return Err(Problem::draining()),
            }
        }
        Ok(())
    }

    /// Stores events that are made within the process, all or none.
    ///
    /// # Errors
    /// 400 for none and for too many, 429 over a limit, and what the log refuses.
    pub(crate) async fn publish(&self, events: Vec<NewEvent>) -> Result<Vec<Receipt>, Problem> {
        if events.is_empty() || events.len() > batch::MOST_EVENTS {
            let detail = format!("A batch holds 1 to {} events, not {}.", batch::MOST_EVENTS, events.len());
            return Err(Problem::malformed("events", detail));
        }
        self.admit(&events)?;
        let receipts = append::submit(self.hub, events).wait().await?;
        self.stored(&receipts);
        Ok(receipts)
    }

    /// Counts what was stored; the status of the answer.
    fn stored(&self, receipts: &[Receipt]) -> StatusCode {
        let duplicates = receipts.iter().filter(|receipt| receipt.duplicate).count();
        self.counters.publishes.add(1);
        self.counters.duplicates.add(duplicates as u64);
        self.counters.events.add((receipts.len() - duplicates) as u64);
        match duplicates == receipts.len() && duplicates > 0 {
            true => StatusCode::OK,
            false => StatusCode::CREATED,
        }
    }

    fn id(&self, seq: u64) -> String {
        self.hub.wire.position(seq).to_string()
    }
}

/// Reads `Content-Type` and refuses `Content-Encoding` (T19).
fn body_kind(headers: &HeaderMap) -> Result<BodyKind, Problem> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        let detail = "Compressed bodies are not taken. Send the body as it is.";
        return Err(
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-encoding", detail).field("Content-Encoding")
        );
    }
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media = media.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match media.as_str() {
        "text/event-stream" => Ok(BodyKind::EventStream),
        "application/x-ndjson" | "application/ndjson" => Ok(BodyKind::Ndjson),
        form if form.starts_with("multipart/") => {
            let detail = "Forms with parts are not events. Send the data as text/plain or application/json.";
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type", detail).field("Content-Type"))
        }
        _ => Ok(BodyKind::Whole),
    }
}
