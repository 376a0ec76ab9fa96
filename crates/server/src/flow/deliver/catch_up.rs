//! Catching up from the log: a few pages at a time, read off the shard's thread.
//!
//! A session that is before the tail owns a reader. At most [`State::MOST_READS`] sessions of a
//! shard have a read under way, the others wait in line, so a storm of resumes never delays live sessions
//! by more than the encoding of one page.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

use headwater_hub::{Format, GapReason, Place, Run, Thinning, Ticket, Wire, newest};
use headwater_log::{Engine, Gap, Page, ReadError, Reader, Selection, StoredEvent};

use super::Step;
use crate::config::Settings;
use crate::flow::fanout::{CloseCause, Message, State};

const PAGE_EVENTS: usize = 2000;
const PAGE_BYTES: usize = 128 << 10;

/// A session's reading of the log.
pub(crate) struct LogRead {
    /// Away while a page is being read.
    reader: Option<Box<dyn Reader>>,
    /// Events were removed before the reader was made: told before anything else.
    gap: Option<Gap>,
    /// Why events are missing, if some are.
    reason: GapReason,
    /// What the last read brought and is not handed over yet.
    page: Option<PageRun>,
    /// Bytes of the page's run that have been handed over.
    pub(super) sent: usize,
    /// A read is under way or waits for its turn.
    wanted: bool,
    /// The reader knows of events missing further on.
    untold: bool,
}

/// An encoded page.
pub(crate) struct PageRun {
    gap: Option<Gap>,
    /// What is left of it, the first under way.
    stretches: VecDeque<Stretch>,
    /// Every selected event up to here is in it, but those that gave way.
    upto: u64,
    untold: bool,
}

/// Events that go out together.
struct Stretch {
    /// Up to here events gave way before it, of which the reader is told; zero if none did.
    hole: u64,
    run: Run,
}

/// What a page leaves out.
struct Thin {
    thinning: Thinning,
    settings: Arc<Settings>,
    /// A part of the first event has been sent.
    begun: bool,
}

impl PageRun {
    fn bytes(&self) -> usize {
        self.stretches.iter().map(|stretch| stretch.run.bytes.len()).sum()
    }
}

/// What a read brought.
pub(crate) struct PageRead {
    reader: Box<dyn Reader>,
    page: Result<PageRun, ReadError>,
}

impl LogRead {
    /// Reads on with `reader`, whose gap before the first event has been told.
    pub(crate) fn new(reader: Box<dyn Reader>) -> Box<Self> {
        // Until the first page has come, there may be.
        let (gap, reason) = (None, GapReason::Retention);
        Box::new(Self { reader: Some(reader), gap, reason, page: None, sent: 0, wanted: false, untold: true })
    }

    /// Reads after `after` for a session that fell behind; finds out what is missing.
    fn fallen(engine: &dyn Engine, selection: &Arc<Selection>, after: u64) -> Box<Self> {
        let (reader, gap) = engine.resume(selection.clone(), after);
        // An empty one can wait until the hole comes.
        let gap = gap.filter(|gap| gap.upto > gap.after);
        Box::new(Self { gap, reason: GapReason::Lagged, ..*Self::new(reader) })
    }

    /// Notes that a read is asked for.
    pub(crate) fn want(&mut self) {
        self.wanted = true;
    }

    /// Whether events are known to be missing that a later page would tell of.
    pub(super) fn untold(&self) -> bool {
        self.page.as_ref().map_or(self.untold, |page| page.untold)
    }

    /// The run to hand over, if a page is there.
    pub(super) fn run(&self) -> Option<&Run> {
        self.page.as_ref().and_then(|page| page.stretches.front()).map(|stretch| &stretch.run)
    }
}

impl State {
    /// The next step of a session that reads the log; `None` when it has moved on to the tail.
    pub(super) fn log_step(&mut self, slot: u32) -> Option<Step> {
        let head = self.head;
        let ticket = self.sessions.ticket(slot)?;
        let entry = self.sessions.find(ticket)?;
        let partial = entry.session.partial();
        let log = entry.log.as_mut()?;
        let gap = log.gap.take().or_else(|| log.page.as_mut().and_then(|page| page.gap.take()));
        if let Some(Gap { after, upto }) = gap {
            // The rest of a frame that is gone cannot be made up.
            return Some(match partial {
                0 => Step::Gap { reason: log.reason, requested: after, resumed_at: upto },
                _ => Step::End(CloseCause::Lagged),
            });
        }
        if let Some(page) = &mut log.page {
            let first = page.stretches.front().and_then(|stretch| stretch.run.ends.first());
            if log.sent == 0 && partial > 0 && first.is_none_or(|(_, end)| *end as usize <= partial) {
                return Some(Step::End(CloseCause::Lagged));
            }
            while let Some(stretch) = page.stretches.front_mut() {
                if stretch.hole > 0 {
                    let (reason, resumed_at) = (GapReason::Conflated, std::mem::take(&mut stretch.hole));
                    return Some(Step::Gap { reason, requested: entry.session.cursor(head), resumed_at });
                }
                if log.sent < stretch.run.bytes.len() {
                    return Some(Step::Log);
                }
                page.stretches.pop_front();
                log.sent = 0;
            }
            let upto = page.upto;
            log.untold = page.untold;
            log.page = None;
            entry.session.skip_over(upto);
        }
        if !log.untold && !log.wanted && entry.session.partial() == 0 {
            let group = self.fanout.group(entry.session.group)?;
            if self.hub.tail.serves(&group.selection, entry.session.cursor(head)) {
                entry.log = None;
                entry.session.place = Place::Behind;
                return None;
            }
        }
        if !log.wanted {
            log.wanted = true;
            self.start_read(ticket);
        }
        Some(Step::Wait)
    }

