//! Waiting for conditions, with a bound.

use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for anything a test waits for, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// When patience ends.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// [`PATIENCE`] from now.
    pub fn new() -> Self {
        Self(Instant::now() + PATIENCE)
    }

    /// What is left; `None` when it is over.
    pub fn left(self) -> Option<Duration> {
        self.0.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}

impl Default for Deadline {
    fn default() -> Self {
        Self::new()
    }
}

/// Asks until there is an answer.
///
/// # Panics
/// When there is none within [`PATIENCE`]; `what` says what was waited for.
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Deadline::new();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(deadline.left().is_some(), "waited {PATIENCE:?} in vain for {what}");
        // How often it is asked; nothing depends on it.
        thread::sleep(Duration::from_millis(2));
    }
}
