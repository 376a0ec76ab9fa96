//! The bar on standard error, for whoever watches a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar; nothing at all where standard error is no terminal.
pub(crate) struct Bar {
    bar: ProgressBar,
    /// Which run of which target, in front of every step.
    title: String,
}

impl Bar {
    /// A bar for one run.
    pub(crate) fn new(title: String) -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{msg} [{bar:30}] {human_pos}/{human_len} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, title }
    }

    /// Begins a step of this length.
    pub(crate) fn begin(&self, step: &'static str, length: u64) {
        self.bar.reset();
        self.bar.set_length(length);
        self.bar.set_message(format!("{}: {step}", self.title));
    }

    /// How far the step is.
    pub(crate) fn set(&self, position: u64) {
        self.bar.set_position(position);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
