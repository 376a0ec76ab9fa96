//! Listening sockets and the accept loop.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::budget::Place;
use super::connection::{self, Guest, Phase, Site};
use crate::flow::deliver::patience;
use crate::limit::Held;

const BACKLOG: i32 = 4096;
/// Largest segment sent. Without a limit one segment on the loopback device is as large as the send buffer of a stream,
/// and the peer, which delays the acknowledgement of a single segment by 40 ms, would slow a replay to 3 MB/s. Real
/// networks have smaller ones anyhow.
const SEGMENT: u32 = 8 << 10;

/// How long a connection over a limit may take to ask and be told so.
const TURNED_AWAY: Duration = Duration::from_secs(2);

/// Binds one listener per shard to the same address, so that the kernel spreads the connections.
///
/// # Errors
/// What the kernel says; `AddrInUse` also when another process shares its port the same way.
pub(crate) fn bind(address: SocketAddr, shards: usize) -> io::Result<Vec<std::net::TcpListener>> {
    // Sockets that allow sharing would silently join those of another hub; one that does not is refused.
    drop(listening(address, false)?);
    let first = listening(address, true)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..shards {
        listeners.push(listening(address, true)?);
    }
    Ok(listeners)
}

fn listening(address: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if shared {
        socket.set_tcp_mss(SEGMENT)?;
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}

/// Accepts until the hub stops. A connection for which there is no place waits, and with it all after it: descriptors
/// never run out, and a place that is free is taken by whichever shard has somebody for it.
pub(crate) async fn accept(listener: TcpListener, site: Rc<Site>, mut phase: watch::Receiver<Phase>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = phase.wait_for(|phase| *phase >= Phase::Stopping) => return,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            // Out of descriptors all the same (another process, or the whole machine): wait, do not spin.
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections for a moment");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if let Err(error) = prepare(&stream) {
            tracing::debug!(%error, "a connection was gone before it began");
            continue;
        }
        let held = match site.hub.limiter.connect_peer(peer, &site.hub.settings()) {
            Ok(held) => held,
            Err(refused) => {
                turn_away(stream, Guest { peer, refused: Some(refused) }, &site);
                continue;
            }
        };
        let place = tokio::select! {
            place = site.hub.budget.place() => place,
            _ = phase.wait_for(|phase| *phase >= Phase::Stopping) => return,
        };
        let Some(place) = place else { return };
        let place = Place { _budget: place, _address: held };
        site.counters.connections.add(1);
        // One at a time between the turns of the streams: a storm of connections must not hold up who is connected.
        tokio::task::yield_now().await;
        tokio::task::spawn_local(connection::serve(stream, Guest { peer, refused: None }, site.clone(), place));
    }
}

/// Turns a connection away that is one too many of its address. A bounded number is answered, each within a short time;
/// what has no place among them is closed, and so is everything encrypted, as a handshake would cost more than serving
/// it. A client of either kind comes back by itself.
fn turn_away(stream: TcpStream, guest: Guest, site: &Rc<Site>) {
    if site.tls.is_some() {
        return;
    }
    let Some(turn) = site.hub.limiter.turn_away() else { return };
    let Some(place) = site.hub.budget.place_now() else { return };
    let place = Place { _budget: place, _address: Held::default() };
    let site = site.clone();
    tokio::task::spawn_local(async move {
        // A client that has not asked by then is not told.
        let _ = tokio::time::timeout(TURNED_AWAY, connection::serve(stream, guest, site, place)).await;
        drop(turn);
    });
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    let socket = socket2::SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(patience::VANISHED))?;
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10)).with_retries(3);
    socket.set_tcp_keepalive(&keepalive)
}
