//! The hub's own topic `$hub/log`: what the log holds by class, as long as somebody reads it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headwater_log::{Class, Classes, Durability, Engine, Health, Pattern, Selection, Topic, TopicInfo};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::own_topic::OwnTopic;
use super::stats::now;
use crate::hub::Hub;

/// Whether somebody reads it is looked at so often…
const LOOK: Duration = Duration::from_secs(1);
/// …and an event published so often.
const EVERY: Duration = Duration::from_secs(10);
/// Topics that are asked for in one go.
const TOPICS_PER_LOOK: usize = 500;
/// After each of them.
const PAUSE: Duration = Duration::from_millis(20);
/// Topics that are added up at most. Beyond that the figures of classes are those of the first topics by name.
const MOST_TOPICS: usize = 50_000;

/// Publishes until the task is dropped.
pub(crate) async fn publish_log(hub: Arc<Hub>) {
    let Ok(topic) = OwnTopic::new("$hub/log") else { return };
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last: Option<Instant> = None;
    loop {
        tick.tick().await;
        if !topic.is_read(&hub).await {
            // Whoever comes next does not wait.
            last = None;
        } else if last.is_none_or(|last| last.elapsed() >= EVERY) {
            last = Some(Instant::now());
            let figures = figures(&hub).await;
            topic.publish(&hub, &figures);
        }
    }
}

/// What the log holds of a class.
#[derive(Clone, Default)]
struct Held {
    topics: u64,
    finished: u64,
    events: u64,
    bytes: u64,
    /// The topic of its oldest event, and the number of that.
    oldest: Option<(Topic, u64)>,
}

async fn figures(hub: &Hub) -> Value {
    let classes = hub.classes();
    let mut held = vec![Held::default(); classes.iter().count()];
    let (mut after, mut counted) = (None::<String>, 0);
    let complete = loop {
        let (engine, from) = (hub.engine.clone(), after.clone());
        // The first event of a topic may have to be looked up in a file.
        let page = tokio::task::spawn_blocking(move || engine.topics("", from.as_deref(), TOPICS_PER_LOOK));
        let Ok(page) = page.await else { break false };
        page.iter().for_each(|info| add(&mut held, &classes, info));
        counted += page.len();
        let Some(last) = page.last().filter(|_| page.len() == TOPICS_PER_LOOK) else { break true };
        if counted >= MOST_TOPICS {
            break false;
        }
        after = Some(last.topic.as_str().to_owned());
        tokio::time::sleep(PAUSE).await;
    };
    let mut rendered = Vec::new();
    for (class, held) in classes.iter().zip(held) {
        let oldest = oldest(hub, held.oldest.clone()).await;
        rendered.push(render(class, &held, oldest));
    }
    let usage = hub.engine.usage();
    let (health, detail) = match hub.engine.health() {
        Health::Ready => ("ready", None),
        Health::Full => ("full", None),
        Health::Failed(why) => ("failed", Some(why)),
    };
    json!({
        "time": now(),
        "health": health,
        "detail": detail,
        "bytes": usage.bytes,
        "events": usage.events,
        "topics": usage.topics,
        "segments": usage.segments,
        "tail_bytes": hub.tail.bytes(),
        "classes": rendered,
        "complete": complete,
    })
}

fn add(held: &mut [Held], classes: &Classes, info: &TopicInfo) {
    let mine = classes.of(&info.topic);
    let Some(index) = classes.iter().position(|class| std::ptr::eq(class, mine)) else { return };
    let held = &mut held[index];
    held.topics += 1;
    held.finished += u64::from(info.end.is_some());
    held.events += info.events;
    held.bytes += info.bytes;
    if info.first > 0 && held.oldest.as_ref().is_none_or(|(_, seq)| info.first < *seq) {
        held.oldest = Some((info.topic.clone(), info.first));
    }
}

/// When the log took its oldest event. Nothing if that went meanwhile, or cannot be read.
async fn oldest(hub: &Hub, event: Option<(Topic, u64)>) -> Option<String> {
    let (topic, seq) = event?;
    let pattern = Pattern::new(topic.as_str()).ok()?;
    let engine: Arc<dyn Engine> = hub.engine.clone();
    let read = move || engine.reader(Arc::new(Selection::new([pattern])), seq.saturating_sub(1)).next_page(1, 1).ok();
    let page = tokio::task::spawn_blocking(read).await.ok()??;
    let time = i128::from(page.events.first()?.time) * 1000;
    OffsetDateTime::from_unix_timestamp_nanos(time).ok()?.format(&Rfc3339).ok()
}

fn render(class: &Class, held: &Held, oldest: Option<String>) -> Value {
    let patterns: Vec<&str> = class.topics.iter().map(Pattern::as_str).collect();
    json!({
        // The implied class takes what no other does.
        "patterns": if patterns.is_empty() { vec!["**"] } else { patterns },
        "durability": match class.durability {
            Durability::Memory => "memory",
            Durability::Disk => "disk",
        },
        "retention": {
            "age_s": class.retention.age.as_secs(),
            "events": class.retention.events,
            "bytes": class.retention.bytes,
        },
        "topics": held.topics,
        "finished": held.finished,
        "events": held.events,
        "bytes": held.bytes,
        "oldest": oldest,
    })
}
