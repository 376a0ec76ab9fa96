//! The hub's own topic `$hub/sessions`: how far readers are behind, as long as somebody reads it.
//!
//! The sessions are counted a stretch at a time, with a pause after each, so that the cost has a bound and not the time it
//! takes: a hub with many sessions has an event less often than once a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::own_topic::OwnTopic;
use super::stats::now;
use crate::api::render_session;
use crate::flow::fanout::{Ended, LAG_STEPS_MS, Message, Sample, SessionView};
use crate::hub::Hub;

const EVERY: Duration = Duration::from_secs(1);
/// After each stretch of sessions.
const PAUSE: Duration = Duration::from_millis(20);
/// Most sessions in each list of an event.
const MOST_NAMED: usize = 20;
/// Most topics and patterns that are named of one of them.
const MOST_TOPICS: usize = 3;

/// Publishes until the task is dropped.
pub(crate) async fn publish_sessions(hub: Arc<Hub>) {
    let Ok(topic) = OwnTopic::new("$hub/sessions") else { return };
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if topic.is_read(&hub).await {
            let began = Instant::now();
            let sample = sample(&hub).await;
            let ended = ended(&hub).await;
            topic.publish(&hub, &render(&hub, &sample, &ended, began.elapsed()));
        }
    }
}

/// Goes over all sessions.
async fn sample(hub: &Hub) -> Sample {
    let mut all = Sample::default();
    for shard in 0..hub.shards.len() {
        let mut from = Some(0);
        while let Some(slot) = from {
            let Some(part) = hub.ask(shard, |reply| Message::Sample(slot, MOST_NAMED, reply)).await else { break };
            from = part.next;
            all.add(part, MOST_NAMED);
            if from.is_some() {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    all
}

/// The last sessions that the hub ended, newest first.
async fn ended(hub: &Hub) -> Vec<Ended> {
    let mut all = Vec::new();
    for shard in 0..hub.shards.len() {
        all.extend(hub.ask(shard, Message::Ended).await.unwrap_or_default());
    }
    all.sort_by_key(|ended| std::cmp::Reverse(ended.at));
    all.truncate(MOST_NAMED);
    all
}

fn render(hub: &Hub, sample: &Sample, ended: &[Ended], took: Duration) -> Value {
    let below = LAG_STEPS_MS.iter().map(|ms| Some(*ms as f64 / 1000.0)).chain([None]);
    let lag: Vec<Value> =
        below.zip(sample.lag).map(|(below_s, sessions)| json!({ "below_s": below_s, "sessions": sessions })).collect();
    let slowest: Vec<Value> = sample
        .slowest
        .iter()
        .map(|(behind_ms, view)| {
            let mut session = short(hub, view);
            session["behind_seconds"] = (*behind_ms as f64 / 1000.0).into();
            session
        })
        .collect();
    let ended: Vec<Value> = ended
        .iter()
        .map(|ended| {
            let mut session = short(hub, &ended.session);
            session["reason"] = ended.cause.as_str().into();
            session["ended_at"] = OffsetDateTime::from(ended.at).format(&Rfc3339).unwrap_or_default().into();
            session
        })
        .collect();
    json!({
        "time": now(),
        "took_ms": took.as_millis() as u64,
        "sessions": sample.lag.iter().sum::<u64>(),
        "lag": lag,
        "limited": sample.limited,
        "closing": sample.closing,
        "blocked": sample.blocked,
        "slowest": slowest,
        "ended": ended,
    })
}

/// A session as under `/v1/admin/sessions`, with only the first of its topics and patterns.
fn short(hub: &Hub, view: &SessionView) -> Value {
    let mut session = render_session(hub, view);
    let mut room = MOST_TOPICS;
    let mut omitted = 0;
    for list in ["topics", "patterns"] {
        if let Some(names) = session[list].as_array_mut() {
            omitted += names.len().saturating_sub(room);
            names.truncate(room);
            room -= names.len();
        }
    }
    session["omitted_topics"] = omitted.into();
    session
}
