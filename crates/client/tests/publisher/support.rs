//! What the tests of publishing share.

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use headwater_client::{Publisher, PublisherBuilder, Retry};
use headwater_testkit::{Client, PATIENCE};
use serde_json::Value;

/// Settings with waiting times for tests.
pub(crate) fn builder(address: SocketAddr) -> PublisherBuilder {
    let retry = Retry { first: Duration::from_millis(5), most: Duration::from_millis(50), ..Retry::default() };
    Publisher::builder(format!("http://{address}")).retry(retry)
}

/// A publisher with such settings.
pub(crate) fn publisher(address: SocketAddr) -> Publisher {
    builder(address).open().unwrap()
}

/// Everything a topic has: ids, types and data.
pub(crate) fn events(hub: &Client, topic: &str) -> Vec<(String, String, String)> {
    let answer = hub.poll(&format!("topic={topic}&since=earliest&wait=0&limit=10000"));
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    let events = answer["events"].as_array().unwrap().iter();
    events.map(|event| (text(event, "id"), text(event, "event"), text(event, "data"))).collect()
}

/// The data of everything a topic has.
pub(crate) fn data(hub: &Client, topic: &str) -> Vec<String> {
    events(hub, topic).into_iter().map(|(_, _, data)| data).collect()
}

/// The data of events with the numbers up to `count`.
pub(crate) fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

/// Waits for a future, and not for ever.
pub(crate) async fn in_time<F: Future>(what: &str, future: F) -> F::Output {
    let done = tokio::time::timeout(PATIENCE, future).await;
    done.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for {what}"))
}

/// Whether a future has to wait.
pub(crate) fn is_waiting<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    matches!(future.poll(&mut context), Poll::Pending)
}

/// Passes requests on to `hub`; the answers of the first connections, so many, are lost once the hub has begun them.
pub(crate) fn losing_answers(hub: SocketAddr, lost: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (at, client) in listener.incoming().enumerate() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(hub)) else { return };
            thread::spawn(move || pass(client, server, at < lost));
        }
    });
    address
}

fn pass(mut client: TcpStream, mut server: TcpStream, is_lost: bool) {
    let (mut asking, mut asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut asking, &mut asked));
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        if is_lost || client.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    // Both may be gone already.
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = server.shutdown(std::net::Shutdown::Both);
}
