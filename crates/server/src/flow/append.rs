//! Checked event → durable position.

use headwater_log::{AppendError, NewEvent, Receipt};
use tokio::sync::oneshot;

use crate::hub::Hub;

/// An append that is under way.
pub(crate) struct Pending(oneshot::Receiver<Result<Vec<Receipt>, AppendError>>);

/// Queues a batch, all or none.
pub(crate) fn submit(hub: &Hub, events: Vec<NewEvent>) -> Pending {
    let (done, outcome) = oneshot::channel();
    hub.engine.append(
        events,
        Box::new(move |result| {
            // A publisher that has left is not told; what is stored stays stored.
            let _ = done.send(result);
        }),
    );
    Pending(outcome)
}

impl Pending {
    /// Waits until the batch is durable or refused.
    pub(crate) async fn wait(self) -> Result<Vec<Receipt>, AppendError> {
        self.0.await.unwrap_or(Err(AppendError::Closed))
    }
}
