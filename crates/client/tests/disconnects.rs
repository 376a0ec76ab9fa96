//! A stream over connections that are cut again and again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use headwater_client::{Item, Retry, Subscription};
use headwater_testkit::{LocalHub, Request};

const EVENTS: usize = 100_000;
const BATCH: usize = 500;
const CUTS: usize = 200;
/// On average half of it gets through: less in all connections that are cut than the events need.
const MOST_BYTES: usize = 30_000;

/// IDG-08, CLI-01: duplicates are dropped, nothing is missing, the order is kept.
#[tokio::test(flavor = "multi_thread")]
async fn idg_08_events_come_once_and_in_order_through_cut_connections() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    // The hub's reconnect time is a floor for every one of the waits.
    let hub = LocalHub::with(
        "retry = \"100ms\"\n[[class]]\ntopics = [\"n\"]\nretention = { events = 200000, bytes = \"1GiB\" }",
    );
    let (relay, cuts) = relay(hub.address(), seed);
    let publisher = hub.client();
    let publishing = thread::spawn(move || {
        for first in (0..EVENTS).step_by(BATCH) {
            let lines: String =
                (first..first + BATCH).map(|n| format!("{{\"topic\":\"n\",\"data\":\"{n}\"}}\n")).collect();
            let request = Request::post("/v1/events", lines).header("Content-Type", "application/x-ndjson");
            let answer = publisher.send(&request);
            assert_eq!(answer.status(), 201, "{answer:?}");
        }
    });
    let retry = Retry { first: Duration::from_millis(1), most: Duration::from_millis(5), ..Retry::default() };
    let mut subscription =
        Subscription::hub(&format!("http://{relay}"), ["n"]).since("earliest").retry(retry).open().unwrap();
    for n in 0..EVENTS {
        let item = tokio::time::timeout(Duration::from_secs(10), subscription.next()).await;
        let item = item.unwrap_or_else(|_| panic!("the event {n} does not come after {cuts:?} cuts"));
        match item {
            Some(Ok(Item::Event(event))) => assert_eq!(event.data, n.to_string()),
            other => panic!("not the event {n} but {other:?}"),
        }
    }
    assert_eq!(cuts.load(Ordering::SeqCst), CUTS);
    publishing.join().unwrap();
}

/// Passes connections on to `hub` and cuts the first of them after a random number of bytes; tells how many were cut.
fn relay(hub: SocketAddr, seed: u64) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let cuts = Arc::new(AtomicUsize::new(0));
    let counted = cuts.clone();
    thread::spawn(move || {
        let mut random = fastrand::Rng::with_seed(seed);
        for client in listener.incoming() {
            let Ok(client) = client else { return };
            let is_cut = counted.load(Ordering::SeqCst) < CUTS;
            let most = if is_cut { random.usize(0..MOST_BYTES) } else { usize::MAX };
            // One connection after the other: a client has one at a time.
            if pass(client, hub, most) {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (address, cuts)
}

/// Passes one connection on until it ends by itself, or the server has sent `most` bytes; tells whether it was cut.
fn pass(mut client: TcpStream, hub: SocketAddr, most: usize) -> bool {
    let mut server = TcpStream::connect(hub).unwrap();
    let (mut asking, mut asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut asking, &mut asked);
        // The client is gone.
        let _ = asked.shutdown(Shutdown::Both);
    });
    let mut left = most;
    let mut buffer = [0; 16 * 1024];
    while left > 0 {
        let room = left.min(buffer.len());
        let Ok(read @ 1..) = server.read(&mut buffer[..room]) else { break };
        if client.write_all(&buffer[..read]).is_err() {
            break;
        }
        left -= read;
    }
    // Both may be gone already.
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
    left == 0
}
