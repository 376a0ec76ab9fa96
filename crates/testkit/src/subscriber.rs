//! One client inside a test service.

use std::time::Duration;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::callbacks::Receipts;
use crate::client::Client;
use crate::peer;
use crate::request::Request;
use crate::wait::{Deadline, PATIENCE};

/// A client that runs. It is stopped when this is dropped.
///
/// What it tells is kept in two queues, each in its order: items with the error that ends them, and changes of state.
/// Between the two there is no order, as a state is told at once and an item when it is the application's turn.
#[derive(Debug)]
pub struct Subscriber {
    service: Client,
    location: String,
    messages: Receipts,
    items: Queue,
    states: Queue,
    stopped: bool,
}

/// Messages in the order they came, and how many of them were taken.
#[derive(Debug, Default)]
struct Queue {
    all: Vec<Value>,
    taken: usize,
}

impl Subscriber {
    pub(crate) fn new(service: Client, location: String, messages: Receipts) -> Self {
        let (items, states) = (Queue::default(), Queue::default());
        Self { service, location, messages, items, states, stopped: false }
    }

    /// The next message that is no state: an event, another item, a comment, or an error.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn item(&mut self) -> Value {
        let deadline = Deadline::new();
        loop {
            if let Some(item) = self.items.next() {
                return item;
            }
            self.receive("an item", deadline);
        }
    }

    /// The next item, which is an event.
    ///
    /// # Panics
    /// When it is another, or none comes.
    #[track_caller]
    pub fn event(&mut self) -> Value {
        self.of_kind("event")
    }

    /// The content of the next item, which is of this kind.
    ///
    /// # Panics
    /// When it is another, or none comes.
    #[track_caller]
    pub fn of_kind(&mut self, kind: &str) -> Value {
        let item = self.item();
        assert_eq!(item["kind"], kind, "{item}; before it {:?}", self.items.all);
        item[kind].clone()
    }

    /// Checks that the next items are events with these data.
    ///
    /// # Panics
    /// When they are not, or do not come.
    #[track_caller]
    pub fn expect_data(&mut self, data: &[&str]) {
        for expected in data {
            let event = self.event();
            assert_eq!(event["data"], *expected, "{event}; all: {:?}", self.items.all);
        }
    }

    /// The next change of state.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn state(&mut self) -> Value {
        let deadline = Deadline::new();
        loop {
            if let Some(state) = self.states.next() {
                return state["state"].clone();
            }
            self.receive("a state", deadline);
        }
    }

    /// The next change to this state; others on the way are passed over.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn until_state(&mut self, name: &str) -> Value {
        loop {
            let state = self.state();
            if state["name"] == name {
                return state;
            }
            assert!(state["name"] != "closed", "closed before it was {name}: {state}; {:?}", self.items.all);
        }
    }

    /// All changes of state that were told before the last item that was taken, whether taken themselves or not.
    #[track_caller]
    pub fn states(&mut self) -> Vec<Value> {
        self.sort_all();
        self.states.all.iter().map(|message| message["state"].clone()).collect()
    }

    /// Checks that nothing was told that has not been taken.
    ///
    /// # Panics
    /// When something was.
    #[track_caller]
    pub fn expect_no_item(&mut self) {
        self.sort_all();
        let left = &self.items.all[self.items.taken..];
        assert!(left.is_empty(), "there was more: {left:?}");
    }

    /// From now on the application does not come to an end with what it gets: messages come, and are not answered.
    pub fn hold(&self) {
        self.messages.hold(true);
    }

    /// Sends a command.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn command(&self, name: &str) {
        drop(self.post(&json!({ "command": name })).expect(202));
    }

    /// Sends anything.
    #[track_caller]
    pub fn post(&self, body: &Value) -> Answer {
        self.service.send(&Request::post_as("application/json", &self.location, body.to_string()))
    }

    /// Stops it.
    ///
    /// # Panics
    /// When it was stopped before.
    #[track_caller]
    pub fn stop(&mut self) {
        self.stopped = true;
        drop(self.service.send(&Request::new("DELETE", &self.location)).expect(204));
    }

    #[track_caller]
    fn receive(&mut self, what: &str, deadline: Deadline) {
        let left = deadline.left().unwrap_or_default();
        match self.messages.next(left) {
            Some(message) => self.sort(message),
            None => panic!(
                "waited {PATIENCE:?} in vain for {what}; items so far: {:?}, states: {:?}",
                self.items.all, self.states.all
            ),
        }
    }

    #[track_caller]
    fn sort_all(&mut self) {
        while let Some(message) = self.messages.next(Duration::ZERO) {
            self.sort(message);
        }
    }

    #[track_caller]
    fn sort(&mut self, message: Result<Value, String>) {
        let message = message.unwrap_or_else(|why| panic!("{why}"));
        let queue = if message["kind"] == "state" { &mut self.states } else { &mut self.items };
        queue.all.push(message);
    }
}

impl Queue {
    fn next(&mut self) -> Option<Value> {
        let next = self.all.get(self.taken).cloned();
        self.taken += usize::from(next.is_some());
        next
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if self.stopped {
            return;
        }
        // Its service may be gone, and a test that has failed does not fail twice.
        let stopped = peer::Connection::open(self.service.address());
        let _ = stopped.and_then(|mut connection| connection.request("DELETE", &self.location, &[], b""));
    }
}
