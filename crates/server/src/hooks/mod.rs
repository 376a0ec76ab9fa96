//! Webhooks: others are told of topics that are read for the first time, by nobody any more, or finished.
//!
//! A hook is a cursor: it reads the log (the presence topics, and the end records of finished topics), sends what it is to
//! tell, one request at a time, and moves on when the receiver has answered 2xx. So it keeps the order, misses nothing while the
//! hub or the receiver is down, and holds nothing in memory. Where it is, a checkpoint says.

mod message;
mod runner;
mod status;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use headwater_log::StoredEvent;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) use status::Status;

use crate::config::{Hook, Settings};
use crate::hub::Hub;
use crate::outgoing::Dispatch;
use crate::presence::PREFIX;
use runner::Runner;

/// What all hooks share.
pub(crate) struct Hooks {
    /// The newest event that a hook may have to tell of; every hook looks from there back to its cursor.
    newest: watch::Sender<u64>,
    /// By the ids in the configuration; they last for as long as the hub runs.
    statuses: Mutex<BTreeMap<String, Arc<Status>>>,
    running: Mutex<BTreeMap<String, Running>>,
}

/// A hook that runs, or that was switched off by its receiver.
struct Running {
    hook: Hook,
    secret: Vec<u8>,
    task: JoinHandle<()>,
}

/// Hooks that are ready to run.
pub(crate) struct Prepared(Vec<Runner>);

impl Hooks {
    /// None yet, on a log that ends here.
    pub(crate) fn new(head: u64) -> Self {
        // Nobody knows what is before.
        Self { newest: watch::Sender::new(head), statuses: Mutex::default(), running: Mutex::default() }
    }

    /// Takes notice of what has become durable. Called on the log's thread, before anybody else is told.
    pub(crate) fn notice(&self, events: &[Arc<StoredEvent>]) {
        let told = |event: &StoredEvent| event.end.is_some() || event.topic.as_str().starts_with(PREFIX);
        if let Some(event) = events.iter().rev().find(|event| told(event)) {
            self.newest.send_replace(event.seq);
        }
    }

    /// Reads what the hooks of these settings need.
    ///
    /// # Errors
    /// A sentence about the first hook that cannot be used.
    pub(crate) fn prepare(&self, hub: &Arc<Hub>, settings: &Settings) -> Result<Prepared, String> {
        let prepared = settings.hooks.iter().map(|hook| {
            let secret = hook.load().map_err(|fault| format!("cannot use the hook \"{}\": {fault}", hook.id))?;
            Runner::new(hub, hook, secret, self)
                .map_err(|fault| format!("cannot use the hook \"{}\": its `url` {fault}", hook.id))
        });
        prepared.collect::<Result<_, _>>().map(Prepared)
    }

    /// Lets these hooks run, and no others. One that has not changed goes on as it is, unless its receiver had switched it
    /// off.
    pub(crate) fn run(&self, prepared: Prepared, dispatch: &Dispatch) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *running);
        for runner in prepared.0 {
            let (hook, secret) = (runner.hook().clone(), runner.secret().to_vec());
            let same = before.remove(&hook.id).filter(|known| {
                let same = known.hook == hook && known.secret == secret && !known.task.is_finished();
                if !same {
                    known.task.abort();
                }
                same
            });
            let going = same.unwrap_or_else(|| Running { hook, secret, task: dispatch.spawn(runner.run()) });
            running.insert(going.hook.id.clone(), going);
        }
        before.into_values().for_each(|gone| gone.task.abort());
    }

    /// Ends them all; they go on from where they are at the next start.
    pub(crate) fn stop(&self) {
        let running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        running.into_values().for_each(|hook| hook.task.abort());
    }

    /// The hooks in force, for the metrics.
    pub(crate) fn statuses(&self) -> Vec<(String, Arc<Status>)> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.keys().map(|id| (id.clone(), self.status(id))).collect()
    }

    fn status(&self, id: &str) -> Arc<Status> {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.entry(id.to_owned()).or_default().clone()
    }
}
