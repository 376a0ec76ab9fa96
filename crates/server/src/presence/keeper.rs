//! The keeper: the task that owns who is where, and tells of it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use headwater_hub::{Moment, News, Presence, ReaderPolicies};

use super::event;
use super::past::{self, Kept};
use super::register::{Change, Mail, Question, Register};
use crate::checkpoint::Checkpoint;
use crate::config::Storage;
use crate::flow::append;
use crate::flow::fanout::Message;
use crate::hub::Hub;

/// Members of all topics together, about 300 bytes each.
const MOST_MEMBERS: usize = 100_000;
/// Changes that are told at once, and how much time there is between: at most 2,000 a second, however many there are.
const MOST_TOLD: usize = 200;
const TELL_EVERY: Duration = Duration::from_millis(100);
/// What a reader may take longer to come back than the longest delay it was told.
const MARGIN: Duration = Duration::from_secs(2);
/// How long a change is in the log alone.
const SAVE_EVERY: Duration = Duration::from_secs(10);
/// When what the log or the disk refused is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// Changes that are taken in before others of this thread have their turn.
const TURN: usize = 512;

/// Keeps account until the task is dropped.
pub(crate) async fn keep(hub: Arc<Hub>) {
    let mut keeper = Keeper::new(hub);
    keeper.on_reload().await;
    loop {
        keeper.wait().await;
        keeper.receive().await;
        keeper.tell().await;
        keeper.save().await;
    }
}

struct Keeper {
    hub: Arc<Hub>,
    /// Absent for a log in memory.
    checkpoint: Option<Checkpoint>,
    /// What it goes by.
    policies: ReaderPolicies,
    /// Absent while no class is told of.
    presence: Option<Presence>,
    /// Reports of shards that are still to come.
    reports: usize,
    started: Instant,
    /// Nothing is told before.
    tell_from: Instant,
    /// When the checkpoint is to be replaced, if it is behind.
    save_at: Option<Instant>,
}

impl Keeper {
    fn new(hub: Arc<Hub>) -> Self {
        let checkpoint = match &hub.settings().storage {
            Storage::Disk(folder) => Some(Checkpoint::new(folder, "presence")),
            Storage::Memory => None,
        };
        let started = Instant::now();
        let policies = ReaderPolicies::default();
        Self { hub, checkpoint, policies, presence: None, reports: 0, started, tell_from: started, save_at: None }
    }

    fn register(&self) -> &Register {
        &self.hub.presence
    }

    fn now(&self) -> Moment {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        Moment { ms: self.started.elapsed().as_millis() as u64, time }
    }

