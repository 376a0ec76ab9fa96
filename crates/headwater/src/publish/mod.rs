//! `headwater pub`: an argument or standard input becomes events, and their ids come out.

mod input;
mod receipts;

use std::io::{self, IsTerminal as _, PipeReader};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::{Args, ValueEnum};
use headwater_client::{Final, NewEvent, PublishError, Publisher, Reason as Failed, Retrying};
use headwater_event_stream::EventType;
use headwater_log::Topic;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::{mpsc, oneshot};

use crate::remote::{CREDENTIAL, Hub, HubOptions, block_on, printable, say};
use crate::{Failure, signals};
use input::{Form, Piece};
use receipts::{Ids, Receipts, Unstored};

/// What to publish, and how it is read.
#[derive(Debug, Args)]
pub(crate) struct Pub {
    /// Topic to publish to
    topic: String,
    /// Data of one event [default: all of standard input]
    data: Option<String>,
    /// Publish every line of standard input as an event, as it comes
    #[arg(long, conflicts_with_all = ["data", "ndjson", "event_stream"])]
    lines: bool,
    /// The same, of lines that have to be JSON
    #[arg(long, conflicts_with_all = ["data", "event_stream"])]
    ndjson: bool,
    /// Publish the events of an event stream on standard input, with their types, as they come
    #[arg(long, conflicts_with = "data")]
    event_stream: bool,
    /// Type of the events that have none of their own [default: message]
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Key stored with the events: readers that conflate get the newest of each key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Publish nothing twice that is published again with the same key soon; of several events the n-th has KEY/n
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// End the topic afterwards
    #[arg(long = "final", value_name = "REASON")]
    end: Option<Reason>,
    /// Print ids as JSON, one object a line
    #[arg(long)]
    json: bool,
    /// Print no ids, and nothing on standard error but errors
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
    #[command(flatten)]
    hub: HubOptions,
}

/// How the topic ends.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reason {
    Done,
    Error,
    Cancelled,
}

/// Why not everything was published.
enum Stopped {
    /// There is nobody to publish to.
    Unreached(Failure),
    /// There is somebody else: why it is no hub.
    Stranger(String),
    Unstored(Unstored),
    /// Standard input cannot be read, or has what is no event.
    Input(String),
    /// The topic could not be ended.
    Unfinished(PublishError),
    /// All is stored, and the ids are lost.
    Unprinted(io::Error),
    /// Somebody has stopped us while the hub had not answered yet.
    Overdue,
}

/// How long what is under way may take once somebody has stopped us: less than the signal itself waits to end us.
const GRACE: Duration = Duration::from_millis(1500);

pub(crate) const EXAMPLES: &str = "\
Examples:
  headwater pub orders/42 '{\"total\": 12}' --type order.paid   one event
  date | headwater pub clock                                  one event from standard input
  tail -f app.log | headwater pub logs/app --lines            every line, as it comes
  headwater pub jobs/7 '' --final done                        nothing but the end of a topic

Prints the id of every event when it is stored, which is a place for `headwater sub --since`. Events keep their order. What
fails in passing is tried again for five minutes, and nothing is stored twice.

SIGINT and SIGTERM end the input: what was read is published, and what they cut is not.
Exit codes: 0 when all is stored, 1 when something is not, 2 when the arguments cannot be used.";

/// Publishes.
pub(crate) fn run(command: &Pub) -> Result<(), Failure> {
    let topic = Topic::new(&command.topic)
        .map_err(|error| Failure::Arguments(format!("the topic {:?} {error}", command.topic)))?;
    if let Some(name) = &command.event_type {
        check_type(name)?;
    }
    let hub = command.hub.hub()?;
    // The other end of the pipe is closed by the signal.
    let no_watch = |error| Failure::Run(format!("cannot watch signals: {error}"));
    let (stop, closed_by_signal) = io::pipe().map_err(no_watch)?;
    let (signal, stopped) = oneshot::channel();
    signals::until_stopped(move || {
        drop(closed_by_signal);
        // Whoever is done does not wait for it.
        let _ = signal.send(());
    })
    .map_err(no_watch)?;
    block_on(async {
        let met = Arc::new(AtomicBool::new(false));
        let (refusals, mut refused) = mpsc::unbounded_channel();
        let publisher = open(&hub, command.quiet, met.clone(), refusals)?;
        let receipts = Receipts::new(Ids::new(command.json, command.quiet), met.clone());
        let mut publishing = Publishing { topic: topic.as_str(), command, publisher, receipts };
        let work = async {
            let is_hub = reach(&hub, &topic).await.map_err(Stopped::Unreached)?;
            met.fetch_or(is_hub, Ordering::Relaxed);
            publishing.run(stop).await
        };
        let stranger = async {
            loop {
                match refused.recv().await {
                    Some(why) if !met.load(Ordering::Relaxed) => return why,
                    Some(_) => {}
                    None => std::future::pending().await,
                }
            }
        };
        let outcome = tokio::select! {
            biased;
            // What was stored is known before what was refused after it.
            outcome = work => outcome,
            why = stranger => Err(Stopped::Stranger(why)),
            () = overdue(stopped) => Err(Stopped::Overdue),
        };
        outcome.map_err(|stopped| publishing.failure(&hub, stopped))
    })
}

