//! What all shards share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use headwater_hub::{Tail, Wire};
use headwater_log::{Class, Classes, Durability, Engine, Pattern, Retention, Topic};
use tokio::sync::oneshot;

use crate::access::{Access, Memory};
use crate::config::Settings;
use crate::edge::budget::Budget;
use crate::flow::fanout::{Message, ShardHandle};
use crate::hooks::Hooks;
use crate::limit::Limiter;
use crate::observe::{AccessLog, Counters};
use crate::outgoing::Courier;
use crate::presence::{PREFIX, Register};

/// Most bytes of one run of frames: what a session has unsent at most.
pub(crate) const RUN_BYTES: usize = 64 << 10;

/// One hub.
pub(crate) struct Hub {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) wire: Wire,
    pub(crate) tail: Arc<Tail>,
    /// One per shard, in the same order as `counters`.
    pub(crate) shards: Vec<Arc<ShardHandle>>,
    pub(crate) counters: Vec<Arc<Counters>>,
    pub(crate) started: Instant,
    /// How many connections and sessions there may be.
    pub(crate) budget: Budget,
    pub(crate) access_log: AccessLog,
    /// How much one address, subject or topic may have.
    pub(crate) limiter: Arc<Limiter>,
    /// Replaced as a whole by a reload.
    settings: RwLock<Arc<Settings>>,
    /// Replaced as a whole by a reload.
    access: RwLock<Arc<Access>>,
    /// What access control remembers beyond a reload.
    pub(crate) credentials: Memory,
    /// Where the shards tell of the sessions whose topics' readers are told.
    pub(crate) presence: Register,
    /// Carries the requests that the hub itself sends.
    pub(crate) outgoing: Courier,
    /// Who else is told of topics.
    pub(crate) hooks: Arc<Hooks>,
    draining: AtomicBool,
}

impl Hub {
    /// Connects a log with `shards` shards: from here on what becomes durable reaches them.
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        settings: Settings,
        credentials: Memory,
        outgoing: Courier,
        access_log: AccessLog,
    ) -> Arc<Self> {
        let bounds = engine.bounds();
        let wire = Wire::new(bounds.epoch);
        let tail = Arc::new(Tail::new(wire, bounds.head, settings.tail));
        let shards: Vec<Arc<ShardHandle>> = (0..settings.shards.max(1)).map(|_| Arc::default()).collect();
        let counters = shards.iter().map(|_| Arc::default()).collect();
        let (listener_tail, listener_shards) = (tail.clone(), shards.clone());
        let hooks = Arc::new(Hooks::new(bounds.head));
        let listener_hooks = hooks.clone();
        engine.set_listener(Box::new(move |durable| {
            listener_hooks.notice(&durable.events);
            listener_tail.push(durable);
            listener_shards.iter().for_each(|shard| shard.wake());
        }));
        Arc::new(Self {
            engine,
            wire,
            tail,
            shards,
            counters,
            started: Instant::now(),
            budget: Budget::new(settings.limits.connections),
            access_log,
            limiter: Limiter::new(),
            settings: RwLock::new(Arc::new(settings)),
            access: RwLock::new(Arc::new(Access::development())),
            credentials,
            presence: Register::default(),
            outgoing,
            hooks,
            draining: AtomicBool::new(false),
        })
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other settings in force, but for those that only a start can change.
    pub(crate) fn replace_settings(&self, mut settings: Settings) {
        settings.keep_for_restart(&self.settings());
        self.engine.set_classes(with_own_topics(&settings.classes));
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.presence.reloaded();
    }

    /// The classes of all topics, those of the hub's own among them.
    pub(crate) fn classes(&self) -> Classes {
        with_own_topics(&self.settings().classes)
    }

    /// The access control in force.
    pub(crate) fn access(&self) -> Arc<Access> {
        self.access.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other access control in force, for every request from now on.
    pub(crate) fn replace_access(&self, access: Access) {
        access.start(&self.outgoing.dispatch(), &self.access());
        *self.access.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(access);
    }

    /// A reconnect delay: the configured one ± 50 %, so that a herd does not stay in step (EVR-04).
    pub(crate) fn retry_ms(&self, random: &mut fastrand::Rng) -> u64 {
        let middle = self.settings().retry.as_millis() as f64;
        (middle * (0.5 + random.f64())) as u64
    }

    /// Whether there is no place for another session.
    pub(crate) fn crowded(&self) -> bool {
        self.sessions() >= self.budget.sessions(&self.settings().limits) as u64
    }

    /// Whether the hub is stopping.
    pub(crate) fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// No new sessions from here on.
    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Open sessions.
    pub(crate) fn sessions(&self) -> u64 {
        self.counters.iter().map(|counters| counters.sessions()).sum()
    }

    /// Asks one shard; nothing when there is none of this index.
    pub(crate) async fn ask<T>(&self, shard: usize, question: impl FnOnce(oneshot::Sender<T>) -> Message) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.shards.get(shard)?.send(question(reply));
        answer.await.ok()
    }

    /// How many sessions read each of these topics, over all shards.
    pub(crate) async fn readers(&self, topics: &[Topic]) -> Vec<usize> {
        let mut totals = vec![0; topics.len()];
        for shard in 0..self.shards.len() {
            let answer = self.ask(shard, |reply| Message::Readers(topics.to_vec(), reply)).await;
            for (total, readers) in totals.iter_mut().zip(answer.unwrap_or_default()) {
                *total += readers;
            }
        }
        totals
    }
}

/// The configured classes behind those of the hub's own topics. Who came and went is kept like events of publishers, in
/// bounds; the rest in memory, and not for long.
pub(crate) fn with_own_topics(configured: &Classes) -> Classes {
    let implied_durability = configured.iter().last().map_or(Durability::Disk, |class| class.durability);
    let presence = Class {
        topics: Pattern::new(&format!("{PREFIX}**")).into_iter().collect(),
        durability: implied_durability,
        retention: Retention { age: Duration::from_secs(48 * 3600), events: 10_000, bytes: 8 << 20 },
        ..Class::default()
    };
    let own = Class {
        topics: Pattern::new("$hub/**").into_iter().collect(),
        durability: Durability::Memory,
        retention: Retention { age: Duration::from_secs(3600), events: 600, bytes: 1 << 20 },
        ..Class::default()
    };
    let mut classes: Vec<Class> = configured.iter().cloned().collect();
    let implied = classes.pop().unwrap_or_default();
    classes.splice(0..0, [presence, own]);
    Classes::new(classes, implied)
}
