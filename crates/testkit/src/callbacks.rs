//! Where test services send what their clients receive.

use std::collections::HashMap;
use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use crate::incoming::Incoming;

/// A listener for messages, with an address for each client. Its threads end with the test process.
#[derive(Debug)]
pub(crate) struct Callbacks {
    address: SocketAddr,
    inboxes: Arc<Mutex<Inboxes>>,
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
    sender: Sender<Result<Value, String>>,
}

impl Callbacks {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inboxes: Arc<Mutex<Inboxes>> = Arc::default();
        let known = inboxes.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let known = known.clone();
                // A service that is stopped in the middle of a message is part of some tests.
                thread::spawn(move || drop(serve(stream, &known)));
            }
        });
        Self { address, inboxes }
    }

    /// An address to send messages to, and what comes there: a message, or why it is none.
    pub(crate) fn open(&self) -> (String, Receiver<Result<Value, String>>) {
        let (sender, receiver) = channel();
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        inboxes.newest += 1;
        let number = inboxes.newest;
        inboxes.open.insert(number, Inbox { count: 0, sender });
        (format!("http://{}/{number}", self.address), receiver)
    }
}

fn serve(stream: TcpStream, inboxes: &Mutex<Inboxes>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(incoming) = Incoming::read(&mut reader)? {
        let status =
            if take(&incoming, &mut inboxes.lock().unwrap_or_else(PoisonError::into_inner)) { 202 } else { 404 };
        write!(writer, "HTTP/1.1 {status} Taken\r\nContent-Length: 0\r\n\r\n")?;
    }
    Ok(())
}

/// Puts a message into its inbox; whether there is one.
fn take(incoming: &Incoming, inboxes: &mut Inboxes) -> bool {
    let mut path = incoming.target.trim_start_matches('/').split('/').map(|part| part.parse().ok());
    let (Some(Some(client)), Some(Some(number)), None) = (path.next(), path.next(), path.next()) else { return false };
    let Some(inbox) = inboxes.open.get_mut(&client) else { return false };
    inbox.count += 1;
    let message = match serde_json::from_slice(&incoming.body) {
        _ if number != inbox.count => Err(format!("message {number} came as number {}", inbox.count)),
        Ok(message) if incoming.method == "POST" => Ok(message),
        Ok(_) => Err(format!("sent with {}", incoming.method)),
        Err(error) => Err(error.to_string()),
    };
    // Nobody reads on once the test is over.
    inbox.sender.send(message.map_err(|why| format!("{why}: {incoming:?}"))).is_ok()
}
