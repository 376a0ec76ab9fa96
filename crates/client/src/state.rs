//! What a subscription does at the moment, and why.

use std::time::Duration;

/// The state of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// An attempt is under way.
    Connecting,
    /// The stream is open.
    Open,
    /// The next attempt comes after a delay.
    Waiting {
        /// What became of the last attempt.
        reason: Reason,
        /// How long it waits.
        delay: Duration,
        /// Failures in a row, this one included.
        failures: u32,
    },
    /// It has ended for good.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// Whom to tell the state.
pub(crate) type OnState = Box<dyn FnMut(&State) + Send>;

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// There was no connection, or it gave no answer; with what the network said.
    Unreachable(String),
    /// There was no answer within the connect limit.
    Timeout,
    /// The server answered with this status.
    Refused(u16),
    /// The stream ended cleanly.
    Ended,
    /// The hub ended the stream and said why: `drain`, `max_age`, `lagged`, `expired`, `revoked`, `admin`.
    Closing(String),
    /// The connection broke in the middle of the stream; with what the network said.
    Broken(String),
    /// The stream was silent for 2.5 heartbeats.
    Silent,
}

/// Why a subscription has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The caller closed it.
    Aborted,
    /// The server said that there is nothing more (204).
    Finished,
    /// The answer is no event stream.
    WrongType,
    /// There is no valid credential.
    Unauthorized,
    /// The request was refused in a way that trying again does not mend.
    Rejected,
    /// There were as many failures in a row as are allowed.
    Exhausted,
}

impl State {
    /// The word of the documentation: `connecting`, `open`, `waiting`, `closed`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Waiting { .. } => "waiting",
            Self::Closed { .. } => "closed",
        }
    }
}

impl Reason {
    /// The word of the documentation: `unreachable`, `timeout`, `refused`, `ended`, `closing`, `broken`, `silent`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Timeout => "timeout",
            Self::Refused(_) => "refused",
            Self::Ended => "ended",
            Self::Closing(_) => "closing",
            Self::Broken(_) => "broken",
            Self::Silent => "silent",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "there was no answer: {why}"),
            Self::Timeout => f.write_str("there was no answer within the connect limit"),
            Self::Refused(status) => write!(f, "the server answered with the status {status}"),
            Self::Ended => f.write_str("the server ended the stream"),
            Self::Closing(reason) => write!(f, "the server ended the stream, with the reason {reason}"),
            Self::Broken(why) => write!(f, "the connection broke: {why}"),
            Self::Silent => f.write_str("the stream was silent for too long"),
        }
    }
}

impl CloseReason {
    /// The word of the documentation: `aborted`, `finished`, `wrong_type`, `unauthorized`, `rejected`, `exhausted`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::Finished => "finished",
            Self::WrongType => "wrong_type",
            Self::Unauthorized => "unauthorized",
            Self::Rejected => "rejected",
            Self::Exhausted => "exhausted",
        }
    }
}
