//! What can go wrong for good.

use crate::problem::Problem;
use crate::state::{CloseReason, Reason};

/// An error of somebody else's code: a store, a hook.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a subscription has ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The answer is no event stream.
    #[error("the answer is {found} and no text/event-stream; check the address")]
    WrongType {
        /// Its media type, or `of no type`.
        found: String,
    },
    /// There is no valid credential: there is no refresh hook, or its credential was refused too.
    #[error("the server refuses the credential with the status {status}: {problem}")]
    Unauthorized {
        /// 401 or 403.
        status: u16,
        /// What the server says.
        problem: Problem,
    },
    /// The request was refused in a way that trying again does not mend.
    #[error("the server refuses the subscription with the status {status}: {problem}")]
    Rejected {
        /// The status.
        status: u16,
        /// What the server says.
        problem: Problem,
    },
    /// There were as many failures in a row as are allowed.
    #[error("the subscription failed {failures} times in a row, the most it is allowed to; at last, {last}")]
    Exhausted {
        /// How many.
        failures: u32,
        /// What became of the last attempt.
        last: Reason,
    },
}

impl Error {
    /// The reason of the closed state.
    pub const fn reason(&self) -> CloseReason {
        match self {
            Self::WrongType { .. } => CloseReason::WrongType,
            Self::Unauthorized { .. } => CloseReason::Unauthorized,
            Self::Rejected { .. } => CloseReason::Rejected,
            Self::Exhausted { .. } => CloseReason::Exhausted,
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSetting {
    /// The address cannot be read, or is not `http` or `https`.
    #[error("the address {address:?} cannot be used: {why}; it has to be an absolute http or https URL")]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// A header cannot be sent.
    #[error("the header {name:?} cannot be sent: its name or value has characters that no header can have")]
    Header {
        /// Its name.
        name: String,
    },
    /// The token cannot be sent.
    #[error("the token cannot be sent: it has characters that no header can have")]
    Token,
    /// A root certificate cannot be read, or TLS cannot be set up.
    #[error("TLS cannot be set up: {0}; check the root certificates")]
    Tls(String),
}

/// An error and its causes in one line: most errors of the network keep the interesting part to their source.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
