//! What readers get of more than they take: paced, conflated, or ended, as they ask and as their classes say. Whatever is left out
//! without having been asked for is told.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use headwater_testkit::peer::{Connection, Stream};
use headwater_testkit::{Event, Figures, Hub, LocalHub, PATIENCE, Publisher, Request, Sse, seq};
use serde_json::json;
use socket2::{Domain, Protocol, Socket, Type};

/// Publishes one event with a key; the number of its id.
fn publish(publisher: &mut Publisher, topic: &str, key: &str, data: &str) -> u64 {
    let request = Request::post(&format!("/v1/topics/{topic}"), data).header("Headwater-Key", key);
    seq(&publisher.send(&request).expect(201).ids().remove(0))
}

/// Reads until the event of this number has come; returns everything.
fn until(stream: &mut Sse, last: u64) -> Vec<Event> {
    stream.until(|event| event.event == "message" && event.seq() == last)
}

/// Every number between the first and the last event that was published is an event or lies in a gap that was told.
fn assert_nothing_is_missing_silently(published: &[u64], received: &[Event], before: u64) {
    let (mut place, mut covered) = (before, Vec::new());
    for event in received {
        if event.event == "headwater.gap" {
            let gap = event.json();
            assert_eq!(gap["reason"], "conflated", "{event:?}");
            let (from, to) = (seq(gap["requested"].as_str().unwrap()), seq(gap["resumed_at"].as_str().unwrap()));
            assert!(from >= place && to > from, "{event:?} after {place}");
            assert_eq!(event.seq(), to, "the gap moves the cursor");
            covered.push((from, to));
            place = to;
        } else {
            assert!(event.seq() > place, "{event:?} after {place}");
            place = event.seq();
        }
    }
    for number in published {
        let delivered = received.iter().any(|event| event.event == "message" && event.seq() == *number);
        let told = covered.iter().any(|(from, to)| from < number && number <= to);
        assert!(delivered != told, "{number}: delivered {delivered}, told {told}");
    }
}

// RLB-01, RLB-02, RLB-08
#[test]
fn rlb_02_a_session_gets_at_most_as_many_deliveries_as_it_asked_for_and_all_events() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut free = client.events("topic=a");
    let mut paced = client.events("topic=a&max_rate=5");
    let publisher = std::thread::spawn(move || {
        let mut publisher = client.publisher();
        let started = Instant::now();
        let mut published = Vec::new();
        while started.elapsed() < Duration::from_secs(2) {
            published.push(publish(&mut publisher, "a", "", "x"));
        }
        published
    });
    // A delivery is what comes together.
    let started = Instant::now();
    let (mut deliveries, mut last, mut received) = (0_u32, None::<Instant>, Vec::new());
    let published = loop {
        received.push(paced.next().seq());
        let now = Instant::now();
        if last.replace(now).is_none_or(|last| now - last > Duration::from_millis(50)) {
            deliveries += 1;
        }
        if publisher.is_finished() {
            break publisher.join().unwrap();
        }
    };
    while received.last() != published.last() {
        received.push(paced.next().seq());
    }
    assert_eq!(received, published, "every event, once, in order");
    let due = started.elapsed().as_secs_f64() * 5.0;
    assert!(f64::from(deliveries) <= due + 2.0, "{deliveries} of at most {due}");
    assert!(published.len() > 5 * deliveries as usize, "{} events in {deliveries} deliveries", published.len());
    // Nobody else is held up.
    assert_eq!(free.take(published.len()).iter().map(Event::seq).collect::<Vec<_>>(), published);
}

// RLB-10, KAL-01
#[test]
fn rlb_10_heartbeats_go_on_while_a_session_waits_for_its_turn() {
    let hub = LocalHub::with("heartbeat = \"1s\"");
    let client = hub.client();
    let mut stream = client.events("topic=a&max_rate=0.1");
    let first = client.publish("a", "1");
    assert_eq!(stream.next().id, first);
    assert_eq!(stream.raw().lines().filter(|line| *line == ":").count(), 0, "the first one comes at once");
    // The next turn is in ten seconds.
    client.publish("a", "2");
    let beats = |raw: &str| raw.lines().filter(|line| *line == ":").count();
    let raw = stream.until_raw(|raw| beats(raw) >= 2);
    assert!(!raw.contains("data: 2"), "{raw}");
    assert_eq!(stream.cursor(), first, "a heartbeat does not move the cursor past what waits");
}

