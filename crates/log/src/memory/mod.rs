//! The log in memory: the whole engine without a file, for hubs that need no disk and for tests.
//!
//! One thread writes: it takes whatever has queued up, applies it under the lock of the state, tells the listener and
//! then the publishers, like the embedded engine does. Everything is gone with the process, so each instance is a log of
//! its own with a new epoch.

mod keys;
mod read;
mod state;
mod times;

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use self::read::MemoryReader;
use self::state::{Limits, State};
use crate::clock::{Clock, SystemClock};
use crate::{
    AppendDone, AppendError, Bounds, Classes, DeleteDone, Durable, DurableListener, Engine, Epoch, Gap, Health,
    NewEvent, Reader, Receipt, Selection, Topic, TopicInfo, Usage,
};

/// What a [`Memory`] log is made with.
#[derive(Clone, Debug)]
pub struct MemoryOptions {
    /// Which topics share which retention. Durability is always memory here. Default: [`Classes::default`].
    pub classes: Classes,
    /// Most bytes of events, bookkeeping included; the oldest go first. Default: 64 MiB.
    pub memory_bytes: u64,
    /// How long a repeated idempotency key is recognised. Default: 10 minutes.
    pub idempotency_window: Duration,
    /// Most bytes of batches waiting for the writer; beyond it appends are refused at once. Default: 64 MiB.
    pub queue_bytes: usize,
    /// The wall clock. Default: [`SystemClock`].
    pub clock: Arc<dyn Clock>,
}

/// An [`Engine`] that keeps its events in memory.
#[derive(Debug)]
pub struct Memory {
    shared: Arc<Shared>,
    /// The writer; taken by the first `close`.
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What the handle, the writer and the readers share.
struct Shared {
    /// The log itself. Held for one group, one page or one question at a time.
    state: Mutex<State>,
    /// Batches on their way to the writer, bounded by `queue_bytes`.
    queue: Mutex<Queue>,
    /// Wakes the writer.
    wake: Condvar,
    listener: OnceLock<DurableListener>,
    clock: Arc<dyn Clock>,
    queue_bytes: usize,
}

#[derive(Default)]
struct Queue {
    commands: VecDeque<Command>,
    bytes: usize,
    closed: bool,
}

enum Command {
    Append { batch: Vec<NewEvent>, done: AppendDone },
    Delete { topic: Topic, done: DeleteDone },
}

/// Answers to give once the listener has been told.
enum Answer {
    Append(AppendDone, Result<Vec<Receipt>, AppendError>),
    Delete(DeleteDone, bool),
}

/// How often an idle writer looks for events past their age.
const IDLE: Duration = Duration::from_secs(1);

impl Default for MemoryOptions {
    fn default() -> Self {
        Self {
            classes: Classes::default(),
            memory_bytes: 64 << 20,
            idempotency_window: Duration::from_secs(600),
            queue_bytes: 64 << 20,
            clock: Arc::new(SystemClock),
        }
    }
}

impl Memory {
    /// Starts an empty log with a new epoch.
    ///
    /// # Panics
    /// When the system cannot start a thread.
    pub fn new(options: MemoryOptions) -> Arc<Self> {
        let limits = Limits { memory_bytes: options.memory_bytes, idempotency_window: options.idempotency_window };
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(random_epoch(), options.classes, limits)),
            queue: Mutex::default(),
            wake: Condvar::new(),
            listener: OnceLock::new(),
            clock: options.clock,
            queue_bytes: options.queue_bytes,
        });
        let writer = thread::Builder::new().name("log-memory".into()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.run()
        });
        Arc::new(Self { shared, writer: Mutex::new(Some(writer.expect("start the log's writer thread"))) })
    }
}

impl Engine for Memory {
    fn append(&self, batch: Vec<NewEvent>, done: AppendDone) {
        let bytes: usize = batch.iter().map(waiting_bytes).sum();
        let mut queue = lock(&self.shared.queue);
        let refusal = match () {
            () if queue.closed => AppendError::Closed,
            () if queue.bytes > 0 && queue.bytes + bytes > self.shared.queue_bytes => AppendError::Overloaded,
            () => {
                queue.bytes += bytes;
                queue.commands.push_back(Command::Append { batch, done });
                self.shared.wake.notify_one();
                return;
            }
        };
        drop(queue);
        done(Err(refusal));
    }

