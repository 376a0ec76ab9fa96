//! Presence against a model that remembers every session and looks at all of them: whatever comes and goes, what was
//! told adds up to who is there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use headwater_hub::{Member, Moment, News, Presence, SessionKey, Ticket, Visit};
use headwater_log::Topic;
use proptest::prelude::*;

const GRACE_MS: u64 = 1000;
const MANY: usize = 1000;

#[derive(Clone, Debug)]
enum Step {
    Open {
        slot: u32,
        member: u8,
        topics: u8,
    },
    Close {
        slot: u32,
    },
    /// The shard reports what it has.
    Report,
    Wait {
        ms: u64,
    },
    Tell {
        most: usize,
        fails: bool,
    },
}

/// What a reader of the presence topics has heard.
#[derive(Default)]
struct Heard(BTreeMap<Topic, BTreeSet<Member>>);

impl Heard {
    /// Every member comes before it goes, and the count is right each time.
    fn hear(&mut self, news: &News) {
        let room = self.0.entry(news.topic.clone()).or_default();
        match news.joined {
            true => assert!(room.insert(news.member.clone()) && news.sessions > 0, "joined twice: {news:?}"),
            false => assert!(room.remove(&news.member) && news.sessions == 0, "left twice: {news:?}"),
        }
        assert_eq!(news.count, room.len(), "{news:?}");
    }

    fn members(&self) -> BTreeSet<(Topic, Member)> {
        let pairs = self.0.iter().flat_map(|(topic, members)| members.iter().map(|one| (topic.clone(), one.clone())));
        pairs.collect()
    }
}

fn member(number: u8) -> Member {
    Member { anonymous: number > 3, name: number.to_string().into() }
}

fn topic(number: u8) -> Topic {
    Topic::new(&format!("room/{number}")).unwrap()
}

fn key(slot: u32, generation: u32) -> SessionKey {
    SessionKey { shard: slot % 2, ticket: Ticket { slot, generation } }
}

fn at(ms: u64) -> Moment {
    Moment { ms, time: ms * 1000 }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12_u32, 0..6_u8, 1..8_u8).prop_map(|(slot, member, topics)| Step::Open { slot, member, topics }),
        4 => (0..12_u32).prop_map(|slot| Step::Close { slot }),
        1 => Just(Step::Report),
        3 => (1..1500_u64).prop_map(|ms| Step::Wait { ms }),
        3 => (1..5_usize, prop::bool::weighted(0.2)).prop_map(|(most, fails)| Step::Tell { most, fails }),
    ]
}

fn visit(number: u8, topics: u8) -> Visit {
    let topics = (0..3).filter(|bit| topics & (1 << bit) != 0).map(topic).collect();
    Visit { member: member(number), topics }
}

