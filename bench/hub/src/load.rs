//! Filling a log, and reading it back.

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncReadExt;

use crate::http::{Connection, request};

const BATCH: u64 = 2000;

/// Publishes `events` events of 100 bytes in batches.
pub(crate) async fn fill(address: SocketAddr, events: u64, topic: impl Fn(u64) -> String) -> io::Result<()> {
    let mut connection = Connection::open(address).await?;
    let data = "x".repeat(92);
    let mut n = 0;
    while n < events {
        let batch: Vec<String> = (n..events.min(n + BATCH))
            .map(|n| format!("{{\"topic\":\"{}\",\"data\":\"{n:08}{data}\"}}", topic(n)))
            .collect();
        connection.post(&request("/v1/events", "application/json", &format!("[{}]", batch.join(",")))).await?;
        n += BATCH;
    }
    Ok(())
}

/// Reads the topic from its first event until `events` came; the bytes it took. Counts event blocks by their topic
/// line, which is the same in every one.
pub(crate) async fn replay(address: SocketAddr, topic: &str, events: u64) -> io::Result<u64> {
    let mut stream = Connection::open(address).await?.get(&format!("/v1/events?topic={topic}&since=earliest")).await?;
    let last = format!("data: {:08}", events - 1).into_bytes();
    let mut buffer = vec![0; 1 << 20];
    let (mut kept, mut bytes) = (0, 0);
    loop {
        let n = stream.read(&mut buffer[kept..]).await?;
        if n == 0 {
            return Err(io::Error::other("the stream ended before the last event"));
        }
        bytes += n as u64;
        let filled = kept + n;
        if buffer[..filled].windows(last.len()).any(|window| window == last) {
            return Ok(bytes);
        }
        // The last event's number may be cut between two reads.
        kept = last.len().min(filled);
        buffer.copy_within(filled - kept..filled, 0);
    }
}
