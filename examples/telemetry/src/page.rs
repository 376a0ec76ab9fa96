//! Serves the live page: five small files that are part of the program, and where the hub is.
//!
//! One thread per connection and one request per connection are plenty for one reader at a desk.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

/// Listens, and serves until the program ends.
pub(crate) fn serve(listen: SocketAddr, hub: &str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(listen)?;
    let address = listener.local_addr()?;
    let site = Arc::new(Site::new(hub));
    thread::spawn(move || site.accept_all(&listener));
    Ok(address)
}

struct Site {
    /// Body of `/hub.json`: where the page finds the hub.
    hub: String,
    policy: String,
    /// Connections being served, at most [`CONNECTIONS`].
    open: AtomicUsize,
}

impl Site {
    fn new(hub: &str) -> Self {
        Self {
            hub: json!({ "hub": hub }).to_string(),
            policy: format!(
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {hub}; \
                 base-uri 'none'; frame-ancestors 'none'; form-action 'none'; require-trusted-types-for 'script'"
            ),
            open: AtomicUsize::new(0),
        }
    }

    fn accept_all(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming().flatten() {
            if self.open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS {
                self.open.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let site = Arc::clone(self);
            thread::spawn(move || {
                // A reader that goes away is no news.
                let _ = site.answer(&stream);
                site.open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }

    fn answer(&self, mut stream: &TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let mut head = BufReader::new(stream.take(MAX_HEAD));
        let mut request = String::new();
        head.read_line(&mut request)?;
        // The rest of the head says nothing that matters here, but must be read before the answer.
        let mut line = String::new();
        while head.read_line(&mut line)? > 2 {
            line.clear();
        }
        let mut words = request.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let path = target.split('?').next().unwrap_or_default();
        let (status, kind, body) = match (method, self.find(path)) {
            ("GET" | "HEAD", Some((kind, body))) => ("200 OK", kind, body),
            ("GET" | "HEAD", None) => ("404 Not Found", "text/plain", "no such page; the start is /\n"),
            _ => ("405 Method Not Allowed", "text/plain", "only GET and HEAD\n"),
        };
        let policy = &self.policy;
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {length}\r\n\
             Content-Security-Policy: {policy}\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
             Cache-Control: no-cache\r\nConnection: close\r\n\r\n",
            length = body.len(),
        )?;
        if method == "HEAD" { Ok(()) } else { stream.write_all(body.as_bytes()) }
    }

    fn find(&self, path: &str) -> Option<(&'static str, &str)> {
        Some(match path {
            "/" => ("text/html", include_str!("../page/index.html")),
            "/app.js" => ("text/javascript", include_str!("../page/app.js")),
            "/chart.js" => ("text/javascript", include_str!("../page/chart.js")),
            "/style.css" => ("text/css", include_str!("../page/style.css")),
            "/icon.svg" => ("image/svg+xml", include_str!("../page/icon.svg")),
            "/hub.json" => ("application/json", &self.hub),
            _ => return None,
        })
    }
}

const CONNECTIONS: usize = 32;
const MAX_HEAD: u64 = 16 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);
