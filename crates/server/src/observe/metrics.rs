//! `GET /metrics`: the Prometheus text format.

use headwater_log::Health;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::counters::{Counter, Counters};
use super::stats::{descriptors, latencies, memory_bytes};
use crate::flow::fanout::CloseCause;
use crate::hooks::Status;
use crate::hub::Hub;
use crate::limit::Limit;

/// The metrics of this moment.
pub(crate) fn render(hub: &std::sync::Arc<Hub>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot(hub.clone())));
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = text::encode(&mut out, &registry);
    out
}

struct Snapshot(std::sync::Arc<Hub>);

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshot")
    }
}

type Read = fn(&Counters) -> &Counter;
type ReadHook = fn(&Status) -> u64;

/// Bounds of the histogram of latencies, in milliseconds.
const LATENCY_BOUNDS_MS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000];

/// Counters that are summed over the shards.
const COUNTERS: [(&str, &str, Read); 14] = [
    ("headwater_connections_accepted", "Connections accepted", |c| &c.connections),
    ("headwater_sessions_opened", "Streams and long-polls opened", |c| &c.opened),
    ("headwater_sessions_resumed", "Sessions that began with the client's cursor", |c| &c.resumed),
    ("headwater_gaps", "Gaps told to readers", |c| &c.gaps),
    ("headwater_deliveries", "Events handed to sessions", |c| &c.deliveries),
    ("headwater_events_conflated", "Events that gave way to newer ones, for some session", |c| &c.conflated),
    ("headwater_sent_bytes", "Bytes handed to sessions", |c| &c.bytes_out),
    ("headwater_heartbeats", "Heartbeats sent", |c| &c.heartbeats),
    ("headwater_publishes", "Publish requests stored", |c| &c.publishes),
    ("headwater_events_stored", "Events stored", |c| &c.events),
    ("headwater_duplicates", "Events whose idempotency key was known", |c| &c.duplicates),
    ("headwater_requests_refused", "Requests answered with a 4xx status", |c| &c.refused),
    ("headwater_requests_failed", "Requests answered with a 5xx status", |c| &c.failed),
    ("headwater_catch_up_pages", "Pages read from the log for sessions that are behind the tail", |c| &c.pages),
];

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let hub = &self.0;
        for (name, help, read) in COUNTERS {
            let total: u64 = hub.counters.iter().map(|counters| read(counters).get()).sum();
            let metric = ConstCounter::new(total);
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)?;
        }
        let kind = ConstCounter::new(0u64).metric_type();
        let mut family =
            encoder.encode_descriptor("headwater_sessions_closed", "Sessions ended, by reason", None, kind)?;
        for cause in CloseCause::ALL {
            let total: u64 = hub.counters.iter().map(|counters| counters.closed_by(cause)).sum();
            ConstCounter::new(total).encode(family.encode_family(&[("reason", cause.as_str())])?)?;
        }
        let mut family = encoder.encode_descriptor(
            "headwater_access_refused",
            "Requests answered with 401 or 403, by reason",
            None,
            kind,
        )?;
        let mut refused = std::collections::BTreeMap::<_, u64>::new();
        for (reason, count) in hub.counters.iter().flat_map(|counters| counters.refusals.all()) {
            *refused.entry(reason).or_default() += count;
        }
        for (reason, total) in refused {
            ConstCounter::new(total).encode(family.encode_family(&[("reason", reason)])?)?;
        }
        let mut family = encoder.encode_descriptor(
            "headwater_sessions_shed",
            "Streams and long-polls sent away to come back later, by reason",
            None,
            kind,
        )?;
        let shed: [(&str, Read); 2] = [("sessions", |c| &c.crowded_out), ("drain", |c| &c.drained_off)];
        for (reason, read) in shed {
            let total: u64 = hub.counters.iter().map(|counters| read(counters).get()).sum();
            ConstCounter::new(total).encode(family.encode_family(&[("reason", reason)])?)?;
        }
        for (name, help, refused) in [
            ("headwater_limit_allowed", "What passed a limit, by limit", false),
            ("headwater_limit_refused", "What was over a limit, by limit; of replays, what had to wait", true),
        ] {
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for limit in Limit::ALL {
                let (passed, over) = hub.limiter.tally.of(limit);
                let total = if refused { over } else { passed };
                ConstCounter::new(total).encode(family.encode_family(&[("limit", limit.as_str())])?)?;
            }
        }
        for (name, help, total) in [
            ("headwater_access_log_lost", "Lines of the access log that were lost", hub.access_log.lost()),
            ("headwater_access_log_omitted", "Publishes without a line of the access log", hub.access_log.omitted()),
        ] {
            ConstCounter::new(total).encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        let latencies = latencies(hub);
        let mut within = 0;
        let buckets = LATENCY_BOUNDS_MS.map(|bound| {
            let all = latencies.within(bound * 1000);
            let own = all - within;
            within = all;
            (bound as f64 / 1000.0, own)
        });
        let rest = (f64::INFINITY, latencies.count() - within);
        let buckets: Vec<(f64, u64)> = buckets.into_iter().chain([rest]).collect();
        let (name, help) =
            ("headwater_delivery_latency_seconds", "From the log to the sockets of readers that had everything before");
        let mut histogram = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        histogram.encode_histogram::<NoLabelSet>(latencies.sum_seconds(), latencies.count(), &buckets, None)?;
        let usage = hub.engine.usage();
        let sessions_limit = hub.budget.sessions(&hub.settings().limits) as u64;
        let healthy = hub.engine.health() == Health::Ready;
        let hooks = hub.hooks.statuses();
        let counters: [(&str, &str, ReadHook); 3] = [
            ("headwater_hook_delivered", "What the receivers of hooks have taken, by hook", |hook| {
                hook.delivered.get()
            }),
            ("headwater_hook_failed", "What they never took, by hook", |hook| hook.failed.get()),
            ("headwater_hook_retries", "Requests of hooks that repeat one, by hook", |hook| hook.retries.get()),
        ];
        for (name, help, read) in counters {
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for (id, status) in &hooks {
                ConstCounter::new(read(status)).encode(family.encode_family(&[("hook", id.as_str())])?)?;
            }
        }
        let lag = ConstGauge::new(0u64).metric_type();
        let help = "Seconds that the event a hook is telling has waited, by hook";
        let mut family = encoder.encode_descriptor("headwater_hook_lag_seconds", help, None, lag)?;
        for (id, status) in &hooks {
            ConstGauge::new(status.lag_s()).encode(family.encode_family(&[("hook", id.as_str())])?)?;
        }
        let told = ConstCounter::new(hub.presence.told());
        let (name, help) = ("headwater_presence_events", "Members told to have joined or left");
        told.encode(encoder.encode_descriptor(name, help, None, told.metric_type())?)?;
        let gauges: [(&str, &str, u64); 14] = [
            ("headwater_sessions", "Open sessions", hub.sessions()),
            ("headwater_sessions_limit", "Most open sessions", sessions_limit),
            ("headwater_connections", "Open connections", hub.budget.connected() as u64),
            ("headwater_connections_limit", "Most open connections", hub.budget.connections() as u64),
            ("headwater_presence_members", "Members of all topics whose readers are told", hub.presence.members()),
            ("headwater_log_head", "Newest durable sequence number", hub.tail.head()),
            ("headwater_log_bytes", "Bytes of storage in use", usage.bytes),
            ("headwater_log_events", "Events that can be read", usage.events),
            ("headwater_log_segments", "Segments", usage.segments),
            ("headwater_topics", "Topics known", usage.topics),
            ("headwater_log_ready", "1 when the log takes events, 0 when it is full or has failed", healthy.into()),
            ("headwater_tail_bytes", "Bytes of recent events in memory", hub.tail.bytes() as u64),
            ("headwater_descriptors", "Open descriptors; 0 where the kernel does not tell", descriptors().unwrap_or(0)),
            ("headwater_resident_bytes", "Resident memory of the process", memory_bytes()),
        ];
        for (name, help, value) in gauges {
            let metric = ConstGauge::new(value);
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)?;
        }
        Ok(())
    }
}
