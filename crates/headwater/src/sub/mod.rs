//! `headwater sub`: events on standard output, and what happens beside them on standard error.

mod horizon;
mod lines;
mod notes;
mod output;
mod place;
mod progress;
mod reading;

use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use headwater_client::{Subscription, Warning};
use headwater_log::{Pattern, Position, Selection};
use headwater_server::config::{UnitError, parse_size};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::remote::{Hub, HubOptions, block_on};
use crate::{Failure, signals};
use place::Place;
use reading::{News, Reading};

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
    /// Largest event, such as 256KiB; what is larger is left out, and told as a gap
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = size)]
    max_event: usize,
    /// Say nothing on standard error but errors
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    hub: HubOptions,
}

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
    block_on(async {
        let (subscription, news) = open(command, &hub).await?;
        Reading::new(command, &hub, &Selection::new(patterns), news).run(subscription).await
    })
}

/// Reads a number of bytes.
fn size(text: &str) -> Result<usize, UnitError> {
    parse_size(text).map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
}

async fn open(command: &Sub, hub: &Hub) -> Result<(Subscription, UnboundedReceiver<News>), Failure> {
    let (sender, news) = mpsc::unbounded_channel();
    let states = sender.clone();
    let mut builder = Subscription::hub(hub.base(), &command.topics)
        .max_event(command.max_event)
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
    let handle = subscription.handle();
    output::when_unread(move || handle.close())
        .map_err(|error| Failure::Run(format!("cannot watch standard output: {error}")))?;
    Ok((subscription, news))
}
