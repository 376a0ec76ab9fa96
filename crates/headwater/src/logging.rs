//! Logs: one line per event on standard error, from the level in the configuration up.

use std::io;

use headwater_server::config::LogLevel;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt, reload};

/// Changes the level of the running process.
pub(crate) struct Level(reload::Handle<Targets, Registry>);

impl Level {
    /// Starts logging. Once per process.
    pub(crate) fn start(level: LogLevel) -> Self {
        let (filter, handle) = reload::Layer::new(targets(level));
        let lines = fmt::layer().with_writer(io::stderr);
        // Fails only when somebody else has started logging, and then there are logs.
        let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
        Self(handle)
    }

    /// Logs from another level up.
    pub(crate) fn set(&self, level: LogLevel) {
        // Fails only when logging has not begun.
        let _ = self.0.reload(targets(level));
    }
}

/// Our own crates at the level asked for; what lies below them speaks of trouble only.
fn targets(level: LogLevel) -> Targets {
    let ours = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let targets = Targets::new().with_default(ours.min(LevelFilter::WARN)).with_target("headwater", ours);
    // A warning for every connection that somebody abuses would let them fill the disk (T11).
    targets.with_target("h2", LevelFilter::ERROR)
}
