//! What was published, what was acknowledged, what the log holds, and whether they agree.

use std::collections::{HashMap, HashSet};

use headwater_testkit::peer::Received;

/// The topic of the event that ends a run.
pub(crate) const MARKER: &str = "marker/end";

/// One publish request.
pub(crate) struct Batch {
    /// Who sent it.
    pub(crate) publisher: usize,
    /// Topic and data of each event; data is unlike that of any other event.
    pub(crate) events: Vec<(String, String)>,
    /// The ids of the answer; none when the outcome is not known.
    pub(crate) ids: Option<Vec<String>>,
}

/// Everything known at the end of a run.
pub(crate) struct History {
    /// The events that can be read, in order.
    pub(crate) log: Vec<Received>,
    /// All requests; those of one publisher in the order it sent them, one after the other.
    pub(crate) batches: Vec<Batch>,
}

impl History {
    /// Holds the log against the requests.
    pub(crate) fn check(&self) {
        self.check_ids();
        let place: HashMap<&str, usize> =
            self.log.iter().enumerate().map(|(place, event)| (event.data.as_str(), place)).collect();
        assert_eq!(place.len(), self.log.len(), "an event is in the log twice");
        let mut newest: HashMap<usize, usize> = HashMap::new();
        let mut known = HashSet::new();
        let mut unanswered = 0;
        for batch in &self.batches {
            let places: Vec<Option<usize>> =
                batch.events.iter().map(|(_, data)| place.get(data.as_str()).copied()).collect();
            known.extend(batch.events.iter().map(|(_, data)| data.as_str()));
            if places.iter().all(Option::is_none) {
                assert!(batch.ids.is_none(), "acknowledged and lost: {:?} {:?}", batch.events, batch.ids);
                unanswered += 1;
                continue;
            }
            assert!(places.iter().all(Option::is_some), "half a batch is in the log: {:?} {places:?}", batch.events);
            for (n, (place, (topic, data))) in places.into_iter().flatten().zip(&batch.events).enumerate() {
                let stored = &self.log[place];
                assert_eq!((&stored.topic, &stored.data), (topic, data));
                if let Some(ids) = &batch.ids {
                    assert_eq!(stored.id, ids[n], "{data} was acknowledged with another id");
                }
                let before = newest.insert(batch.publisher, place);
                assert!(before < Some(place), "{data} is in the log before what its publisher sent before it");
            }
        }
        assert!(self.log.iter().all(|event| known.contains(event.data.as_str())), "the log holds what nobody published");
        let acknowledged = self.batches.iter().filter(|batch| batch.ids.is_some()).count();
        println!("{} requests, {acknowledged} acknowledged, {unanswered} left no trace", self.batches.len());
        assert!(acknowledged > 0);
    }

    /// Ids grow along the log and belong to one log.
    fn check_ids(&self) {
        let mut before = 0;
        for event in &self.log {
            assert!(event.seq() > before, "{} comes after {before}", event.id);
            before = event.seq();
        }
        let epochs: HashSet<&str> = self.log.iter().filter_map(|event| event.id.split('-').nth(1)).collect();
        assert_eq!(epochs.len(), 1, "the log has become another one");
    }
}
