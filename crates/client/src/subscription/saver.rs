//! Saving ids beside the stream: one save at a time, and of those that wait only the newest.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::store::Store;
use crate::warning::{OnWarning, Warning};

/// Hands ids to a task that saves them. Dropping it lets the task save the newest and end.
pub(super) struct Saver {
    newest: watch::Sender<String>,
    task: JoinHandle<()>,
}

impl Saver {
    pub(super) fn start(store: Arc<dyn Store>, key: String, on_warning: Arc<OnWarning>) -> Self {
        let (newest, mut given) = watch::channel(String::new());
        let task = tokio::spawn(async move {
            while given.changed().await.is_ok() {
                let id = given.borrow_and_update().clone();
                if let Err(error) = store.save(&key, &id).await {
                    on_warning.tell(Warning::Save(error));
                }
            }
        });
        Self { newest, task }
    }

    /// Never waits.
    pub(super) fn save(&self, id: &str) {
        self.newest.send_modify(|newest| {
            newest.clear();
            newest.push_str(id);
        });
    }

    /// Waits until everything is saved.
    pub(super) async fn finish(self) {
        let Self { newest, task } = self;
        drop(newest);
        // A store that panics has nothing to say any more.
        let _ = task.await;
    }
}
