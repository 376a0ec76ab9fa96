//! The routes, and what every answer has in common.

pub(crate) mod headers;
pub(crate) mod problem;
pub(crate) mod query;
pub(crate) mod router;
pub(crate) mod subscribe;

mod admin;
mod client;
mod health;
mod json;
mod openapi;
mod page;
mod page_files;
mod presence;
mod sessions;
mod tickets;
mod topics;

pub(crate) use admin::render_session;
