//! HTTP/2 with prior knowledge.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::timeout;

use crate::answer::{Answer, Head};
use crate::body::Source;
use crate::request::Request;
use crate::sse::Sse;
use crate::wait::{Deadline, PATIENCE};

/// One HTTP/2 connection. What it opens may be read from any thread.
#[derive(Debug)]
pub struct Http2 {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    /// Drives the connection; ends it when dropped.
    runtime: Runtime,
}

impl Http2 {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens, or does not speak HTTP/2.
    pub fn connect(address: SocketAddr) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.unwrap();
            let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender
        });
        Self { sender, address, runtime }
    }

    /// Sends a request and reads the whole answer.
    #[track_caller]
    pub fn send(&self, request: &Request) -> Answer {
        let (head, mut body) = self.open(request);
        let (mut bytes, deadline) = (Vec::new(), Deadline::new());
        while let Some(more) = body.next(deadline) {
            bytes.extend_from_slice(&more);
        }
        Answer { head, body: bytes }
    }

    /// Opens the event stream this request asks for.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn stream(&self, request: &Request) -> Sse {
        let (head, body) = self.open(request);
        assert_eq!(head.status, 200, "{head:?}");
        Sse::new(head, body)
    }

    /// Sends a request and reads the head of its answer.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn open(&self, request: &Request) -> (Head, impl Source + 'static) {
        let mut built = http::Request::builder()
            .method(request.method.as_str())
            .uri(format!("http://{}{}", self.address, request.target));
        for (name, value) in &request.headers {
            built = built.header(name, value.as_slice());
        }
        let body = Full::new(Bytes::from(request.body.clone().unwrap_or_default()));
        let answer = self.sender.clone().send_request(built.body(body).unwrap());
        let answer = self.runtime.block_on(async { timeout(PATIENCE, answer).await });
        let (parts, body) = answer.expect("no answer came").unwrap().into_parts();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let fields = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        (Head { status: parts.status.as_u16(), fields }, Http2Body { body, handle: self.runtime.handle().clone() })
    }
}

struct Http2Body {
    body: Incoming,
    handle: Handle,
}

impl Source for Http2Body {
    fn next(&mut self, deadline: Deadline) -> Option<Vec<u8>> {
        let left = deadline.left().expect("nothing came for too long");
        loop {
            let frame = self.handle.block_on(async { timeout(left, self.body.frame()).await });
            let frame = frame.expect("nothing came for too long")?.unwrap();
            if let Ok(bytes) = frame.into_data() {
                return Some(bytes.to_vec());
            }
        }
    }
}
