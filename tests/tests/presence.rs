//! Who reads a topic right now: told on the hub's own topics, listed for administrators, right after a reconnect, a
//! crash and a restart.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{SystemTime, UNIX_EPOCH};

use headwater_access::{Algorithm, SigningKey};
use headwater_testkit::{Client, Event, Hub, HubBuilder, LocalHub, Request, Sse, raise_descriptor_limit, until};
use serde_json::{Value, json};

const SECRET: &str = "an inline secret of forty-two random bytes";
/// The grace is half a second more than two seconds: what a reader was told at most, and the margin.
const TOP: &str = "retry = \"300ms\"\ndrain = \"500ms\"\n";
const ROOMS: &str = "[[class]]\ntopics = [\"rooms/**\"]\npresence = true\n";

fn config(top: &str, classes: &str) -> String {
    let access = format!(
        "[access]\nanonymous = {{ subscribe = [\"rooms/**\"] }}\n\
         [[access.keys]]\nid = \"main\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n"
    );
    format!("{top}{access}{classes}")
}

fn rooms() -> String {
    config(TOP, ROOMS)
}

fn durable() -> HubBuilder {
    Hub::builder().config(&rooms())
}

fn token(subject: &str, rights: Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({ "sub": subject, "exp": now + 3600, "headwater": rights });
    SigningKey::new(Some("main"), Algorithm::Hs256, SECRET.as_bytes()).unwrap().sign_claims(&claims).unwrap()
}

fn bearer(request: Request, token: &str) -> Request {
    request.header("Authorization", format!("Bearer {token}"))
}

fn as_admin(request: Request) -> Request {
    bearer(request, &token("root", json!({ "subscribe": ["**"], "publish": ["**"], "admin": true })))
}

/// Opens a stream as this subject.
fn reader(client: Client, subject: &str, topic: &str) -> Sse {
    let rights = json!({ "subscribe": ["**"] });
    client.stream(&bearer(Request::get(&format!("/v1/events?topic={topic}")), &token(subject, rights)))
}

/// What is told about a topic, from its beginning.
fn watch(client: Client, topic: &str) -> Sse {
    client.stream(&as_admin(Request::get(&format!("/v1/events?topic=$hub/presence/{topic}&since=earliest"))))
}

/// `joined ada 1/2`: what happened to whom, with how many sessions of it and how many members.
fn told(event: &Event) -> String {
    let data: Value = serde_json::from_str(&event.data).unwrap();
    assert!(data["time"].as_str().unwrap().ends_with('Z'), "{data}");
    let name = match data["anonymous"].as_bool().unwrap() {
        true => "somebody",
        false => data["member"].as_str().unwrap(),
    };
    format!("{} {name} {}/{}", event.event, data["sessions"], data["count"])
}

#[track_caller]
fn hears(watcher: &mut Sse, expected: &[&str]) {
    for expected in expected {
        assert_eq!(told(&watcher.next()), *expected);
    }
}

fn listed(client: Client, topic: &str) -> Value {
    client.send(&as_admin(Request::get(&format!("/v1/topics/{topic}/presence")))).expect(200).json()
}

/// Waits until this many members with this many sessions are there.
fn wait_for(client: Client, topic: &str, count: u64, sessions: u64) -> Value {
    until(&format!("{count} members with {sessions} sessions"), || {
        let listing = listed(client, topic);
        (listing["count"] == count && listing["sessions"] == sessions).then_some(listing)
    })
}

