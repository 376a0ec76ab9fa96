//! The configuration as meant: checked, complete, in base units. The rest of the server sees only this.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use headwater_access::Network;
use headwater_hub::ReaderPolicies;
use headwater_log::Classes;

use super::access::Access;
use super::hook::Hook;

/// Everything a hub is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the log lives.
    pub storage: Storage,
    /// Silence after which a stream gets a heartbeat. Default 15 s.
    pub heartbeat: Duration,
    /// Middle of the reconnect delay told to clients, each of which gets a value ± 50 %. Default 3 s.
    pub retry: Duration,
    /// Over how long a stopping hub spreads the ends of its streams. Default 25 s.
    pub drain: Duration,
    /// Age at which a stream is ended so that its client moves on, ± 10 %; zero: never. Default 1 h.
    pub max_age: Duration,
    /// Certificate and key; with them `listen` speaks TLS.
    pub tls: Option<TlsFiles>,
    /// Who may do what; without it the hub is in development mode.
    pub access: Option<Access>,
    /// Who else is told of topics.
    pub hooks: Vec<Hook>,
    /// Durability, retention and event size by topic.
    pub classes: Classes,
    /// How readers are served, by topic; in the order of the classes.
    pub readers: ReaderPolicies,
    /// Window in which a repeated idempotency key is recognised. Default 10 min.
    pub idempotency: Duration,
    /// Threads that serve connections; default one per core.
    pub shards: usize,
    /// Bytes of recent events kept in memory for live readers. Default 32 MiB.
    pub tail: usize,
    /// Size at which a segment file is sealed. Default 64 MiB.
    pub segment: u64,
    /// Bytes of events kept for classes with durability `memory`. Default 64 MiB.
    pub memory: u64,
    /// Bounds on what one request or connection may ask.
    pub limits: Limits,
    /// What is logged to standard error.
    pub log: LogLevel,
    /// Where sessions and publishes are logged, one line each. Default standard error.
    pub access_log: AccessLogTarget,
    /// Proxies that are believed when they name whom they speak for. Default none.
    pub trusted_proxies: Vec<Network>,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// Nowhere.
    Off,
    /// To standard error.
    Stderr,
    /// To the end of this file.
    File(PathBuf),
}

/// Where the log lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In segment files in this folder.
    Disk(PathBuf),
    /// In memory, gone with the process.
    Memory,
}

/// The two files TLS needs, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain, leaf first.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// Bounds on requests and connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest body of a batch publish in bytes; streaming bodies are bounded per event. Default 16 MiB.
    pub body: usize,
    /// Largest request head in bytes. Default 16 KiB.
    pub head: usize,
    /// Time for a whole request head to arrive. Default 10 s.
    pub head_timeout: Duration,
    /// Time without a byte after which a publish body is given up. Default 30 s.
    pub body_timeout: Duration,
    /// Time a reader may take no byte while data waits for it. Default 60 s.
    pub stall_timeout: Duration,
    /// Time a reader that was up to date may be behind before its stream is ended; zero: for ever. Default zero.
    pub lag: Duration,
    /// Bytes of publishes waiting for the disk before more are answered 429. Default 64 MiB.
    pub queue: usize,
    /// Open connections; zero: as many as the descriptors allow, less a reserve. Default 0.
    pub connections: usize,
    /// Open streams and long polls; zero: 19 for every 20 connections. Default 0.
    pub sessions: usize,
    /// The same of one subject, or of one address without one; zero: no limit. Default 0.
    pub subject_sessions: usize,
    /// Open connections of one address (IPv6: of one /64); zero: no limit. Default 256.
    pub address_connections: usize,
    /// New connections per second of one address, twice as many at once; zero: no limit. Default 50.
    pub connect_rate: u64,
    /// Networks without limits by address. Default loopback.
    pub exempt: Vec<Network>,
    /// Topics and patterns of one session. Default 100.
    pub topics: usize,
    /// Events per second of one publisher; zero: no limit. Default 0.
    pub publish_rate: u64,
    /// Bytes of them; zero: no limit. Default 0.
    pub publish_bytes: u64,
    /// Bytes of the log per second that one subject or address catches up with; zero: no limit. Default 32 MiB.
    pub replay_bytes: u64,
    /// Bytes per second below which a body is given up after some seconds; zero: no limit. Default 500.
    pub body_rate: u64,
    /// Time for a body to arrive that does not stream. Default 60 s.
    pub body_total: Duration,
}

/// Least severity that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Only what needs somebody's attention.
    Error,
    /// Also what may need it.
    Warn,
    /// Also starts, stops and reloads.
    Info,
    /// Also one line per stream and publish.
    Debug,
}

impl Settings {
    /// Takes back to `running` what only a start can change (the keys that
    /// [`restart_needed`](super::restart_needed) names), so that a reload never shows a value that is not in force.
    pub(crate) fn keep_for_restart(&mut self, running: &Self) {
        self.listen = running.listen;
        self.storage.clone_from(&running.storage);
        self.idempotency = running.idempotency;
        self.shards = running.shards;
        self.tail = running.tail;
        self.segment = running.segment;
        self.memory = running.memory;
        self.limits.queue = running.limits.queue;
        self.limits.connections = running.limits.connections;
        if self.tls.is_some() != running.tls.is_some() {
            self.tls.clone_from(&running.tls);
        }
    }
}

impl Default for Settings {
    /// What a hub does without any configuration: loopback, data beside the working directory.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7070)),
            storage: Storage::Disk(PathBuf::from("./headwater-data")),
            heartbeat: Duration::from_secs(15),
            retry: Duration::from_secs(3),
            drain: Duration::from_secs(25),
            max_age: Duration::from_secs(3600),
            tls: None,
            access: None,
            hooks: Vec::new(),
            classes: Classes::default(),
            readers: ReaderPolicies::default(),
            idempotency: Duration::from_secs(600),
            shards: thread::available_parallelism().map_or(1, usize::from),
            tail: 32 << 20,
            segment: 64 << 20,
            memory: 64 << 20,
            limits: Limits::default(),
            log: LogLevel::Info,
            access_log: AccessLogTarget::Stderr,
            trusted_proxies: Vec::new(),
        }
    }
}

impl Default for Limits {
    /// The figures at each field.
    fn default() -> Self {
        Self {
            body: 16 << 20,
            head: 16 << 10,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(60),
            lag: Duration::ZERO,
            queue: 64 << 20,
            connections: 0,
            sessions: 0,
            subject_sessions: 0,
            address_connections: 256,
            connect_rate: 50,
            exempt: ["127.0.0.0/8", "::1/128"].iter().filter_map(|network| network.parse().ok()).collect(),
            topics: 100,
            publish_rate: 0,
            publish_bytes: 0,
            replay_bytes: 32 << 20,
            body_rate: 500,
            body_total: Duration::from_secs(60),
        }
    }
}
