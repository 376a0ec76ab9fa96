//! Publishes samples to the hub, in order and each exactly once, however often the hub goes away.
//!
//! Samples wait in a bounded queue. One thread takes the oldest, posts it, and removes it only when
//! the hub has answered: a publish whose answer got lost is sent again with the same idempotency
//! key, and the hub stores it once.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ureq::Agent;

/// One sample on its way.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Where it goes.
    pub(crate) topic: String,
    /// Its event type.
    pub(crate) kind: &'static str,
    /// The same for every attempt at this sample, another for every other sample.
    pub(crate) idempotency_key: String,
    /// JSON text.
    pub(crate) data: String,
}

/// The queue and the thread that empties it.
pub(crate) struct Publisher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// At most [`CAPACITY`] samples.
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Sample>,
    stopping: bool,
}

impl Publisher {
    /// Starts publishing to the hub at `base`, for example `http://127.0.0.1:7070`.
    pub(crate) fn start(base: String) -> Self {
        let shared = Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new() });
        let worker = Arc::clone(&shared);
        let thread = thread::spawn(move || worker.publish_all(&base));
        Self { shared, thread: Some(thread) }
    }

    /// Queues a sample. When the hub has been away for too long, the oldest is given up for it.
    pub(crate) fn push(&self, sample: Sample) {
        let mut queue = self.shared.lock();
        if queue.waiting.len() == CAPACITY {
            queue.waiting.pop_front();
        }
        queue.waiting.push_back(sample);
        self.shared.changed.notify_one();
    }
}

impl Drop for Publisher {
    /// Stops after the request under way; what still waits is given up.
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// A panic elsewhere leaves the queue whole, so its poison says nothing.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish_all(&self, base: &str) {
        // The agent keeps its connection open between requests and replaces it when it breaks.
        let agent: Agent =
            Agent::config_builder().timeout_global(Some(REQUEST_TIMEOUT)).http_status_as_error(false).build().into();
        let mut backoff = Backoff::default();
        while let Some(sample) = self.oldest() {
            match post(&agent, base, &sample) {
                Outcome::Stored => {
                    self.remove(&sample);
                    backoff = backoff.succeeded();
                }
                Outcome::Refused(why) => {
                    eprintln!("the hub refused a sample for {}: {why}", sample.topic);
                    self.remove(&sample);
                }
                Outcome::Unanswered(why) => {
                    if backoff.fails() == 0 {
                        eprintln!("publishing stands still: {why}; samples wait");
                    }
                    backoff = backoff.failed();
                    self.pause(backoff.delay());
                }
            }
        }
    }

    /// Waits for a sample; `None` at the end.
    fn oldest(&self) -> Option<Sample> {
        let mut queue = self.lock();
        loop {
            if queue.stopping {
                return None;
            }
            if let Some(sample) = queue.waiting.front() {
                return Some(sample.clone());
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Removes a sample that is done with, unless it was given up meanwhile.
    fn remove(&self, sample: &Sample) {
        let mut queue = self.lock();
        if queue.waiting.front().is_some_and(|front| front.idempotency_key == sample.idempotency_key) {
            queue.waiting.pop_front();
        }
    }

    fn pause(&self, delay: Duration) {
        // New samples wake the condition too; only the end is a reason not to wait on.
        let _ = self.changed.wait_timeout_while(self.lock(), delay, |queue| !queue.stopping);
    }
}

enum Outcome {
    Stored,
    Refused(String),
    Unanswered(String),
}

fn post(agent: &Agent, base: &str, sample: &Sample) -> Outcome {
    let answer = agent
        .post(format!("{base}/v1/topics/{}?event={}", sample.topic, sample.kind))
        .header("Content-Type", "application/json")
        .header("Idempotency-Key", &sample.idempotency_key)
        .send(&sample.data);
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Outcome::Unanswered(error.to_string()),
    };
    let status = answer.status();
    // Read to its end, so that the connection can be used again.
    let body = match answer.body_mut().read_to_string() {
        Ok(body) => body,
        Err(error) => return Outcome::Unanswered(error.to_string()),
    };
    match status.as_u16() {
        200 | 201 => Outcome::Stored,
        // Busy, starting, stopping or out of space: that passes.
        429 | 500..=599 => Outcome::Unanswered(format!("{status} {body}")),
        _ => Outcome::Refused(format!("{status} {body}")),
    }
}

/// Waits twice as long after every failure.
#[derive(Clone, Copy, Default)]
struct Backoff(u32);

impl Backoff {
    fn failed(self) -> Self {
        Self(self.0 + 1)
    }

    fn succeeded(self) -> Self {
        if self.0 > 0 {
            eprintln!("publishing again");
        }
        Self(0)
    }

    fn fails(self) -> u32 {
        self.0
    }

    fn delay(self) -> Duration {
        (FIRST_DELAY * 2u32.saturating_pow(self.0.saturating_sub(1).min(10))).min(LAST_DELAY)
    }
}

/// Ten minutes of three samples a second.
const CAPACITY: usize = 1_800;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LAST_DELAY: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_bound() {
        let mut backoff = Backoff::default();
        let delays: Vec<u128> = (0..7)
            .map(|_| {
                backoff = backoff.failed();
                backoff.delay().as_millis()
            })
            .collect();
        assert_eq!(delays, [100, 200, 400, 800, 1_600, 2_000, 2_000]);
    }
}
