//! The requests every test makes.

use std::net::SocketAddr;

use serde_json::Value;

use crate::answer::{Answer, Head};
use crate::body::Body;
use crate::connection::{Connection, framing};
use crate::lines::Lines;
use crate::request::{Request, encode};
use crate::sse::Sse;

/// Makes requests to one hub, each on a connection of its own.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    address: SocketAddr,
}

/// Publishes over one connection that is kept open.
#[derive(Debug)]
pub struct Publisher {
    connection: Connection,
}

impl Client {
    /// A client of the hub at this address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// The address of the hub.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection.
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// Sends a request and reads the whole answer.
    #[track_caller]
    pub fn send(&self, request: &Request) -> Answer {
        self.connect().send(request)
    }

    /// Sends GET and reads the whole answer.
    #[track_caller]
    pub fn get(&self, target: &str) -> Answer {
        self.send(&Request::get(target))
    }

    /// Publishes one event; its id.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn publish(&self, topic: &str, data: impl AsRef<[u8]>) -> String {
        let request = Request::post(&topic_path(topic), data.as_ref());
        self.send(&request).expect(201).ids().remove(0)
    }

    /// A publisher.
    pub fn publisher(&self) -> Publisher {
        Publisher { connection: self.connect() }
    }

    /// Opens an event stream: `GET /v1/events?<query>`. The head has been read when this returns, so what is published
    /// from now on reaches it.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn events(&self, query: &str) -> Sse {
        self.stream(&Request::get(&format!("/v1/events?{query}")))
    }

    /// Opens an event stream that resumes after this id.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn resume(&self, query: &str, cursor: impl AsRef<[u8]>) -> Sse {
        self.stream(&Request::get(&format!("/v1/events?{query}")).header("Last-Event-ID", cursor))
    }

    /// Opens the event stream this request asks for.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn stream(&self, request: &Request) -> Sse {
        let (head, body) = self.open(request, "text/event-stream");
        Sse::new(head, body)
    }

    /// Opens a stream of NDJSON.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn lines(&self, query: &str) -> Lines {
        let request = Request::get(&format!("/v1/events?{query}")).header("Accept", "application/x-ndjson");
        let (head, body) = self.open(&request, "application/x-ndjson");
        Lines::new(head, body)
    }

    /// Makes one long-poll request.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn poll(&self, query: &str) -> Value {
        let request = Request::get(&format!("/v1/events?{query}")).header("Accept", "application/json");
        self.send(&request).expect(200).json()
    }

    /// What the hub tells of a topic.
    #[track_caller]
    pub fn topic(&self, topic: &str) -> Answer {
        self.get(&topic_path(topic))
    }

    /// The value of a metric, summed over its labels.
    ///
    /// # Panics
    /// When there is no such metric.
    #[track_caller]
    pub fn metric(&self, name: &str) -> f64 {
        let page = self.get("/metrics").expect(200);
        let samples = page.text().lines().filter_map(|line| line.rsplit_once(' '));
        let values: Vec<f64> = samples
            .filter(|(sample, _)| sample.split('{').next() == Some(name))
            .map(|(_, value)| value.parse().unwrap())
            .collect();
        assert!(!values.is_empty(), "no metric {name} in {}", page.text());
        values.iter().sum()
    }

    #[track_caller]
    fn open(&self, request: &Request, media: &str) -> (Head, Body) {
        let mut connection = self.connect();
        connection.request(request);
        let head = connection.head();
        assert_eq!((head.status, head.header("content-type")), (200, Some(media)), "{request:?} {head:?}");
        let framing = framing(&head);
        (head, Body::new(connection, framing))
    }
}

impl Publisher {
    /// Publishes one event; its id.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn publish(&mut self, topic: &str, data: impl AsRef<[u8]>) -> String {
        self.send(&Request::post(&topic_path(topic), data.as_ref())).expect(201).ids().remove(0)
    }

    /// Sends any request.
    #[track_caller]
    pub fn send(&mut self, request: &Request) -> Answer {
        self.connection.send(request)
    }
}

fn topic_path(topic: &str) -> String {
    format!("/v1/topics/{}", encode(topic, true))
}
