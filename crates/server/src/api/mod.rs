//! The routes, and what every answer has in common.

pub(crate) mod headers;
pub(crate) mod problem;
pub(crate) mod query;
pub(crate) mod router;
pub(crate) mod subscribe;

mod health;
mod openapi;
mod page;
mod presence;
mod tickets;
mod topics;
