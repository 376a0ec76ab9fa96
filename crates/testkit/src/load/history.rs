//! What was published, what was acknowledged, what the log holds, and whether they agree.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use crate::peer::{Connection, Received};

/// The topic of the event that ends a run.
pub const MARKER: &str = "marker/end";

/// One publish request.
#[derive(Debug)]
pub struct Batch {
    /// Who sent it.
    pub publisher: usize,
    /// Topic and data of each event; data is unlike that of any other event.
    pub events: Vec<(String, String)>,
    /// The ids of the answer; none when the outcome is not known.
    pub ids: Option<Vec<String>>,
}

/// Everything known at the end of a run.
#[derive(Debug)]
pub struct History {
    /// The events that can be read, in order.
    pub log: Vec<Received>,
    /// All requests; those of one publisher in the order it sent them, one after the other.
    pub batches: Vec<Batch>,
}

impl History {
    /// Ends a run: publishes the marker, by which readers know that nothing follows, and reads the whole log.
    ///
    /// # Panics
    /// When the hub does not answer.
    pub fn close(address: SocketAddr, batches: Vec<Batch>) -> Self {
        assert_eq!(Connection::open(address).unwrap().publish(MARKER, "over").unwrap().status(), 201);
        let mut stream = Connection::open(address).unwrap().subscribe("?topic=**&since=earliest", &[]).unwrap();
        let mut log = Vec::new();
        loop {
            let event = stream.events.expect();
            stream.events.forget_bytes();
            if event.topic == MARKER {
                return Self { log, batches };
            }
            log.push(event);
        }
    }

    /// Holds the log against the requests: nothing acknowledged is missing, nothing stands twice, ids grow and were
    /// not given anew, the requests of one publisher stand in their order, and a batch stands whole or not at all.
    ///
    /// # Panics
    /// When they disagree.
    pub fn check(&self) {
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
        assert!(
            self.log.iter().all(|event| known.contains(event.data.as_str())),
            "the log holds what nobody published"
        );
        let acknowledged = self.batches.iter().filter(|batch| batch.ids.is_some()).count();
        eprintln!("{} requests, {acknowledged} acknowledged, {unanswered} left no trace", self.batches.len());
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
