//! As much of HTTP/1.1 as a client needs: the head of an answer, and where its body ends.

mod framing;
mod head;

pub(crate) use framing::{Framing, Part};
pub(crate) use head::Head;