    /// The cursor is before the tail: from here on the log is read.
    pub(super) fn fall_to_log(&mut self, slot: u32) {
        let head = self.head;
        let Some(entry) = self.sessions.get_mut(slot) else { return };
        let Some(group) = self.fanout.group(entry.session.group) else { return };
        let log = LogRead::fallen(&*self.hub.engine, &group.selection, entry.session.cursor(head));
        entry.log = Some(log);
        entry.session.place = Place::Log;
    }

    /// Starts the read a session has asked for, or lines it up. Who has read more than their share waits (T16).
    pub(crate) fn start_read(&mut self, ticket: Ticket) {
        if let Some(party) = self.sessions.find(ticket).and_then(|entry| entry.party)
            && let Err(wait) = self.hub.limiter.may_replay(party, &self.hub.settings().limits)
        {
            let at = self.now_ms() + wait.as_millis() as u64 + 1;
            return self.waiting_replays.push(Reverse((at, ticket.slot, ticket.generation)));
        }
        if self.reads >= Self::MOST_READS {
            return self.waiting_reads.push_back(ticket);
        }
        let Some(entry) = self.sessions.find(ticket) else { return };
        let format = entry.format;
        let group = self.fanout.group(entry.session.group);
        let thinning = group.and_then(|group| entry.thinning(group.conflate, self.started));
        let begun = entry.session.partial() > 0;
        let thin = thinning.map(|thinning| Thin { thinning, settings: self.hub.settings(), begun });
        let Some(mut reader) = entry.log.as_mut().and_then(|log| log.reader.take()) else { return };
        self.reads += 1;
        self.counters.pages.add(1);
        let (handle, wire) = (self.handle.clone(), self.hub.wire);
        tokio::task::spawn_blocking(move || {
            let page =
                reader.next_page(PAGE_EVENTS, PAGE_BYTES).map(|page| encode(&wire, format, &page, thin.as_ref()));
            handle.send(Message::Page(ticket, PageRead { reader, page }));
        });
    }

    /// Lets those read on whose time has come.
    pub(crate) fn resume_replays(&mut self, now: u64) {
        while let Some(Reverse((at, slot, generation))) = self.waiting_replays.peek().copied()
            && at <= now
        {
            self.waiting_replays.pop();
            self.start_read(Ticket { slot, generation });
        }
    }

    /// A page has come.
    pub(crate) fn on_page(&mut self, ticket: Ticket, read: PageRead) {
        self.reads -= 1;
        while self.reads < Self::MOST_READS
            && let Some(next) = self.waiting_reads.pop_front()
        {
            self.start_read(next);
        }
        let Some(entry) = self.sessions.find(ticket) else { return };
        if let (Some(party), Ok(page)) = (entry.party, &read.page) {
            self.hub.limiter.replayed(party, page.bytes(), &self.hub.settings().limits);
        }
        let Some(log) = entry.log.as_mut() else { return };
        log.reader = Some(read.reader);
        log.wanted = false;
        log.sent = 0;
        match read.page {
            Ok(page) => log.page = Some(page),
            Err(error) => {
                tracing::error!(%error, "cannot catch up from the log; the reader is sent away to try again");
                return self.close(ticket.slot, CloseCause::Error);
            }
        }
        self.serve(ticket.slot);
    }
}

fn encode(wire: &Wire, format: Format, page: &Page, thin: Option<&Thin>) -> PageRun {
    let keeps = thin.map(|thin| thin.keeps(&page.events));
    let told = thin.is_some_and(|thin| thin.thinning.is_told());
    let mut stretches = VecDeque::new();
    let (mut bytes, mut ends, mut skips) = (Vec::new(), Vec::new(), Vec::new());
    // Of the stretch being made: what gave way before it, and before its next event.
    let (mut before, mut hole, mut skipped) = (0, 0, 0);
    for (index, event) in page.events.iter().enumerate() {
        if keeps.as_ref().is_some_and(|keeps| !keeps[index]) {
            hole = event.seq;
            skipped += 1;
            continue;
        }
        if told && hole > 0 {
            if !ends.is_empty() {
                stretches.push_back(stretch(before, &mut bytes, &mut ends, None));
            }
            before = std::mem::take(&mut hole);
        }
        match format {
            Format::EventStream => wire.frame(event, &mut bytes),
            Format::Ndjson => wire.line(event, &mut bytes),
        }
        ends.push((event.seq, bytes.len() as u32));
        skips.push(skipped);
    }
    let skips = (keeps.is_some() && !told).then(|| skips.into());
    stretches.push_back(stretch(before, &mut bytes, &mut ends, skips));
    PageRun { gap: page.gap, stretches, upto: page.upto, untold: page.untold }
}

fn stretch(hole: u64, bytes: &mut Vec<u8>, ends: &mut Vec<(u64, u32)>, skipped: Option<Arc<[u32]>>) -> Stretch {
    let (bytes, ends) = (std::mem::take(bytes).into(), Arc::<[_]>::from(std::mem::take(ends)));
    let upto = ends.last().map_or(0, |(seq, _)| *seq);
    Stretch { hole, run: Run { bytes, ends, upto, skipped, taken: None } }
}

impl Thin {
    /// For each event whether it goes out.
    fn keeps(&self, events: &[Arc<StoredEvent>]) -> Vec<bool> {
        let gives_way = |topic: &_| self.thinning.applies(&self.settings.readers, topic);
        let mut keeps = newest(events.iter().map(|event| &**event), &gives_way);
        if let Some(first) = keeps.first_mut() {
            *first |= self.begun;
        }
        keeps
    }
}
