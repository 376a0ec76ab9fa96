//! Opening a folder: reads every chain, cuts what the last group left unfinished, and settles what is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chain_file::ChainFile;
use super::cut::{self, Newest, Unsealed};
use super::folder::{Folder, MANIFEST, storage};
use super::idempotency::Keys;
use super::index::{Chain, Index};
use super::options::{EmbeddedOptions, OpenError};
use super::reading::Reading;
use super::scan::Seal;
use super::topics::TopicId;
use crate::ReadError;
use crate::format::manifest::Manifest;
use crate::format::segment;

/// A log as it was found, ready to go on.
pub(crate) struct Recovered {
    pub(crate) manifest: Manifest,
    pub(crate) seal: Seal,
    pub(crate) index: Index,
    pub(crate) files: Vec<Option<ChainFile>>,
    pub(crate) tails: Vec<(u16, u64)>,
    pub(crate) next: u64,
    pub(crate) keys: Keys,
}

/// Opens what is in a folder, or starts a log in an empty one.
pub(crate) fn recover(folder: &Folder, options: &EmbeddedOptions) -> Result<Recovered, OpenError> {
    let listing = list(folder)?;
    let mut manifest = folder.load_manifest(!listing.is_empty())?;
    let seal = Seal::of(&manifest);
    if listing.keys().any(|chain| manifest.chains.iter().all(|(listed, _)| listed != chain)) {
        // A chain is listed before it has a file: this manifest is not the one of these segments.
        return Err(OpenError::Damaged { file: folder.path.join(MANIFEST), offset: 0 });
    }
    let mut keys = Keys::new(manifest.salt, options.idempotency_window);
    let marks = folder.load_marks(seal)?;
    let index = Index::new(Arc::new(options.classes.clone()));
    let mut reading = Reading::new(folder, seal, &keys, index);
    let mut newest: Vec<Newest> = Vec::new();
    for (slot, (id, identity)) in manifest.chains.iter().enumerate() {
        let removed = marks.chains.iter().find(|(chain, _)| chain == id).map_or(0, |(_, removed)| *removed);
        let chain = Chain { id: *id, identity: identity.clone(), sealed: Vec::new(), active: None, removed };
        reading.index.chains.push(chain);
        newest.extend(reading.chain(slot, *id, listing.get(id).map_or(&[], |bases| bases))?);
    }
    let next = cut::settle(folder, &mut manifest, &mut newest)?;
    reading.take_held(&mut newest);
    reading.take_marks(&marks);
    let Reading { mut index, deletions, mut marks, floors, unsure, .. } = reading;
    index.topics.be_unsure(unsure);
    for (seq, topic) in deletions {
        if let Some(state) = index.topics.get_mut(topic) {
            state.deleted = state.deleted.max(seq);
        }
        remove_upto(&mut index, topic, seq, seal).map_err(|error| unreadable(folder, error))?;
    }
    for (topic, floor) in floors {
        remove_upto(&mut index, topic, floor, seal).map_err(|error| unreadable(folder, error))?;
        index.topics.raise_floor(topic, floor);
    }
    let now = options.clock.now();
    marks.sort_unstable_by_key(|mark| mark.seq);
    marks.retain(|mark| keys.covers(mark.time, now));
    for mark in marks {
        keys.insert(mark.hash, mark.seq, mark.time);
    }
    index.head = next - 1;
    index.volatile.max_bytes = options.memory_bytes;
    index.volatile.lost = manifest.reserved.min(index.head);
    let mut files: Vec<_> = index.chains.iter().map(|_| None).collect();
    let tails = newest.iter().map(|chain| (chain.chain, chain.tail())).collect();
    for chain in newest {
        let Some(Unsealed { name, file, allocated, extent, .. }) = chain.unsealed else { continue };
        if let Some(active) = &mut index.chains[chain.slot].active {
            active.end = extent.end;
        }
        let group = extent.last.map(|(_, header)| header);
        files[chain.slot] = Some(ChainFile { file, name, end: extent.end, allocated, group });
    }
    Ok(Recovered { manifest, seal, index, files, tails, next, keys })
}

/// Base numbers of the segments of each chain, in order. What an interrupted replacement left is removed.
fn list(folder: &Folder) -> Result<BTreeMap<u16, Vec<u64>>, OpenError> {
    let mut listing = BTreeMap::<u16, Vec<u64>>::new();
    let files = folder.disk.list(&folder.path).map_err(|error| storage(&folder.path, &error))?;
    for path in files {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if let Some((chain, base)) = segment::parse_file_name(name) {
            listing.entry(chain).or_default().push(base);
        } else if name.ends_with(".new") {
            folder.disk.remove(&path).map_err(|error| storage(&path, &error))?;
        }
    }
    listing.values_mut().for_each(|bases| bases.sort_unstable());
    Ok(listing)
}

/// Takes away the events of a topic up to a place, above which it may have others.
fn remove_upto(index: &mut Index, id: TopicId, seq: u64, seal: Seal) -> Result<(), ReadError> {
    let Some(places) = index.places(id) else { return Ok(()) };
    let loss = places.upto(seq, seal)?;
    index.take_off(id, loss);
    index.note_excess(id);
    Ok(())
}

fn unreadable(folder: &Folder, error: ReadError) -> OpenError {
    match error {
        ReadError::Storage { file, cause } => OpenError::Storage { file: folder.path.join(file), cause },
        ReadError::Damaged { file, offset } => OpenError::Damaged { file: folder.path.join(file), offset },
    }
}
