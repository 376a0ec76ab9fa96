//! Who may do what in a Headwater hub.
//!
//! A [`Verifier`] holds [`Issuer`]s, each with its own [`Key`]s, audience and name. Given a token and the time it
//! returns a [`Grant`]: the subject, when it ends, and the [`Rights`] of its `headwater` claim; or a [`Refusal`] with a
//! word for machines and a sentence for people, neither of which tells anything about a key. [`TokenCache`] remembers
//! grants so that a client that comes back costs no signature. [`Tickets`] are short credentials for clients that cannot
//! send headers. [`read_key_set`] takes the keys out of a published set, and [`FetchPlan`] says when to fetch it again.
//! [`Revocations`] are the credentials that were taken back before their end. [`SigningKey`] makes tokens, for the
//! command line and for tests. [`Source`] says who is behind a connection,
//! given the [`Network`]s of trusted proxies.
//!
//! There is no I/O, no clock and no randomness inside: files are read by the caller, the time is an argument, random
//! bytes are handed in. Nothing here knows HTTP.
//!
//! Promises:
//! * A key verifies the one algorithm it was configured for. What a token says about its algorithm can only make it fail.
//! * Nothing in a token is a place to fetch a key from: `jku`, `x5u`, `jwk` and `x5c` are not looked at.
//! * Claims are judged after the signature, so a forger learns nothing from the answer but that the signature is wrong.
//! * A requested pattern is granted only where one granted pattern covers all of it.
//! * Nothing panics on any input, and every size is bounded before work is done.

mod algorithm;
mod cache;
mod claims;
mod forwarded;
mod grant;
mod issuer;
mod key;
mod key_set;
mod network;
mod refusal;
mod revocation;
mod rights;
mod signing;
mod ticket;
mod token;

pub use algorithm::Algorithm;
pub use cache::TokenCache;
pub use forwarded::Source;
pub use grant::Grant;
pub use issuer::{Issuer, Verifier};
pub use key::{Key, KeyError, Weakness};
pub use key_set::{FetchPlan, KeySetError, max_age, read_key_set};
pub use network::{Network, NetworkError};
pub use refusal::Refusal;
pub use revocation::{Revocation, RevocationError, Revocations, Target};
pub use rights::{Rights, RightsError, Rule};
pub use signing::SigningKey;
pub use ticket::{MAX_TICKET_TTL, TicketError, TicketKey, Tickets};
pub use token::{Inspected, MAX_TOKEN, inspect};
