//! Request → checked event. Everything is parsed once here; what goes on is a
//! [`NewEvent`](headwater_log::NewEvent) that cannot be wrong.

mod batch;
mod body;
mod check;
mod single;
mod stream;

pub(crate) use batch::publish_batch;
pub(crate) use check::topic_of_path;
pub(crate) use single::publish_topic;

use headwater_log::Receipt;
use http::{HeaderMap, StatusCode, header};
use tokio::sync::watch;

use crate::access::Caller;
use crate::edge::connection::Phase;
use crate::hub::Hub;
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
}

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
fn body_kind(headers: &HeaderMap) -> Result<BodyKind, crate::api::problem::Problem> {
    use crate::api::problem::Problem;
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
