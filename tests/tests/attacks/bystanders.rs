//! Healthy readers beside an attack, and what they notice of it.
//!
//! The hub runs as a process of its own. A publisher sends events at a steady rate to a few hundred readers that take
//! everything at once; how late each delivery is, is measured in windows of time, first without the attack and then under
//! it. Compared are medians of windows of one run, never times with a figure somebody wrote down.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use headwater_testkit::{Hub, HubBuilder, PATIENCE, Process, Request, raise_descriptor_limit, until};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How many readers there are, all of one topic.
const READERS: usize = 200;
/// Between two events.
const PACE: Duration = Duration::from_millis(50);
/// A window of time, and how many there are without the attack and under it.
const WINDOW: Duration = Duration::from_millis(1500);
const WINDOWS: usize = 3;
/// How much later the slowest hundredth of deliveries may be under attack.
const WORST_RATIO: f64 = 1.5;
/// Where the machine is too busy for that to mean anything (the attacker runs on it, too, as may others), the hub's own
/// share is what counts: how much of a core an attack may cost it, also as a multiple of what the readers alone cost it in the
/// same run, and how late a delivery may be at all. Four thousand connections are 3.0 to 3.6 times the readers.
const WORST_SHARE: f64 = 0.6;
const WORST_MULTIPLE: f64 = 4.5;
const WORST_DELAY: Duration = Duration::from_millis(250);
/// Lines that a hub may log meanwhile: an attacker must not fill the disk with them.
const MOST_LOGGED: usize = 100;

/// What an attack works on.
pub(crate) struct Target<'a> {
    /// Where the hub listens.
    pub(crate) address: SocketAddr,
    over: &'a AtomicBool,
    tries: &'a AtomicUsize,
}

impl Target<'_> {
    /// Whether the attack is to go on. Counts one try of it.
    pub(crate) fn goes_on(&self) -> bool {
        self.tries.fetch_add(1, Ordering::Relaxed);
        !self.over.load(Ordering::Relaxed)
    }

    /// A connection from an address that is not the readers' (all of 127/8 is this machine).
    pub(crate) fn connect(&self) -> TcpStream {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 66], 0)).into()).unwrap();
        socket.connect_timeout(&self.address.into(), PATIENCE).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.into()
    }

    /// Sends these bytes on a connection of their own and reads until the hub ends it; the statuses that came, and all
    /// the text.
    pub(crate) fn exchange(&self, bytes: &[u8]) -> (Vec<u16>, String) {
        // At its own machine's full speed an attacker would measure the machine.
        thread::sleep(Duration::from_millis(10));
        let mut socket = self.connect();
        // It may answer, and end, before it has all.
        let _ = socket.write_all(bytes);
        let mut answer = Vec::new();
        // A reset is an end.
        let _ = socket.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let statuses = text.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.get(..3)?.parse().ok());
        (statuses.collect(), text)
    }
}

/// The last request of a connection, so that one that is kept open ends.
pub(crate) const LAST: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Attacks a hub with this configuration and holds that
///
/// * its readers hardly notice, and get every event once and in order,
/// * its memory has not grown by more than `growth` bytes, then or afterwards,
/// * it lives, has no more connections than before once the attack is over, and has not panicked.
pub(crate) fn attack(config: &str, growth: u64, attack: impl FnOnce(&Target<'_>) + Send) -> Hub {
    let _alone = alone();
    raise_descriptor_limit();
    let hub = start(config);
    let process = Process(hub.pid());
    let readers = Readers::start(hub.address(), &hub);
    let (memory, before) = (process.resident(), readers.windows(process));
    let descriptors = process.descriptors();

    let (over, tries) = (AtomicBool::new(false), AtomicUsize::new(0));
    let during = thread::scope(|scope| {
        let target = Target { address: hub.address(), over: &over, tries: &tries };
        let attacker = scope.spawn(move || attack(&target));
        // Whatever is found, the attacker has to end.
        let during = readers.windows(process);
        over.store(true, Ordering::Relaxed);
        attacker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        during
    });
    let grown = process.resident().saturating_sub(memory);
    println!(
        "p99 {:?} before, {:?} under {} tries; {:.3} and {:.3} of a core; {} KiB more",
        before.delay,
        during.delay,
        tries.into_inner(),
        before.share,
        during.share,
        grown >> 10
    );
    process.until_descriptors(descriptors);
    readers.finish();
    assert!(grown <= growth, "the hub holds {grown} bytes more");
    let ratio = during.delay.as_secs_f64() / before.delay.as_secs_f64();
    let cost = during.share - before.share;
    let cheap = cost < WORST_SHARE && cost < WORST_MULTIPLE * before.share && during.delay < WORST_DELAY;
    assert!(ratio < WORST_RATIO || cheap, "readers notice: {before:?} became {during:?}");
    well(&hub);
    hub
}

/// The hub answers, and has not panicked.
pub(crate) fn well(hub: &Hub) {
    drop(hub.client().get("/healthz").expect(200));
    let log = hub.log();
    assert!(!log.iter().any(|line| line.contains("panic")), "{log:#?}");
    assert!(log.len() < MOST_LOGGED, "the log has {} lines: {log:#?}", log.len());
}

/// Attacks are one after the other: each would be noise in the figures of the others.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start(config: &str) -> Hub {
    // What it says of attacks is judged, and not its line for every request.
    let builder: HubBuilder = Hub::builder().config("access_log = \"off\"").config(config);
    // The disk is nobody's business here.
    builder.data(std::path::Path::new(":memory:")).start()
}

