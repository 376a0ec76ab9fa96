//! Where test services send what their clients receive.

use std::collections::HashMap;
use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::incoming::Incoming;

/// A listener for messages, with an address for each client. Its threads end with the test process.
#[derive(Debug)]
pub(crate) struct Callbacks {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// Where the messages of one client come.
#[derive(Debug)]
pub(crate) struct Receipts {
    number: u64,
    shared: Arc<Shared>,
    messages: Receiver<Result<Value, String>>,
}

#[derive(Debug, Default)]
struct Shared {
    inboxes: Mutex<Inboxes>,
    /// An inbox is held no longer.
    released: Condvar,
}

#[derive(Debug, Default)]
struct Inboxes {
    /// The number of the newest.
    newest: u64,
    open: HashMap<u64, Inbox>,
}

/// Of one client.
#[derive(Debug)]
struct Inbox {
    /// Messages that came.
    count: u64,
    /// Messages are taken and not answered.
    held: bool,
    sender: Sender<Result<Value, String>>,
}

impl Callbacks {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared: Arc<Shared> = Arc::default();
        let known = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let known = known.clone();
                // A service that is stopped in the middle of a message is part of some tests.
                thread::spawn(move || drop(serve(stream, &known)));
            }
        });
        Self { address, shared }
    }

    /// An address to send messages to, and what comes there: a message, or why it is none.
    pub(crate) fn open(&self) -> (String, Receipts) {
        let (sender, messages) = channel();
        let mut inboxes = self.shared.lock();
        inboxes.newest += 1;
        let number = inboxes.newest;
        inboxes.open.insert(number, Inbox { count: 0, held: false, sender });
        (format!("http://{}/{number}", self.address), Receipts { number, shared: self.shared.clone(), messages })
    }
}

impl Receipts {
    /// The next message by the end of this time, or why it is none.
    pub(crate) fn next(&self, wait: Duration) -> Option<Result<Value, String>> {
        self.messages.recv_timeout(wait).ok()
    }

    /// From now on, whether messages are answered.
    pub(crate) fn hold(&self, held: bool) {
        if let Some(inbox) = self.shared.lock().open.get_mut(&self.number) {
            inbox.held = held;
        }
        self.shared.released.notify_all();
    }
}

impl Drop for Receipts {
    fn drop(&mut self) {
        self.hold(false);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inboxes> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(incoming) = Incoming::read(&mut reader)? {
        let taken = take(&incoming, &mut shared.lock());
        // What came before it was held is answered all the same.
        if let Some((client, true)) = taken {
            let held = |inboxes: &mut Inboxes| inboxes.open[&client].held;
            drop(shared.released.wait_while(shared.lock(), held).unwrap_or_else(PoisonError::into_inner));
        }
        let status = if taken.is_some() { 202 } else { 404 };
        write!(writer, "HTTP/1.1 {status} Taken\r\nContent-Length: 0\r\n\r\n")?;
    }
    Ok(())
}

/// Puts a message into its inbox, if there is one; the number of its client, and whether it is held.
fn take(incoming: &Incoming, inboxes: &mut Inboxes) -> Option<(u64, bool)> {
    let mut path = incoming.target.trim_start_matches('/').split('/').map(|part| part.parse().ok());
    let (Some(Some(client)), Some(Some(number)), None) = (path.next(), path.next(), path.next()) else { return None };
    let inbox = inboxes.open.get_mut(&client)?;
    inbox.count += 1;
    let message = match serde_json::from_slice(&incoming.body) {
        _ if number != inbox.count => Err(format!("message {number} came as number {}", inbox.count)),
        Ok(message) if incoming.method == "POST" => Ok(message),
        Ok(_) => Err(format!("sent with {}", incoming.method)),
        Err(error) => Err(error.to_string()),
    };
    // Nobody reads on once the test is over.
    let _ = inbox.sender.send(message.map_err(|why| format!("{why}: {incoming:?}")));
    Some((client, inbox.held))
}
