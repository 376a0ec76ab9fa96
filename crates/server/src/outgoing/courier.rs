//! The thread that the hub's own requests run on.

use std::future::Future;
use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The thread that the hub's own requests run on, away from the shards: names are looked up by the system, which blocks,
/// and a handshake takes a shard's time. Dropping it stops the thread and everything on it.
pub(crate) struct Courier {
    runtime: Handle,
    /// Dropped to stop the thread.
    _stop: oneshot::Sender<()>,
}

/// Sends tasks to a [`Courier`]; once that is gone they end before they begin.
#[derive(Clone, Debug)]
pub(crate) struct Dispatch(Handle);

/// Names that are looked up at the same time; a name server that does not answer holds one place for many seconds.
const LOOKUPS: usize = 8;

impl Courier {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(LOOKUPS).build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let handle = runtime.handle().clone();
        thread::Builder::new().name("outgoing".into()).spawn(move || {
            // An error is the other end being dropped.
            let _ = runtime.block_on(stopped);
            // A name that is being looked up is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, _stop: stop })
    }

    /// For those who have tasks.
    pub(crate) fn dispatch(&self) -> Dispatch {
        Dispatch(self.runtime.clone())
    }
}

impl Dispatch {
    /// Runs a task there. What it returns can be awaited on any other thread; dropping the handle lets the task go on.
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.0.spawn(task)
    }
}
