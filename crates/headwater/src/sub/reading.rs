//! The items of a subscription, and what it tells beside them, one after the other until the end.

use std::collections::HashSet;
use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use headwater_client::{Error, Item, Reason, State, Subscription};
use headwater_log::Selection;
use tokio::sync::mpsc::UnboundedReceiver;

use super::Sub;
use super::horizon::Horizon;
use super::lines::{Form, Lines};
use super::notes::Notes;
use super::progress::Progress;
use crate::Failure;
use crate::remote::{CREDENTIAL, Hub, may_style, printable};

/// Reading under way.
pub(super) struct Reading {
    lines: Lines,
    notes: Notes,
    horizon: Horizon,
    hub: Hub,
    progress: Progress,
    exit_at_end: bool,
    was_open: bool,
    /// Events until the end.
    left: Option<u64>,
    /// Topics that go on; none where there are patterns, which always do.
    unfinished: Option<HashSet<String>>,
    /// When another task had a turn, such as the one that saves the place.
    last_turn: Instant,
    news: UnboundedReceiver<News>,
}

impl Reading {
    pub(super) fn new(command: &Sub, hub: &Hub, selection: &Selection, news: UnboundedReceiver<News>) -> Self {
        let subject = format!("{} from {}", command.topics.join(", "), hub.address());
        let is_replay = command.exit_at_end || command.resume.is_some() || command.since.is_some();
        Self {
            lines: Lines::new(form(command)),
            notes: Notes::new(subject, command),
            horizon: Horizon::new(hub, &command.topics),
            hub: hub.clone(),
            progress: Progress::new(is_replay && !command.quiet),
            exit_at_end: command.exit_at_end,
            was_open: false,
            left: command.count,
            unfinished: unfinished(selection),
            last_turn: Instant::now(),
            news,
        }
    }

    /// Reads until there is nothing more, or somebody ends it.
    pub(super) async fn run(mut self, mut subscription: Subscription) -> Result<(), Failure> {
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
        if !matches!(item, Item::Event(_)) {
            self.progress.pause(|| self.notes.item(item));
        }
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

/// What a subscription tells beside its items.
pub(super) enum News {
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

/// How long a stream that always has something may keep other tasks from their turn.
const TURN: Duration = Duration::from_millis(5);
/// How long the stream is quiet before the end is asked for.
const QUIET: Duration = Duration::from_millis(200);

fn form(command: &Sub) -> Form {
    match (command.json, command.raw, io::stdout().is_terminal()) {
        (true, ..) => Form::Json,
        (_, true, terminal) => Form::Raw { terminal },
        (_, _, true) => Form::Terminal { styled: may_style() },
        (_, _, false) => Form::Fields,
    }
}

fn failure(hub: &Hub, error: &Error) -> Failure {
    let advice = match error {
        Error::Unauthorized { status, .. } => hub.credential_advice(*status, CREDENTIAL),
        _ => String::new(),
    };
    let text = format!("cannot read from {}: {}{advice}", hub.address(), printable(&error.to_string()));
    match error {
        // All that a request to read can be malformed in comes from the command line.
        Error::Rejected { status: 400, .. } => Failure::Arguments(text),
        _ => Failure::Run(text),
    }
}

/// The topics that have to end before the whole stream does; none when it never ends, as patterns do not.
fn unfinished(selection: &Selection) -> Option<HashSet<String>> {
    let topics = selection.topics().map(|topic| topic.as_str().to_owned());
    (selection.patterns().len() == 0).then(|| topics.collect())
}
