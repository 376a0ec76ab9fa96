//! Deadlines: heartbeats, maximum age, stalled readers, and the pace of a drain.

use std::time::{Duration, SystemTime};

use headwater_hub::{Closing, Place, Ticket, Wheel};

use super::sessions::{Driver, Entry};
use super::{CloseCause, SessionName, State};
use crate::config::Limits;

/// How long before its end a client is told of it.
const WARNING_MS: u64 = 60_000;
/// How long one whose credential was taken back may take for what is on its way to it.
pub(super) const CUT_MS: u64 = 1000;

impl Entry {
    /// Lets it end at this time if it has not done so before.
    pub(super) fn leave_by(&mut self, at_ms: u64) {
        self.max_age_ms = at_ms.saturating_sub(self.opened_ms).max(1);
    }

    /// When it has stalled, if its reader goes on to take nothing.
    fn stalls_ms(&self, stall_ms: u64) -> Option<u64> {
        self.blocked_ms.filter(|_| !self.in_process).map(|since| since + stall_ms)
    }

    /// When something has to be done about the end of its credential. The wall clock may jump, so it is asked again at
    /// every deadline.
    pub(super) fn expiry_due_ms(&self, now: u64) -> u64 {
        let Some(grant) = self.grant.as_ref().filter(|_| self.closing.is_none() && self.ending.is_none()) else {
            return u64::MAX;
        };
        let left = left_ms(grant.expires_s);
        let wait = if self.warned { left } else { left.saturating_sub(WARNING_MS) };
        // One that cannot be told now, because a frame is on its way, is asked again a little later.
        now.saturating_add(wait.max(Wheel::TICK_MS))
    }
}

/// Whether a session that is ended for this reason is not waited for.
fn has_to_go(closing: Closing) -> bool {
    matches!(closing, Closing::Revoked | Closing::Expired)
}

/// Milliseconds until this second since 1970. The end of a credential follows the wall clock, whatever that does.
fn left_ms(at_s: u64) -> u64 {
    let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at_s));
    match end.map(|end| end.duration_since(SystemTime::now())) {
        Some(Ok(left)) => u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
        Some(Err(_)) => 0,
        // Beyond what a clock can show.
        None => u64::MAX,
    }
}

impl State {
    /// Takes the deadlines that have come.
    pub(crate) fn on_tick(&mut self) {
        let now = self.now_ms();
        let mut due = Vec::new();
        self.wheel.advance(now, &mut due);
        let settings = self.hub.settings();
        for ticket in due {
            self.on_deadline(ticket, now, &settings.limits);
        }
        self.drain_some();
        self.resume_replays(now);
    }

