//! One hook at work: reads the log, sends, waits for the answer, moves on.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use headwater_log::{Pattern, Selection, StoredEvent};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::status::{Status, now_us};
use super::{Hooks, message};
use crate::checkpoint::Checkpoint;
use crate::config::{Hook, HookEvent, Storage};
use crate::hub::Hub;
use crate::outgoing::{Endpoint, EndpointError, Reach, Rules};
use crate::presence::PREFIX;

/// For how long after it happened something is told, if it takes so long: then it is skipped, so that what happens today is
/// not held up for ever.
const PATIENCE_US: u64 = 24 * 3600 * 1_000_000;
/// The first retry comes about so long after the failure; every other after twice the time, up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(600);
/// How often it moves on over events that are none of its own, and how often that is kept.
const STROLL: Duration = Duration::from_secs(1);
const KEEP_EVERY: u32 = 30;
/// Largest answer: nobody reads it.
const MOST_ANSWER: usize = 64 << 10;
const PAGE_EVENTS: usize = 1000;
const PAGE_BYTES: usize = 1 << 20;

/// One hook.
pub(super) struct Runner {
    hub: Arc<Hub>,
    hook: Hook,
    secret: Vec<u8>,
    endpoint: Endpoint,
    /// What it reads.
    selection: Arc<Selection>,
    /// Absent for a log in memory.
    checkpoint: Option<Checkpoint>,
    status: Arc<Status>,
    /// Where the log ended when it was made: there a new one begins.
    begin: u64,
    newest: watch::Receiver<u64>,
}

/// The content of the checkpoint.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// The log it belongs to.
    epoch: u32,
    /// Everything up to here was told.
    cursor: u64,
}

/// What became of an event.
enum Outcome {
    /// It was told, or was given up.
    Done,
    /// The receiver wants to hear no more.
    Gone,
}

impl Runner {
    /// A hook that does not run yet.
    pub(super) fn new(hub: &Arc<Hub>, hook: &Hook, secret: Vec<u8>, hooks: &Hooks) -> Result<Self, EndpointError> {
        // The address is the operator's own, and receivers are mostly neighbours.
        let rules =
            Rules { reach: Reach::Inside, plain: true, ca: hook.ca.clone(), time: hook.timeout, most: MOST_ANSWER };
        let checkpoint = match &hub.settings().storage {
            Storage::Disk(folder) => Some(Checkpoint::new(folder, format!("hook-{}", hook.id))),
            Storage::Memory => None,
        };
        Ok(Self {
            hub: hub.clone(),
            secret,
            endpoint: Endpoint::new(&hook.url, &rules)?,
            selection: Arc::new(selection(hook)),
            checkpoint,
            status: hooks.status(&hook.id),
            begin: hub.engine.bounds().head,
            newest: hooks.newest.subscribe(),
            hook: hook.clone(),
        })
    }

    /// The hook as configured.
    pub(super) fn hook(&self) -> &Hook {
        &self.hook
    }

    /// What it signs with.
    pub(super) fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// Runs until it is aborted, or its receiver is gone.
    pub(super) async fn run(mut self) {
        let Some(mut cursor) = self.start().await else { return };
        let mut strolls = 0;
        loop {
            // In this order: what is in front of this head has been noticed.
            let head = self.hub.tail.head();
            if *self.newest.borrow_and_update() > cursor {
                match self.tell_after(cursor, head).await {
                    Some(told) => cursor = told,
                    None => return,
                }
                strolls = 0;
                continue;
            }
            let moved = head > cursor;
            cursor = cursor.max(head);
            self.status.stand(cursor);
            strolls += u32::from(moved);
            if strolls >= KEEP_EVERY {
                strolls = 0;
                self.keep(cursor).await;
            }
            tokio::select! {
                changed = self.newest.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(STROLL) => {}
            }
        }
    }

    /// Where it goes on: where it was; a new one begins now.
    async fn start(&self) -> Option<u64> {
        let bounds = self.hub.engine.bounds();
        if let Some(cursor) = self.status.stood() {
            return Some(cursor);
        }
        let load = |checkpoint: Checkpoint| tokio::task::spawn_blocking(move || checkpoint.load::<Kept>());
        let kept = match self.checkpoint.clone().map(load) {
            None => None,
            Some(loading) => loading.await.ok()?.unwrap_or_else(|error| {
                tracing::warn!(hook = %self.hook.id, "{error}; the hook begins with what happens now");
                None
            }),
        };
        let ours = |kept: &Kept| kept.epoch == bounds.epoch.get() && kept.cursor <= bounds.head;
        if let Some(kept) = kept.filter(ours) {
            self.status.stand(kept.cursor);
            return Some(kept.cursor);
        }
        self.keep(self.begin).await;
        Some(self.begin)
    }

