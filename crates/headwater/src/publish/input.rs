//! Standard input, taken apart into events by a thread of its own: it may have nothing to say for long.

use std::io::{self, BufRead, Read as _};
use std::thread;

use headwater_event_stream::{Chunk, Decoder};
use serde::de::IgnoredAny;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// How standard input is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// All of it is one event.
    Whole,
    /// Every line is one.
    Lines,
    /// Every line is one, and JSON.
    Json,
    /// It is an event stream.
    EventStream,
}

/// What becomes an event.
pub(super) struct Piece {
    pub(super) data: String,
    pub(super) event_type: Option<String>,
}

/// Why no more can be read.
type Fault = String;

/// The largest event a hub can be configured for.
const MOST_EVENT: usize = 1 << 30;
/// Pieces that wait to be published.
const MOST_WAITING: usize = 1024;

impl Piece {
    /// An event without a type of its own.
    pub(super) fn of(data: String) -> Self {
        Self { data, event_type: None }
    }
}

/// Reads until the input ends, has what is no event, or nobody wants more.
pub(super) fn read(form: Form) -> Receiver<Result<Piece, Fault>> {
    let (sender, pieces) = mpsc::channel(MOST_WAITING);
    thread::spawn(move || {
        let input = io::stdin().lock();
        let outcome = match form {
            Form::Whole => whole(input, &sender),
            Form::Lines | Form::Json => lines(input, form == Form::Json, &sender),
            Form::EventStream => event_stream(input, &sender),
        };
        if let Err(fault) = outcome {
            // Whoever is gone does not want to know.
            let _ = sender.blocking_send(Err(fault));
        }
    });
    pieces
}

fn whole(input: impl BufRead, to: &Sender<Result<Piece, Fault>>) -> Result<(), Fault> {
    let mut bytes = Vec::new();
    input.take(MOST_EVENT as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let data = text(bytes, || "standard input".to_owned())?;
    let _ = to.blocking_send(Ok(Piece::of(data)));
    Ok(())
}

fn lines(mut input: impl BufRead, has_json: bool, to: &Sender<Result<Piece, Fault>>) -> Result<(), Fault> {
    for number in 1_u64.. {
        let name = || format!("line {number}");
        let mut bytes = Vec::new();
        if input.by_ref().take(MOST_EVENT as u64 + 1).read_until(b'\n', &mut bytes).map_err(unreadable)? == 0 {
            break;
        }
        let line = text(bytes, name)?;
        if has_json {
            if line.trim().is_empty() {
                continue;
            }
            serde_json::from_str::<IgnoredAny>(&line).map_err(|error| format!("{} is not JSON: {error}", name()))?;
        }
        if to.blocking_send(Ok(Piece::of(line))).is_err() {
            break;
        }
    }
    Ok(())
}

fn event_stream(mut input: impl BufRead, to: &Sender<Result<Piece, Fault>>) -> Result<(), Fault> {
    const NAMES: usize = 64;
    let builder = Decoder::builder().max_event(MOST_EVENT).max_line(MOST_EVENT + NAMES).strict_utf8(true);
    let mut decoder = builder.build();
    loop {
        let bytes = input.fill_buf().map_err(unreadable)?;
        let read = bytes.len();
        if read == 0 {
            break;
        }
        let mut chunk = Chunk::new(bytes);
        while let Some(event) =
            decoder.decode(&mut chunk).map_err(|error| format!("the event stream cannot be read: {error}"))?
        {
            let event_type = (event.event_type != "message").then(|| event.event_type.to_owned());
            if to.blocking_send(Ok(Piece { data: event.data.to_owned(), event_type })).is_err() {
                return Ok(());
            }
        }
        input.consume(read);
    }
    match decoder.has_pending() {
        true => {
            Err("the event stream ends in the middle of an event, which is not published; an empty line ends one"
                .into())
        }
        false => Ok(()),
    }
}

/// Without the line end behind it.
fn text(mut bytes: Vec<u8>, name: impl Fn() -> String) -> Result<String, Fault> {
    if bytes.len() > MOST_EVENT {
        return Err(format!("{} is larger than any event can be", name()));
    }
    if bytes.pop_if(|byte| *byte == b'\n').is_some() {
        let _ = bytes.pop_if(|byte| *byte == b'\r');
    }
    String::from_utf8(bytes).map_err(|_| format!("{} is no UTF-8 text", name()))
}

fn unreadable(error: io::Error) -> Fault {
    format!("standard input cannot be read: {error}")
}
