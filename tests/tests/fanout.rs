//! Fan-out to more readers than one turn of a shard serves.

use std::thread;

use headwater_testkit::{LocalHub, Request};

const READERS: usize = 700;
const EVENTS: usize = 60;

/// A pass takes several turns, in which readers come, leave and ask for other things: who stays gets every event once and
/// in order, whoever comes goes on from where it says. (POOL-01, BSG-08, RLB-08)
#[test]
fn a_pass_of_many_turns_serves_everybody_exactly_once() {
    let hub = LocalHub::with("shards = 1");
    let client = hub.client();
    let mut readers: Vec<_> = (0..READERS).map(|_| client.events("topic=t&since=latest")).collect();
    for reader in &mut readers {
        reader.until_raw(|text| text.contains("\n\n"));
    }
    let publisher = thread::spawn(move || {
        let mut publisher = client.publisher();
        (0..EVENTS).map(|n| publisher.publish("t", n.to_string())).collect::<Vec<_>>()
    });
    // Slots of readers that leave are taken by others at once, also while a pass is under way.
    let mut late = Vec::new();
    for n in 0..READERS / 3 {
        drop(readers.swap_remove(n));
        late.push(client.events(if n % 2 == 0 { "topic=t&since=earliest" } else { "topic=other" }));
        drop(client.send(&Request::get("/v1/topics/t")));
    }
    let ids = publisher.join().expect("every event was taken");
    for reader in &mut readers {
        assert_eq!(reader.take(EVENTS).into_iter().map(|event| event.id).collect::<Vec<_>>(), ids);
    }
    for reader in late.iter_mut().step_by(2) {
        assert_eq!(reader.take(EVENTS).into_iter().map(|event| event.id).collect::<Vec<_>>(), ids);
    }
    let last = client.publish("other", "x");
    for reader in late.iter_mut().skip(1).step_by(2) {
        assert_eq!(reader.take(1)[0].id, last, "nothing of another topic");
    }
}
