//! Who reads which topic right now, and what there is to tell of it.
//!
//! A member is told as `joined` when it comes and as `left` when it has been away for the grace, so that a reader who
//! reconnects is no news. What is told is the difference between what was told before and what is: however many come
//! and go, there is at most one piece of news per member and topic, and whoever came and went meanwhile is none.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use headwater_log::{Timestamp, Topic};

use crate::Ticket;

/// One who reads: the subject of a credential, or a session without one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Member {
    /// It has no subject, and the name is that of its session.
    pub anonymous: bool,
    /// The subject, or the session's name.
    pub name: Arc<str>,
}

/// Names a session of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey {
    /// Its shard.
    pub shard: u32,
    /// Its place there.
    pub ticket: Ticket,
}

/// A session as far as presence goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Whose it is.
    pub member: Member,
    /// What it reads, of the topics whose readers are told, each once.
    pub topics: Vec<Topic>,
}

/// A moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Of a clock that never goes back, in milliseconds.
    pub ms: u64,
    /// Of the wall clock.
    pub time: Timestamp,
}

/// A change to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Where.
    pub topic: Topic,
    /// Who.
    pub member: Member,
    /// Whether it came; else it went.
    pub joined: bool,
    /// How many sessions it has there.
    pub sessions: u32,
    /// How many members were told to be there, after this.
    pub count: usize,
    /// When it came or went.
    pub time: Timestamp,
}

/// A member as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Who.
    pub member: Member,
    /// Since when.
    pub since: Timestamp,
    /// How many sessions it has; none while it may still come back.
    pub sessions: u32,
}

/// Members of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// All members.
    pub count: usize,
    /// Their sessions.
    pub sessions: usize,
    /// Some of them, in order.
    pub members: Vec<Present>,
    /// There are more.
    pub more: bool,
    /// Nobody was left out because there were too many.
    pub complete: bool,
}

/// The state: who is where. Owned by one task, told of sessions by messages.
#[derive(Debug)]
pub struct Presence {
    /// For how long a member without sessions still counts.
    grace_ms: u64,
    /// Most members of all topics together.
    most: usize,
    rooms: HashMap<Topic, Room>,
    /// Sessions that are members somewhere; as many as the hub has at most.
    visits: HashMap<SessionKey, Counted>,
    /// When members without sessions are due to have left. At most one per member: one that comes early, because the
    /// member was back meanwhile, is put back.
    departures: BinaryHeap<Reverse<Departure>>,
    /// Topics with news, each once, so that all have their turn.
    noisy: VecDeque<Topic>,
    /// Members of all topics together.
    members: usize,
    /// Memberships of sessions that found no room.
    uncounted: usize,
}

/// One topic.
#[derive(Debug, Default)]
struct Room {
    members: BTreeMap<Member, Stay>,
    /// How many of them were told.
    told: usize,
    sessions: usize,
    /// Members of which there may be something to tell, each once.
    news: VecDeque<Member>,
}

/// One member of a topic.
#[derive(Clone, Copy, Debug)]
struct Stay {
    sessions: u32,
    since: Timestamp,
    /// When its last session went.
    gone: Moment,
    /// It was told that it is there.
    told: bool,
    /// It is among the news.
    queued: bool,
    /// It is among the departures.
    due: bool,
}

/// A visit, with whether each of its topics had room for it.
#[derive(Debug)]
struct Counted {
    member: Member,
    topics: Vec<(Topic, bool)>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Departure {
    at_ms: u64,
    topic: Topic,
    member: Member,
}

/// How many members of one topic are told before the next has its turn.
const SHARE: usize = 32;

impl Presence {
    /// Nobody anywhere. Members without sessions count for `grace_ms`; of all topics together there are at most `most`.
    pub fn new(grace_ms: u64, most: usize) -> Self {
        Self {
            grace_ms,
            most,
            rooms: HashMap::new(),
            visits: HashMap::new(),
            departures: BinaryHeap::new(),
            noisy: VecDeque::new(),
            members: 0,
            uncounted: 0,
        }
    }

    /// Replaces the grace, for everybody who leaves from now on or has left before.
    pub fn set_grace(&mut self, grace_ms: u64) {
        self.grace_ms = grace_ms;
    }

    /// Puts in a member that was told before the hub was started: it has the grace to come back.
    pub fn recover(&mut self, topic: &Topic, member: Member, since: Timestamp, now: Moment) {
        if self.members >= self.most {
            return;
        }
        let room = self.rooms.entry(topic.clone()).or_default();
        if let Entry::Vacant(place) = room.members.entry(member.clone()) {
            place.insert(Stay { sessions: 0, since, gone: now, told: true, queued: false, due: true });
            room.told += 1;
            self.members += 1;
            let at_ms = now.ms.saturating_add(self.grace_ms);
            self.departures.push(Reverse(Departure { at_ms, topic: topic.clone(), member }));
        }
    }