// RLB-04, RLB-06: who asks for the newest only gets that, and no word about the others.
#[test]
fn rlb_04_of_the_same_key_the_newest_when_a_reader_asks_for_that() {
    let hub = LocalHub::start();
    let client = hub.client();
    for accept in ["text/event-stream", "application/x-ndjson"] {
        let query = "topic=prices/*&max_rate=1&conflate=true";
        let mut publisher = client.publisher();
        let (mut newest, mut count) = (HashMap::new(), 0);
        let mut round = |publisher: &mut Publisher| {
            for number in 0..40 {
                let (topic, key) = (["prices/a", "prices/b"][number % 2], ["x", "y", ""][number % 3]);
                newest.insert((topic, key), publish(publisher, topic, key, &number.to_string()));
                count += 1;
            }
            newest.values().copied().max().unwrap()
        };
        let (received, last) = if accept == "text/event-stream" {
            let mut stream = client.events(query);
            let last = round(&mut publisher);
            (until(&mut stream, last), last)
        } else {
            let mut lines = client.lines(query);
            let last = round(&mut publisher);
            let mut received = vec![lines.next()];
            while received.last().is_none_or(|event| event.seq() != last) {
                received.push(lines.next());
            }
            (received, last)
        };
        let events: Vec<u64> = received.iter().filter(|event| event.event == "message").map(Event::seq).collect();
        assert!(received.iter().all(|event| event.event != "headwater.gap"), "{received:?}");
        assert!(events.is_sorted() && events.last() == Some(&last));
        assert!(newest.values().all(|number| events.contains(number)), "{events:?} {newest:?}");
        assert!(events.len() < count, "nothing gave way");
    }
    assert!(client.metric("headwater_events_conflated_total") > 0.0);
}

// RLB-06, guarantee 4: a class that conflates tells those who did not ask for it.
#[test]
fn rlb_06_what_a_class_leaves_out_is_told() {
    let hub = LocalHub::with("[[class]]\ntopics = [\"prices/**\"]\nconflate = true\nmax_rate = 2");
    let client = hub.client();
    let (mut told, mut all) = (client.events("topic=prices/*"), client.events("topic=prices/*&conflate=false"));
    let mut asked = client.events("topic=prices/*&conflate=true");
    let mut publisher = client.publisher();
    let published: Vec<u64> =
        (0..60).map(|number| publish(&mut publisher, "prices/a", ["x", "y"][number % 2], "1")).collect();
    let last = *published.last().unwrap();
    let received = until(&mut told, last);
    assert!(received.iter().any(|event| event.event == "headwater.gap"), "nothing gave way");
    assert_nothing_is_missing_silently(&published, &received, published[0] - 1);
    assert_eq!(until(&mut all, last).iter().map(Event::seq).collect::<Vec<_>>(), published);
    assert!(until(&mut asked, last).iter().all(|event| event.event == "message"));

    // The same from the log: whoever comes later gets the newest of a page.
    let before = format!("{}-{}", published[0] - 1, received[0].id.split_once('-').unwrap().1);
    let mut late = client.resume("topic=prices/*", &before);
    assert_nothing_is_missing_silently(&published, &until(&mut late, last), published[0] - 1);
    let answer = client.poll(&format!("topic=prices/*&conflate=true&last_event_id={before}"));
    assert_eq!(answer["gap"], serde_json::Value::Null);
    assert_eq!(answer["events"].as_array().unwrap().len(), 2, "{answer}");
    let answer = client.poll(&format!("topic=prices/*&last_event_id={before}"));
    assert_eq!(answer["gap"]["reason"], "conflated", "{answer}");
}

// RLB-06, guarantee 4: also to those who come back in the middle of what gave way, and to those who are cut off after every
// single thing that they are told.
#[test]
fn rlb_06_who_comes_back_inside_a_hole_is_told_of_the_rest() {
    let hub = LocalHub::with("[[class]]\ntopics = [\"prices/**\"]\nconflate = true");
    let client = hub.client();
    let mut publisher = client.publisher();
    // What stays lies between what gives way.
    let key = |number: u64| if number % 6 == 5 { number.to_string() } else { "x".to_owned() };
    let published: Vec<u64> = (0..60).map(|n| publish(&mut publisher, "prices/a", &key(n), "1")).collect();
    let head = client.events("topic=prices/*").head;
    let (last, epoch) = (published[59], head.header("headwater-cursor").unwrap().split_once('-').unwrap().1);
    for from in 0..59 {
        let cursor = format!("{}-{epoch}", published[from]);
        let received = until(&mut client.resume("topic=prices/*", &cursor), last);
        assert_nothing_is_missing_silently(&published[from + 1..], &received, published[from]);
    }
    let (mut cursor, mut received) = (format!("{}-{epoch}", published[0]), Vec::new());
    while received.last().is_none_or(|event: &Event| event.seq() < last) {
        let event = client.resume("topic=prices/*", &cursor).next();
        cursor.clone_from(&event.id);
        received.push(event);
    }
    assert!(received.iter().filter(|event| event.event == "headwater.gap").count() > 5, "{received:?}");
    assert_nothing_is_missing_silently(&published[1..], &received, published[0]);
}

