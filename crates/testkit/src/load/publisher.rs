//! A publisher that goes on whatever happens to the hub.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::peer::{Connection, Response};
use serde_json::json;

use super::Batch;

/// One publisher. It sends one request after the other, each with events unlike all others.
#[derive(Debug)]
pub struct Publisher {
    number: usize,
    address: SocketAddr,
    random: fastrand::Rng,
    connection: Option<Connection>,
    /// Events made.
    made: usize,
}

impl Publisher {
    /// The publisher with this number. Those with even numbers insist, with idempotency keys, until they know that an
    /// event is stored; the others take what comes.
    pub fn new(number: usize, address: SocketAddr, random: fastrand::Rng) -> Self {
        Self { number, address, random, connection: None, made: 0 }
    }

    /// Publishes until told to stop, at most `rate` events a second.
    ///
    /// # Panics
    /// When the hub refuses an event, or is gone for good.
    pub fn run(mut self, rate: f64, stop: &AtomicBool) -> Vec<Batch> {
        let mut batches = Vec::new();
        let mut due = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            let mut batch = match self.random.u8(..4) {
                0 => self.batch(),
                _ => Batch { publisher: self.number, events: vec![self.event()], ids: None },
            };
            due = due.max(Instant::now() - Duration::from_millis(100));
            due += Duration::from_secs_f64(batch.events.len() as f64 / rate);
            let key = self.number.is_multiple_of(2).then(|| batch.events[0].1.lines().next().unwrap().to_owned());
            batch.ids = self.send(&batch, key.as_deref());
            batches.push(batch);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        batches
    }

    fn event(&mut self) -> (String, String) {
        let topic = format!("{}/{}", self.random.choice(["orders", "prices"]).unwrap(), self.random.u8(..4));
        self.made += 1;
        let filler = "x".repeat(self.random.usize(..200));
        (topic, format!("{}:{}\n{filler}", self.number, self.made))
    }

    fn batch(&mut self) -> Batch {
        let events = (0..self.random.usize(2..6)).map(|_| self.event()).collect();
        Batch { publisher: self.number, events, ids: None }
    }

    /// The ids, if they came.
    fn send(&mut self, batch: &Batch, key: Option<&str>) -> Option<Vec<String>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.exchange(batch, key) {
                // Stopping: as if it were not there.
                Ok(answer) if answer.status() == 503 => self.connection = None,
                Ok(answer) => return Some(ids(&answer)),
                Err(_) => {}
            }
            // Without a key there is no second try: it could store the event again.
            key?;
            assert!(Instant::now() < deadline, "the hub is gone for good");
        }
    }

    fn exchange(&mut self, batch: &Batch, key: Option<&str>) -> io::Result<Response> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let json = [("content-type", "application/json")];
        let answer = match (&batch.events[..], key) {
            ([(topic, data)], key) => {
                let fields: Vec<_> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
                connection.request("POST", &format!("/v1/topics/{topic}"), &fields, data.as_bytes())?
            }
            (events, key) => {
                let object = |(n, (topic, data)): (usize, &(String, String))| match key {
                    Some(key) => json!({"topic": topic, "data": data, "idempotency_key": format!("{key}/{n}")}),
                    None => json!({"topic": topic, "data": data}),
                };
                let body: Vec<_> = events.iter().enumerate().map(object).collect();
                connection.request("POST", "/v1/events", &json, serde_json::Value::from(body).to_string().as_bytes())?
            }
        };
        self.connection = Some(connection);
        Ok(answer)
    }

    /// Waits for the hub to be there. What nobody listened to was not sent, so its outcome is known.
    fn connect(&self) -> io::Result<Connection> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Connection::open(self.address) {
                Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                other => return other,
            }
        }
    }
}

fn ids(answer: &Response) -> Vec<String> {
    assert!(matches!(answer.status(), 200 | 201), "{answer:?}");
    let answer = answer.json();
    let all = answer["ids"].as_array().cloned().unwrap_or_else(|| vec![answer["id"].clone()]);
    all.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}
