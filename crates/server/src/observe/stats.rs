//! The hub's own topic `$hub/stats`: one event a second, as long as somebody reads it.

use std::sync::Arc;
use std::time::Duration;

use headwater_log::Health;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::counters::{Counter, Counters};
use super::latency::Latencies;
use super::own_topic::OwnTopic;
use crate::flow::fanout::CloseCause;
use crate::hub::Hub;

const EVERY: Duration = Duration::from_secs(1);

/// Publishes until the task is dropped.
pub(crate) async fn publish_stats(hub: Arc<Hub>) {
    let Ok(topic) = OwnTopic::new("$hub/stats") else { return };
    let mut tick = tokio::time::interval(EVERY);
    let mut before = latencies(&hub);
    loop {
        tick.tick().await;
        let now = latencies(&hub);
        if topic.is_read(&hub).await {
            topic.publish(&hub, &snapshot(&hub, &now.since(&before)));
        }
        before = now;
    }
}

/// The figures of this moment. Totals count from the start; `lately` is what was noted since the event before.
fn snapshot(hub: &Hub, lately: &Latencies) -> Value {
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
        "time": now(),
        "uptime_s": hub.started.elapsed().as_secs(),
        "sessions": hub.sessions(),
        "sessions_limit": hub.budget.sessions(&hub.settings().limits),
        "connections": hub.budget.connected(),
        "connections_limit": hub.budget.connections(),
        "opened": total(|c| &c.opened),
        "closed": closed,
        "publishes": total(|c| &c.publishes),
        "events": total(|c| &c.events),
        "deliveries": total(|c| &c.deliveries),
        "bytes_out": total(|c| &c.bytes_out),
        "gaps": total(|c| &c.gaps),
        "refused": total(|c| &c.refused),
        "failed": total(|c| &c.failed),
        "latency": {
            "count": lately.count(),
            "p50_ms": lately.quantile_ms(0.5),
            "p99_ms": lately.quantile_ms(0.99),
            "max_ms": lately.quantile_ms(1.0),
        },
        "head": hub.wire.position(hub.tail.head()).to_string(),
        "topics": usage.topics,
        "log_bytes": usage.bytes,
        "log_events": usage.events,
        "log_ready": hub.engine.health() == Health::Ready,
        "tail_bytes": hub.tail.bytes(),
        "memory_bytes": memory_bytes(),
        "descriptors": descriptors(),
        "descriptors_limit": rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
    })
}

/// Of all shards.
pub(super) fn latencies(hub: &Hub) -> Latencies {
    Latencies::of(hub.counters.iter().map(|counters| &counters.latency))
}

/// Resident memory of this process; 0 where the kernel does not tell.
pub(crate) fn memory_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok())
        .unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

/// Open descriptors of this process. Linux tells them as a size since 6.2; to count them one by one would take long where
/// there are many, so before that there is no answer.
pub(super) fn descriptors() -> Option<u64> {
    std::fs::metadata("/proc/self/fd").ok().map(|folder| folder.len()).filter(|count| *count > 0)
}

/// This moment as RFC 3339.
pub(super) fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}