    /// Waits until there is something to do.
    async fn wait(&self) {
        let told = self.presence.as_ref().filter(|_| !self.hub.draining()).and_then(|presence| presence.next_news());
        let told = told.map(|ms| (self.started + Duration::from_millis(ms)).max(self.tell_from));
        let due = told.into_iter().chain(self.save_at).min();
        let due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.register().notified() => {}
            () = due => {}
        }
    }

    /// Takes in what was left meanwhile.
    async fn receive(&mut self) {
        let Mail { changes, lost, reloaded, questions } = self.register().take();
        if reloaded {
            self.on_reload().await;
        }
        for (index, change) in changes.into_iter().enumerate() {
            if index % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
            self.on_change(change);
        }
        if let Some(presence) = &self.presence {
            self.register().members.store(presence.members() as u64, Ordering::Relaxed);
            if lost || (self.reports == 0 && presence.has_room_again()) {
                self.ask_shards();
            }
        }
        for Question { topic, after, limit, reply } in questions {
            let presence = self.presence.as_ref();
            // Whoever asked may have gone.
            let _ = reply.send(presence.map(|it| it.list(&topic, after.as_ref(), limit)).unwrap_or_default());
        }
    }

    fn on_change(&mut self, change: Change) {
        let now = self.now();
        let Some(presence) = &mut self.presence else { return };
        match change {
            Change::Opened(session, visit) => presence.open(session, visit, now),
            Change::Closed(session) => presence.close(session, now),
            Change::All(shard, sessions) => {
                self.reports = self.reports.saturating_sub(1);
                presence.replace(shard, sessions, now);
            }
        }
    }

    /// Goes by the settings in force.
    async fn on_reload(&mut self) {
        let settings = self.hub.settings();
        let grace = settings.retry.mul_f64(1.5) + MARGIN;
        let grace_ms = grace.as_millis() as u64;
        if let Some(presence) = &mut self.presence {
            presence.set_grace(grace_ms);
        }
        // Even if nothing seems to have changed: what was off for a moment was off for those who came meanwhile.
        self.policies = settings.readers.clone();
        if !self.policies.keep_any_presence() {
            self.presence = None;
            self.register().members.store(0, Ordering::Relaxed);
            self.save_at = None;
            return;
        }
        match &mut self.presence {
            Some(presence) => presence.retain(|topic| self.policies.keeps_presence(topic)),
            None => self.presence = Some(self.remember(grace_ms).await),
        }
        self.save_at = Some(Instant::now() + SAVE_EVERY);
        self.ask_shards();
    }

    /// The state as it was told before, with nobody there yet.
    async fn remember(&self, grace_ms: u64) -> Presence {
        let (hub, checkpoint) = (self.hub.clone(), self.checkpoint.clone());
        let read = tokio::task::spawn_blocking(move || past::read(&*hub.engine, checkpoint.as_ref()));
        let mut presence = Presence::new(grace_ms, MOST_MEMBERS);
        // It panics never, and is cancelled with this task only.
        let members = read.await.unwrap_or_default();
        let now = self.now();
        for ((topic, member), since) in members {
            if self.policies.keeps_presence(&topic) {
                presence.recover(&topic, member, since, now);
            }
        }
        presence
    }

    fn ask_shards(&mut self) {
        self.reports = self.hub.shards.len();
        self.hub.shards.iter().for_each(|shard| shard.send(Message::Attendance));
    }

    /// Publishes what there is to tell, one batch at a time. A stopping hub tells nothing: its readers are to come back
    /// to the next.
    async fn tell(&mut self) {
        let now = self.now();
        if self.hub.draining() || Instant::now() < self.tell_from {
            return;
        }
        let Some(presence) = &mut self.presence else { return };
        let news = presence.tell(MOST_TOLD, now);
        let events: Vec<_> = news.iter().filter_map(event::event).collect();
        if events.is_empty() {
            return;
        }
        self.tell_from = Instant::now() + TELL_EVERY;
        let count = events.len() as u64;
        match self.meanwhile(append::submit(&self.hub.clone(), events).wait()).await {
            Ok(_) => {
                self.register().told.fetch_add(count, Ordering::Relaxed);
                self.save_at.get_or_insert_with(|| Instant::now() + SAVE_EVERY);
            }
            Err(error) => {
                tracing::debug!(%error, "cannot tell who is there; it is tried again");
                self.tell_from = Instant::now() + AGAIN;
                self.untell(news);
            }
        }
    }

    fn untell(&mut self, mut news: Vec<News>) {
        let Some(presence) = &mut self.presence else { return };
        // The settings may have changed meanwhile.
        news.retain(|news| self.policies.keeps_presence(&news.topic));
        presence.untell(news);
    }

    /// Replaces the checkpoint when it is time. Nothing is on its way to the log now, so the log is cut clean here.
    async fn save(&mut self) {
        let (Some(presence), Some(checkpoint)) = (&self.presence, &self.checkpoint) else {
            self.save_at = None;
            return;
        };
        if self.save_at.is_none_or(|at| Instant::now() < at) {
            return;
        }
        let position = self.hub.wire.position(self.hub.tail.head());
        let kept = Kept::of(presence, position.epoch.get(), position.seq);
        let checkpoint = checkpoint.clone();
        self.save_at = None;
        let saved = self.meanwhile(tokio::task::spawn_blocking(move || checkpoint.save(&kept))).await;
        if let Ok(Err(error)) = saved {
            tracing::warn!(%error, "cannot keep who is there; it is tried again");
            self.save_at = Some(Instant::now() + SAVE_EVERY);
        }
    }

    /// Takes in what is left until something else is done.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                outcome = &mut work => return outcome,
                () = self.hub.presence.notified() => {}
            }
            self.receive().await;
        }
    }
}
