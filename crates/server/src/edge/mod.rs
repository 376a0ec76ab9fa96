//! Sockets: listeners, protocol choice, TLS, and how a connection reaches the routes.

pub(crate) mod budget;
pub(crate) mod connection;
mod extent;
mod gate;
mod head;
pub(crate) mod listener;
mod patient;
pub(crate) mod rules;
mod service;
pub(crate) mod stream;
pub(crate) mod tls;
pub(crate) mod trace;
