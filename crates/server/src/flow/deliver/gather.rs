//! What the tail has for a session, found once for all sessions in the same place.

use std::sync::Arc;
use std::time::Instant;

use headwater_hub::{Conflate, Format, Gather, Run, Taken, Thinned, Thinning};
use headwater_log::Selection;

use crate::flow::fanout::{Entry, State};

/// What a session is about to read from the tail.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) selection: Arc<Selection>,
    pub(crate) format: Format,
    pub(crate) after: u64,
    /// Up to here.
    pub(crate) head: u64,
    /// About so many bytes.
    pub(crate) most: usize,
    /// What may be left out.
    pub(crate) thinning: Option<Thinning>,
}

/// What was found last, for the next session: after an interruption there are many in the same place.
#[derive(Default)]
pub(crate) struct Found {
    run: Option<(Reading, Run)>,
    thinned: Option<(Reading, Thinned)>,
}

/// How long a session has to be behind to count as slow, in milliseconds.
const SLOW_MS: u64 = 1000;

impl Reading {
    fn is(&self, other: &Self) -> bool {
        (self.after, self.most, self.format) == (other.after, other.most, other.format) && self.is_beside(other)
    }

    /// Whether it differs in nothing but the cursor and the form.
    fn is_beside(&self, other: &Self) -> bool {
        (self.head, self.thinning) == (other.head, other.thinning) && Arc::ptr_eq(&self.selection, &other.selection)
    }
}

impl State {
    /// What comes next.
    pub(super) fn gather(&mut self, read: &Reading) -> Taken {
        if let Some((last, run)) = &self.found.run
            && last.is(read)
        {
            return Taken::Gather(Gather::Run(run.clone()));
        }
        let taken = match read.thinning {
            None => Taken::Gather(self.hub.tail.gather(&read.selection, read.format, read.after, read.head, read.most)),
            Some(thinning) => self.gather_newest(read, thinning),
        };
        if let Taken::Gather(Gather::Run(run)) = &taken {
            self.found.run = Some((read.clone(), run.clone()));
        }
        taken
    }

    fn gather_newest(&mut self, read: &Reading, thinning: Thinning) -> Taken {
        let known = self.found.thinned.take();
        let known = known.filter(|(last, thinned)| last.is_beside(read) && thinned.serves(read.after));
        let thinned = known.map(|(_, thinned)| thinned).or_else(|| {
            let settings = self.hub.settings();
            let gives_way = |topic: &_| thinning.applies(&settings.readers, topic);
            self.hub.tail.thin(&read.selection, read.after, read.head, &gives_way)
        });
        let Some(thinned) = thinned else { return Taken::Gather(Gather::Fallen) };
        let (selection, format) = (&read.selection, read.format);
        let taken = self.hub.tail.take(&thinned, selection, format, read.after, read.most, thinning.is_told());
        self.found.thinned = Some((read.clone(), thinned));
        taken
    }
}

impl Entry {
    /// Whether it has been behind for so long that it counts as slow.
    pub(super) fn is_slow(&self, started: Instant) -> bool {
        self.behind_since().is_some_and(|since| started.elapsed().as_millis() as u64 >= since + SLOW_MS)
    }

    /// Which events give way to newer ones, if any do.
    pub(super) fn thinning(&self, conflate: Conflate, started: Instant) -> Option<Thinning> {
        let slow = || self.thins_slow && self.is_slow(started);
        match conflate {
            Conflate::Asked => Some(Thinning::Asked),
            Conflate::ByClass => Some(Thinning::ByClass { slow: slow() }),
            Conflate::Never => slow().then_some(Thinning::Slow),
        }
    }
}
