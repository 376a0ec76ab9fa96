//! A running hub: its threads, from start to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use headwater_log::{Embedded, EmbeddedOptions, Engine, Memory, MemoryOptions, OpenError};
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

use crate::access::{Access, Memory as Credentials, Revoked};
use crate::api::router::{self, Api};
use crate::config::{Settings, Storage};
use crate::edge::connection::{Phase, Site};
use crate::edge::listener;
use crate::edge::tls::Tls;
use crate::embedded::{self, Order};
use crate::flow::fanout::{Message, Shard};
use crate::hub::{Hub, with_own_topics};
use crate::observe::AccessLog;
use crate::outgoing::Courier;
use crate::{observe, presence};

/// Streams a stopping hub ends at least per second, so that a nearly idle one stops at once.
const SLOWEST_DRAIN: f64 = 200.0;
/// How long connections may take to finish the request they are in when the hub stops.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// A running hub. Dropping it stops it at once, without a drain and without the answers that are under way; it blocks for the
/// moment that the threads and the log need to end.
pub struct Server {
    hub: Arc<Hub>,
    address: SocketAddr,
    tls: Option<Tls>,
    phase: Arc<watch::Sender<Phase>>,
    /// The way to each shard for sessions of this process.
    desks: Vec<mpsc::Sender<Order>>,
    threads: Mutex<Vec<JoinHandle<io::Result<()>>>>,
    drain: Mutex<Option<JoinHandle<()>>>,
}

/// Why a hub did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log could not be opened.
    #[error("cannot {0}{hint}", hint = log_hint(.0))]
    Log(#[from] OpenError),
    /// The address could not be bound.
    #[error("cannot listen on {address}: {error}{hint}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
        /// What to do about it.
        hint: &'static str,
    },
    /// The certificate or key cannot be used.
    #[error("{0}")]
    Tls(String),
    /// A key of access control cannot be used.
    #[error("{0}")]
    Access(String),
    /// A hook cannot be used.
    #[error("{0}")]
    Hook(String),
    /// The access log cannot be opened.
    #[error("cannot open the access log: {0}; check the path in access_log and who may write there")]
    AccessLog(io::Error),
    /// The system gave no thread or descriptor.
    #[error("cannot start a thread of the hub: {0}")]
    System(#[from] io::Error),
}

/// Why settings were not put in force; the old ones stay.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The certificate or key cannot be used.
    #[error("{0}")]
    Tls(String),
    /// A key of access control cannot be used.
    #[error("{0}")]
    Access(String),
    /// A hook cannot be used.
    #[error("{0}")]
    Hook(String),
    /// The access log cannot be opened.
    #[error("cannot open the access log: {0}; check the path in access_log and who may write there")]
    AccessLog(io::Error),
    /// Access control is gone from the configuration.
    #[error(
        "[access] is missing, and a running hub is not opened to everybody; write it again, or restart the hub without it"
    )]
    Opened,
}

