//! What becomes of a request: refused because a topic is finished, answered with an earlier event
//! because the idempotency key is known, or numbered.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::group::{Answer, Group};
use super::queue::Request;
use super::topics::class_index;
use super::writer::{VOLATILE, Writer};
use crate::disk::File;
use crate::format::footer::Posting;
use crate::format::record::Record;
use crate::{AppendDone, AppendError, NewEvent, Receipt, Topic};

/// What is to be done with one event of a batch.
enum Decision {
    /// Nothing is stored; this number is the first one's.
    Duplicate(u64),
    /// The same as another event of its batch.
    SameAs(usize),
    /// It is stored in this chain, under this hash of its idempotency key.
    Store { slot: usize, hash: Option<u64> },
}

impl Writer {
    /// Adds what a request asks for, and the answer, to the group.
    pub(crate) fn resolve(&mut self, group: &mut Group, request: Request) {
        match request {
            Request::Append { batch, done } => self.resolve_batch(group, batch, done),
            Request::Delete { topic, done } => {
                let stored = self.shared.index().topics.find(&topic).is_some_and(|(_, state)| state.exists());
                let existed = group.has_event(&topic) || (stored && !group.deletes(&topic));
                if existed {
                    let slot = self.deletion_slot(group, &topic);
                    group.delete(topic, slot);
                }
                group.answers.push(Answer::Delete { done, existed });
            }
            Request::Seal { .. } | Request::Probe => {}
        }
    }

    fn resolve_batch(&self, group: &mut Group, batch: Vec<NewEvent>, done: AppendDone) {
        let decisions = match self.decide(group, &batch) {
            Ok(decisions) => decisions,
            Err(error) => {
                group.answers.push(Answer::Append { done, outcome: Err(error), waits: true });
                return;
            }
        };
        let mut receipts: Vec<Receipt> = Vec::with_capacity(batch.len());
        for (event, decision) in batch.into_iter().zip(decisions) {
            receipts.push(match decision {
                Decision::Duplicate(seq) => Receipt { seq, duplicate: true },
                Decision::SameAs(index) => Receipt { seq: receipts[index].seq, duplicate: true },
                Decision::Store { slot, hash } => Receipt { seq: group.add(event, slot, hash), duplicate: false },
            });
        }
        let waits = receipts.iter().any(|receipt| receipt.seq >= group.first);
        group.answers.push(Answer::Append { done, outcome: Ok(receipts), waits });
    }

    /// Decides over a whole batch before anything of it is numbered, so that it is all or nothing.
    fn decide(&self, group: &Group, batch: &[NewEvent]) -> Result<Vec<Decision>, AppendError> {
        let mut decisions = Vec::with_capacity(batch.len());
        let (mut seen, mut taken) = (HashMap::new(), HashSet::new());
        let mut ended: Vec<&Topic> = Vec::new();
        for (at, event) in batch.iter().enumerate() {
            let mut hash = None;
            if let Some(key) = &event.idempotency_key {
                if let Some(twin) = seen.get(&(&event.topic, key)) {
                    decisions.push(Decision::SameAs(*twin));
                    continue;
                }
                match self.look_up(group, &event.topic, key) {
                    Ok(seq) => {
                        decisions.push(Decision::Duplicate(seq));
                        continue;
                    }
                    Err(mut free) => {
                        while !taken.insert(free) {
                            free = free.wrapping_add(1);
                        }
                        seen.insert((&event.topic, key), at);
                        hash = Some(free);
                    }
                }
            }
            if ended.contains(&&event.topic) || self.is_finished(group, &event.topic) {
                return Err(AppendError::Finished(event.topic.clone()));
            }
            if event.end.is_some() {
                ended.push(&event.topic);
            }
            decisions.push(Decision::Store { slot: self.slot_for(&event.topic), hash });
        }
        Ok(decisions)
    }

    fn is_finished(&self, group: &Group, topic: &Topic) -> bool {
        group
            .finishes(topic)
            .unwrap_or_else(|| self.shared.index().topics.find(topic).is_some_and(|(_, state)| state.end.is_some()))
    }

    /// The number that topic and key got first, or the hash to remember them under.
    fn look_up(&self, group: &Group, topic: &Topic, key: &str) -> Result<u64, u64> {
        let mut hash = self.keys.hash(topic.as_str(), key);
        loop {
            match group.key(hash) {
                Some((of, known, seq)) if of == topic && known == key => return Ok(seq),
                Some(_) => {}
                None => match self.keys.get(hash) {
                    None => return Err(hash),
                    Some(seq) => match self.stands_for(group, seq, topic, key) {
                        Standing::Same => return Ok(seq),
                        Standing::Void => return Err(hash),
                        Standing::Other => {}
                    },
                },
            }
            hash = hash.wrapping_add(1);
        }
    }

    /// Compares a remembered number with the stored record.
    fn stands_for(&self, group: &Group, seq: u64, topic: &Topic, key: &str) -> Standing {
        let found = {
            let index = self.shared.index();
            // A topic is not forgotten while the window may hold a key of it.
            let Some((id, state)) = index.topics.find(topic) else { return Standing::Other };
            if seq <= state.deleted || group.deletes(topic) {
                return Standing::Void;
            }
            if seq <= state.floor {
                return Standing::Same;
            }
            match index.volatile.has_key(id, seq, key) {
                Some(true) => return Standing::Same,
                Some(false) => return Standing::Other,
                None => index.places(id),
            }
        };
        let Some(places) = found else { return Standing::Other };
        // An unreadable record is reported by whoever reads it; the key was seen.
        let Ok(found) = places.locate(seq, self.seal) else { return Standing::Same };
        let Some((file, posting)) = found else { return Standing::Other };
        match self.key_at(&file, posting, key) {
            Some(false) => Standing::Other,
            Some(true) | None => Standing::Same,
        }
    }

