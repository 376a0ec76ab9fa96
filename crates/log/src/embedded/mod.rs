//! The engine that keeps the log in segment files.
//!
//! `queue` takes requests in; `writer` (with `resolve`, `group` and `chain_file`) makes them durable; `index` (with
//! `topics` and `active`) is what readers see; `reader` (with `fetch`) reads; `recovery` (with `scan`
//! `reading` and `cut`) opens a folder; `keeper` (with `settle`, `retention` and `rewrite`) removes what is due.

mod active;
mod chain_file;
mod cut;
mod fetch;
mod folder;
mod gaps;
mod group;
mod idempotency;
mod index;
mod keeper;
mod options;
mod places;
mod plan;
mod queue;
mod reader;
mod reading;
mod recovery;
mod renewal;
mod resolve;
mod retention;
mod rewrite;
mod roll;
mod scan;
mod seal;
mod sealed;
mod seek;
mod settle;
mod shared;
mod topics;
mod volatile;
mod window;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{
    AppendDone, AppendError, Bounds, Classes, DeleteDone, DurableListener, Engine, Gap, Health, NewEvent, Reader,
    Selection, Topic, TopicInfo, Usage,
};
use folder::Folder;
use keeper::{Keeper, Stop};
pub use options::{EmbeddedOptions, OpenError};
use queue::{Queue, Request};
use reader::LogReader;
use recovery::Recovered;
pub use renewal::{RenewedEpoch, renew_epoch};
use shared::Shared;
use writer::Writer;

/// A log in segment files of one folder, held exclusively while it is open.
pub struct Embedded {
    shared: Arc<Shared>,
    stop: Arc<Stop>,
    /// Locked for one pass at a time, by its thread or by who wants one now; gone with `close`.
    keeper: Arc<Mutex<Option<Keeper>>>,
    /// The writer and the keeper, until it is closed.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Embedded {
    /// Opens the log of a folder, or starts one there. What a crash left unfinished is cut; what was acknowledged is
    /// all there.
    ///
    /// # Errors
    /// [`OpenError`] when another log has the folder, the storage refuses, or stored events are damaged.
    pub fn open(options: EmbeddedOptions) -> Result<Arc<Self>, OpenError> {
        let folder = Arc::new(Folder::lock(&options.folder, options.disk.clone())?);
        let recovered = recovery::recover(&folder, &options)?;
        let Recovered { manifest, seal, index, files, tails, next, keys } = recovered;
        let classes = index.classes.clone();
        let queue = Queue::new(options.queue_bytes);
        let shared = Arc::new(Shared::new(index, queue, options.clock, manifest.epoch, seal));
        let segment_bytes = options.segment_bytes.clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
        let writer = Writer {
            shared: shared.clone(),
            folder,
            manifest,
            seal,
            files,
            tails,
            next,
            keys,
            segment_bytes,
            classes,
            slots: Vec::new(),
        };
        let stop = Arc::new(Stop::default());
        let window = options.idempotency_window;
        let keeper = Keeper::new(shared.clone(), writer.folder.clone(), stop.clone(), window);
        let failed = |error: std::io::Error| OpenError::Storage {
            file: options.folder.clone(),
            cause: format!("start a thread: {error}"),
        };
        let thread = std::thread::Builder::new().name("log-writer".into()).spawn(move || writer.run());
        let keeper = Arc::new(Mutex::new(Some(keeper)));
        let mut log = Self {
            shared,
            stop: stop.clone(),
            keeper: keeper.clone(),
            threads: Mutex::new(vec![thread.map_err(failed)?]),
        };
        let thread = std::thread::Builder::new().name("log-keeper".into()).spawn(move || Keeper::run(&keeper, &stop));
        log.threads.get_mut().unwrap_or_else(PoisonError::into_inner).push(thread.map_err(failed)?);
        Ok(Arc::new(log))
    }

    /// Does at once what the background thread does every half a second: lets go of what is past its age, gives dead
    /// space back. One pass does a bounded amount. Blocks on the disk.
    pub fn keep(&self) {
        Keeper::keep(&self.keeper);
    }
}

impl Engine for Embedded {
    fn append(&self, batch: Vec<NewEvent>, done: AppendDone) {
        if batch.is_empty() {
            return done(Ok(Vec::new()));
        }
        self.shared.queue.push(Request::Append { batch, done });
    }

    fn delete(&self, topic: &Topic, done: DeleteDone) {
        self.shared.queue.push(Request::Delete { topic: topic.clone(), done });
    }

    fn bounds(&self) -> Bounds {
        let index = self.shared.index();
        Bounds { epoch: self.shared.epoch, before_first: index.before_first(), head: index.head }
    }

    fn reader(&self, selection: Arc<Selection>, after: u64) -> Box<dyn Reader> {
        self.shared.settle(Some(&selection));
        Box::new(LogReader::new(self.shared.clone(), selection, after))
    }

    fn resume(&self, selection: Arc<Selection>, after: u64) -> (Box<dyn Reader>, Option<Gap>) {
        self.shared.settle(Some(&selection));
        let mut reader = LogReader::new(self.shared.clone(), selection, after);
        let gap = reader.look_back();
        (Box::new(reader), gap)
    }

    fn seek(&self, time: SystemTime) -> u64 {
        let micros =
            time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros().min(u128::from(u64::MAX)) as u64);
        self.shared.seek(micros)
    }

    fn topic(&self, topic: &Topic) -> Option<TopicInfo> {
        self.shared.topic(topic)
    }

    fn topics(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<TopicInfo> {
        self.shared.topics(prefix, after, limit)
    }

    fn health(&self) -> Health {
        self.shared.health()
    }

    fn set_listener(&self, listener: DurableListener) {
        // The first one stays; a second call is a mistake of the caller that changes nothing.
        let _ = self.shared.listener.set(listener);
    }

    fn set_classes(&self, classes: Classes) {
        self.shared.index_mut().set_classes(classes);
    }

    fn usage(&self) -> Usage {
        self.shared.settle(None);
        self.shared.index().usage()
    }

    fn close(&self) {
        self.shared.queue.shut(AppendError::Closed);
        self.stop.stop();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let current = std::thread::current().id();
        // A callback may drop the last handle: the writer must not wait for itself.
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != current) {
            // One that panicked has nothing left to finish.
            let _ = thread.join();
        }
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.close();
    }
}

/// Below this a segment would hold a handful of events.
const MIN_SEGMENT_BYTES: u64 = 4 << 10;
/// Offsets in a segment have 32 bits, and a group may stand behind the limit.
const MAX_SEGMENT_BYTES: u64 = 1 << 30;