impl Server {
    /// Opens the log, binds the address and starts serving; returns when connections are accepted.
    ///
    /// # Errors
    /// [`StartError`] with a sentence for the operator.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        Self::launch(settings, true)
    }

    /// The same, with or without a socket.
    pub(crate) fn launch(settings: Settings, listens: bool) -> Result<Self, StartError> {
        let tls = settings.tls.as_ref().filter(|_| listens);
        let tls = tls.map(Tls::load).transpose().map_err(StartError::Tls)?;
        let access = Access::new(&settings).map_err(StartError::Access)?;
        let shards = settings.shards.max(1);
        let mut listeners = if listens { bind(settings.listen, shards)? } else { Vec::new() };
        let address = listeners.first().map_or(Ok(settings.listen), std::net::TcpListener::local_addr)?;
        let access_log = AccessLog::start(&settings.access_log).map_err(StartError::AccessLog)?;
        let engine = open_log(&settings)?;
        // After the log, which holds the lock of the folder.
        let revoked = match &settings.storage {
            Storage::Disk(folder) => Revoked::open(folder).map_err(StartError::Access)?,
            Storage::Memory => Revoked::default(),
        };
        let hub = Hub::new(engine, settings, Credentials::with(revoked), Courier::start()?, access_log);
        hub.replace_access(access);
        let hooks = hub.hooks.prepare(&hub, &hub.settings()).map_err(StartError::Hook)?;
        hub.hooks.run(hooks, &hub.outgoing.dispatch());
        let (phase, _) = watch::channel(Phase::Serving);
        let (desks, orders): (Vec<_>, Vec<_>) = (0..shards).map(|_| mpsc::channel(embedded::MOST_WAITING)).unzip();
        let server = Self {
            hub,
            address,
            tls,
            phase: Arc::new(phase),
            desks,
            threads: Mutex::default(),
            drain: Mutex::default(),
        };
        for (index, orders) in orders.into_iter().enumerate() {
            let thread = server.shard(index, listeners.pop(), orders)?;
            server.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        let address = listens.then_some(address).map(tracing::field::display);
        tracing::info!(address, shards, head = %server.hub.wire.position(server.hub.tail.head()), "serving");
        Ok(server)
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What its threads share.
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// How far it is on its way to a stop.
    pub(crate) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// The way to each shard for sessions of this process; never empty.
    pub(crate) fn desks(&self) -> &[mpsc::Sender<Order>] {
        &self.desks
    }

    /// In which access mode it runs, for people.
    pub fn mode(&self) -> &'static str {
        self.hub.access().mode()
    }

    /// Puts what can be changed at run time in force: classes, limits, heartbeat, retry, drain, maximum age, and the
    /// content of the certificate files. Streams go on.
    ///
    /// # Errors
    /// [`ReloadError`]; then nothing was changed.
    pub fn reload(&self, settings: &Settings) -> Result<(), ReloadError> {
        let running = self.hub.settings().access.clone();
        // A file that was cut off must not let everybody in.
        if running.is_some() && settings.access.is_none() {
            return Err(ReloadError::Opened);
        }
        let access = Access::new(settings).map_err(ReloadError::Access)?;
        let hooks = self.hub.hooks.prepare(&self.hub, settings).map_err(ReloadError::Hook)?;
        // Every time, so that a file that was moved away is let go.
        self.hub.access_log.reopen(&settings.access_log).map_err(ReloadError::AccessLog)?;
        if let (Some(tls), Some(files)) = (&self.tls, &settings.tls) {
            tls.reload(files).map_err(ReloadError::Tls)?;
        }
        self.hub.replace_settings(settings.clone());
        self.hub.replace_access(access);
        if settings.access.as_ref().is_some_and(|access| running.as_ref() != Some(access) || access.reads_files()) {
            // They were made with credentials that may hold no longer.
            self.hub.credentials.forget();
        }
        self.hub.hooks.run(hooks, &self.hub.outgoing.dispatch());
        tracing::info!("configuration reloaded");
        Ok(())
    }

    /// Begins to stop: not ready, no new sessions, every stream is ended at an event boundary over the configured
    /// time. A second call ends everything at once.
    pub fn drain(&self) {
        let mut drain = self.drain.lock().unwrap_or_else(PoisonError::into_inner);
        if drain.is_some() {
            raise(&self.phase, Phase::Stopping);
            return;
        }
        self.hub.start_draining();
        raise(&self.phase, Phase::Draining);
        let sessions = self.hub.sessions();
        let spread = self.hub.settings().drain;
        tracing::info!(sessions, seconds = spread.as_secs(), "draining");
        let rate = (sessions as f64 / spread.as_secs_f64().max(0.1)).max(SLOWEST_DRAIN) / self.hub.shards.len() as f64;
        self.hub.shards.iter().for_each(|shard| shard.send(Message::Drain(rate)));
        let (hub, phase) = (self.hub.clone(), self.phase.clone());
        let watcher = std::thread::Builder::new().name("drain".into()).spawn(move || {
            // A little longer than the plan, for the last ones to take their last bytes.
            let deadline = Instant::now() + spread + Duration::from_secs(1);
            while hub.sessions() > 0 && Instant::now() < deadline && *phase.borrow() < Phase::Stopping {
                std::thread::sleep(Duration::from_millis(10));
            }
            raise(&phase, Phase::Stopping);
        });
        match watcher {
            Ok(thread) => *drain = Some(thread),
            // Without a thread to watch over it there is no drain: stop.
            Err(_) => raise(&self.phase, Phase::Stopping),
        }
    }

    /// Blocks until the hub has stopped and its log is closed, whoever else waits for it.
    ///
    /// # Errors
    /// When a thread of the hub failed.
    pub fn wait(&self) -> io::Result<()> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let mut outcome = Ok(());
        for thread in threads.drain(..) {
            let ended = thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread of the hub panicked")));
            outcome = outcome.and(ended);
        }
        self.hub.hooks.stop();
        self.hub.engine.close();
        self.hub.access_log.flush();
        tracing::info!("stopped");
        outcome
    }

    fn shard(
        &self,
        index: usize,
        listener: Option<std::net::TcpListener>,
        orders: mpsc::Receiver<Order>,
    ) -> io::Result<JoinHandle<io::Result<()>>> {
        let (hub, tls, phase) = (self.hub.clone(), self.tls.clone(), self.phase.clone());
        std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
            let outcome = run_shard(index, hub, tls, phase.subscribe(), listener, orders);
            // A shard that is gone takes its share of the connections with it: the hub stops as a whole.
            raise(&phase, Phase::Stopping);
            if let Err(error) = &outcome {
                tracing::error!(%error, index, "a shard failed; the hub stops");
            }
            outcome
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        raise(&self.phase, Phase::Dropped);
        // Nobody is left to be told.
        let _ = self.wait();
    }
}

