//! The access log: a line of JSON for every session that has ended and every publish that was answered, written by a thread
//! of its own.
//!
//! Nothing that a client sends is in it but topics, and who they are as a verified credential says it: no query, no header,
//! no body, no path that is no topic. Text is cut at [`MOST_TEXT`] characters, and control characters are spelled out (T18).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use headwater_access::Grant;
use headwater_hub::{Bucket, Rate};
use headwater_log::{Selection, Topic};
use serde::Serialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::AccessLogTarget;

/// Lines that wait for the writer; what comes when as many wait is lost, and counted.
const MOST_WAITING: usize = 4096;
/// Lines per second for what anybody can have any number of: publishes that succeed, and, apart from them, requests that
/// are refused. Twice as many at once. The others are counted. Every session has a line of its own.
const LINES_PER_SECOND: u64 = 100;
/// Characters of a text.
const MOST_TEXT: usize = 256;
/// Topics of a session that are named.
const MOST_TOPICS: usize = 10;
/// How long a stopping hub waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Takes records. Never waits.
pub(crate) struct AccessLog {
    sender: SyncSender<Message>,
    /// Whether anybody reads the lines.
    on: AtomicBool,
    started: Instant,
    publishes: Mutex<Bucket>,
    refusals: Mutex<Bucket>,
    counts: Arc<Counts>,
}

/// What has no line.
#[derive(Debug, Default)]
struct Counts {
    lost: AtomicU64,
    omitted: AtomicU64,
}

/// What has happened.
pub(crate) struct Record {
    pub(crate) what: What,
    /// The status of the answer.
    pub(crate) status: u16,
    /// Why a session has ended, or a request was refused.
    pub(crate) reason: Option<&'static str>,
    pub(crate) duration: Duration,
    /// Of a session those sent, of a publish those of its body as announced.
    pub(crate) bytes: Option<u64>,
    /// The newest id that was told.
    pub(crate) last_id: Option<String>,
    pub(crate) grant: Option<Arc<Grant>>,
    pub(crate) address: IpAddr,
}

/// What a record is about.
pub(crate) enum What {
    /// A stream or long poll; what it read, if the request came that far.
    Session(Option<Arc<Selection>>),
    /// A publish; to which topic, if it names one.
    Publish(Option<Topic>),
}

enum Message {
    Record(SystemTime, Box<Record>),
    /// Write there from now on.
    Aim(Output),
    /// Say when everything before this is written.
    Flush(SyncSender<()>),
}

enum Output {
    Off,
    Stderr,
    File(File),
}

impl AccessLog {
    /// Opens the log and starts its thread, which ends with this.
    ///
    /// # Errors
    /// When the file cannot be opened or the system gives no thread.
    pub(crate) fn start(target: &AccessLogTarget) -> io::Result<Self> {
        let output = Output::open(target)?;
        let (sender, receiver) = sync_channel(MOST_WAITING);
        let counts: Arc<Counts> = Arc::default();
        let writer = Writer { output, counts: counts.clone(), told: (0, 0) };
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || writer.run(&receiver))?;
        let on = AtomicBool::new(*target != AccessLogTarget::Off);
        Ok(Self {
            sender,
            on,
            started: Instant::now(),
            publishes: Mutex::default(),
            refusals: Mutex::default(),
            counts,
        })
    }

    /// Opens the log again, perhaps elsewhere: what was moved away for rotation is let go.
    ///
    /// # Errors
    /// When the file cannot be opened. Then the old one stays.
    pub(crate) fn reopen(&self, target: &AccessLogTarget) -> io::Result<()> {
        let output = Output::open(target)?;
        self.on.store(*target != AccessLogTarget::Off, Ordering::Relaxed);
        // Not lost when the queue is full: whoever reloads may wait for the writer.
        self.sender.send(Message::Aim(output)).map_err(io::Error::other)
    }

    /// Whether records are wanted.
    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Takes a record, or counts it where there is no room.
    pub(crate) fn note(&self, record: Record) {
        if !self.is_on() {
            return;
        }
        let shared = match record.what {
            _ if record.status >= 400 => Some(&self.refusals),
            What::Publish(_) => Some(&self.publishes),
            What::Session(_) => None,
        };
        if shared.is_some_and(|bucket| !self.has_turn(bucket)) {
            self.counts.omitted.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Message::Record(SystemTime::now(), Box::new(record))) {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines that were lost because the writer did not keep up.
    pub(crate) fn lost(&self) -> u64 {
        self.counts.lost.load(Ordering::Relaxed)
    }

    /// Publishes and refusals without a line because there were too many.
    pub(crate) fn omitted(&self) -> u64 {
        self.counts.omitted.load(Ordering::Relaxed)
    }

    /// Waits until what was noted is written.
    pub(crate) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.sender.send(Message::Flush(done)).is_ok() {
            // A writer that does not come on is left behind.
            let _ = written.recv_timeout(LAST_LINES);
        }
    }

    fn has_turn(&self, bucket: &Mutex<Bucket>) -> bool {
        let Some(rate) = Rate::per_second(LINES_PER_SECOND) else { return true };
        let now = self.started.elapsed().as_nanos() as u64;
        bucket.lock().unwrap_or_else(PoisonError::into_inner).pass(rate, 1, now).is_ok()
    }
}

/// The thread behind it.
struct Writer {
    output: Output,
    counts: Arc<Counts>,
    /// Of lost and omitted lines, how many were told.
    told: (u64, u64),
}

