//! Finding the hop that holds events back (BUF-08).

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::peer::{Connection, Stream};

/// Reads one topic through every hop of a chain at the same time while single events are published, and names the
/// first hop, from the hub on, that does not show an event before the next one is published.
///
/// `hops` are names and addresses from the hub outward; the first is the hub. `patience` is how long an event may take
/// to arrive by itself: what takes longer is held back.
///
/// # Panics
/// When the hub itself cannot be talked to.
pub fn batching_hop<'a>(hops: &[(&'a str, SocketAddr)], patience: Duration) -> Option<&'a str> {
    let hub = hops[0].1;
    let topic = format!("buffering/{}", fastrand::u64(..));
    let mut publisher = Connection::open(hub).unwrap();
    let mut readers = Vec::new();
    for (name, address) in hops {
        // A hop that does not even show the head of the answer needs no event to be found out.
        match open(*address, &topic, patience) {
            Ok(stream) => readers.push((*name, stream)),
            Err(_) => return Some(name),
        }
    }
    for number in 0..5 {
        let id = publisher.publish(&topic, &format!("event {number}")).unwrap().id();
        for (name, stream) in &mut readers {
            if !arrives(stream, &id, patience) {
                return Some(name);
            }
        }
    }
    None
}

fn open(address: SocketAddr, topic: &str, patience: Duration) -> io::Result<Stream> {
    let connection = Connection::open(address)?;
    connection.stream().set_read_timeout(Some(patience))?;
    connection.subscribe(&format!("?topic={topic}"), &[])
}

fn arrives(stream: &mut Stream, id: &str, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        match stream.events.receive() {
            Ok(Some(event)) if event.id == id => return true,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return false,
        }
    }
    false
}