    /// A session came.
    pub fn open(&mut self, session: SessionKey, visit: Visit, now: Moment) {
        let Visit { member, topics } = visit;
        let topics = topics.into_iter().map(|topic| {
            let counted = self.enter(&topic, &member, now);
            (topic, counted)
        });
        let topics = topics.collect();
        // A name is never given twice, so there is nobody to displace.
        self.visits.insert(session, Counted { member, topics });
    }

    /// A session went; nothing happens if it never came.
    pub fn close(&mut self, session: SessionKey, now: Moment) {
        let Some(Counted { member, topics }) = self.visits.remove(&session) else { return };
        for (topic, counted) in topics {
            match counted {
                true => self.exit(&topic, &member, now),
                false => self.uncounted -= 1,
            }
        }
    }

    /// These are the sessions of a shard, and no others.
    pub fn replace(&mut self, shard: u32, sessions: Vec<(SessionKey, Visit)>, now: Moment) {
        let sessions: HashMap<SessionKey, Visit> = sessions.into_iter().collect();
        let same = |counted: &Counted, visit: &Visit| {
            counted.member == visit.member && counted.topics.iter().map(|(topic, _)| topic).eq(&visit.topics)
        };
        let known = self.visits.iter().filter(|(session, _)| session.shard == shard);
        let gone = known.filter(|(key, counted)| sessions.get(key).is_none_or(|visit| !same(counted, visit)));
        let gone: Vec<SessionKey> = gone.map(|(session, _)| *session).collect();
        for session in gone {
            self.close(session, now);
        }
        for (session, visit) in sessions {
            match self.visits.remove(&session) {
                None => self.open(session, visit, now),
                Some(mut counted) => {
                    for (topic, inside) in counted.topics.iter_mut().filter(|(_, inside)| !inside) {
                        self.uncounted -= 1;
                        *inside = self.enter(topic, &counted.member, now);
                    }
                    self.visits.insert(session, counted);
                }
            }
        }
    }

    /// Forgets the topics whose readers are told no more. Nobody left them, so there is nothing to tell.
    pub fn retain(&mut self, mut keep: impl FnMut(&Topic) -> bool) {
        let (rooms, members) = (&mut self.rooms, &mut self.members);
        rooms.retain(|topic, room| {
            let keep = keep(topic);
            *members -= if keep { 0 } else { room.members.len() };
            keep
        });
        let uncounted = &mut self.uncounted;
        self.visits.retain(|_, visit| {
            visit.topics.retain(|(topic, counted)| {
                let keep = keep(topic);
                *uncounted -= usize::from(!keep && !counted);
                keep
            });
            !visit.topics.is_empty()
        });
        self.noisy.retain(&mut keep);
        self.departures.retain(|Reverse(departure)| keep(&departure.topic));
    }

    /// At most `most` changes, for the caller to publish in this order.
    pub fn tell(&mut self, most: usize, now: Moment) -> Vec<News> {
        // Bounded, too: the others are as due the next time.
        for _ in 0..4 * most {
            match self.departures.peek() {
                Some(Reverse(departure)) if departure.at_ms <= now.ms => self.depart(now),
                _ => break,
            }
        }
        let mut told = Vec::new();
        while told.len() < most
            && let Some(topic) = self.noisy.pop_front()
        {
            self.tell_of(&topic, SHARE.min(most - told.len()), now, &mut told);
            match self.rooms.get(&topic) {
                Some(room) if !room.news.is_empty() => self.noisy.push_back(topic),
                Some(room) if room.members.is_empty() => drop(self.rooms.remove(&topic)),
                _ => {}
            }
        }
        told
    }

    /// What was to be told could not be: it is news again.
    pub fn untell(&mut self, news: Vec<News>) {
        for News { topic, member, joined, time, .. } in news {
            let room = self.rooms.entry(topic.clone()).or_default();
            let stay = match room.members.entry(member.clone()) {
                Entry::Occupied(stay) => stay.into_mut(),
                // It was forgotten because it had left.
                Entry::Vacant(_) if joined => continue,
                Entry::Vacant(place) => {
                    self.members += 1;
                    let gone = Moment { ms: 0, time };
                    place.insert(Stay { sessions: 0, since: time, gone, told: false, queued: false, due: false })
                }
            };
            if stay.told == joined {
                stay.told = !joined;
                room.told = if joined { room.told - 1 } else { room.told + 1 };
            }
            self.announce(&topic, &member);
        }
    }

    /// When there is something to tell, in milliseconds, if nothing happens before.
    pub fn next_news(&self) -> Option<u64> {
        match self.noisy.is_empty() {
            false => Some(0),
            true => self.departures.peek().map(|Reverse(departure)| departure.at_ms),
        }
    }