    /// Tells what there is after `cursor`, and returns how far it came; `None` when the receiver is gone.
    async fn tell_after(&self, cursor: u64, head: u64) -> Option<u64> {
        let (engine, selection) = (self.hub.engine.clone(), self.selection.clone());
        let read = tokio::task::spawn_blocking(move || {
            let (mut reader, gap) = engine.resume(selection, cursor);
            (reader.next_page(PAGE_EVENTS, PAGE_BYTES), gap)
        });
        let (page, gap) = read.await.ok()?;
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(hook = %self.hook.id, %error, "a hook cannot read the log; it is tried again");
                tokio::time::sleep(LONGEST_RETRY).await;
                return Some(cursor);
            }
        };
        if gap.or(page.gap).is_some_and(|gap| gap.upto > gap.after) {
            self.status.failed.add(1);
            tracing::warn!(hook = %self.hook.id, "retention removed events before a hook could tell of them");
        }
        for event in &page.events {
            let Some(body) = message::body(&self.hook, event) else { continue };
            self.status.wait(Some(event.time));
            let outcome = self.tell(event, body).await;
            self.status.wait(None);
            if matches!(outcome, Outcome::Gone) {
                return None;
            }
            self.keep(event.seq).await;
        }
        // An empty page is all there is up to a head that was looked at before.
        let upto = if page.events.is_empty() { page.upto.max(head) } else { page.upto };
        Some(upto.max(cursor))
    }

    /// Tells of one event, again and again until it is taken or too old.
    async fn tell(&self, event: &StoredEvent, body: String) -> Outcome {
        let id = self.hub.wire.position(event.seq).to_string();
        let mut pause = FIRST_RETRY;
        loop {
            let headers = message::headers(&self.secret, &id, now_us() / 1_000_000, &body);
            let sent = self.endpoint.send(Method::POST, headers, Bytes::copy_from_slice(body.as_bytes())).await;
            let why = match sent {
                Ok(answer) if answer.status().is_success() => {
                    self.status.delivered.add(1);
                    return Outcome::Done;
                }
                Ok(answer) if answer.status() == StatusCode::GONE => {
                    self.status.failed.add(1);
                    tracing::warn!(hook = %self.hook.id, "the receiver of a hook answered 410; the hook is off until the next reload");
                    return Outcome::Gone;
                }
                Ok(answer) => format!("it answered {}", answer.status()),
                Err(error) => error.to_string(),
            };
            if now_us().saturating_sub(event.time) > PATIENCE_US {
                self.status.failed.add(1);
                tracing::error!(hook = %self.hook.id, %id, why, "a hook could not be told for a day; it is skipped");
                return Outcome::Done;
            }
            tracing::debug!(hook = %self.hook.id, %id, why, "a hook was not told; it is tried again");
            // Varied, so that receivers that were down are not met by all hubs at once.
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            pause = (pause * 2).min(LONGEST_RETRY);
            self.status.retries.add(1);
        }
    }

    /// Keeps where it is. When that fails, a repeat after the next start is all that happens.
    async fn keep(&self, cursor: u64) {
        self.status.stand(cursor);
        let Some(checkpoint) = self.checkpoint.clone() else { return };
        let kept = Kept { epoch: self.hub.wire.position(0).epoch.get(), cursor };
        let status = self.status.clone();
        let saved = tokio::task::spawn_blocking(move || {
            // A hook that was replaced may be at it still.
            let _one = status.saving.lock().unwrap_or_else(PoisonError::into_inner);
            checkpoint.save(&kept)
        });
        let saved = saved.await;
        if let Ok(Err(error)) = saved {
            tracing::warn!(hook = %self.hook.id, %error, "cannot keep the place of a hook; it may repeat itself after a restart");
        }
    }
}

/// The topics a hook reads: those it is about for their ends, and where it is told who reads them.
fn selection(hook: &Hook) -> Selection {
    let wants = |kinds: &[HookEvent]| kinds.iter().any(|kind| hook.events.contains(kind));
    let (ends, readers) = (wants(&[HookEvent::Finished]), wants(&[HookEvent::Occupied, HookEvent::Vacated]));
    let presence = |pattern: &Pattern| Pattern::new(&format!("{PREFIX}{}", pattern.as_str())).ok();
    let ends = hook.topics.iter().filter(|_| ends).cloned();
    let readers = hook.topics.iter().filter(|_| readers).filter_map(presence);
    Selection::new(ends.chain(readers))
}