/// A stream whose kernel takes little on its behalf.
fn reluctant(address: SocketAddr, query: &str) -> Stream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Connection::over(TcpStream::from(socket)).subscribe(query, &[]).unwrap()
}

// RLB-04, RLB-05: of two classes that one slow reader reads, only the one that may gives way; a reader that keeps up loses nothing.
#[test]
fn rlb_05_when_a_reader_is_slow_telemetry_gives_way_and_state_does_not() {
    let classes = "[[class]]\ntopics = [\"state/**\"]\n[[class]]\ntopics = [\"meters/**\"]\nslow = \"conflate\"";
    let hub = Hub::builder().config(&format!("tail = \"16MiB\"\n{classes}")).start();
    let client = hub.client();
    let mut slow = reluctant(hub.address(), "?topic=state/*&topic=meters/*");
    let mut live = client.events("topic=state/*&topic=meters/*");
    let mut publisher = client.publisher();
    let filler = "x".repeat(4000);
    let mut states = Vec::new();
    let mut meters = Vec::new();
    let started = Instant::now();
    // Longer than it takes to count as slow, and more than the kernel takes for it.
    while started.elapsed() < Duration::from_secs(3) || meters.len() < 200 {
        meters.push(publish(&mut publisher, "meters/1", "m", &filler));
        states.push(publish(&mut publisher, "state/1", "s", &filler));
        let both: Vec<u64> = live.take(2).iter().map(Event::seq).collect();
        assert_eq!(both, [*meters.last().unwrap(), *states.last().unwrap()], "who keeps up gets everything");
    }
    let last = *states.last().unwrap();
    let mut received = Vec::new();
    loop {
        let event = slow.events.expect();
        slow.events.forget_bytes();
        let event = Event { id: event.id, event: event.event, data: event.data, ..Event::default() };
        let is_last = event.event == "message" && event.seq() == last;
        received.push(event);
        if is_last {
            break;
        }
    }
    let messages: Vec<u64> = received.iter().filter(|event| event.event == "message").map(Event::seq).collect();
    assert!(states.iter().all(|number| messages.contains(number)), "a state change gave way");
    let kept = meters.iter().filter(|number| messages.contains(number)).count();
    assert!(kept < meters.len(), "nothing gave way");
    let mut published: Vec<u64> = states.iter().chain(&meters).copied().collect();
    published.sort_unstable();
    assert_nothing_is_missing_silently(&published, &received, published[0] - 1);
}

// RLB-04, RLB-07: durable topics whose readers have to be up to date: disconnect, and resume.
#[test]
fn rlb_07_a_class_may_end_the_streams_of_slow_readers_which_resume() {
    let classes = "[[class]]\ntopics = [\"a\"]\nslow = \"close\"";
    let hub = Hub::builder().config(&format!("tail = \"256KiB\"\nheartbeat = \"1s\"\n{classes}")).start();
    let client = hub.client();
    let mut slow = reluctant(hub.address(), "?topic=a");
    let mut publisher = client.publisher();
    let filler = "x".repeat(8000);
    let started = Instant::now();
    let mut published = Vec::new();
    while started.elapsed() < Duration::from_secs(3) || published.len() < 300 {
        published.push(publish(&mut publisher, "a", "", &filler));
    }
    let mut received = Vec::new();
    while let Ok(Some(event)) = slow.events.receive() {
        slow.events.forget_bytes();
        if event.event == "headwater.closing" {
            assert!(event.data.contains("\"lagged\""), "{event:?}");
            break;
        }
        received.push(seq(&event.id));
    }
    assert!(received.len() < published.len(), "it got everything");
    Figures::until(hub.address(), "the end to be counted", |figures| figures.closed("lagged") == 1.0);
    let cursor = slow.events.cursor().to_owned();
    let mut again = client.resume("topic=a", &cursor);
    received.extend(until(&mut again, *published.last().unwrap()).iter().map(Event::seq));
    assert_eq!(received, published);
}

#[test]
fn what_is_no_rate_and_no_switch_is_refused() {
    let hub = LocalHub::start();
    for (query, field) in [("max_rate=0", "max_rate"), ("max_rate=many", "max_rate"), ("conflate=maybe", "conflate")] {
        let answer = hub.client().get(&format!("/v1/events?topic=a&{query}"));
        assert_eq!((answer.status(), &answer.json()["field"]), (400, &json!(field)), "{query}");
    }
}
