//! The HTTP side of Headwater.

pub mod config;
