//! How far a long replay is: a bar on standard error, for whoever watches a terminal on which nothing else appears.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use headwater_log::Position;
use indicatif::{ProgressBar, ProgressStyle};

/// The bar, and whether there is to be one.
pub(super) struct Progress {
    is_wanted: bool,
    /// Where the replay ends.
    head: u64,
    /// Where and when it began.
    start: Option<(u64, Instant)>,
    bar: Option<ProgressBar>,
}

/// A replay that is shorter needs no bar.
const LONG: Duration = Duration::from_secs(1);

impl Progress {
    /// A bar for a replay, where somebody could see it.
    pub(super) fn new(is_replay: bool) -> Self {
        let is_wanted = is_replay && io::stderr().is_terminal() && !io::stdout().is_terminal();
        Self { is_wanted, head: 0, start: None, bar: None }
    }

    /// Whether it is to be told where the replay ends and how far it is.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// The replay ends here; without an end there is no bar.
    pub(super) fn begin(&mut self, head: Option<Position>) {
        self.is_wanted &= head.is_some();
        self.head = head.map_or(0, |head| head.seq);
    }

    /// So far has it come.
    pub(super) fn set(&mut self, id: &str) {
        if !self.is_wanted || self.head == 0 {
            return;
        }
        let Ok(Position { seq, .. }) = id.parse() else { return };
        let (first, since) = *self.start.get_or_insert_with(|| (seq, Instant::now()));
        if seq >= self.head {
            self.is_wanted = false;
            self.clear();
        } else if since.elapsed() >= LONG {
            let length = self.head.saturating_sub(first);
            self.bar.get_or_insert_with(|| bar(length)).set_position(seq.saturating_sub(first));
        }
    }

    /// Does something that writes to the terminal.
    pub(super) fn pause(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("[{bar:30}] {percent} % of the log up to its head, {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style.progress_chars("=> "))
}
