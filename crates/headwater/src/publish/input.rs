//! Standard input, taken apart into events by a thread of its own: it may have nothing to say for long.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, PipeReader, Read};
use std::os::fd::AsFd as _;
use std::thread;

use headwater_event_stream::{Chunk, Decoder};
use rustix::event::{PollFd, PollFlags, poll};
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

/// Standard input until somebody stops it.
struct Input {
    stdin: File,
    /// Its other end is closed when nothing more is to be read.
    stop: PipeReader,
    is_stopped: bool,
}

/// The largest event that is read: the largest request that a hub takes unless it is told otherwise.
const MOST_EVENT: usize = 16 << 20;
/// Pieces that wait to be published.
const MOST_WAITING: usize = 1024;

impl Piece {
    /// An event without a type of its own.
    pub(super) fn of(data: String) -> Self {
        Self { data, event_type: None }
    }
}

/// Reads until the input ends, the other end of `stop` is closed, there is what is no event, or nobody wants more. What
/// was read when it is stopped are still pieces; one that is not whole is a fault.
pub(super) fn read(form: Form, stop: PipeReader) -> Receiver<Result<Piece, Fault>> {
    let (sender, pieces) = mpsc::channel(MOST_WAITING);
    thread::spawn(move || {
        let outcome = Input::open(stop).and_then(|mut input| match form {
            Form::Whole => whole(&mut input, &sender),
            Form::Lines | Form::Json => lines(&mut input, form == Form::Json, &sender),
            Form::EventStream => event_stream(&mut input, &sender),
        });
        if let Err(fault) = outcome {
            // Whoever is gone does not want to know.
            let _ = sender.blocking_send(Err(fault));
        }
    });
    pieces
}

impl Input {
    fn open(stop: PipeReader) -> Result<BufReader<Self>, Fault> {
        let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(unreadable)?;
        Ok(BufReader::new(Self { stdin: stdin.into(), stop, is_stopped: false }))
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ready = [PollFd::new(&self.stop, PollFlags::IN), PollFd::new(&self.stdin, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut ready, None))?;
        if !ready[0].revents().is_empty() {
            self.is_stopped = true;
            return Ok(0);
        }
        self.stdin.read(buffer)
    }
}

fn whole(input: &mut BufReader<Input>, to: &Sender<Result<Piece, Fault>>) -> Result<(), Fault> {
    let mut bytes = Vec::new();
    input.by_ref().take(MOST_EVENT as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if input.get_ref().is_stopped {
        return Err("stopped before the end of standard input, which is not published".into());
    }
    let data = text(bytes, || "standard input".to_owned())?;
    let _ = to.blocking_send(Ok(Piece::of(data)));
    Ok(())
}

fn lines(input: &mut BufReader<Input>, has_json: bool, to: &Sender<Result<Piece, Fault>>) -> Result<(), Fault> {
    for number in 1_u64.. {
        let name = || format!("line {number}");
        let mut bytes = Vec::new();
        if input.by_ref().take(MOST_EVENT as u64 + 1).read_until(b'\n', &mut bytes).map_err(unreadable)? == 0 {
            break;
        }
        if input.get_ref().is_stopped {
            return Err(format!("stopped in the middle of {}, which is not published", name()));
        }
        let line = text(bytes, name)?;
        if has_json {
            if line.trim().is_empty() {
                continue;
            }
            json(&line).map_err(|why| format!("{} is not JSON: {why}", name()))?;
        }
        if to.blocking_send(Ok(Piece::of(line))).is_err() {
            break;
        }
    }
    Ok(())
}

/// Whether a line is JSON. Its number is not the one that the parser knows.
fn json(line: &str) -> Result<(), String> {
    let Err(error) = serde_json::from_str::<IgnoredAny>(line) else { return Ok(()) };
    let why = error.to_string();
    let why = why.split_once(" at line ").map_or(&*why, |(why, _)| why);
    Err(format!("{why} at its byte {}", error.column()))
}

fn event_stream(input: &mut BufReader<Input>, to: &Sender<Result<Piece, Fault>>) -> Result<(), Fault> {
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
    match (decoder.has_pending(), input.get_ref().is_stopped) {
        (true, true) => Err("stopped in the middle of an event, which is not published".into()),
        (true, false) => {
            Err("the event stream ends in the middle of an event, which is not published; an empty line ends one"
                .into())
        }
        (false, _) => Ok(()),
    }
}

/// Without the line end behind it.
fn text(mut bytes: Vec<u8>, name: impl Fn() -> String) -> Result<String, Fault> {
    if bytes.len() > MOST_EVENT {
        return Err(format!("{} is larger than 16 MiB, the most that is read as one event", name()));
    }
    if bytes.pop_if(|byte| *byte == b'\n').is_some() {
        let _ = bytes.pop_if(|byte| *byte == b'\r');
    }
    String::from_utf8(bytes).map_err(|_| format!("{} is no UTF-8 text", name()))
}

fn unreadable(error: io::Error) -> Fault {
    format!("standard input cannot be read: {error}")
}
