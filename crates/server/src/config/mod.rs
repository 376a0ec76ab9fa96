//! Configuration: as written, then as meant.

mod settings;

pub use settings::{Limits, LogLevel, Settings, Storage, TlsFiles};
