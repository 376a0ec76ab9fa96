//! What is said on standard error: the connection, gaps, ends.

use std::io::{self, IsTerminal as _};

use headwater_client::{CloseReason, Gap, Item, State};

use super::Sub;
use crate::remote;

/// Where notes go.
pub(super) struct Notes {
    is_quiet: bool,
    /// The items are on standard output as JSON.
    has_items_elsewhere: bool,
    /// Somebody watches, and wants to know that it is right that nothing happens.
    is_watched: bool,
    /// What is read, from where.
    subject: String,
}

impl Notes {
    /// Notes that a command asks for. `subject` is what is read, and from where.
    pub(super) fn new(subject: String, command: &Sub) -> Self {
        let is_watched = !command.exit_at_end && io::stderr().is_terminal();
        Self { is_quiet: command.quiet, has_items_elsewhere: command.json, is_watched, subject }
    }

    /// A change of state.
    pub(super) fn state(&self, state: &State, was_open: bool) {
        match state {
            State::Open if was_open => self.say("connected again"),
            State::Open if self.is_watched => self.say(&format!("reading {}; Ctrl-C ends it", self.subject)),
            State::Waiting { reason, delay, .. } => {
                self.say(&format!("{reason}; trying again in {:.1} s", delay.as_secs_f64()));
            }
            State::Closed { reason: CloseReason::Finished } => self.say("every topic is finished, and read to its end"),
            _ => {}
        }
    }

    /// What an item says that is no event. That the stream closes is told by the state that follows.
    pub(super) fn item(&self, item: &Item) {
        if self.has_items_elsewhere {
            return;
        }
        match item {
            Item::Gap(gap) if gap.reason == "oversized" => {
                self.say("an event is left out because it is larger than --max-event");
            }
            Item::Gap(gap) => {
                let Gap { reason, requested, resumed_at, .. } = gap;
                self.say(&format!("events are missing after {requested}, up to {resumed_at}; the reason is {reason}"));
            }
            Item::Expiring(expiring) => self.say(&format!("the token ends at {}", expiring.expires_at)),
            Item::End(end) => self.say(&format!("the topic {} is finished: {}", end.topic, end.reason)),
            _ => {}
        }
    }

    /// Anything else.
    pub(super) fn say(&self, text: &str) {
        if !self.is_quiet {
            remote::say(text);
        }
    }
}
