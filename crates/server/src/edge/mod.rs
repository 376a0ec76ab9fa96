//! Sockets: listeners, protocol choice, TLS, and how a connection reaches the routes.

pub(crate) mod connection;
mod head;
pub(crate) mod listener;
mod service;
pub(crate) mod tls;
