//! `headwater sub`: events on standard output, and what happens beside them on standard error.

mod horizon;
mod lines;
mod notes;
mod place;
mod progress;

use std::collections::HashSet;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::RangedU64ValueParser;
use headwater_client::{Error, Item, Reason, State, Subscription, Warning};
use headwater_log::{Pattern, Position, Selection};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::remote::{CREDENTIAL, Hub, HubOptions, block_on, may_style, printable};
use crate::{Failure, signals};
use horizon::Horizon;
use lines::{Form, Lines};
use notes::Notes;
use place::Place;
use progress::Progress;

/// What to read, and how to show it.
#[derive(Debug, Args)]
pub(crate) struct Sub {
    /// Topics and patterns: `*` is one segment of a topic, `**` everything below
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// Where to start: latest, earliest, after an event id, at a time in RFC 3339, or an age such as 90s, 10m, 2h, 7d [default: latest, with --exit-at-end earliest]
    #[arg(long, value_name = "PLACE")]
    since: Option<String>,
    /// File that keeps the place: the next run goes on after the last event that was written out
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// End when all is read that is there at the start
    #[arg(long)]
    exit_at_end: bool,
    /// End after so many events
    #[arg(short = 'n', long, value_name = "NUMBER", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    count: Option<u64>,
    /// Print one JSON object a line, also for gaps and ends
    #[arg(long)]
    json: bool,
    /// Print the data alone, as it is, and a line end
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    /// Say nothing on standard error but errors
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    hub: HubOptions,
}

/// What a subscription tells beside its items.
enum News {
    State(State),
    Warning(String),
    /// The place could not be read or written.
    PlaceLost(String),
}

/// Why reading came to an end that is none.
enum Stopped {
    Failed(Failure),
    /// Nobody reads our output any more.
    OutputClosed,
}

/// The largest event a hub can be configured for.
const MOST_EVENT: usize = 1 << 30;
/// How long a stream that always has something may keep other tasks from their turn.
const TURN: Duration = Duration::from_millis(5);
/// How long the stream is quiet before the end is asked for.
const QUIET: Duration = Duration::from_millis(200);

pub(crate) const EXAMPLES: &str = "\
Examples:
  headwater sub 'orders/*'                                what is published from now on
  headwater sub orders/42 --since 2h -n 1                 one event
  headwater sub 'orders/**' --exit-at-end --json | jq .   all that is there, as JSON
  headwater sub 'orders/*' --resume place.json            no event missed between two runs

On a terminal an event is its id, topic, type and data. Elsewhere it is one line of these four with tabs between them,
in which \\\\, \\n, \\r and \\t stand for a backslash, line feed, carriage return and tab.

A connection that breaks is made again, from where it was. SIGINT and SIGTERM end the command in good order.
Exit codes: 0 at the end, 1 when something failed, 2 when the arguments cannot be used.";

/// Reads until there is nothing more, or somebody ends it.
pub(crate) fn run(command: &Sub) -> Result<(), Failure> {
    let mut patterns = Vec::new();
    for topic in &command.topics {
        let pattern = Pattern::new(topic);
        patterns.push(pattern.map_err(|error| Failure::Arguments(format!("the topic {topic:?} {error}")))?);
    }
    let hub = command.hub.hub()?;
    let subject = format!("{} from {}", command.topics.join(", "), hub.address());
    let is_replay = command.exit_at_end || command.resume.is_some() || command.since.is_some();
    block_on(async {
        let (subscription, news) = open(command, &hub).await?;
        let reading = Reading {
            last_turn: Instant::now(),
            lines: Lines::new(form(command)),
            notes: Notes::new(subject, command),
            horizon: Horizon::new(&hub, &command.topics)?,
            progress: Progress::new(is_replay && !command.quiet),
            hub: hub.clone(),
            exit_at_end: command.exit_at_end,
            was_open: false,
            left: command.count,
            unfinished: unfinished(&Selection::new(patterns)),
            news,
        };
        reading.run(subscription).await
    })
}

