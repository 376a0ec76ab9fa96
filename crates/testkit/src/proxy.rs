//! Real reverse proxies as child processes.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::until;

/// A running proxy on a free port. Killed when dropped; what it wrote is printed if the test fails.
#[derive(Debug)]
pub struct Proxy {
    child: Child,
    address: SocketAddr,
    /// Its configuration, what it wrote, and whatever else it keeps.
    folder: TempDir,
}

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// Its configuration is the inside of a `server` block; what comes before a line `server:` belongs to `http`.
    Nginx,
    /// Its configuration is a whole file that binds to `:8080`.
    Haproxy,
    /// Its configuration is one site called `hub.example`.
    Caddy,
}

impl ProxyKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nginx, Self::Haproxy, Self::Caddy];

    /// Its name, and that of its program and package in Debian.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
        }
    }

    /// Starts one in front of a hub: where `config` says `127.0.0.1:7070`, it means the hub.
    ///
    /// # Panics
    /// When it is not installed, or does not come up.
    pub fn start(self, config: &str, hub: SocketAddr) -> Proxy {
        let folder = TempDir::with_prefix("headwater-proxy-").unwrap();
        // Free a moment ago: the proxies tell nobody which port they took.
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).unwrap();
        let config = self.complete(&config.replace("127.0.0.1:7070", &hub.to_string()), address);
        let file = folder.path().join("config");
        fs::write(&file, config).unwrap();
        let said = fs::File::create(folder.path().join("said")).unwrap();
        let mut command = self.command(&file);
        command.current_dir(folder.path()).env("HOME", folder.path()).stdin(Stdio::null());
        command.stdout(said.try_clone().unwrap()).stderr(said);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("cannot start {0}: {error}; install Debian's package {0}", self.name());
        });
        let mut proxy = Proxy { child, address, folder };
        until("the proxy to listen", || {
            let ended = proxy.child.try_wait().unwrap();
            assert!(ended.is_none(), "{} ended: {ended:?}", self.name());
            TcpStream::connect(address).ok()
        });
        proxy
    }

    fn complete(self, config: &str, address: SocketAddr) -> String {
        match self {
            Self::Nginx => {
                let (http, server) = config.split_once("server:\n").unwrap_or(("", config));
                let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
                let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                    .map(|name| format!("{name}_temp_path {name};\n"))
                    .concat();
                format!(
                    "{user}\ndaemon off;\nmaster_process off;\npid pid;\nerror_log stderr;\n\
                     events {{ worker_connections 4000; }}\n\
                     http {{\naccess_log off;\n{temporary}{http}\nserver {{\nlisten {address};\n{server}\n}}\n}}\n"
                )
            }
            Self::Haproxy => config.replace("bind :8080", &format!("bind {address}")),
            // For every name: a site of another name would be answered with nothing at all.
            Self::Caddy => {
                let site = config.replace("hub.example", &format!("http://:{}", address.port()));
                format!("{{\nadmin off\nauto_https off\ndefault_bind {}\n}}\n{site}", address.ip())
            }
        }
    }

    fn command(self, config: &PathBuf) -> Command {
        // Debian keeps some of them where ordinary users' paths do not lead.
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        let found = std::env::split_paths(&path).map(|folder| folder.join(self.name())).find(|file| file.is_file());
        let mut command = Command::new(found.unwrap_or_else(|| self.name().into()));
        match self {
            // A prefix with a slash at its end: what it keeps lies there.
            Self::Nginx => command.arg("-p").arg("./").arg("-e").arg("stderr").arg("-c").arg(config),
            Self::Haproxy => command.arg("-db").arg("-f").arg(config),
            Self::Caddy => command.args(["run", "--adapter", "caddyfile", "--config"]).arg(config),
        };
        command
    }
}

impl Proxy {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let said = fs::read_to_string(self.folder.path().join("said")).unwrap_or_default();
            eprintln!("--- the proxy on {} said\n{said}\n---", self.address);
        }
    }
}
