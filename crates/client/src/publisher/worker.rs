//! The task that takes what waits to the hub, one request after the other, so that events are stored in the order in
//! which they were handed over.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::error::PublishError;
use super::event::Final;
use super::room::Place;
use super::transport::{Transport, unexpected};

/// What waits for its turn.
pub(super) enum Job {
    Events(Events),
    /// The end of a topic.
    Finish {
        topic: String,
        reason: Final,
        key: String,
        reply: oneshot::Sender<Result<String, PublishError>>,
        _place: Place,
    },
    /// Somebody wants to know when everything before this is done.
    Flush(oneshot::Sender<()>),
}

/// Events that are stored together or not at all.
pub(super) struct Events {
    /// Their JSON, separated by commas.
    pub(super) json: String,
    /// Of each.
    pub(super) topics: Vec<String>,
    /// They have a request of their own.
    pub(super) is_alone: bool,
    pub(super) reply: oneshot::Sender<Result<Vec<String>, PublishError>>,
    pub(super) place: Place,
}

/// The most of one request that several jobs share.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchLimits {
    pub(super) events: usize,
    pub(super) bytes: usize,
}

/// Works until nobody can hand anything over any more, and everything is done.
pub(super) async fn run(mut jobs: mpsc::UnboundedReceiver<Job>, transport: Arc<Transport>, limits: BatchLimits) {
    let mut held = None;
    loop {
        let job = match held.take() {
            Some(job) => job,
            None => match jobs.recv().await {
                Some(job) => job,
                None => return,
            },
        };
        match job {
            Job::Events(first) => {
                // What is handed over at the same moment goes together.
                tokio::task::yield_now().await;
                let batch;
                (batch, held) = gather(first, &mut jobs, limits);
                send(batch, &transport).await;
            }
            Job::Finish { topic, reason, key, reply, .. } => {
                tell(reply, transport.finish(&topic, reason, &key).await, &topic);
            }
            // Whoever asked may not want to know any more.
            Job::Flush(reply) => drop(reply.send(())),
        }
    }
}

/// What goes into the next request, and a job that was taken and does not fit.
fn gather(
    first: Events,
    jobs: &mut mpsc::UnboundedReceiver<Job>,
    limits: BatchLimits,
) -> (VecDeque<Events>, Option<Job>) {
    let (mut events, mut bytes, mut is_open) = (first.topics.len(), first.json.len(), !first.is_alone);
    let mut batch = VecDeque::from([first]);
    while is_open && let Ok(job) = jobs.try_recv() {
        match job {
            Job::Events(next)
                if !next.is_alone
                    && events + next.topics.len() <= limits.events
                    && bytes + next.json.len() <= limits.bytes =>
            {
                events += next.topics.len();
                bytes += next.json.len();
                batch.push_back(next);
            }
            other => return (batch, Some(other)),
        }
        is_open = events < limits.events;
    }
    (batch, None)
}

/// Stores a batch. A refusal is of the whole request: those who are not at fault are sent again without the one who is.
async fn send(batch: VecDeque<Events>, transport: &Transport) {
    let mut left = VecDeque::from([batch]);
    while let Some(mut batch) = left.pop_front() {
        match store(&batch, transport).await {
            Ok(mut ids) => {
                for Events { topics, reply, place, .. } in batch {
                    let rest = ids.split_off(topics.len());
                    drop(place);
                    tell(reply, Ok(std::mem::replace(&mut ids, rest)), &topics[0]);
                }
            }
            Err(error) => match (find(&batch, error.place()), &error) {
                (Some((job, index)), _) => {
                    if let Some(guilty) = batch.remove(job) {
                        fail(guilty, error, Some(index));
                    }
                    if !batch.is_empty() {
                        left.push_front(batch);
                    }
                }
                (None, PublishError::Refused { .. }) if batch.len() > 1 => {
                    left.push_front(batch.split_off(batch.len() / 2));
                    left.push_front(batch);
                }
                (None, _) => batch.into_iter().for_each(|job| fail(job, error.clone(), None)),
            },
        }
    }
}

async fn store(batch: &VecDeque<Events>, transport: &Transport) -> Result<Vec<String>, PublishError> {
    let events: Vec<&str> = batch.iter().map(|job| &*job.json).collect();
    let body = format!("[{}]", events.join(","));
    let answered = transport.post(&transport.events(), "application/json", body).await?;
    let sent: usize = batch.iter().map(|job| job.topics.len()).sum();
    match answered.ids.len() == sent {
        true => Ok(answered.ids),
        false => Err(unexpected(200, &format!("it names {} ids for {sent} events", answered.ids.len()))),
    }
}

/// The job that has the event at this place of the batch, and the event's place in the job.
fn find(batch: &VecDeque<Events>, place: Option<usize>) -> Option<(usize, usize)> {
    let mut place = place?;
    for (at, job) in batch.iter().enumerate() {
        match place.checked_sub(job.topics.len()) {
            Some(rest) => place = rest,
            None => return Some((at, place)),
        }
    }
    None
}

fn fail(job: Events, error: PublishError, index: Option<usize>) {
    let Events { topics, is_alone, reply, place, .. } = job;
    // Of one event there is no question which it is.
    let topic = if topics.len() == 1 { topics.first() } else { index.and_then(|index| topics.get(index)) };
    let error = error.about(topic.map(|topic| &**topic), index.filter(|_| is_alone));
    drop(place);
    tell(reply, Err(error), &topics[0]);
}

/// Tells how it went; a failure that nobody waits for is logged.
fn tell<T>(reply: oneshot::Sender<Result<T, PublishError>>, outcome: Result<T, PublishError>, topic: &str) {
    if let Err(Err(error)) = reply.send(outcome) {
        tracing::warn!(topic, "what was published without waiting for it is not stored: {error}");
    }
}
