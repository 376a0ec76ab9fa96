//! Why a run ends without figures: one sentence each, with what to try.

use std::io;
use std::net::SocketAddr;

/// Why nothing, or not everything, was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A setting makes no sense.
    #[error("{0}")]
    Setting(String),
    /// The target is another machine.
    #[error(
        "{0} is not on this machine; a load generator is not for other people's servers: give --yes-remote if it is yours"
    )]
    Remote(SocketAddr),
    /// Nobody answers.
    #[error("cannot connect to {address}: {error}; is the target up?")]
    Down {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The answer to a subscription is no stream.
    #[error("{url} is not an event stream: {found}")]
    NotAStream {
        /// What was asked for.
        url: String,
        /// What came.
        found: String,
    },
    /// The target does not take events.
    #[error("{url} does not take events: {found}")]
    NotPublished {
        /// What was asked for.
        url: String,
        /// What came.
        found: String,
    },
    /// Not every reader got its stream.
    #[error(
        "{ready} of {wanted} readers were connected within {seconds} s{last}; look at the target's limits on connections and descriptors"
    )]
    Connecting {
        /// How many were.
        ready: u64,
        /// How many were wanted.
        wanted: u64,
        /// How long was waited.
        seconds: u64,
        /// `: ` and what the last failure was, or nothing.
        last: String,
    },
    /// More sockets than this machine lets one user have.
    #[error(
        "{readers} readers need {needed} processes of {each} descriptors, and more than {most} processes are not started; \
         raise the hard limit (`ulimit -Hn`, LimitNOFILE=, /etc/security/limits.conf)"
    )]
    Descriptors {
        /// Readers wanted.
        readers: u64,
        /// Processes they would take.
        needed: u64,
        /// Readers each can hold.
        each: u64,
        /// Bound on processes.
        most: u64,
    },
    /// A process whose figures were asked for is not there.
    #[error("cannot read the figures of process {pid}: {error}; is it running?")]
    Process {
        /// Its id.
        pid: u32,
        /// What the system said.
        error: io::Error,
    },
    /// A process of readers failed.
    #[error("a process of readers failed: {0}")]
    Worker(String),
    /// The system gave no socket, thread or process.
    #[error("cannot {doing}: {error}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

impl BenchError {
    pub(crate) fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::System { doing, error }
    }
}