/// Whoever is there by the model.
fn there(open: &HashMap<u32, (SessionKey, Visit)>) -> BTreeSet<(Topic, Member)> {
    let visits = open.values().map(|(_, visit)| visit);
    visits.flat_map(|visit| visit.topics.iter().map(|topic| (topic.clone(), visit.member.clone()))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_was_told_adds_up_to_who_is_there(steps in prop::collection::vec(step(), 1..120)) {
        let mut presence = Presence::new(GRACE_MS, MANY);
        let mut heard = Heard::default();
        let mut open: HashMap<u32, (SessionKey, Visit)> = HashMap::new();
        let (mut now, mut generation) = (10_000, 0);
        for step in steps {
            match step {
                Step::Open { slot, member, topics } if !open.contains_key(&slot) => {
                    generation += 1;
                    let (key, visit) = (key(slot, generation), visit(member, topics));
                    presence.open(key, visit.clone(), at(now));
                    open.insert(slot, (key, visit));
                }
                Step::Open { .. } => {}
                Step::Close { slot } => {
                    if let Some((key, _)) = open.remove(&slot) {
                        presence.close(key, at(now));
                        presence.close(key, at(now));
                    }
                }
                Step::Report => {
                    let sessions = open.values().filter(|(key, _)| key.shard == 1).cloned().collect();
                    presence.replace(1, sessions, at(now));
                }
                Step::Wait { ms } => now += ms,
                Step::Tell { most, fails } => {
                    let news = presence.tell(most, at(now));
                    prop_assert!(news.len() <= most);
                    match fails {
                        true => presence.untell(news),
                        false => news.iter().for_each(|news| heard.hear(news)),
                    }
                }
            }
            for number in 0..3 {
                let listing = presence.list(&topic(number), None, MANY);
                let listed: BTreeSet<Member> = listing.members.iter().map(|one| one.member.clone()).collect();
                let inside = |(room, member): (Topic, Member)| (room == topic(number)).then_some(member);
                for one in there(&open).into_iter().filter_map(inside) {
                    prop_assert!(listed.contains(&one));
                }
                prop_assert_eq!(listing.count, listed.len());
                let sessions: usize = open.values().filter(|(_, visit)| visit.topics.contains(&topic(number))).count();
                prop_assert_eq!(listing.sessions, sessions);
            }
        }
        // Once it is quiet for as long as the grace, everything has been told and nothing is left to do.
        now += GRACE_MS;
        loop {
            let news = presence.tell(3, at(now));
            if news.is_empty() && presence.next_news().is_none_or(|at| at > now) {
                break;
            }
            news.iter().for_each(|news| heard.hear(news));
        }
        prop_assert_eq!(heard.members(), there(&open));
        prop_assert_eq!(presence.members(), there(&open).len());
        let told: BTreeSet<(Topic, Member)> =
            presence.told().map(|(topic, member, _)| (topic.clone(), member.clone())).collect();
        prop_assert_eq!(told, there(&open));
        for (_, (key, _)) in open.drain() {
            presence.close(key, at(now));
        }
        now += GRACE_MS;
        while presence.next_news().is_some() {
            presence.tell(MANY, at(now));
        }
        prop_assert_eq!(presence.members(), 0);
    }

    #[test]
    fn there_are_never_more_members_than_there_may_be(visits in prop::collection::vec((0..6_u8, 1..8_u8), 1..60), most in 1..12_usize) {
        let mut presence = Presence::new(GRACE_MS, most);
        let sessions: Vec<(SessionKey, Visit)> = visits
            .iter()
            .enumerate()
            .map(|(slot, (member, topics))| (key(2 * slot as u32, 1), visit(*member, *topics)))
            .collect();
        for (key, visit) in sessions.clone() {
            presence.open(key, visit, at(0));
            prop_assert!(presence.members() <= most);
        }
        // Half of them go, and the others find room when their shard reports.
        let (gone, stay) = sessions.split_at(sessions.len() / 2);
        gone.iter().for_each(|(key, _)| presence.close(*key, at(0)));
        while presence.next_news().is_some_and(|due| due <= GRACE_MS) {
            presence.tell(MANY, at(GRACE_MS));
        }
        presence.replace(0, stay.to_vec(), at(GRACE_MS));
        let wanted: BTreeSet<(u8, u8)> = visits[visits.len() / 2..]
            .iter()
            .flat_map(|(member, topics)| (0..3).filter(move |bit| topics & (1 << bit) != 0).map(move |room| (*member, room)))
            .collect();
        prop_assert_eq!(presence.members(), wanted.len().min(most));
        prop_assert_eq!(presence.list(&topic(0), None, MANY).complete, wanted.len() <= most);
        presence.retain(|_| false);
        prop_assert_eq!(presence.members(), 0);
        prop_assert!(presence.list(&topic(0), None, MANY).complete);
        prop_assert_eq!(presence.next_news(), None);
    }
}

fn told(presence: &mut Presence, ms: u64) -> Vec<(bool, String, u32, usize)> {
    let news = presence.tell(MANY, at(ms));
    news.into_iter().map(|news| (news.joined, news.member.name.to_string(), news.sessions, news.count)).collect()
}

#[test]
fn a_reader_that_comes_back_in_time_is_no_news() {
    let mut presence = Presence::new(GRACE_MS, MANY);
    presence.open(key(0, 1), visit(1, 1), at(0));
    assert_eq!(told(&mut presence, 0), [(true, "1".into(), 1, 1)]);
    presence.close(key(0, 1), at(100));
    assert_eq!(presence.next_news(), Some(1100));
    presence.open(key(0, 2), visit(1, 1), at(1099));
    presence.close(key(0, 2), at(1100));
    assert_eq!(told(&mut presence, 1100), [], "its grace counts from when it went last");
    assert_eq!(told(&mut presence, 2099), []);
    assert_eq!(told(&mut presence, 2100), [(false, "1".into(), 0, 0)]);
}

#[test]
fn several_sessions_of_a_subject_are_one_member() {
    let mut presence = Presence::new(GRACE_MS, MANY);
    presence.open(key(0, 1), visit(1, 1), at(0));
    presence.open(key(1, 1), visit(1, 1), at(0));
    assert_eq!(told(&mut presence, 0), [(true, "1".into(), 2, 1)]);
    presence.close(key(0, 1), at(0));
    assert_eq!(told(&mut presence, 10_000), []);
    let listing = presence.list(&topic(0), None, 10);
    assert_eq!((listing.count, listing.sessions, listing.members[0].sessions), (1, 1, 1));
}

#[test]
fn whoever_was_there_before_a_crash_has_the_grace_to_come_back() {
    let mut presence = Presence::new(GRACE_MS, MANY);
    presence.recover(&topic(0), member(1), 5, at(0));
    presence.recover(&topic(0), member(2), 6, at(0));
    presence.open(key(0, 1), visit(1, 1), at(999));
    assert_eq!(told(&mut presence, 1000), [(false, "2".into(), 0, 1)]);
    assert_eq!(presence.list(&topic(0), None, 10).members[0].since, 5);
}

#[test]
fn ten_thousand_that_come_and_go_at_once_are_no_news_and_no_memory() {
    let mut presence = Presence::new(GRACE_MS, 100_000);
    let reader =
        |slot: u32| Visit { member: Member { anonymous: true, name: slot.to_string().into() }, topics: vec![topic(0)] };
    for slot in 0..10_000 {
        presence.open(key(slot, 1), reader(slot), at(0));
    }
    assert_eq!(presence.tell(200, at(0)).len(), 200);
    for slot in 0..10_000 {
        presence.close(key(slot, 1), at(1));
    }
    let mut left = 0;
    while presence.next_news().is_some() {
        let news = presence.tell(200, at(2 * GRACE_MS));
        assert!(news.iter().all(|news| !news.joined));
        left += news.len();
    }
    assert_eq!((left, presence.members()), (200, 0), "only what was told is taken back");
}

#[test]
fn a_list_goes_page_by_page_and_topics_take_turns() {
    let mut presence = Presence::new(GRACE_MS, MANY);
    for slot in 0..100 {
        let name = format!("{slot:03}").into();
        let topics = vec![topic(u8::from(slot >= 90))];
        presence.open(key(slot, 1), Visit { member: Member { anonymous: false, name }, topics }, at(0));
    }
    let news = presence.tell(50, at(0));
    assert_eq!(
        news.iter().filter(|news| news.topic == topic(1)).count(),
        10,
        "the small room does not wait for the large"
    );
    let mut names: Vec<String> = Vec::new();
    let mut after: Option<Member> = None;
    loop {
        let page = presence.list(&topic(0), after.as_ref(), 40);
        names.extend(page.members.iter().map(|one| one.member.name.to_string()));
        assert_eq!(page.count, 90);
        if !page.more {
            break;
        }
        after = page.members.last().map(|one| one.member.clone());
    }
    assert_eq!(names, (0..90).map(|slot| format!("{slot:03}")).collect::<Vec<_>>());
}
