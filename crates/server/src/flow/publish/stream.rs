//! Bodies whose events are published as they arrive: an event stream or NDJSON.
//!
//! What one read brings goes to the log as one batch, while the next is read; a bounded number of batches is
//! under way, so a slow disk slows the body down. When the body breaks off, what arrived whole stays.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use headwater_event_stream::{Chunk, DecodeError, Decoder};
use headwater_log::{NewEvent, Receipt};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::single::Envelope;
use super::{Context, LastId, batch, body, check};
use crate::api::problem::Problem;
use crate::edge::connection::Phase;
use crate::flow::append::{self, Pending};

/// Silence after which a streaming publish is given up: long, as a model may think before its next token.
const LONGEST_SILENCE: Duration = Duration::from_secs(300);
/// Batches that may wait for the disk before the body is read on.
const MOST_PENDING: usize = 16;
/// Most ids in the answer; a longer stream is told its last ones and how many were left out.
const MOST_IDS: usize = 65_536;

/// `text/event-stream` to one topic.
pub(super) async fn publish_blocks(
    context: Context<'_>,
    envelope: Envelope,
    mut body: Body,
) -> Result<Response, Problem> {
    let limit = context.hub.settings().classes.of(&envelope.topic).max_event;
    let mut decoder = Decoder::builder().max_line(limit + 64).max_event(limit + 1).strict_utf8(true).build();
    let mut feed = Feed::new(context);
    loop {
        let chunk = match body::next_while_serving(&mut body, LONGEST_SILENCE, context.phase).await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            Err(problem) => return Err(feed.refuse(problem).await),
        };
        let mut rest = Chunk::new(&chunk);
        loop {
            let taken = match decoder.decode(&mut rest) {
                Ok(None) => break,
                Ok(Some(event)) => {
                    let event_type = match event.event_type {
                        headwater_event_stream::DEFAULT_TYPE => Ok(envelope.event_type.clone()),
                        text => check::event_type(text),
                    };
                    event_type.and_then(|event_type| feed.take(&envelope, event_type, event.data.into(), limit))
                }
                Err(error) => Err(undecodable(&error, limit)),
            };
            if let Err(problem) = taken {
                return Err(feed.refuse(problem).await);
            }
        }
        feed.submit().await?;
    }
    feed.finish(&envelope).await
}

/// NDJSON to one topic: every line is the data of an event.
pub(super) async fn publish_lines(context: Context<'_>, envelope: Envelope, body: Body) -> Result<Response, Problem> {
    let limit = context.hub.settings().classes.of(&envelope.topic).max_event;
    let mut feed = Feed::new(context);
    let mut lines = Lines::new(body, limit);
    while let Some(line) = feed.next_line(&mut lines).await? {
        let valid = serde_json::from_str::<serde::de::IgnoredAny>(&line).map_err(|error| {
            Problem::malformed(format!("line {}", lines.number), format!("The line is not JSON: {error}."))
        });
        let taken = valid.and_then(|_| feed.take(&envelope, envelope.event_type.clone(), line.trim().into(), limit));
        if let Err(problem) = taken {
            return Err(feed.refuse(problem).await);
        }
    }
    feed.finish(&envelope).await
}

/// NDJSON of objects that name their topics.
pub(super) async fn publish_objects(context: Context<'_>, body: Body) -> Result<Response, Problem> {
    let limit = context.hub.settings().limits.body;
    let mut feed = Feed::new(context);
    let mut lines = Lines::new(body, limit);
    while let Some(line) = feed.next_line(&mut lines).await? {
        match batch::parse(context, &line) {
            Ok(event) => feed.ready.push(event),
            Err(refusal) => return Err(feed.refuse(refusal.problem(&format!("line {}", lines.number))).await),
        }
    }
    feed.answer().await
}

/// The events of one body on their way to the log.
struct Feed<'a> {
    context: Context<'a>,
    /// Complete, not submitted yet.
    ready: Vec<NewEvent>,
    /// Submitted, in order.
    pending: VecDeque<Pending>,
    receipts: VecDeque<Receipt>,
    /// Events taken from the body.
    taken: u64,
    omitted: u64,
    duplicates: u64,
}

impl<'a> Feed<'a> {
    fn new(context: Context<'a>) -> Self {
        Self {
            context,
            ready: Vec::new(),
            pending: VecDeque::new(),
            receipts: VecDeque::new(),
            taken: 0,
            omitted: 0,
            duplicates: 0,
        }
    }

    /// Takes an event of a body that belongs to one topic. With an idempotency key on the request, the n-th
    /// event has the key `<key>/<n>`: a body sent again from its start stores nothing twice.
    fn take(
        &mut self,
        envelope: &Envelope,
        event_type: Option<headwater_event_stream::EventType>,
        data: Box<str>,
        limit: usize,
    ) -> Result<(), Problem> {
        if data.len() > limit {
            return Err(Problem::too_large("data", "The data of an event", limit));
        }
        self.taken += 1;
        let idempotency_key = envelope.idempotency_key.as_ref().map(|key| format!("{key}/{}", self.taken).into());
        let (topic, key) = (envelope.topic.clone(), envelope.key.clone());
        self.ready.push(NewEvent { topic, event_type, key, idempotency_key, data, end: None });
        Ok(())
    }

