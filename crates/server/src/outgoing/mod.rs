//! Requests that the hub itself sends.
//!
//! An [`Endpoint`] is one address out of the configuration, ready to be asked. Nothing that arrives over the network ever
//! becomes part of it (T22):
//!
//! * The name is looked up once per request, every address is checked by what it leads to, and the connection goes to a
//!   checked address: a name that changes its mind between look and leap changes nothing.
//! * Redirects are not followed: an answer of 3xx is the answer.
//! * One time limit holds for all of it, from the look-up to the last byte; one size limit for the body of the answer.
//! * HTTP/1.1, one request per connection, no proxy, no compression, no cookie.
//!
//! [`Endpoint::send`] runs on any runtime but does not belong on a shard, whose time a handshake would take. [`Courier`] is
//! the thread for it: hand the whole task to [`Dispatch::spawn`] and await what comes back.
//!
//! ```ignore
//! let rules = Rules { reach: Reach::Inside, plain: true, ca: None, time: Duration::from_secs(2), most: 64 << 10 };
//! let endpoint = Arc::new(Endpoint::new("https://app.internal/hook", &rules)?);
//! let answer = dispatch.spawn(async move { endpoint.send(Method::POST, headers, body).await }).await;
//! ```

mod address;
mod courier;
mod endpoint;
mod trust;

pub(crate) use courier::{Courier, Dispatch};
pub(crate) use endpoint::{Endpoint, EndpointError, Reach, Rules};