/// What was seen in some windows of time.
#[derive(Debug)]
struct Seen {
    /// The median over the windows of their 99th percentile.
    delay: Duration,
    /// CPU time of the hub per time.
    share: f64,
}

/// The readers and their publisher.
struct Readers {
    stop: Arc<AtomicBool>,
    /// Delays since they were last taken away.
    delays: Arc<Mutex<Vec<Duration>>>,
    published: Arc<AtomicUsize>,
    reader: thread::JoinHandle<Vec<usize>>,
    publisher: thread::JoinHandle<()>,
}

impl Readers {
    fn start(address: SocketAddr, hub: &Hub) -> Self {
        let streams: Vec<Stream> = (0..READERS).map(|_| Stream::open(address)).collect();
        let (stop, delays) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (published, epoch) = (Arc::new(AtomicUsize::new(0)), Instant::now());
        let reader = {
            let (delays, stop, published) = (delays.clone(), stop.clone(), published.clone());
            thread::spawn(move || read(streams, epoch, &delays, &stop, &published))
        };
        let publisher = {
            let (mut publisher, stop, published) = (hub.client().publisher(), stop.clone(), published.clone());
            thread::spawn(move || {
                let mut due = Instant::now();
                while !stop.load(Ordering::Relaxed) {
                    let number = published.fetch_add(1, Ordering::Relaxed) + 1;
                    let text = format!("{number} {}", epoch.elapsed().as_micros());
                    drop(publisher.send(&Request::post("/v1/topics/healthy", text)).expect(201));
                    due = due.max(Instant::now() - PACE) + PACE;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
            })
        };
        Self { stop, delays, published, reader, publisher }
    }

    /// Looks on for some windows.
    fn windows(&self, process: Process) -> Seen {
        let taken = || std::mem::take(&mut *self.delays.lock().unwrap_or_else(PoisonError::into_inner));
        let (cpu, start) = (process.cpu(), Instant::now());
        taken();
        let mut worst: Vec<Duration> = (0..WINDOWS)
            .map(|_| {
                // A window lasts, and longer where the machine is so busy that nothing arrives in it.
                thread::sleep(WINDOW);
                until("deliveries", || Some(taken()).filter(|delays| !delays.is_empty()).map(percentile))
            })
            .collect();
        worst.sort_unstable();
        let share = (process.cpu() - cpu).as_secs_f64() / start.elapsed().as_secs_f64();
        Seen { delay: worst[WINDOWS / 2], share }
    }

    /// Every reader has every event.
    fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.publisher.join().unwrap();
        let published = self.published.load(Ordering::Relaxed);
        assert!(self.reader.join().unwrap().iter().all(|last| *last == published), "a reader lacks events");
    }
}

/// Reads all streams until they are told to stop and have everything; the last number of each.
fn read(
    mut streams: Vec<Stream>,
    epoch: Instant,
    delays: &Mutex<Vec<Duration>>,
    stop: &AtomicBool,
    published: &AtomicUsize,
) -> Vec<usize> {
    let mut stopped: Option<Instant> = None;
    loop {
        let mut waiting: Vec<PollFd<'_>> =
            streams.iter().map(|stream| PollFd::new(&stream.socket, PollFlags::IN)).collect();
        let pause = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        // An interruption is as good as a pause.
        let _ = poll(&mut waiting, Some(&pause));
        let ready: Vec<bool> = waiting.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut late = Vec::new();
        for (stream, _) in streams.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            stream.read(epoch, &mut late);
        }
        delays.lock().unwrap_or_else(PoisonError::into_inner).extend(late);
        if stop.load(Ordering::Relaxed) {
            let since = *stopped.get_or_insert_with(Instant::now);
            let last = published.load(Ordering::Relaxed);
            if streams.iter().all(|stream| stream.last == last) || since.elapsed() > PATIENCE {
                return streams.iter().map(|stream| stream.last).collect();
            }
        }
    }
}

/// One reader.
struct Stream {
    socket: TcpStream,
    buffer: Vec<u8>,
    /// The number of the last event.
    last: usize,
}

impl Stream {
    fn open(address: SocketAddr) -> Self {
        let mut socket = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        socket.write_all(&Request::get("/v1/events?topic=healthy").bytes("localhost")).unwrap();
        let mut stream = Self { socket, buffer: Vec::new(), last: 0 };
        stream.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = [0; 2048];
        // What is published from now on reaches it: it has its first bytes.
        let read = stream.socket.read(&mut head).unwrap();
        assert!(head[..read].starts_with(b"HTTP/1.1 200 "), "{:?}", String::from_utf8_lossy(&head[..read]));
        stream.buffer.extend_from_slice(&head[..read]);
        stream.socket.set_nonblocking(true).unwrap();
        stream
    }

    fn read(&mut self, epoch: Instant, late: &mut Vec<Duration>) {
        let mut bytes = [0; 16 << 10];
        match self.socket.read(&mut bytes) {
            Ok(0) => panic!("the stream of a healthy reader ended"),
            Ok(read) => self.buffer.extend_from_slice(&bytes[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("the stream of a healthy reader broke: {error}"),
        }
        let now = epoch.elapsed();
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            let Some(data) = std::str::from_utf8(&line).ok().and_then(|line| line.strip_prefix("data: ")) else {
                continue;
            };
            let (number, sent) = data.trim().split_once(' ').unwrap();
            assert_eq!(number.parse(), Ok(self.last + 1), "a healthy reader lacks an event");
            self.last += 1;
            late.push(now.saturating_sub(Duration::from_micros(sent.parse().unwrap())));
        }
    }
}

fn percentile(mut delays: Vec<Duration>) -> Duration {
    delays.sort_unstable();
    delays[delays.len() * 99 / 100]
}