    /// The members of a topic behind `after`, at most `limit`.
    pub fn list(&self, topic: &Topic, after: Option<&Member>, limit: usize) -> Listing {
        let mut listing = Listing { complete: self.uncounted == 0, ..Listing::default() };
        let Some(room) = self.rooms.get(topic) else { return listing };
        let is_there = |stay: &Stay| stay.sessions > 0 || stay.told;
        listing.count = room.members.values().filter(|stay| is_there(stay)).count();
        listing.sessions = room.sessions;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut members = room.members.range((start, Bound::Unbounded)).filter(|(_, stay)| is_there(stay));
        listing.members.extend(members.by_ref().take(limit).map(|(member, stay)| Present {
            member: member.clone(),
            since: stay.since,
            sessions: stay.sessions,
        }));
        listing.more = members.next().is_some();
        listing
    }

    /// Everybody who was told to be there, with since when.
    pub fn told(&self) -> impl Iterator<Item = (&Topic, &Member, Timestamp)> {
        self.rooms.iter().flat_map(|(topic, room)| {
            let told = room.members.iter().filter(|(_, stay)| stay.told);
            told.map(move |(member, stay)| (topic, member, stay.since))
        })
    }

    /// Members of all topics together.
    pub fn members(&self) -> usize {
        self.members
    }

    /// Whether there is room again for sessions that found none: their shards should report all they have.
    pub fn has_room_again(&self) -> bool {
        self.uncounted > 0 && self.members <= self.most - self.most / 10
    }

    /// Counts a session in; whether there was room.
    fn enter(&mut self, topic: &Topic, member: &Member, now: Moment) -> bool {
        let known = self.rooms.get(topic).is_some_and(|room| room.members.contains_key(member));
        if !known && self.members >= self.most {
            self.uncounted += 1;
            return false;
        }
        self.members += usize::from(!known);
        let room = self.rooms.entry(topic.clone()).or_default();
        let fresh = Stay { sessions: 0, since: now.time, gone: now, told: false, queued: false, due: false };
        let stay = room.members.entry(member.clone()).or_insert(fresh);
        stay.sessions += 1;
        room.sessions += 1;
        if !stay.told {
            self.announce(topic, member);
        }
        true
    }

    fn exit(&mut self, topic: &Topic, member: &Member, now: Moment) {
        let Some(room) = self.rooms.get_mut(topic) else { return };
        let Some(stay) = room.members.get_mut(member) else { return };
        stay.sessions -= 1;
        room.sessions -= 1;
        if stay.sessions > 0 {
            return;
        }
        stay.gone = now;
        // One that was not told is among the news, and is dropped there.
        if stay.told && !std::mem::replace(&mut stay.due, true) {
            let at_ms = now.ms.saturating_add(self.grace_ms);
            let (topic, member) = (topic.clone(), member.clone());
            self.departures.push(Reverse(Departure { at_ms, topic, member }));
        }
    }

    /// Takes the departure that is due first.
    fn depart(&mut self, now: Moment) {
        let Some(Reverse(Departure { topic, member, .. })) = self.departures.pop() else { return };
        let Some(stay) = self.rooms.get_mut(&topic).and_then(|room| room.members.get_mut(&member)) else { return };
        stay.due = false;
        if stay.sessions > 0 {
            return;
        }
        let at_ms = stay.gone.ms.saturating_add(self.grace_ms);
        if at_ms > now.ms {
            stay.due = true;
            return self.departures.push(Reverse(Departure { at_ms, topic, member }));
        }
        self.announce(&topic, &member);
    }

    /// Puts a member among the news.
    fn announce(&mut self, topic: &Topic, member: &Member) {
        let Some(room) = self.rooms.get_mut(topic) else { return };
        let Some(stay) = room.members.get_mut(member) else { return };
        if std::mem::replace(&mut stay.queued, true) {
            return;
        }
        if room.news.is_empty() {
            self.noisy.push_back(topic.clone());
        }
        room.news.push_back(member.clone());
    }

    fn tell_of(&mut self, topic: &Topic, most: usize, now: Moment, told: &mut Vec<News>) {
        let Some(room) = self.rooms.get_mut(topic) else { return };
        let full = told.len() + most;
        while told.len() < full
            && let Some(member) = room.news.pop_front()
        {
            let Some(stay) = room.members.get_mut(&member) else { continue };
            stay.queued = false;
            let news = |joined, sessions, count, time| {
                let (topic, member) = (topic.clone(), member.clone());
                News { topic, member, joined, sessions, count, time }
            };
            match (stay.sessions, stay.told) {
                (1.., true) => {}
                (1.., false) => {
                    stay.told = true;
                    room.told += 1;
                    told.push(news(true, stay.sessions, room.told, stay.since));
                }
                (0, true) => {
                    let at_ms = stay.gone.ms.saturating_add(self.grace_ms);
                    if at_ms <= now.ms {
                        room.told -= 1;
                        told.push(news(false, 0, room.told, stay.gone.time));
                        room.members.remove(&member);
                        self.members -= 1;
                    } else if !std::mem::replace(&mut stay.due, true) {
                        // It was back, and is gone again.
                        self.departures.push(Reverse(Departure { at_ms, topic: topic.clone(), member }));
                    }
                }
                // It came and went meanwhile.
                (0, false) => {
                    room.members.remove(&member);
                    self.members -= 1;
                }
            }
        }
    }
}
