//! HTTP/2 frame by frame, for peers that do what no library would.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::wait::PATIENCE;

/// A connection on which every frame is written by hand. Reads give up after [`PATIENCE`] without a byte.
#[derive(Debug)]
pub struct Frames<S = TcpStream> {
    stream: S,
    last: u32,
}

/// A frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its type: [`Frame::DATA`] and so on.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Which stream it belongs to.
    pub stream: u32,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A piece of a body.
    pub const DATA: u8 = 0;
    /// A head.
    pub const HEADERS: u8 = 1;
    /// The end of one stream.
    pub const RST_STREAM: u8 = 3;
    /// What the peer wants.
    pub const SETTINGS: u8 = 4;
    /// Is anybody there?
    pub const PING: u8 = 6;
    /// The end of the connection.
    pub const GOAWAY: u8 = 7;
    /// Room for more data.
    pub const WINDOW_UPDATE: u8 = 8;

    const ACK: u8 = 1;

    /// A frame as bytes.
    ///
    /// # Panics
    /// When the payload is larger than any frame.
    pub fn encode(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        bytes.extend_from_slice(&[kind, flags]);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    /// The error a RST_STREAM or GOAWAY tells.
    ///
    /// # Panics
    /// When it is neither.
    pub fn error(&self) -> u32 {
        let at = match self.kind {
            Self::RST_STREAM => 0,
            Self::GOAWAY => 4,
            kind => panic!("a frame of type {kind} tells no error"),
        };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

impl Frames {
    /// Connects and opens a window of this many bytes for every stream, on a socket whose kernel takes little.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn connect(address: SocketAddr, window: u32) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        socket.connect(&address.into()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self::over(socket.into(), window)
    }
}

impl<S: Read + Write> Frames<S> {
    /// As [`Frames::connect`], over what is connected already.
    ///
    /// # Panics
    /// When it takes no bytes.
    pub fn over(stream: S, window: u32) -> Self {
        let mut frames = Self { stream, last: 0 };
        frames.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        let mut setting = vec![0, 4]; // SETTINGS_INITIAL_WINDOW_SIZE
        setting.extend_from_slice(&window.to_be_bytes());
        frames.send(&Frame::encode(Frame::SETTINGS, 0, 0, &setting)).unwrap();
        frames
    }

    /// What it runs over.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// What the system says.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Asks with GET; the stream on which the answer comes.
    ///
    /// # Panics
    /// When the connection takes no bytes.
    pub fn get(&mut self, target: &str) -> u32 {
        let (stream, frame) = self.request(target);
        self.send(&frame).unwrap();
        stream
    }

    /// The bytes of a GET that has not been sent, and its stream.
    pub fn request(&mut self, target: &str) -> (u32, Vec<u8>) {
        self.last = if self.last == 0 { 1 } else { self.last + 2 };
        // Of HPACK's static table: GET, http; path and authority as plain literals.
        let mut block = vec![0x82, 0x86];
        for (name, value) in [(4, target), (1, "localhost")] {
            block.extend_from_slice(&[name, u8::try_from(value.len()).unwrap()]);
            block.extend_from_slice(value.as_bytes());
        }
        (self.last, Frame::encode(Frame::HEADERS, 0x5, self.last, &block)) // END_HEADERS and END_STREAM
    }

    /// Opens the window of a stream, or with 0 of the connection.
    ///
    /// # Panics
    /// When the connection takes no bytes.
    pub fn open_window(&mut self, stream: u32, bytes: u32) {
        self.send(&Frame::encode(Frame::WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())).unwrap();
    }

    /// The next frame that says something; settings and pings are answered on the way. `None` when the connection is over.
    ///
    /// # Panics
    /// When nothing comes for too long.
    pub fn frame(&mut self) -> Option<Frame> {
        loop {
            let frame = match self.read() {
                Ok(frame) => frame,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    panic!("no frame came for too long")
                }
                Err(_) => return None,
            };
            match frame.kind {
                Frame::SETTINGS | Frame::PING if frame.flags & Frame::ACK != 0 => {}
                // An answer that cannot be sent is noticed by the next read.
                Frame::SETTINGS => drop(self.send(&Frame::encode(Frame::SETTINGS, Frame::ACK, 0, &[]))),
                Frame::PING => drop(self.send(&Frame::encode(Frame::PING, Frame::ACK, 0, &frame.payload))),
                _ => return Some(frame),
            }
        }
    }

    /// The next frame of this type.
    ///
    /// # Panics
    /// When the connection is over before it came.
    #[track_caller]
    pub fn expect(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.frame().expect("the connection is over");
            if frame.kind == kind {
                return frame;
            }
        }
    }

    fn read(&mut self) -> io::Result<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head)?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.stream.read_exact(&mut payload)?;
        let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
        Ok(Frame { kind: head[3], flags: head[4], stream, payload })
    }
}
