//! A reader that takes its time.

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::connection::Connection;
use crate::request::Request;

/// A peer with a small receive buffer that takes one byte per interval, from its own thread, until it is dropped.
#[derive(Debug)]
pub struct SlowReader {
    taken: Arc<AtomicUsize>,
    /// Dropped to end the thread.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SlowReader {
    /// Connects, sends the request and begins to read.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn start(address: SocketAddr, request: &Request, interval: Duration) -> Self {
        let mut connection = Connection::with_receive_buffer(address, 4 << 10);
        connection.request(request);
        let (stop, stopped) = mpsc::channel();
        let taken = Arc::new(AtomicUsize::new(0));
        let count = taken.clone();
        let thread = thread::spawn(move || {
            connection.socket().set_read_timeout(Some(interval)).unwrap();
            let mut ended = false;
            while stopped.recv_timeout(interval) == Err(mpsc::RecvTimeoutError::Timeout) {
                match connection.socket().read(&mut [0]) {
                    Ok(read) => drop(count.fetch_add(read, Ordering::Relaxed)),
                    Err(error) => ended |= error.kind() == std::io::ErrorKind::ConnectionReset,
                }
                if ended {
                    return;
                }
            }
        });
        Self { taken, stop: Some(stop), thread: Some(thread) }
    }

    /// How many bytes it has taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Whether the hub has reset its connection.
    pub fn was_reset(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }
}

impl Drop for SlowReader {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}