    fn delete(&self, topic: &Topic, done: DeleteDone) {
        let mut queue = lock(&self.shared.queue);
        if queue.closed {
            drop(queue);
            return done(Err(AppendError::Closed));
        }
        queue.commands.push_back(Command::Delete { topic: topic.clone(), done });
        self.shared.wake.notify_one();
    }

    fn bounds(&self) -> Bounds {
        self.shared.state().bounds()
    }

    fn reader(&self, selection: Arc<Selection>, after: u64) -> Box<dyn Reader> {
        Box::new(MemoryReader::new(Arc::clone(&self.shared), selection, after))
    }

    fn resume(&self, selection: Arc<Selection>, after: u64) -> (Box<dyn Reader>, Option<Gap>) {
        let mut reader = MemoryReader::new(Arc::clone(&self.shared), selection, after);
        let gap = reader.look_back();
        (Box::new(reader), gap)
    }

    fn seek(&self, time: SystemTime) -> u64 {
        let time = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        self.shared.state().seek(time)
    }

    fn topic(&self, topic: &Topic) -> Option<TopicInfo> {
        self.shared.state().topic(topic)
    }

    fn topics(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<TopicInfo> {
        self.shared.state().topics(prefix, after, limit)
    }

    fn health(&self) -> Health {
        match lock(&self.shared.queue).closed {
            true => Health::Failed("the log is closed".into()),
            false => Health::Ready,
        }
    }

    fn set_listener(&self, listener: DurableListener) {
        // A second listener is ignored: there is one by contract.
        let _ = self.shared.listener.set(listener);
    }

    fn set_classes(&self, classes: Classes) {
        let now = self.shared.clock.now();
        lock(&self.shared.state).set_classes(classes, now);
    }

    fn usage(&self) -> Usage {
        self.shared.state().usage()
    }

    fn close(&self) {
        lock(&self.shared.queue).closed = true;
        self.shared.wake.notify_one();
        let writer = lock(&self.writer).take();
        // A callback may drop the last handle: the writer must not wait for itself.
        if let Some(writer) = writer.filter(|writer| writer.thread().id() != thread::current().id()) {
            let _ = writer.join();
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// The state, with everything past its age gone.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        state.sweep(self.clock.now());
        state
    }

    fn run(&self) {
        while let Some(group) = self.gather() {
            if group.is_empty() {
                drop(self.state());
            } else {
                self.write(group);
            }
        }
    }

    /// Everything that has queued up; empty after an idle second, `None` once closed and drained.
    fn gather(&self) -> Option<VecDeque<Command>> {
        let mut queue = lock(&self.queue);
        if queue.commands.is_empty() && !queue.closed {
            let waited = self.wake.wait_timeout_while(queue, IDLE, |queue| queue.commands.is_empty() && !queue.closed);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if queue.commands.is_empty() && queue.closed {
            return None;
        }
        queue.bytes = 0;
        Some(std::mem::take(&mut queue.commands))
    }

    fn write(&self, group: VecDeque<Command>) {
        let mut answers = Vec::with_capacity(group.len());
        let mut durable = Durable { head: 0, events: Vec::new(), deleted: Vec::new() };
        let mut state = self.state();
        let now = self.clock.now();
        for command in group {
            answers.push(match command {
                Command::Append { batch, done } => Answer::Append(done, state.append(batch, now, &mut durable.events)),
                Command::Delete { topic, done } => {
                    let place = state.delete(&topic);
                    durable.deleted.extend(place.map(|place| (topic, place)));
                    Answer::Delete(done, place.is_some())
                }
            });
        }
        state.evict();
        durable.head = state.bounds().head;
        drop(state);
        if let Some(listener) =
            self.listener.get().filter(|_| !durable.events.is_empty() || !durable.deleted.is_empty())
        {
            listener(durable);
        }
        for answer in answers {
            match answer {
                Answer::Append(done, outcome) => done(outcome),
                Answer::Delete(done, known) => done(Ok(known)),
            }
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("bounds", &lock(&self.state).bounds()).finish_non_exhaustive()
    }
}

/// Poison is ignored: only callbacks of others can panic, and they run outside the locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn waiting_bytes(event: &NewEvent) -> usize {
    let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
    size_of::<NewEvent>() + event.data.len() + text(&event.key) + text(&event.idempotency_key)
}

fn random_epoch() -> Epoch {
    // The standard library seeds every `RandomState` from the system's randomness.
    loop {
        if let Some(epoch) = Epoch::new(RandomState::new().build_hasher().finish() as u32) {
            return epoch;
        }
    }
}