impl Writer {
    fn run(mut self, messages: &Receiver<Message>) {
        let mut lines = Vec::new();
        while let Ok(first) = messages.recv() {
            // What has gathered goes out in one write.
            for message in std::iter::once(first).chain(messages.try_iter()) {
                match message {
                    Message::Record(time, record) => self.line(time, &record, &mut lines),
                    Message::Aim(output) => {
                        self.write(&mut lines);
                        self.output = output;
                    }
                    Message::Flush(done) => {
                        self.write(&mut lines);
                        // Whoever asked may have gone.
                        let _ = done.send(());
                    }
                }
            }
            self.write(&mut lines);
        }
    }

    fn line(&mut self, time: SystemTime, record: &Record, out: &mut Vec<u8>) {
        let time = OffsetDateTime::from(time).format(&Rfc3339).unwrap_or_default();
        let counts = (self.counts.lost.load(Ordering::Relaxed), self.counts.omitted.load(Ordering::Relaxed));
        if counts != self.told {
            let (lost, omitted) = (counts.0 - self.told.0, counts.1 - self.told.1);
            put(&json!({ "time": time, "kind": "not_logged", "lost": lost, "omitted": omitted }), out);
            self.told = counts;
        }
        put(&record.describe(time), out);
    }

    fn write(&mut self, lines: &mut Vec<u8>) {
        // A full disk or a closed terminal: there is nobody to tell, and nothing waits for it.
        let _ = match &mut self.output {
            Output::Off => Ok(()),
            Output::Stderr => io::stderr().write_all(lines),
            Output::File(file) => file.write_all(lines),
        };
        lines.clear();
    }
}

impl Record {
    fn describe(&self, time: String) -> Value {
        let mut line = Map::new();
        let mut add = |name: &str, value: Value| drop(line.insert(name.to_owned(), value));
        add("time", time.into());
        match &self.what {
            What::Session(selection) => {
                add("kind", "session".into());
                if let Some(selection) = selection {
                    let topics = selection.topics().map(Topic::as_str);
                    let names = topics.chain(selection.patterns().map(|pattern| pattern.as_str()));
                    add("topics", names.take(MOST_TOPICS).map(clean).collect());
                    let more = (selection.topics().len() + selection.patterns().len()).saturating_sub(MOST_TOPICS);
                    if more > 0 {
                        add("more_topics", more.into());
                    }
                }
            }
            What::Publish(topic) => {
                add("kind", "publish".into());
                topic.iter().for_each(|topic| add("topic", clean(topic.as_str()).into()));
            }
        }
        add("status", self.status.into());
        self.reason.into_iter().for_each(|reason| add("reason", reason.into()));
        add("duration_ms", (self.duration.as_millis() as u64).into());
        self.bytes.into_iter().for_each(|bytes| add("bytes", bytes.into()));
        self.last_id.iter().for_each(|id| add("last_id", id.clone().into()));
        if let Some(grant) = &self.grant {
            grant.subject.iter().for_each(|subject| add("subject", clean(subject).into()));
            grant.issuer.iter().for_each(|issuer| add("issuer", clean(issuer).into()));
        }
        add("address", self.address.to_string().into());
        Value::Object(line)
    }
}

impl Output {
    fn open(target: &AccessLogTarget) -> io::Result<Self> {
        match target {
            AccessLogTarget::Off => Ok(Self::Off),
            AccessLogTarget::Stderr => Ok(Self::Stderr),
            AccessLogTarget::File(path) => open(path).map(Self::File),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn put(line: &impl Serialize, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(&mut *out, line);
    out.push(b'\n');
}

/// A text as it may stand in a log: not too long, and without anything that a terminal obeys.
fn clean(text: &str) -> String {
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == MOST_TEXT {
            out.push('…');
            break;
        }
        match c.is_control() || is_invisible(c) {
            true => out.extend(c.escape_unicode()),
            false => out.push(c),
        }
    }
    out
}

/// Characters that turn the order of a line around, or end it for some readers.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // T18
    #[test]
    fn t18_texts_are_cut_and_have_no_control_characters() {
        assert_eq!(clean("a\r\n\u{1b}[31m\u{9b}\u{202e}b"), "a\\u{d}\\u{a}\\u{1b}[31m\\u{9b}\\u{202e}b");
        assert_eq!(clean(&"é".repeat(1000)), format!("{}…", "é".repeat(256)));
    }

    proptest! {
        // T18
        #[test]
        fn t18_a_line_is_one_line_of_json_whatever_the_subject(subject in ".*", issuer in any::<String>()) {
            let grant = Grant {
                rights: headwater_access::Rights::default(),
                subject: Some(subject),
                id: None,
                issuer: Some(issuer),
                issued_s: None,
                expires_s: 0,
            };
            let record = Record {
                what: What::Session(None),
                status: 200,
                reason: Some("client"),
                duration: Duration::from_millis(5),
                bytes: Some(1),
                last_id: None,
                grant: Some(Arc::new(grant)),
                address: [127, 0, 0, 1].into(),
            };
            let mut out = Vec::new();
            put(&record.describe(String::new()), &mut out);
            let text = String::from_utf8(out).unwrap();
            prop_assert!(text.ends_with('\n') && !text.trim_end_matches('\n').chars().any(char::is_control), "{text:?}");
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
        }
    }
}