async fn open(command: &Sub, hub: &Hub) -> Result<(Subscription, UnboundedReceiver<News>), Failure> {
    let (sender, news) = mpsc::unbounded_channel();
    let states = sender.clone();
    let mut builder = Subscription::hub(hub.base(), &command.topics)
        .max_event(MOST_EVENT)
        // Whoever receives the news is gone only when nothing is read any more.
        .on_state(move |state| drop(states.send(News::State(state.clone()))))
        .on_warning(move |warning| {
            drop(sender.send(match warning {
                Warning::Load(error) | Warning::Save(error) => News::PlaceLost(error.to_string()),
                other => News::Warning(other.to_string()),
            }));
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
    // An id is a place like the others for whoever types it.
    let (since, id) = match &command.since {
        Some(text) if text.parse::<Position>().is_ok() => (None, Some(text.clone())),
        Some(text) => (Some(text.as_str()), None),
        None => (command.exit_at_end.then_some("earliest"), None),
    };
    if let Some(since) = since {
        builder = builder.since(since);
    }
    builder = match (&command.resume, id) {
        (Some(file), id) => {
            let key = place::key(&command.topics);
            builder.store(Place::open(file, &key, id).await?).store_key(key)
        }
        (None, Some(id)) => builder.last_event_id(id),
        (None, None) => builder,
    };
    let subscription = builder.open().map_err(|error| Failure::Arguments(error.to_string()))?;
    let handle = subscription.handle();
    signals::until_stopped(move || handle.close())
        .map_err(|error| Failure::Run(format!("cannot watch signals: {error}")))?;
    Ok((subscription, news))
}

fn form(command: &Sub) -> Form {
    match (command.json, command.raw, io::stdout().is_terminal()) {
        (true, ..) => Form::Json,
        (_, true, _) => Form::Raw,
        (_, _, true) => Form::Terminal { styled: may_style() },
        (_, _, false) => Form::Fields,
    }
}

fn failure(hub: &Hub, error: &Error) -> Failure {
    let advice = match error {
        Error::Unauthorized { status, .. } => hub.credential_advice(*status, CREDENTIAL),
        _ => String::new(),
    };
    Failure::Run(format!("cannot read from {}: {}{advice}", hub.address(), printable(&error.to_string())))
}

/// The topics that have to end before the whole stream does; none when it never ends, as patterns do not.
fn unfinished(selection: &Selection) -> Option<HashSet<String>> {
    let topics = selection.topics().map(|topic| topic.as_str().to_owned());
    (selection.patterns().len() == 0).then(|| topics.collect())
}

/// Reading under way.
struct Reading {
    /// When another task had a turn, such as the one that saves the place.
    last_turn: Instant,
    lines: Lines,
    notes: Notes,
    horizon: Horizon,
    hub: Hub,
    progress: Progress,
    exit_at_end: bool,
    was_open: bool,
    /// Events until the end.
    left: Option<u64>,
    unfinished: Option<HashSet<String>>,
    news: UnboundedReceiver<News>,
}

impl Reading {
    async fn run(mut self, mut subscription: Subscription) -> Result<(), Failure> {
        let outcome = self.read(&mut subscription).await;
        subscription.close().await;
        if let Err(Stopped::Failed(failure)) = outcome {
            return Err(failure);
        }
        // The last place was saved a moment ago.
        while let Ok(news) = self.news.try_recv() {
            if let News::PlaceLost(why) = news {
                return Err(Failure::Run(why));
            }
        }
        Ok(())
    }

    async fn read(&mut self, subscription: &mut Subscription) -> Result<(), Stopped> {
        loop {
            let item = tokio::select! {
                biased;
                Some(news) = self.news.recv() => {
                    self.hear(news).await?;
                    continue;
                }
                item = subscription.next() => item,
                () = tokio::time::sleep(QUIET), if self.exit_at_end || self.progress.is_wanted() => {
                    // Everything that was received is handled.
                    self.progress.set(subscription.last_event_id());
                    if self.exit_at_end && self.is_at_end(subscription).await {
                        return Ok(());
                    }
                    continue;
                }
            };
            if self.last_turn.elapsed() >= TURN {
                tokio::task::yield_now().await;
                self.last_turn = Instant::now();
            }
            // What happened before the item is told before it.
            while let Ok(news) = self.news.try_recv() {
                self.hear(news).await?;
            }
            match item {
                None => return Ok(()),
                Some(Err(error)) => return Err(Stopped::Failed(failure(&self.hub, &error))),
                // It came after the start, and is for the next run.
                Some(Ok(item)) if self.exit_at_end && self.horizon.is_beyond(item.id()) => return Ok(()),
                Some(Ok(item)) => {
                    self.show(&item)?;
                    if self.is_last(&item) {
                        subscription.acknowledge();
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn hear(&mut self, news: News) -> Result<(), Stopped> {
        match news {
            News::State(State::Waiting { reason: Reason::Unreachable(why), .. }) if !self.was_open => {
                Err(Stopped::Failed(self.hub.no_answer(&why)))
            }
            News::State(state) => {
                self.progress.pause(|| self.notes.state(&state, self.was_open));
                if state == State::Open && !std::mem::replace(&mut self.was_open, true) {
                    self.look_ahead().await;
                }
                Ok(())
            }
            News::Warning(text) => {
                self.progress.pause(|| self.notes.say(&text));
                Ok(())
            }
            News::PlaceLost(why) => Err(Stopped::Failed(Failure::Run(why))),
        }
    }

    /// Finds out how far there is to go, where somebody wants to know.
    async fn look_ahead(&mut self) {
        if self.exit_at_end || self.progress.is_wanted() {
            self.horizon.look().await;
            self.progress.begin(self.horizon.head());
        }
    }

    fn show(&mut self, item: &Item) -> Result<(), Stopped> {
        self.progress.set(item.id());
        self.progress.pause(|| self.notes.item(item));
        match self.lines.write(item) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Stopped::OutputClosed),
            Err(error) => Err(Stopped::Failed(Failure::Run(format!("cannot write to standard output: {error}")))),
        }
    }

    fn is_last(&mut self, item: &Item) -> bool {
        if let Item::Event(_) = item
            && let Some(left) = &mut self.left
        {
            *left -= 1;
            if *left == 0 {
                return true;
            }
        }
        if let Item::End(end) = item
            && let Some(unfinished) = &mut self.unfinished
        {
            unfinished.remove(&end.topic);
            if unfinished.is_empty() {
                return true;
            }
        }
        self.exit_at_end && self.horizon.is_reached(item.id())
    }

    async fn is_at_end(&self, subscription: &Subscription) -> bool {
        let id = subscription.last_event_id();
        subscription.state() == State::Open && (self.horizon.is_reached(id) || self.horizon.is_last(id).await)
    }
}
