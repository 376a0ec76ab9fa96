//! How often each limit let somebody through or did not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Refused;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Connections of an address at the same time.
    Connections,
    /// New connections of an address per second.
    ConnectRate,
    /// Sessions of a party at the same time.
    SubjectSessions,
    /// Sessions of a topic at the same time.
    TopicSessions,
    /// Events a party publishes per second.
    PublishRate,
    /// Bytes of them.
    PublishBytes,
    /// Events published to a topic per second.
    TopicRate,
    /// Bytes of the log a party reads per second. Who is over it waits.
    Replay,
}

/// How often each limit let somebody through or did not, where it is set.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    allowed: [AtomicU64; Limit::ALL.len()],
    refused: [AtomicU64; Limit::ALL.len()],
}

impl Limit {
    /// All of them, in the order of their counters.
    pub(crate) const ALL: [Self; 8] = [
        Self::Connections,
        Self::ConnectRate,
        Self::SubjectSessions,
        Self::TopicSessions,
        Self::PublishRate,
        Self::PublishBytes,
        Self::TopicRate,
        Self::Replay,
    ];

    /// Its name in metrics, problems and the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "address_connections",
            Self::ConnectRate => "connect_rate",
            Self::SubjectSessions => "subject_sessions",
            Self::TopicSessions => "topic_sessions",
            Self::PublishRate => "publish_rate",
            Self::PublishBytes => "publish_bytes",
            Self::TopicRate => "topic_rate",
            Self::Replay => "replay_bytes",
        }
    }
}

impl Tally {
    /// How often a limit let somebody through, and how often not.
    pub(crate) fn of(&self, limit: Limit) -> (u64, u64) {
        let read = |counters: &[AtomicU64]| counters[limit as usize].load(Ordering::Relaxed);
        (read(&self.allowed), read(&self.refused))
    }

    pub(super) fn allowed(&self, limit: Limit) {
        self.allowed[limit as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self, limit: Limit, wait: Option<Duration>) -> Refused {
        self.refused[limit as usize].fetch_add(1, Ordering::Relaxed);
        Refused { limit, wait }
    }
}
