//! The h1 driver: the shard's loop owns the bare socket of a plaintext HTTP/1 stream.
//!
//! No task, timer, queue or buffer per connection. A send that takes only part leaves the session with a
//! cursor and the number of bytes of the next frame that are out; the rest is made again when the socket
//! can take more.

use std::io;

use headwater_hub::{Run, Ticket};
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use super::Step;
use crate::flow::fanout::{BareSocket, CloseCause, Driver, Entry, Opening, State};

/// Runs one session may take before others get their turn.
const RUNS_PER_TURN: usize = 4;
/// Sockets with news that are handled before others get their turn.
const SOCKETS_PER_TURN: usize = 16;
/// Bytes a client may send after its request before it is taken for a mistake (T24: nothing follows a
/// stream's request on its connection).
const STRAY_BYTES: usize = 4096;

impl State {
    /// Takes over a socket whose request has been answered with `opening.first_bytes`, still unsent.
    pub(crate) fn adopt(&mut self, socket: BareSocket, opening: Opening) {
        let ticket = self.open(opening, Driver::Socket(socket));
        let Some(Entry { driver: Driver::Socket(socket), .. }) = self.sessions.find(ticket) else { return };
        let data = epoll::EventData::new_u64(u64::from(ticket.slot) << 32 | u64::from(ticket.generation));
        // Edge-triggered: one registration for the life of the socket, and no word from the kernel about
        // writability except after a send that found it full.
        let interest =
            epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        let watched = epoll::add(&self.epoll, socket, data, interest);
        match watched {
            Ok(()) => self.pump(ticket.slot),
            Err(error) => {
                tracing::warn!(%error, "cannot watch a socket; its stream is closed");
                self.close(ticket.slot, CloseCause::Error);
            }
        }
    }

