//! The hub's own topic `$hub/stats`: one event a second, as long as somebody reads it.

use std::sync::Arc;
use std::time::Duration;

use headwater_log::{NewEvent, Topic};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::counters::{Counter, Counters};
use crate::flow::fanout::CloseCause;
use crate::hub::Hub;

const EVERY: Duration = Duration::from_secs(1);

/// Publishes until the task is dropped.
pub(crate) async fn publish_stats(hub: Arc<Hub>) {
    let Ok(topic) = Topic::new("$hub/stats") else { return };
    let mut tick = tokio::time::interval(EVERY);
    loop {
        tick.tick().await;
        if hub.sessions() == 0 || hub.readers(std::slice::from_ref(&topic)).await == [0] {
            continue;
        }
        let event = NewEvent {
            topic: topic.clone(),
            event_type: None,
            key: None,
            idempotency_key: None,
            data: snapshot(&hub).to_string().into(),
            end: None,
        };
        // A full or failed disk is told by /readyz and /metrics; here the next second tries again.
        hub.engine.append(vec![event], Box::new(|_| ()));
    }
}

/// The figures of this moment; totals since the start.
pub(crate) fn snapshot(hub: &Hub) -> Value {
    let total = |of: fn(&Counters) -> &Counter| hub.counters.iter().map(|counters| of(counters).get()).sum::<u64>();
    let closed: Map<String, Value> = CloseCause::ALL
        .iter()
        .map(|cause| {
            let count: u64 = hub.counters.iter().map(|counters| counters.closed_by(*cause)).sum();
            (cause.as_str().to_owned(), count.into())
        })
        .collect();
    let usage = hub.engine.usage();
    json!({
        "time": OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
        "uptime_s": hub.started.elapsed().as_secs(),
        "sessions": hub.sessions(),
        "publishes": total(|c| &c.publishes),
        "events": total(|c| &c.events),
        "deliveries": total(|c| &c.deliveries),
        "bytes_out": total(|c| &c.bytes_out),
        "gaps": total(|c| &c.gaps),
        "head": hub.wire.position(hub.tail.head()).to_string(),
        "topics": usage.topics,
        "log_bytes": usage.bytes,
        "log_events": usage.events,
        "memory_bytes": memory_bytes(),
        "closed": closed,
    })
}

/// Resident memory of this process; 0 where the kernel does not tell.
pub(crate) fn memory_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok())
        .unwrap_or(0);
    pages * rustix::param::page_size() as u64
}
