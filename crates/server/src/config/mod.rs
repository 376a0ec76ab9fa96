//! Configuration: as written, then as meant.
//!
//! Three layers, each over the one before: the file `headwater.toml`, variables that begin with `HEADWATER_`, flags.
//! [`Sources`] names them, [`load`] reads and checks them all and returns [`Settings`], in which nothing is optional
//! and nothing can be wrong. [`keys()`] is the table of every key. What cannot be used is refused with one sentence that
//! says where it stands and how to put it right ([`ConfigError`]).
//!
//! The way of a value: text → `layers` (merged, with places) → `shape` (known keys, right kinds) → `written`
//! (read) → `meaning` (ranges and combinations).

mod access;
mod describe;
mod error;
mod hook;
mod keys;
mod layers;
mod meaning;
mod settings;
mod shape;
mod sources;
mod units;
mod written;

#[cfg(test)]
mod tests;

pub use access::{Access, AccessKey, KeyFault, KeySetSource, KeySource, Secret, Webhook};
pub use describe::{reference, restart_needed};
pub use error::{ConfigError, Place};
pub use hook::{Hook, HookEvent, HookFault, HookSecret};
pub use keys::{Bounds, Key, Takes, keys};
pub use settings::{AccessLogTarget, Limits, LogLevel, Settings, Storage, TlsFiles};
pub use sources::{Resolved, Sources, load, load_str, resolve};
pub use units::{UnitError, parse_duration, parse_size};