    /// Handles some of what the kernel says about the sockets, and notes whether there may be more.
    pub(crate) fn on_sockets(&mut self) -> io::Result<()> {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(SOCKETS_PER_TURN);
        let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&at_once))?;
        self.more_sockets = events.len() == events.capacity();
        for event in &events {
            let data = event.data.u64();
            let ticket = Ticket { slot: (data >> 32) as u32, generation: data as u32 };
            self.on_socket(ticket, event.flags);
        }
        Ok(())
    }

    fn on_socket(&mut self, ticket: Ticket, flags: epoll::EventFlags) {
        use epoll::EventFlags as E;
        let Some(entry) = self.sessions.find(ticket) else { return };
        let Driver::Socket(socket) = &entry.driver else { return };
        if flags.intersects(E::HUP | E::ERR | E::RDHUP) || (flags.contains(E::IN) && gone(socket)) {
            return self.close(ticket.slot, CloseCause::Client);
        }
        if flags.contains(E::OUT) {
            self.pump(ticket.slot);
        }
    }

    /// Goes on with the sessions that gave way to others.
    pub(crate) fn resume_unfinished(&mut self) {
        for _ in 0..self.unfinished.len().min(SOCKETS_PER_TURN) {
            let Some(ticket) = self.unfinished.pop_front() else { return };
            if self.sessions.find(ticket).is_some() {
                self.serve(ticket.slot);
            }
        }
    }

    /// Writes until the session has everything, the socket is full, or its turn is over.
    pub(crate) fn pump(&mut self, slot: u32) {
        for _ in 0..RUNS_PER_TURN {
            match self.step(slot) {
                Step::Control => {
                    if !self.send_control(slot) {
                        return;
                    }
                }
                Step::Tail(run) => {
                    let partial = self.sessions.get_mut(slot).map_or(0, |entry| entry.session.partial());
                    if !self.send_run(slot, &run, partial) {
                        return;
                    }
                }
                Step::Log => {
                    if !self.send_page(slot) {
                        return;
                    }
                }
                Step::Gap { reason, requested, resumed_at } => {
                    let Some(entry) = self.sessions.get_mut(slot) else { return };
                    let requested = self.hub.wire.position(requested).to_string();
                    self.hub.wire.gap(entry.format, reason, &requested, resumed_at, &mut entry.control);
                    entry.session.skip_to(resumed_at);
                    self.counters.gaps.add(1);
                }
                Step::Wait => return,
                Step::End(cause) => return self.close(slot, cause),
            }
        }
        if let Some(ticket) = self.sessions.ticket(slot) {
            self.unfinished.push_back(ticket);
        }
    }

    /// Sends a run from byte `from`; whether all of it left. The session notes how far it came.
    pub(crate) fn send_run(&mut self, slot: u32, run: &Run, from: usize) -> bool {
        let Some(sent) = self.send(slot, &run.bytes[from..]) else { return false };
        let Some(entry) = self.sessions.get_mut(slot) else { return false };
        entry.session.advance(run, from + sent);
        self.counters.delivered(run, from, from + sent);
        from + sent == run.bytes.len()
    }

    fn send_page(&mut self, slot: u32) -> bool {
        let Some(entry) = self.sessions.get_mut(slot) else { return false };
        let Some(log) = &entry.log else { return false };
        let Some(run) = log.run().cloned() else { return true };
        let from = match log.sent {
            0 => entry.session.partial(),
            sent => sent,
        };
        let end = run.bytes.len().min(from + crate::hub::RUN_BYTES);
        let Some(sent) = self.send(slot, &run.bytes[from..end]) else { return false };
        let Some(entry) = self.sessions.get_mut(slot) else { return false };
        entry.session.advance(&run, from + sent);
        if let Some(log) = &mut entry.log {
            log.sent = from + sent;
        }
        self.counters.delivered(&run, from, from + sent);
        from + sent == end
    }

    fn send_control(&mut self, slot: u32) -> bool {
        let Some(entry) = self.sessions.get_mut(slot) else { return false };
        let bytes = std::mem::take(&mut entry.control);
        let Some(sent) = self.send(slot, &bytes) else { return false };
        let Some(entry) = self.sessions.get_mut(slot) else { return false };
        if sent < bytes.len() {
            entry.control = bytes[sent..].to_vec();
        }
        sent == bytes.len()
    }

    /// Sends until everything is out or the socket is full; `None` when the session had to be closed.
    fn send(&mut self, slot: u32, bytes: &[u8]) -> Option<usize> {
        let now = self.now_ms();
        let entry = self.sessions.get_mut(slot)?;
        let Driver::Socket(socket) = &entry.driver else { return None };
        let mut sent = 0;
        while sent < bytes.len() {
            match rustix::net::send(socket, &bytes[sent..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(n) => sent += n,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(_) => {
                    // The client is gone; its socket says so in many ways, none of them news.
                    self.close(slot, CloseCause::Client);
                    return None;
                }
            }
        }
        let was_blocked = entry.blocked_ms.is_some();
        entry.blocked_ms = match sent == bytes.len() {
            true => None,
            false if sent > 0 => Some(now),
            false => entry.blocked_ms.or(Some(now)),
        };
        if sent > 0 {
            entry.sent_ms = now;
            entry.bytes += sent as u64;
            self.counters.bytes_out.add(sent as u64);
        }
        if sent < bytes.len() && !was_blocked {
            self.expect_stall(slot);
        }
        Some(sent)
    }
}

/// Reads what a client sends after its request. Whether it has left, or talks on as if it had not asked
/// for a stream.
fn gone(socket: &BareSocket) -> bool {
    let mut scratch = [0u8; 1024];
    let mut stray = 0;
    loop {
        match rustix::net::recv(socket, &mut scratch[..], RecvFlags::DONTWAIT) {
            Ok((_, 0)) => return true,
            Ok((_, n)) => stray += n,
            Err(Errno::AGAIN) => return false,
            Err(Errno::INTR) => {}
            Err(_) => return true,
        }
        if stray > STRAY_BYTES {
            return true;
        }
    }
}