/// The hub is that far on its way to a stop, if it is not further.
fn raise(phase: &watch::Sender<Phase>, to: Phase) {
    phase.send_if_modified(|phase| {
        let is_further = to > *phase;
        *phase = to.max(*phase);
        is_further
    });
}

/// One listener per shard.
fn bind(address: SocketAddr, shards: usize) -> Result<Vec<std::net::TcpListener>, StartError> {
    listener::bind(address, shards).map_err(|error| StartError::Listen {
        address,
        hint: match error.kind() {
            io::ErrorKind::AddrInUse => "; stop the other process or choose another address with --listen",
            io::ErrorKind::PermissionDenied => "; choose a port above 1023 with --listen",
            _ => "",
        },
        error,
    })
}

fn log_hint(error: &OpenError) -> &'static str {
    match error {
        OpenError::Storage { .. } => {
            "; check the path, its permissions and the space on its disk, or name another folder with --data"
        }
        _ => "",
    }
}

fn open_log(settings: &Settings) -> Result<Arc<dyn Engine>, OpenError> {
    let classes = with_own_topics(&settings.classes);
    match &settings.storage {
        Storage::Disk(folder) => {
            let mut options = EmbeddedOptions::new(folder);
            options.classes = classes;
            options.segment_bytes = settings.segment;
            options.idempotency_window = settings.idempotency;
            options.queue_bytes = settings.limits.queue;
            options.memory_bytes = settings.memory;
            Ok(Embedded::open(options)?)
        }
        Storage::Memory => Ok(Memory::new(MemoryOptions {
            classes,
            idempotency_window: settings.idempotency,
            queue_bytes: settings.limits.queue,
            memory_bytes: settings.memory,
            ..MemoryOptions::default()
        })),
    }
}

fn run_shard(
    index: usize,
    hub: Arc<Hub>,
    tls: Option<Tls>,
    mut phase: watch::Receiver<Phase>,
    listener: Option<std::net::TcpListener>,
    orders: mpsc::Receiver<Order>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()?;
    let local = LocalSet::new();
    let counters = hub.counters[index].clone();
    local.block_on(&runtime, async {
        let shard = Shard::new(hub.clone(), index)?;
        let routes = router::routes(Api { hub: hub.clone(), counters: counters.clone(), phase: phase.clone() });
        let site = std::rc::Rc::new(Site {
            hub: hub.clone(),
            shard: shard.clone(),
            counters,
            routes,
            tls,
            phase: phase.clone(),
        });
        if index == 0 {
            tokio::task::spawn_local(observe::publish_stats(hub.clone()));
            tokio::task::spawn_local(observe::publish_sessions(hub.clone()));
            tokio::task::spawn_local(observe::publish_log(hub.clone()));
            tokio::task::spawn_local(presence::keep(hub));
        }
        let listener = listener.map(tokio::net::TcpListener::from_std).transpose()?;
        let accept =
            listener.map(|listener| tokio::task::spawn_local(listener::accept(listener, site.clone(), phase.clone())));
        let desk = tokio::task::spawn_local(embedded::serve(orders, site.clone(), phase.clone()));
        tokio::select! {
            outcome = shard.run() => return outcome,
            _ = phase.wait_for(|phase| *phase >= Phase::Stopping) => {}
        }
        // The listener is closed first; then requests that are under way get their answers.
        if let Some(accept) = accept {
            let _ = accept.await;
        }
        let _ = desk.await;
        let deadline = tokio::time::Instant::now() + LAST_REQUESTS;
        while std::rc::Rc::strong_count(&site) > 1
            && tokio::time::Instant::now() < deadline
            && *phase.borrow() < Phase::Dropped
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    })
}
