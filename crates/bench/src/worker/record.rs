//! What the readers of a process have seen, added up as it comes.

use std::collections::BTreeMap;

use super::message::Tally;
use crate::Faults;
use crate::latency::Latencies;
use crate::layout::Layout;
use crate::oracle::{Lane, Verdict};
use crate::payload::{Found, Payload};

/// Figures and faults of all readers here.
pub(crate) struct Record {
    layout: Layout,
    run: u32,
    size: usize,
    pub(crate) faults: Faults,
    /// Events that were new to their reader, since the start.
    pub(crate) delivered: u64,
    /// Streams opened, since the start.
    pub(crate) opened: u64,
    /// When the last new event came.
    pub(crate) last_at: u64,
    first_at: u64,
    deliveries: u64,
    foreign: u64,
    latency: Latencies,
    connecting: Latencies,
    /// By lane. Bounded by [`MOST_EVENTS`] in all.
    last_reader: Vec<LastReader>,
    /// Events each lane may have there.
    events_per_lane: usize,
}

/// When the last reader had the events of a lane.
#[derive(Clone, Default)]
struct LastReader {
    /// The first event that counts; meaningless while there is none.
    from: u64,
    /// Microseconds, by sequence number from there.
    micros: Vec<u32>,
}

impl Record {
    pub(crate) fn new(layout: Layout, run: u32, size: usize) -> Self {
        let lanes = layout.all_lanes();
        Self {
            layout,
            run,
            size,
            faults: Faults::default(),
            delivered: 0,
            opened: 0,
            last_at: 0,
            first_at: 0,
            deliveries: 0,
            foreign: 0,
            latency: Latencies::new(),
            connecting: Latencies::new(),
            last_reader: vec![LastReader::default(); lanes],
            events_per_lane: MOST_EVENTS / lanes.max(1),
        }
    }

    /// An event has come to a reader. Some hubs put what was published in quick succession into one event, line by line.
    pub(crate) fn event(&mut self, reader: u64, lanes: &mut [Lane], data: &str, now: u64) {
        data.split('\n').filter(|line| !line.is_empty()).for_each(|line| self.line(reader, lanes, line, now));
    }

    fn line(&mut self, reader: u64, lanes: &mut [Lane], data: &str, now: u64) {
        let payload = match Payload::read(data, self.run, self.size) {
            Found::Ours(payload) => payload,
            Found::Damaged => return self.faults.damaged += 1,
            Found::Foreign => return self.foreign += 1,
        };
        let place = self.layout.place(reader, payload.topic, payload.lane);
        let Some(lane) = place.and_then(|place| lanes.get_mut(place)) else {
            return self.faults.damaged += 1;
        };
        match lane.see(payload.sequence) {
            Verdict::New => {}
            Verdict::Late => self.faults.out_of_order += 1,
            Verdict::Again => return self.faults.duplicated += 1,
        }
        let late = now.saturating_sub(payload.due);
        self.delivered += 1;
        self.deliveries += 1;
        self.last_at = now;
        if self.first_at == 0 {
            self.first_at = now;
        }
        self.latency.record(late);
        let lane = self.layout.lane(payload.topic, payload.lane);
        self.last_reader[lane].note(payload.sequence, late, self.events_per_lane);
    }

    /// A stream was opened.
    pub(crate) fn opened(&mut self, took: u64) {
        self.opened += 1;
        self.connecting.record(took);
    }

    /// Forgets figures, not faults.
    pub(crate) fn reset(&mut self) {
        (self.deliveries, self.foreign, self.first_at) = (0, 0, 0);
        self.latency.clear();
        self.connecting.clear();
        self.last_reader.fill(LastReader::default());
    }

    /// Everything, for the process that measures.
    pub(crate) fn tally(&self) -> Tally {
        let last_reader = self.last_reader.iter().enumerate().filter(|(_, lane)| !lane.micros.is_empty());
        Tally {
            faults: self.faults,
            deliveries: self.deliveries,
            first_at: self.first_at,
            last_at: self.last_at,
            latency: self.latency.sparse(),
            connecting: self.connecting.sparse(),
            opened: self.opened,
            foreign: self.foreign,
            last_reader: last_reader.map(|(n, lane)| (n, (lane.from, lane.micros.clone()))).collect::<BTreeMap<_, _>>(),
        }
    }
}

impl LastReader {
    fn note(&mut self, sequence: u64, late: u64, most: usize) {
        if self.micros.is_empty() {
            self.from = sequence;
        }
        // What is from before is of the warm-up, what is too far behind finds no room.
        let Some(place) = sequence.checked_sub(self.from).and_then(|place| usize::try_from(place).ok()) else { return };
        if place >= most {
            return;
        }
        if place >= self.micros.len() {
            self.micros.resize(place + 1, 0);
        }
        let micros = u32::try_from(late / 1_000).unwrap_or(u32::MAX);
        self.micros[place] = self.micros[place].max(micros);
    }
}

/// Events whose last reader is noted, over all lanes.
const MOST_EVENTS: usize = 200_000;

#[cfg(test)]
mod tests {
    use super::{LastReader, Record};
    use crate::Faults;
    use crate::layout::Layout;
    use crate::oracle::Lane;
    use crate::payload::Payload;

    fn data(run: u32, topic: u32, sequence: u64, due: u64) -> String {
        let mut data = String::new();
        Payload { run, topic, lane: 0, sequence, due }.write(100, &mut data);
        data
    }

    #[test]
    fn what_comes_is_counted_where_it_belongs() {
        let mut record = Record::new(Layout { topics: 2, lanes: 1, per_reader: 1 }, 7, 100);
        let mut lanes = [Lane::from_the_start()];
        for text in [
            format!("{}\n{}\n", data(7, 0, 0, 1_000), data(7, 0, 2, 2_000)),
            data(7, 0, 1, 3_000),
            data(7, 0, 1, 3_000),
            data(8, 0, 3, 0),
            data(7, 1, 0, 0),
            "{}".to_owned(),
            data(7, 0, 3, 0).replace('.', ","),
        ] {
            record.event(0, &mut lanes, &text, 5_000_000);
        }
        let faults = Faults { lost: 0, duplicated: 1, out_of_order: 1, damaged: 2, ended: 0 };
        assert_eq!((record.faults, record.delivered), (faults, 3));
        let tally = record.tally();
        assert_eq!((tally.deliveries, tally.foreign, &tally.last_reader[&0].1), (3, 2, &vec![4_999, 4_997, 4_998]));
        record.reset();
        assert_eq!((record.tally().deliveries, record.tally().last_reader.len(), record.faults), (0, 0, faults));
    }

    #[test]
    fn the_last_reader_is_the_slowest_one() {
        let mut lane = LastReader::default();
        for (sequence, late) in [(5, 1_000), (5, 3_000), (5, 2_000), (4, 9_000), (6, 1_000), (7, 1_000)] {
            lane.note(sequence, late, 2);
        }
        assert_eq!((lane.from, lane.micros), (5, vec![3, 1]));
    }
}