/// Waits until what is under way takes too long after the signal.
async fn overdue(stopped: oneshot::Receiver<()>) {
    match stopped.await {
        Ok(()) => tokio::time::sleep(GRACE).await,
        Err(_) => std::future::pending().await,
    }
}

/// As long as no hub is `met`, `refusals` is told what the answers say that no hub has given.
fn open(
    hub: &Hub,
    is_quiet: bool,
    met: Arc<AtomicBool>,
    refusals: mpsc::UnboundedSender<String>,
) -> Result<Publisher, Failure> {
    let told = Mutex::new(String::new());
    let mut builder = Publisher::builder(hub.base()).on_retry(move |retrying| {
        let text = retrying.to_string();
        if !met.load(Ordering::Relaxed) && is_of_stranger(retrying) {
            // Whoever is done does not want to know.
            return drop(refusals.send(text));
        }
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        // Once for each reason, and again when it comes back.
        if !is_quiet && (retrying.failures == 1 || *told != text) {
            say(&format!("{}; trying again for up to five minutes", text.trim_end_matches('.')));
            *told = text;
        }
    });
    if let Some(token) = hub.token()? {
        builder = builder.token(token);
    }
    if hub.has_token_file() {
        let hub = hub.clone();
        builder = builder.refresh(move |_cause| std::future::ready(hub.fresh_token()));
    }
    if let Some(pem) = hub.certificates() {
        builder = builder.root_certificate(pem);
    }
    builder.open().map_err(|error| Failure::Arguments(error.to_string()))
}

/// Whether an answer comes from a server that is no hub. A gateway gives its own while there is no hub behind it: 502 to
/// 504, and with some more beyond 520.
fn is_of_stranger(retrying: &Retrying) -> bool {
    match retrying.reason {
        Failed::Refused(status) => {
            (500..600).contains(&status) && !matches!(status, 502..=504 | 520..) && !retrying.problem.is_document()
        }
        _ => false,
    }
}

/// Asks whether there is anybody at the address at all: a mistyped one is not worth five minutes. Any answer will do;
/// whether it is one of a hub.
async fn reach(hub: &Hub, topic: &Topic) -> Result<bool, Failure> {
    let mut path = vec!["v1", "topics"];
    path.extend(topic.as_str().split('/'));
    let request = hub.request(&hub.client()?, Method::HEAD, hub.at(&path))?;
    let answer = hub.ask(request).await?;
    let media = answer.headers().get(CONTENT_TYPE).map(|media| media.as_bytes());
    Ok(matches!(media, Some(b"application/json" | b"application/problem+json")))
}

/// A publish under way.
struct Publishing<'a> {
    topic: &'a str,
    command: &'a Pub,
    publisher: Publisher,
    receipts: Receipts,
}

