//! How far there is to read: the newest event of the hub at the start.

use headwater_log::Position;
use reqwest::header::ACCEPT;
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};

use crate::remote::{Hub, read_json};

/// Where a replay ends.
pub(super) struct Horizon {
    hub: Hub,
    /// `/v1/events` with the topics.
    address: Url,
    /// Made by [`Self::look`]: most runs need none.
    client: Option<Client>,
    /// The newest event when [`Self::look`] was called; none when the hub did not say.
    head: Option<Position>,
}

impl Horizon {
    pub(super) fn new(hub: &Hub, topics: &[String]) -> Self {
        let mut address = hub.at(&["v1", "events"]);
        address.query_pairs_mut().extend_pairs(topics.iter().map(|topic| ("topic", topic)));
        Self { hub: hub.clone(), address, client: None, head: None }
    }

    /// Asks for the newest event. Without an answer there is none; the stream itself tells what is wrong.
    pub(super) async fn look(&mut self) {
        self.client = self.hub.client().ok();
        let Some(request) = self.request(Method::HEAD, &[("since", "latest")]) else { return };
        let Ok(answer) = self.hub.ask(request.header(ACCEPT, "text/event-stream")).await else { return };
        let cursor = answer.headers().get("headwater-cursor").and_then(|cursor| cursor.to_str().ok());
        self.head = cursor.and_then(|cursor| cursor.parse().ok());
    }

    /// The newest event.
    pub(super) fn head(&self) -> Option<Position> {
        self.head
    }

    /// Whether whoever has read up to this id has read what there was.
    pub(super) fn is_reached(&self, id: &str) -> bool {
        self.compare(id, |seq, head| seq >= head)
    }

    /// Whether the event with this id was published later.
    pub(super) fn is_beyond(&self, id: &str) -> bool {
        self.compare(id, |seq, head| seq > head)
    }

    /// Asks whether there is nothing behind this id, as when the newest events of the hub are of other topics.
    pub(super) async fn is_last(&self, id: &str) -> bool {
        if id.is_empty() {
            return false;
        }
        let Some(request) = self.request(Method::GET, &[("last_event_id", id), ("wait", "0"), ("limit", "1")]) else {
            return false;
        };
        match self.hub.ask(request.header(ACCEPT, "application/json")).await {
            Ok(answer) if answer.status() == StatusCode::NO_CONTENT => true,
            Ok(answer) if answer.status() == StatusCode::OK => read_json(answer).await.is_ok_and(|page| {
                page["gap"].is_null() && page["events"].as_array().is_some_and(|events| events.is_empty())
            }),
            // The stream goes on, and its next heartbeat tells.
            _ => false,
        }
    }

    fn request(&self, method: Method, query: &[(&str, &str)]) -> Option<RequestBuilder> {
        let mut address = self.address.clone();
        address.query_pairs_mut().extend_pairs(query);
        self.hub.request(self.client.as_ref()?, method, address).ok()
    }

    fn compare(&self, id: &str, is_so: impl Fn(u64, u64) -> bool) -> bool {
        match (id.parse::<Position>(), self.head) {
            (Ok(position), Some(head)) => position.epoch == head.epoch && is_so(position.seq, head.seq),
            _ => false,
        }
    }
}