    /// The next line; submits what is complete before it waits for more.
    async fn next_line(&mut self, lines: &mut Lines) -> Result<Option<String>, Problem> {
        loop {
            match lines.buffered() {
                Ok(Some(line)) => return Ok(Some(line)),
                Ok(None) => {}
                Err(problem) => return Err(self.refuse(problem).await),
            }
            self.submit().await?;
            match lines.read(self.context.phase).await {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(problem) => return Err(self.refuse(problem).await),
            }
        }
    }

    /// Hands the complete events to the log. Waits only while too much is under way.
    async fn submit(&mut self) -> Result<(), Problem> {
        if !self.ready.is_empty() {
            self.context.admit_in_time(&self.ready).await.map_err(|problem| self.with_stored(problem))?;
            self.pending.push_back(append::submit(self.context.hub, std::mem::take(&mut self.ready)));
        }
        while self.pending.len() > MOST_PENDING {
            self.settle_one().await?;
        }
        Ok(())
    }

    async fn settle_one(&mut self) -> Result<(), Problem> {
        let Some(pending) = self.pending.pop_front() else { return Ok(()) };
        match pending.wait().await {
            Ok(receipts) => {
                self.context.counters.events.add(receipts.iter().filter(|receipt| !receipt.duplicate).count() as u64);
                self.duplicates += receipts.iter().filter(|receipt| receipt.duplicate).count() as u64;
                self.receipts.extend(receipts);
                while self.receipts.len() > MOST_IDS {
                    self.receipts.pop_front();
                    self.omitted += 1;
                }
                Ok(())
            }
            Err(error) => Err(self.with_stored(Problem::from(error))),
        }
    }

    /// Ends the body with the topic's end record, if it asked for one.
    async fn finish(mut self, envelope: &Envelope) -> Result<Response, Problem> {
        self.submit().await?;
        while !self.pending.is_empty() {
            self.settle_one().await?;
        }
        if let Some(reason) = envelope.end {
            let end = check::end_record(&envelope.topic, reason, envelope.idempotency_key.as_deref());
            append::submit(self.context.hub, vec![end]).wait().await?;
        }
        self.answer().await
    }

    async fn answer(mut self) -> Result<Response, Problem> {
        self.submit().await?;
        while !self.pending.is_empty() {
            self.settle_one().await?;
        }
        let all_known = self.duplicates > 0 && self.duplicates == self.receipts.len() as u64 + self.omitted;
        self.context.counters.publishes.add(1);
        self.context.counters.duplicates.add(self.duplicates);
        let status = if all_known { http::StatusCode::OK } else { http::StatusCode::CREATED };
        let mut answer = json!({ "ids": self.ids() });
        if self.omitted > 0 {
            answer["omitted"] = self.omitted.into();
        }
        let last = self.receipts.back().map(|receipt| axum::Extension(LastId(self.context.id(receipt.seq))));
        Ok((status, last, axum::Json(answer)).into_response())
    }

    /// Refuses the rest of a body. What came before is stored, and the answer says so.
    async fn refuse(&mut self, problem: Problem) -> Problem {
        if let Err(other) = self.submit().await {
            return other;
        }
        while !self.pending.is_empty() {
            if let Err(other) = self.settle_one().await {
                return other;
            }
        }
        self.with_stored(problem)
    }

    fn with_stored(&self, problem: Problem) -> Problem {
        problem.with("stored", self.ids().into())
    }

    fn ids(&self) -> Vec<Value> {
        self.receipts.iter().map(|receipt| self.context.id(receipt.seq).into()).collect()
    }
}

/// The non-empty lines of a body.
struct Lines {
    body: Body,
    /// Read and not taken yet.
    buffer: Vec<u8>,
    /// Where the search for a line end goes on.
    searched: usize,
    limit: usize,
    ended: bool,
    /// Of the line taken last, from 1.
    number: u64,
}

impl Lines {
    fn new(body: Body, limit: usize) -> Self {
        Self { body, buffer: Vec::new(), searched: 0, limit, ended: false, number: 0 }
    }

    /// The next line that is complete, if there is one.
    fn buffered(&mut self) -> Result<Option<String>, Problem> {
        loop {
            let found = self.buffer[self.searched..].iter().position(|b| *b == b'\n').map(|at| self.searched + at);
            let line: Vec<u8> = match found {
                Some(end) => self.buffer.drain(..=end).collect(),
                // The last line needs no line end.
                None if self.ended && !self.buffer.is_empty() => std::mem::take(&mut self.buffer),
                None => {
                    self.searched = self.buffer.len();
                    return match self.buffer.len() > self.limit + 1 {
                        true => Err(Problem::too_large(format!("line {}", self.number + 1), "The line", self.limit)),
                        false => Ok(None),
                    };
                }
            };
            self.searched = 0;
            self.number += 1;
            let text = String::from_utf8(line).map_err(|error| body::not_utf8(error.utf8_error().valid_up_to()))?;
            if !text.trim().is_empty() {
                return Ok(Some(text));
            }
        }
    }

    /// Reads more; whether there may be another line.
    async fn read(&mut self, phase: &watch::Receiver<Phase>) -> Result<bool, Problem> {
        if self.ended {
            return Ok(false);
        }
        match body::next_while_serving(&mut self.body, LONGEST_SILENCE, phase).await? {
            Some(chunk) => self.buffer.extend_from_slice(&chunk),
            None => self.ended = true,
        }
        Ok(true)
    }
}

fn undecodable(error: &DecodeError, limit: usize) -> Problem {
    match error {
        DecodeError::LimitExceeded(_) => Problem::too_large("data", "An event of the stream", limit),
        other => Problem::malformed("body", format!("The event stream cannot be read: {other}.")),
    }
}
