//! The way of an event, in its order: publish, append, fan out, deliver.

pub(crate) mod append;
pub(crate) mod deliver;
pub(crate) mod fanout;
pub(crate) mod publish;
