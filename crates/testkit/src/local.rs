//! The server inside the test process.

use std::net::SocketAddr;

use headwater_server::Server;
use headwater_server::config::{AccessLogTarget, Settings, Storage, load_str};

use crate::client::Client;

/// A hub on memory storage that lives as long as this value.
pub struct LocalHub {
    server: Server,
}

impl LocalHub {
    /// A hub with the default configuration.
    pub fn start() -> Self {
        Self::with("")
    }

    /// A hub with this configuration, written as in `headwater.toml`. Address and storage are not taken from it.
    ///
    /// # Panics
    /// When the configuration cannot be used, or the hub does not start.
    #[track_caller]
    pub fn with(toml: &str) -> Self {
        let settings = load_str(toml).unwrap_or_else(|error| panic!("{error}"));
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        // Its standard error is that of the test.
        let access_log = AccessLogTarget::Off;
        let settings = Settings { listen, storage: Storage::Memory, access_log, ..settings };
        Self { server: Server::start(settings).unwrap() }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(self.address())
    }
}