impl Publishing<'_> {
    /// Publishes all there is; when something is not stored, waits until it is known of everything else.
    async fn run(&mut self, stop: PipeReader) -> Result<(), Stopped> {
        let outcome = self.publish(stop).await;
        if outcome.is_err() {
            self.receipts.settle().await;
        }
        outcome
    }

    async fn publish(&mut self, stop: PipeReader) -> Result<(), Stopped> {
        match self.form() {
            Some(form) => self.read(form, stop).await?,
            None => self.take(Piece::of(self.command.data.clone().unwrap_or_default())).await?,
        }
        self.receipts.all().await.map_err(Stopped::Unstored)?;
        if let Some(reason) = self.command.end {
            let stored = self.publisher.finish(self.topic, reason.into()).await.map_err(Stopped::Unfinished)?;
            self.receipts.show(&stored);
        }
        self.receipts.unprinted().map_err(Stopped::Unprinted)
    }

    /// How standard input is read; none when it is not.
    fn form(&self) -> Option<Form> {
        let Pub { lines, ndjson, event_stream, data, end, .. } = self.command;
        let is_terminal = io::stdin().is_terminal();
        match (lines, ndjson, event_stream) {
            (true, ..) => Some(Form::Lines),
            (_, true, _) => Some(Form::Json),
            (_, _, true) => Some(Form::EventStream),
            _ if data.is_some() => None,
            // Nobody who ends a topic by hand wants to be asked for more.
            _ if end.is_some() && is_terminal => None,
            _ => Some(Form::Whole),
        }
    }

    /// Publishes what comes on standard input until it ends, or somebody ends it.
    async fn read(&mut self, form: Form, stop: PipeReader) -> Result<(), Stopped> {
        if io::stdin().is_terminal() {
            say("reading from the terminal; Ctrl-D ends the input");
        }
        let mut pieces = input::read(form, stop);
        loop {
            tokio::select! {
                biased;
                outcome = self.receipts.next(), if !self.receipts.is_empty() => outcome.map_err(Stopped::Unstored)?,
                piece = pieces.recv() => match piece {
                    Some(piece) => self.take(piece.map_err(Stopped::Input)?).await?,
                    None => return Ok(()),
                },
            }
        }
    }

    /// Hands an event over. Without data there is nothing to publish but the end of the topic.
    async fn take(&mut self, piece: Piece) -> Result<(), Stopped> {
        let is_one = self.form().is_none_or(|form| form == Form::Whole);
        if is_one && piece.data.is_empty() && self.command.end.is_some() {
            return Ok(());
        }
        let mut event = NewEvent::new(piece.data);
        if let Some(name) = piece.event_type.as_ref().or(self.command.event_type.as_ref()) {
            event = event.event_type(name);
        }
        if let Some(key) = &self.command.key {
            event = event.key(key);
        }
        let number = self.receipts.taken() + 1;
        if let Some(key) = &self.command.idempotency_key {
            event = event.idempotency_key(if is_one { key.clone() } else { format!("{key}/{number}") });
        }
        match self.publisher.enqueue(self.topic, event).await {
            Ok(receipt) => {
                self.receipts.push(receipt);
                Ok(())
            }
            Err(error) => Err(Stopped::Unstored(Unstored { number, error })),
        }
    }

    fn failure(&self, hub: &Hub, stopped: Stopped) -> Failure {
        let advice = |error: &PublishError| match error {
            PublishError::Unauthorized { status, .. } => hub.credential_advice(*status, CREDENTIAL),
            _ => String::new(),
        };
        let stored = match (self.receipts.taken(), self.receipts.stored()) {
            (0 | 1, 0) => String::new(),
            (_, 1) => "; 1 event is stored".to_owned(),
            (_, many) => format!("; {many} events are stored"),
        };
        // What follows is of the same sentence.
        let said = |error: &PublishError| match advice(error) {
            advice if advice.is_empty() && stored.is_empty() => error.to_string(),
            advice => format!("{}{advice}", error.to_string().trim_end_matches('.')),
        };
        let text = match stopped {
            Stopped::Unstored(Unstored { number, error }) => {
                let which = if self.receipts.taken() > 1 { format!("event {number}: ") } else { String::new() };
                format!("{which}{}", said(&error))
            }
            Stopped::Unfinished(error) => format!("the topic is not ended: {}", said(&error)),
            Stopped::Input(why) => why,
            Stopped::Unreached(failure) => return failure,
            Stopped::Stranger(why) => why,
            Stopped::Unprinted(error) => {
                return Failure::Run(format!("all is stored, but not every id could be printed: {error}"));
            }
            Stopped::Overdue => "stopped before the hub has said whether all is stored".to_owned(),
        };
        Failure::Run(format!("{}{stored}", printable(&text)))
    }
}

/// Looks at the type before anything is read: a hub would refuse every event.
fn check_type(name: &str) -> Result<(), Failure> {
    let invalid = |why: String| Err(Failure::Arguments(format!("the type {name:?} cannot be used: {why}")));
    if name.starts_with("headwater.") {
        return invalid("what begins with 'headwater.' is the hub's own".into());
    }
    match name.chars().any(char::is_control) {
        true => invalid("it has control characters".into()),
        false => EventType::new(name).map(drop).or_else(|error| invalid(error.to_string())),
    }
}

impl From<Reason> for Final {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Done => Self::Done,
            Reason::Error => Self::Error,
            Reason::Cancelled => Self::Cancelled,
        }
    }
}
