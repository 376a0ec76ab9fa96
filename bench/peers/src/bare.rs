//! The limit: accepts, writes a fixed head, and sends every posted event to everybody, one send per connection.
//!
//! No topics, no log, no access control, no framework: what is left is the kernel. A reader that is behind is dropped.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// Serves until it is killed.
pub(crate) fn serve(port: u16) -> io::Result<()> {
    crate::process::raise_descriptors();
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut asking: HashMap<usize, (TcpStream, Vec<u8>)> = HashMap::new();
    let mut readers: Vec<TcpStream> = Vec::new();
    let (mut next, mut sequence) = (0, 0_u64);
    let mut events = Events::with_capacity(1024);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut socket, _)) = listener.accept() {
                    poll.registry().register(&mut socket, Token(next), Interest::READABLE)?;
                    asking.insert(next, (socket, Vec::new()));
                    next += 1;
                }
                continue;
            }
            let Some((mut socket, mut request)) = asking.remove(&event.token().0) else { continue };
            if !read(&mut socket, &mut request) {
                continue;
            }
            match parse(&request) {
                None => drop(asking.insert(event.token().0, (socket, request))),
                Some(Request::Subscribe) => {
                    poll.registry().deregister(&mut socket)?;
                    if socket.write_all(HEAD).is_ok() {
                        readers.push(socket);
                    }
                }
                Some(Request::Publish(data)) => {
                    sequence += 1;
                    let frame = [format!("id: {sequence}\ndata: ").as_bytes(), data, b"\n\n"].concat();
                    // As a hub does: first the answer, then the readers.
                    let answered = socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_ok();
                    readers.retain_mut(|reader| reader.write(&frame).is_ok_and(|sent| sent == frame.len()));
                    if answered {
                        asking.insert(event.token().0, (socket, Vec::new()));
                    }
                }
            }
        }
    }
}

enum Request<'r> {
    Subscribe,
    Publish(&'r [u8]),
}

/// The request, if it is whole.
fn parse(bytes: &[u8]) -> Option<Request<'_>> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    if bytes.starts_with(b"GET ") {
        return Some(Request::Subscribe);
    }
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?.parse::<usize>().ok()?;
    bytes.get(end..end + length).map(Request::Publish)
}

/// Appends what has come; `false` when the peer is gone.
fn read(socket: &mut TcpStream, request: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return false,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

const LISTENER: Token = Token(usize::MAX);
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n:\n\n";