    fn key_at(&self, file: &Arc<dyn File>, posting: Posting, key: &str) -> Option<bool> {
        let mut bytes = vec![0; posting.length as usize];
        file.read_exact_at(&mut bytes, u64::from(posting.offset)).ok()?;
        let (record, _) = Record::read(&bytes, self.seal.checksum)?;
        Some(record.idempotency_key == Some(key))
    }

    /// Where a deletion is recorded. It need not outlive events that are only in memory.
    fn deletion_slot(&mut self, group: &Group, topic: &Topic) -> usize {
        let slot = self.slot_for(topic);
        if slot != VOLATILE {
            return slot;
        }
        let stored = {
            let index = self.shared.index();
            index.topics.id(topic).is_some_and(|id| !index.is_volatile(id))
        };
        if stored || group.has_stored(topic) { self.slot_of_identity(MOVED) } else { VOLATILE }
    }

    fn slot_for(&self, topic: &Topic) -> usize {
        let known = self.shared.index().topics.find(topic).map(|(_, state)| state.class);
        self.slots[usize::from(known.unwrap_or_else(|| class_index(&self.classes, topic)))]
    }
}

/// The chain of deletions of topics that moved from disk to memory.
const MOVED: &str = "moved";

/// What a remembered hash turns out to be.
enum Standing {
    /// This topic and key; or an event that is gone and most likely was.
    Same,
    /// This topic, before it was deleted.
    Void,
    /// Another topic or key.
    Other,
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::disk::Disk;
    use crate::disk::sim::SimDisk;
    use crate::embedded::idempotency::Keys;
    use crate::format::manifest::Manifest;
    use crate::{Embedded, EmbeddedOptions, Engine, Epoch, Pattern, Selection};

    /// Two keys that have one hash in the topic `t` of a log with the salt 0, found by search.
    const TWINS: [&str; 2] = ["DvnFIsY0H2M", "AkQY9Ss00NK"];

    /// A log with the salt 0, as no log of its own accord has.
    fn open(disk: &SimDisk) -> Arc<Embedded> {
        let (folder, epoch) = (Path::new("/log"), Epoch::new(1).expect("not zero"));
        if disk.files().is_empty() {
            let manifest = Manifest { epoch, origin: epoch, salt: 0, reserved: 0, chains: Vec::new() }.encode();
            disk.create_dir(folder).expect("a folder");
            let file = disk.create(&folder.join("manifest")).expect("a file");
            file.write_all_at(&manifest, 0).and_then(|()| file.sync()).expect("a sound disk");
            disk.sync_dir(folder).expect("a sound disk");
        }
        let options = EmbeddedOptions { disk: Arc::new(disk.clone()), ..EmbeddedOptions::new(folder) };
        Embedded::open(options).expect("a good log")
    }

    /// Appends an event for each key; its number, or that of the event it is a duplicate of.
    fn append(log: &Embedded, keys: &[&str]) -> Vec<Result<u64, u64>> {
        let event = |key: &&str| NewEvent {
            topic: Topic::new("t").expect("a topic"),
            event_type: None,
            key: None,
            idempotency_key: Some((*key).into()),
            data: (*key).into(),
            end: None,
        };
        let (told, outcome) = mpsc::channel();
        log.append(keys.iter().map(event).collect(), Box::new(move |result| drop(told.send(result))));
        let receipts = outcome.recv_timeout(Duration::from_secs(20)).expect("an answer").expect("a sound disk");
        receipts.iter().map(|receipt| if receipt.duplicate { Err(receipt.seq) } else { Ok(receipt.seq) }).collect()
    }

    fn data(log: &Embedded) -> Vec<String> {
        let page = log.reader(Arc::new(Selection::new(Pattern::new("t"))), 0).next_page(100, 1 << 20);
        page.expect("a sound disk").events.iter().map(|event| event.data.to_string()).collect()
    }

    // IDG-06: a hash is a hint, the stored key decides.
    #[test]
    fn keys_with_one_hash_are_two_keys() {
        let keys = Keys::new(0, Duration::ZERO);
        assert_eq!(keys.hash("t", TWINS[0]), keys.hash("t", TWINS[1]));
        let [one, other] = TWINS;

        // One after the other.
        let disk = SimDisk::new(1);
        let log = open(&disk);
        assert_eq!(append(&log, &[one]), [Ok(1)]);
        assert_eq!(append(&log, &[other]), [Ok(2)]);
        assert_eq!(append(&log, &[other, one, other]), [Err(2), Err(1), Err(2)]);
        assert_eq!(data(&log), TWINS);
        // In one batch.
        let batch = open(&SimDisk::new(1));
        assert_eq!(append(&batch, &[one, other, one, other]), [Ok(1), Ok(2), Err(1), Err(2)]);
        assert_eq!(data(&batch), TWINS);
        // With a restart in between.
        let disk = SimDisk::new(1);
        let log = open(&disk);
        assert_eq!(append(&log, &[one]), [Ok(1)]);
        log.close();
        drop(log);
        let log = open(&disk);
        assert!(matches!(append(&log, &[other, one])[..], [Ok(_), Err(1)]));
        assert_eq!(data(&log), TWINS);
    }
}
