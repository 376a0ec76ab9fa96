//! Who was told to be there before the hub was started: a checkpoint, and what the log has after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_hub::{Member, Presence};
use headwater_log::{Engine, Pattern, Selection, Timestamp, Topic};
use serde::{Deserialize, Serialize};

use super::event::{self, PREFIX};
use crate::checkpoint::Checkpoint;

/// Members by topic, with since when.
pub(super) type Members = BTreeMap<(Topic, Member), Timestamp>;

/// The content of the checkpoint.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The log it belongs to.
    epoch: u32,
    /// What the log had up to here is in it.
    upto: u64,
    members: Vec<(String, KeptMember)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptMember {
    name: String,
    anonymous: bool,
    since: Timestamp,
}

const PAGE_EVENTS: usize = 1000;
const PAGE_BYTES: usize = 1 << 20;

impl Kept {
    /// Everybody who was told to be there, with nothing on its way to the log.
    pub(super) fn of(presence: &Presence, epoch: u32, upto: u64) -> Self {
        let members = presence.told().map(|(topic, Member { anonymous, name }, since)| {
            (topic.as_str().to_owned(), KeptMember { name: name.to_string(), anonymous: *anonymous, since })
        });
        Self { epoch, upto, members: members.collect() }
    }

    fn members(self) -> Members {
        let members = self.members.into_iter().filter_map(|(topic, KeptMember { name, anonymous, since })| {
            Some(((Topic::new(&topic).ok()?, Member { anonymous, name: name.into() }), since))
        });
        members.collect()
    }
}

/// Reads who was there. Blocks on the disk.
pub(super) fn read(engine: &dyn Engine, checkpoint: Option<&Checkpoint>) -> Members {
    let bounds = engine.bounds();
    let kept = checkpoint.map_or(Ok(None), Checkpoint::load::<Kept>).unwrap_or_else(|error| {
        tracing::warn!("{error}; who reads which topic is read from the log alone");
        None
    });
    // One of another log, or of this one before it was restored, says nothing about this one.
    let kept = kept.filter(|kept| kept.epoch == bounds.epoch.get() && kept.upto <= bounds.head).unwrap_or_default();
    let upto = kept.upto;
    let mut members = kept.members();
    let Ok(all) = Pattern::new(&format!("{PREFIX}**")) else { return members };
    let mut reader = engine.reader(Arc::new(Selection::new([all])), upto);
    loop {
        let page = match reader.next_page(PAGE_EVENTS, PAGE_BYTES) {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "cannot read back who was there; members may be missing");
                return members;
            }
        };
        for told in page.events.iter().filter_map(|event| event::read(event)) {
            match told.joined {
                true => members.insert((told.topic, told.member), told.time),
                false => members.remove(&(told.topic, told.member)),
            };
        }
        if page.events.is_empty() && !page.untold {
            return members;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use headwater_hub::{Moment, News, SessionKey, Ticket, Visit};
    use headwater_log::{Memory, MemoryOptions};

    use super::*;

    fn member(name: &str) -> Member {
        Member { anonymous: false, name: name.into() }
    }

    fn publish(engine: &dyn Engine, who: &str, joined: bool) {
        let (topic, member) = (Topic::new("room").unwrap(), member(who));
        let news = News { topic, member, joined, sessions: 1, count: 1, time: 0 };
        let (done, stored) = mpsc::channel();
        engine.append(vec![event::event(&news).unwrap()], Box::new(move |result| done.send(result).unwrap()));
        stored.recv().unwrap().unwrap();
    }

    #[test]
    fn the_log_goes_on_where_the_checkpoint_ends() {
        let engine = Memory::new(MemoryOptions::default());
        let names = |members: Members| members.into_keys().map(|(_, one)| one.name.to_string()).collect::<Vec<_>>();
        publish(&*engine, "ada", true);
        publish(&*engine, "bob", true);
        publish(&*engine, "ada", false);
        assert_eq!(names(read(&*engine, None)), ["bob"], "without a checkpoint");

        let folder = tempfile::tempdir().unwrap();
        let checkpoint = Checkpoint::new(folder.path(), "presence");
        let mut presence = Presence::new(0, 10);
        let key = SessionKey { shard: 0, ticket: Ticket { slot: 0, generation: 0 } };
        let visit = Visit { member: member("cyd"), topics: vec![Topic::new("room").unwrap()] };
        let now = Moment { ms: 0, time: 0 };
        presence.open(key, visit, now);
        presence.tell(10, now);
        let bounds = engine.bounds();
        checkpoint.save(&Kept::of(&presence, bounds.epoch.get(), bounds.head)).unwrap();
        publish(&*engine, "dan", true);
        assert_eq!(names(read(&*engine, Some(&checkpoint))), ["cyd", "dan"]);

        let foreign = bounds.epoch.get() ^ 1;
        checkpoint.save(&Kept::of(&presence, foreign, bounds.head)).unwrap();
        assert_eq!(names(read(&*engine, Some(&checkpoint))), ["bob", "dan"], "that of another log does not count");
    }
}