#[test]
fn who_joins_and_who_leaves_is_told_and_listed() {
    let hub = LocalHub::with(&rooms());
    let client = hub.client();
    let mut watcher = watch(client, "rooms/1");
    let ada = reader(client, "ada", "rooms/1");
    hears(&mut watcher, &["joined ada 1/1"]);
    // Two sessions of one subject are one member.
    let again = reader(client, "ada", "rooms/1&topic=rooms/2");
    let bob = reader(client, "bob", "rooms/1");
    let nobody = client.events("topic=rooms/1");
    hears(&mut watcher, &["joined bob 1/2", "joined somebody 1/3"]);
    // Whoever reads by a pattern looks on.
    let _observer = reader(client, "eve", "rooms/*");
    let listing = wait_for(client, "rooms/1", 3, 4);
    assert_eq!(
        (&listing["topic"], &listing["complete"], &listing["next"]),
        (&"rooms/1".into(), &true.into(), &Value::Null)
    );
    let names: Vec<(&str, u64)> = listing["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| (member["member"].as_str().unwrap(), member["sessions"].as_u64().unwrap()))
        .collect();
    assert!(
        matches!(names[..], [("ada", 2), ("bob", 1), (session, 1)] if session.split('-').count() == 3),
        "{names:?}"
    );
    assert!(listing["members"][0]["since"].as_str().unwrap().ends_with('Z'));
    wait_for(client, "rooms/2", 1, 1);
    // Page by page.
    let first = client.send(&as_admin(Request::get("/v1/topics/rooms/1/presence?limit=2"))).expect(200).json();
    let next = first["next"].as_str().unwrap();
    let rest = client.send(&as_admin(Request::get(&format!("/v1/topics/rooms/1/presence?limit=2&after={next}"))));
    assert_eq!(rest.json()["members"].as_array().unwrap().len(), 1);
    assert_eq!((first["count"].clone(), rest.json()["next"].clone()), (3.into(), Value::Null));

    drop((ada, nobody));
    hears(&mut watcher, &["left somebody 0/2"]);
    drop((again, bob));
    let mut last = [told(&watcher.next()), told(&watcher.next())];
    last.sort();
    assert!(matches!(&*last[0], "left ada 0/1" | "left ada 0/0"), "{last:?}");
    assert!(last[1].starts_with("left bob"), "{last:?}");
    wait_for(client, "rooms/1", 0, 0);
}

#[test]
fn a_reconnect_within_the_retry_time_is_no_flicker() {
    let hub = LocalHub::with(&rooms());
    let client = hub.client();
    let mut watcher = watch(client, "rooms/1");
    let first = reader(client, "ada", "rooms/1");
    hears(&mut watcher, &["joined ada 1/1"]);
    drop(first);
    let back = reader(client, "ada", "rooms/1");
    let bob = reader(client, "bob", "rooms/1");
    hears(&mut watcher, &["joined bob 1/2"]);
    drop(bob);
    // Had ada been gone for good, that would have been told before.
    hears(&mut watcher, &["left bob 0/1"]);
    drop(back);
    hears(&mut watcher, &["left ada 0/0"]);
}

#[test]
fn after_a_crash_those_who_come_back_are_no_news_and_those_who_do_not_have_left() {
    let mut hub = durable().start();
    let client = hub.client();
    let mut watcher = watch(client, "rooms/1");
    let _ada = reader(client, "ada", "rooms/1");
    hears(&mut watcher, &["joined ada 1/1"]);
    let _bob = reader(client, "bob", "rooms/1");
    hears(&mut watcher, &["joined bob 1/2"]);
    hub.kill();
    hub.restart();
    let _ada = reader(client, "ada", "rooms/1");
    let mut watcher = watch(client, "rooms/1");
    hears(&mut watcher, &["joined ada 1/1", "joined bob 1/2", "left bob 0/1"]);
    wait_for(client, "rooms/1", 1, 1);
    // And once more, from what the second start has written.
    hub.kill();
    hub.restart();
    let mut watcher = watch(client, "rooms/1");
    hears(&mut watcher, &["joined ada 1/1", "joined bob 1/2", "left bob 0/1", "left ada 0/0"]);
}

#[test]
fn a_restart_in_good_order_is_no_news_to_those_who_come_back() {
    let mut hub = durable().start();
    let client = hub.client();
    let mut watcher = watch(client, "rooms/1");
    let mut ada = reader(client, "ada", "rooms/1");
    hears(&mut watcher, &["joined ada 1/1"]);
    assert!(hub.terminate().success());
    assert_eq!(ada.rest().last().unwrap().event, "headwater.closing");
    hub.restart();
    let _ada = reader(client, "ada", "rooms/1");
    let bob = reader(client, "bob", "rooms/1");
    let mut watcher = watch(client, "rooms/1");
    hears(&mut watcher, &["joined ada 1/1", "joined bob 1/2"]);
    drop(bob);
    hears(&mut watcher, &["left bob 0/1"]);
}

#[test]
fn sessions_on_several_shards_are_one_member() {
    let hub = LocalHub::with(&config(&format!("{TOP}shards = 2\n"), ROOMS));
    let client = hub.client();
    let mut watcher = watch(client, "rooms/1");
    // The kernel gives each to one of two shards: all to the same once in 8 million times.
    let sessions: Vec<Sse> = (0..24).map(|_| reader(client, "ada", "rooms/1")).collect();
    let listing = wait_for(client, "rooms/1", 1, 24);
    assert_eq!(listing["members"][0]["sessions"], 24);
    assert!(told(&watcher.next()).starts_with("joined ada"));
    drop(sessions);
    hears(&mut watcher, &["left ada 0/0"]);
}

// The readers of a topic come and go in a storm: what is told is in bounds and adds up, and nobody waits for it.
#[test]
fn a_storm_of_readers_is_told_at_its_own_pace() {
    const READERS: usize = 2000;
    raise_descriptor_limit();
    let hub = LocalHub::with(&format!("{TOP}{ROOMS}"));
    let client = hub.client();
    let mut watcher = client.events("topic=$hub/presence/rooms/1");
    let streams: Vec<Sse> = (0..READERS).map(|_| client.events("topic=rooms/1")).collect();
    // They all are read at once, whatever has been told of them.
    drop(client.publish("rooms/1", "welcome"));
    for mut stream in streams {
        assert_eq!(stream.next().data, "welcome");
    }
    let listing = client.get("/v1/topics/rooms/1/presence?limit=1000").expect(200).json();
    assert!(listing["members"].as_array().unwrap().len() <= 1000 && listing["complete"] == true);
    until("everybody to be gone", || {
        let listing = client.get("/v1/topics/rooms/1/presence").expect(200).json();
        (listing["count"] == 0).then_some(())
    });
    let (mut joined, mut left) = (0, 0);
    loop {
        let event = watcher.next();
        let count = serde_json::from_str::<Value>(&event.data).unwrap()["count"].as_u64().unwrap();
        match event.event.as_str() {
            "joined" => joined += 1,
            _ => left += 1,
        }
        assert_eq!(count, joined - left, "{event:?}");
        if count == 0 && left > 0 {
            break;
        }
    }
    assert!(joined as usize <= READERS, "{joined}");
    assert!(client.metric("headwater_presence_members") == 0.0);
}

// T15: presence needs the administrator's right, whoever is there or not.
#[test]
fn t15_presence_is_the_administrators() {
    let hub = LocalHub::with(&rooms());
    let client = hub.client();
    let _ada = reader(client, "ada", "rooms/1");
    wait_for(client, "rooms/1", 1, 1);
    let other = token("eve", json!({ "subscribe": ["**"], "publish": ["**"] }));
    for topic in ["rooms/1", "rooms/none"] {
        let path = format!("/v1/topics/{topic}/presence");
        let anonymous = client.send(&Request::get(&path)).expect(401).json();
        assert_eq!(anonymous["reason"], "missing");
        let forbidden = client.send(&bearer(Request::get(&path), &other)).expect(403).json();
        assert_eq!(forbidden["reason"], "no-right-to-admin");
        let watched = Request::get(&format!("/v1/events?topic=$hub/presence/{topic}"));
        assert_eq!(client.send(&bearer(watched, &other)).expect(403).json()["reason"], "no-right-to-admin");
        assert_eq!(client.send(&as_admin(Request::post(&path, "x"))).expect(405).header("allow"), Some("GET, HEAD"));
    }
    let bad = client.send(&as_admin(Request::get("/v1/topics/rooms/1/presence?limit=0"))).expect(400).json();
    assert_eq!(bad["field"], "limit");
    let bad = client.send(&as_admin(Request::get("/v1/topics/rooms/1/presence?after=ada"))).expect(400).json();
    assert_eq!(bad["field"], "after");
}

#[test]
fn a_topic_may_be_called_presence() {
    let hub = LocalHub::with(&format!("{TOP}{ROOMS}"));
    let client = hub.client();
    // Of a class that does not tell its readers, and written so that the path does not end in the word.
    for path in ["/v1/topics/other/presence", "/v1/topics/rooms/1%2Fpresence", "/v1/topics/presence"] {
        drop(client.send(&Request::post(path, "x")).expect(201));
        assert_eq!(client.get(path).expect(200).json()["events"], 1, "{path}");
    }
    assert_eq!(client.get("/v1/topics/rooms/1/presence").expect(200).json()["count"], 0);
    assert_eq!(client.get("/v1/topics/rooms/1/presence/presence").expect(200).json()["topic"], "rooms/1/presence");
}

#[test]
fn a_reload_switches_presence_on_and_off() {
    let mut hub = Hub::builder().config(&config(TOP, "")).start();
    let client = hub.client();
    let _ada = reader(client, "ada", "rooms/1");
    let path = "/v1/topics/rooms/1/presence";
    drop(client.send(&as_admin(Request::get(path))).expect(404));
    hub.reload(&rooms());
    // Whoever is there already is told.
    let mut watcher = watch(client, "rooms/1");
    hears(&mut watcher, &["joined ada 1/1"]);
    wait_for(client, "rooms/1", 1, 1);
    hub.reload(&config(TOP, ""));
    until("it to be a topic like any other", || {
        (client.send(&as_admin(Request::get(path))).status() == 404).then_some(())
    });
    let _bob = reader(client, "bob", "rooms/1");
    hub.reload(&rooms());
    until("presence again", || (client.send(&as_admin(Request::get(path))).status() == 200).then_some(()));
    // Nobody left; and who came meanwhile is told now.
    let listing = wait_for(client, "rooms/1", 2, 2);
    assert_eq!(listing["members"][1]["member"], "bob");
    hears(&mut watcher, &["joined bob 1/2"]);
}
