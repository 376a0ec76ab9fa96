//! An application with a hub inside.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use headwater_server::config::{AccessLogTarget, Settings, Storage, load_str};
use headwater_server::embedded::{Event, Hub, Item, Read, Refusal, Subscription};
use headwater_testkit::{Client, Figures, PATIENCE};
use http::request::Parts;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// An application with a hub that has a folder, and a socket of its own to look at it from outside.
pub(crate) struct App {
    pub(crate) hub: Hub,
    /// Of the application's routes.
    pub(crate) client: Client,
    pub(crate) runtime: Runtime,
    pub(crate) folder: TempDir,
}

impl App {
    /// With this configuration, written as in `headwater.toml`.
    #[track_caller]
    pub(crate) fn with(toml: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let hub = Hub::listen(settings(toml, &folder)).unwrap();
        let client = Client::new(serve(&runtime, &hub));
        Self { hub, client, runtime, folder }
    }

    /// With the default configuration.
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// Publishes; the id.
    #[track_caller]
    pub(crate) fn publish(&self, topic: &str, data: &str) -> String {
        self.wait(self.hub.publish(topic, data)).unwrap().id
    }

    /// Reads.
    #[track_caller]
    pub(crate) fn subscribe(&self, read: Result<Read, Refusal>) -> Subscription {
        self.wait(self.hub.subscribe(read.unwrap())).unwrap()
    }

    /// The next item.
    #[track_caller]
    pub(crate) fn next(&self, subscription: &mut Subscription) -> Item {
        self.next_or_end(subscription).expect("an item")
    }

    /// The next item; `None` at the end.
    #[track_caller]
    pub(crate) fn next_or_end(&self, subscription: &mut Subscription) -> Option<Item> {
        self.wait(subscription.next())
    }

    /// The next item, which is an event.
    #[track_caller]
    pub(crate) fn event(&self, subscription: &mut Subscription) -> Event {
        match self.next(subscription) {
            Item::Event(event) => event,
            other => panic!("{other:?}"),
        }
    }

    /// Waits, with a bound.
    #[track_caller]
    pub(crate) fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, what).await }).expect("it comes in time")
    }

    /// The hub's own socket.
    pub(crate) fn own(&self) -> Client {
        Client::new(self.hub.local_addr().unwrap())
    }

    /// Waits for the hub's figures.
    #[track_caller]
    pub(crate) fn figures(&self, what: &str, enough: impl Fn(&Figures) -> bool) -> Figures {
        Figures::until(self.hub.local_addr().unwrap(), what, enough)
    }
}

/// Settings with a folder, and a free port should it listen.
#[track_caller]
pub(crate) fn settings(toml: &str, folder: &TempDir) -> Settings {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let storage = Storage::Disk(folder.path().to_owned());
    let retry = Duration::from_millis(100);
    let settings = load_str(toml).unwrap_or_else(|error| panic!("{error}"));
    // It is of no use on the standard error of tests.
    let access_log = match settings.access_log {
        AccessLogTarget::Stderr => AccessLogTarget::Off,
        named => named,
    };
    Settings { listen, storage, retry, shards: 2, access_log, ..settings }
}

/// Serves the application's routes.
fn serve(runtime: &Runtime, hub: &Hub) -> SocketAddr {
    // What it names: one topic. The name is whom it takes the sender for.
    let (this, theirs) = (hub.clone(), hub.clone());
    let orders = async move |parts: Parts| -> Result<_, Refusal> {
        Ok(this.respond(Read::topics(["orders/*"])?.asked_by(&parts)?).await)
    };
    // What the request names, of what its sender may read.
    let own = async move |parts: Parts| -> Result<_, Refusal> {
        let read = Read::request(&parts, ["users/7/**", "public"])?.subject("7").address([192, 0, 2, 7].into());
        Ok(theirs.respond(read).await)
    };
    let routes = Router::new().route("/orders", get(orders)).route("/mine", get(own));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move { axum::serve(listener, routes).await });
    address
}