    fn on_deadline(&mut self, ticket: Ticket, now: u64, limits: &Limits) {
        let stall_ms = limits.stall_timeout.as_millis() as u64;
        let lag_ms = limits.lag.as_millis() as u64;
        let head = self.head;
        let Some(entry) = self.sessions.find(ticket).filter(|entry| now >= entry.due_ms) else { return };
        if entry.stalls_ms(stall_ms).is_some_and(|stalled| now >= stalled) {
            return self.close(ticket.slot, CloseCause::Stalled);
        }
        if let Driver::Socket(socket) = &mut entry.driver
            && entry.blocked_ms.is_none()
        {
            socket.wait_as_usual();
        }
        // Nor is one waited for that may have nothing more, and takes what it was to have slowly.
        if let Some(closing) = entry.closing.filter(|closing| has_to_go(*closing))
            && entry.blocked_ms.is_some()
            && now >= entry.opened_ms + entry.max_age_ms
        {
            return self.close(ticket.slot, closing.into());
        }
        if entry.max_age_ms > 0 && now >= entry.opened_ms + entry.max_age_ms && entry.closing.is_none() {
            entry.closing = Some(Closing::MaxAge);
        }
        if lag_ms > 0 && entry.behind_since().is_some_and(|since| now >= since + lag_ms) && entry.closing.is_none() {
            entry.closing = Some(Closing::Lagged);
        }
        if let Some(grant) = &entry.grant
            && entry.closing.is_none()
            && entry.ending.is_none()
        {
            let left = left_ms(grant.expires_s);
            if left == 0 {
                entry.closing = Some(Closing::Expired);
                entry.leave_by(now + CUT_MS);
            } else if left <= WARNING_MS && !entry.warned && entry.session.partial() == 0 {
                let name = SessionName { shard: self.index, ticket }.to_string();
                self.hub.wire.expiring(entry.format, grant.expires_s, &name, &mut entry.control);
                entry.warned = true;
            }
        }
        let silent = now + Wheel::TICK_MS > entry.sent_ms + u64::from(entry.heartbeat_ms);
        let idle = entry.control.is_empty() && entry.session.partial() == 0 && entry.blocked_ms.is_none();
        if entry.closing.is_none() && entry.ending.is_none() && silent && idle {
            let cursor = entry.session.cursor(head);
            let moved = entry.session.place == Place::Live && cursor > entry.session.told();
            self.hub.wire.heartbeat(entry.format, moved.then_some(cursor), entry.session.told(), &mut entry.control);
            if moved {
                entry.session.tell(cursor);
            }
            self.counters.heartbeats.add(1);
        }
        self.serve(ticket.slot);
        let Some(entry) = self.sessions.find(ticket) else { return };
        let beat = match entry.sent_ms + u64::from(entry.heartbeat_ms) {
            passed if passed <= now => now + u64::from(entry.heartbeat_ms),
            coming => coming,
        };
        let stalled = entry.stalls_ms(stall_ms).unwrap_or(u64::MAX);
        let aged = match entry.max_age_ms {
            age if age > 0 && entry.closing.is_none_or(has_to_go) => entry.opened_ms + age,
            _ => u64::MAX,
        };
        let lagged = match entry.behind_since() {
            Some(since) if lag_ms > 0 && entry.closing.is_none() => since + lag_ms,
            _ => u64::MAX,
        };
        entry.due_ms = beat.min(stalled).min(aged).min(lagged).min(entry.expiry_due_ms(now));
        self.wheel.schedule(entry.due_ms, ticket);
    }

    /// Lets a session whose reader has just stopped taking anything have its deadline when it has stalled, if that comes
    /// before the one it has. At most one more entry of the wheel per stall time, as no later one is made before.
    pub(crate) fn expect_stall(&mut self, slot: u32) {
        let stall_ms = self.hub.settings().limits.stall_timeout.as_millis() as u64;
        let Some(ticket) = self.sessions.ticket(slot) else { return };
        let Some(entry) = self.sessions.find(ticket) else { return };
        let Some(stalled) = entry.stalls_ms(stall_ms) else { return };
        if let Driver::Socket(socket) = &mut entry.driver {
            socket.wait_for_slow();
        }
        if stalled < entry.due_ms {
            entry.due_ms = stalled;
            self.wheel.schedule(stalled, ticket);
        }
    }

    /// Lets a session go on: writes to its socket, or wakes whoever pulls.
    pub(crate) fn serve(&mut self, slot: u32) {
        let Some(entry) = self.sessions.get_mut(slot) else { return };
        match &mut entry.driver {
            Driver::Socket(_) => self.pump(slot),
            Driver::Pull(puller) => puller.wake(),
        }
    }

    /// Ends as many sessions as this tick's share of the drain.
    fn drain_some(&mut self) {
        let Some((rate, carried)) = self.drain else { return };
        let budget = carried + rate * Wheel::TICK_MS as f64 / 1000.0;
        let slots: Vec<u32> = self.sessions.slots().collect();
        let mut left = budget as usize;
        for slot in slots {
            if left == 0 {
                break;
            }
            let Some(entry) = self.sessions.get_mut(slot) else { continue };
            if entry.closing.is_none() {
                entry.closing = Some(Closing::Drain);
                left -= 1;
                self.serve(slot);
            }
        }
        self.drain = Some((rate, budget.fract() + left.min(1) as f64));
    }
}
