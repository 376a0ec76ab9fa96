//! How long the kernel waits for a peer.
//!
//! `TCP_USER_TIMEOUT` ends a connection whose data nobody acknowledges, and just as well one whose peer acknowledges and
//! takes nothing, or so little that its window stays shut. Who does the first has vanished. Who does the second is
//! slow, and has the time that slow readers have: that is counted here, not in the kernel.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt::set_tcp_user_timeout;

/// Data unacknowledged for this long means that the peer is gone (KAL-03).
pub(crate) const VANISHED: Duration = Duration::from_secs(30);

/// Lets the kernel wait for a peer that takes nothing at the moment: whoever calls this ends it.
pub(crate) fn wait_for_slow(socket: impl AsFd) {
    set(socket, Duration::ZERO);
}

/// Waits as for any peer.
pub(crate) fn wait_as_usual(socket: impl AsFd) {
    set(socket, VANISHED);
}

fn set(socket: impl AsFd, time: Duration) {
    // It fails on a socket that has just ended, which is noticed anyway.
    let _ = set_tcp_user_timeout(socket, time.as_millis() as u32);
}
