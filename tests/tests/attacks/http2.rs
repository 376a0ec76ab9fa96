//! HTTP/2 as no client speaks it, each attack over and over on a fresh connection.

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::time::Duration;

use headwater_testkit::{Frame, Frames};

use crate::bystanders::{Target, attack};

const MIB: u64 = 1 << 20;
/// Types and flags that only an attacker needs.
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Frames in one write.
const BURST: u32 = 64;
/// Bursts on one connection, should it be read that long.
const BURSTS: u32 = 400;
/// Error codes of GOAWAY with which a hub may end such a connection.
const PROTOCOL_ERROR: u32 = 1;
const CALM: u32 = 11;
const SHORT: &str = "[limits]\nhead_timeout = \"2s\"\nbody_timeout = \"2s\"\nstall_timeout = \"2s\"\n";

/// A connection on which frames are written until it is hung up on; what stands before the end of it.
fn flood(target: &Target<'_>, mut burst: impl FnMut(&mut Frames) -> Vec<u8>) -> Option<u32> {
    let socket = target.connect();
    socket.set_write_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut frames = Frames::over(socket, 65_535);
    let mut bursts = 0;
    while target.goes_on() && bursts < BURSTS {
        let bytes = burst(&mut frames);
        if frames.send(&bytes).is_err() {
            break;
        }
        bursts += 1;
        // An attacker that cannot be told from a busy machine proves nothing.
        std::thread::sleep(Duration::from_millis(2));
    }
    let told = told(frames.stream());
    // As fast as it likes within a connection; how fast connections may follow each other is another matter.
    std::thread::sleep(Duration::from_millis(100));
    told
}

/// The error of the GOAWAY among what has come, if there is one.
fn told(mut socket: &TcpStream) -> Option<u32> {
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let (mut bytes, mut error) = (Vec::new(), None);
    let mut piece = [0; 64 << 10];
    loop {
        match socket.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
        if bytes.len() > 4 << 20 {
            break;
        }
    }
    let mut rest = &bytes[..];
    while rest.len() >= 9 {
        let length = u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
        let Some(payload) = rest.get(9..9 + length) else { break };
        if rest[3] == Frame::GOAWAY {
            error = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        rest = &rest[9 + length..];
    }
    error
}

/// Floods until the attack is over, and holds that the connection was ended, if at all, with one of these errors.
fn flooded(target: &Target<'_>, errors: &[u32], mut burst: impl FnMut(&mut Frames) -> Vec<u8>) {
    while target.goes_on() {
        if let Some(error) = flood(target, &mut burst) {
            assert!(errors.contains(&error), "ended with error {error}");
        }
    }
}

// T11, R14: streams that are opened only to be reset.
#[test]
fn t11_rapid_reset() {
    drop(attack("", 24 * MIB, |target| {
        flooded(target, &[CALM], |frames| {
            let pair = |frames: &mut Frames| {
                let (stream, mut bytes) = frames.request("/v1/events?topic=other");
                bytes.extend(Frame::encode(Frame::RST_STREAM, 0, stream, &8u32.to_be_bytes()));
                bytes
            };
            (0..BURST).flat_map(|_| pair(frames)).collect()
        });
    }));
}

// T11, R14: streams that the hub itself has to reset, because of frames that break the rules.
#[test]
fn t11_made_you_reset() {
    drop(attack("", 24 * MIB, |target| {
        flooded(target, &[CALM, PROTOCOL_ERROR], |frames| {
            let pair = |frames: &mut Frames| {
                let (stream, mut bytes) = frames.request("/v1/events?topic=other");
                // A window that grows by nothing, or beyond all bounds.
                let grows: u32 = if stream % 4 == 1 { 0 } else { 0x7fff_ffff };
                bytes.extend(Frame::encode(Frame::WINDOW_UPDATE, 0, stream, &grows.to_be_bytes()));
                bytes
            };
            (0..BURST).flat_map(|_| pair(frames)).collect()
        });
    }));
}

// T11, R14: a head that never ends.
#[test]
fn t11_continuation_flood() {
    drop(attack("", 24 * MIB, |target| {
        while target.goes_on() {
            let mut first = true;
            let error = flood(target, |frames| {
                let mut bytes = Vec::new();
                if std::mem::take(&mut first) {
                    let (stream, _) = frames.request("/");
                    bytes = Frame::encode(Frame::HEADERS, END_STREAM, stream, &[0x82, 0x86]);
                }
                // A literal field that is not indexed: x, with eighty bytes.
                let field = [&[0x00, 1, b'x', 80][..], &[b'y'; 80]].concat();
                let piece = Frame::encode(CONTINUATION, 0, 1, &field);
                bytes.extend((0..BURST).flat_map(|_| piece.clone()));
                bytes
            });
            assert!(error.is_none_or(|error| [CALM, PROTOCOL_ERROR].contains(&error)), "ended with {error:?}");
        }
    }));
}

// T11, R14: questions whose answers are not read.
#[test]
fn t11_settings_and_pings() {
    drop(attack("", 24 * MIB, |target| {
        flooded(target, &[CALM], |_| {
            let ping = Frame::encode(Frame::PING, 0, 0, &[7; 8]);
            let settings = Frame::encode(Frame::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]);
            (0..BURST).flat_map(|n| if n % 2 == 0 { ping.clone() } else { settings.clone() }).collect()
        });
    }));
}

// T12, R14: streams whose client asks for much and takes nothing.
#[test]
fn t12_stalled_windows() {
    drop(attack(SHORT, 48 * MIB, |target| {
        while target.goes_on() {
            let mut connections: Vec<Frames> = (0..5).map(|_| Frames::over(target.connect(), 0)).collect();
            for frames in &mut connections {
                let requests: Vec<u8> =
                    (0..100).flat_map(|_| frames.request("/v1/events?topic=healthy&since=earliest").1).collect();
                // It may be hung up on.
                let _ = frames.send(&requests);
            }
            for _ in 0..100 {
                if !target.goes_on() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }));
}

// T11, R14: a body in frames of a byte and of none.
#[test]
fn t11_tiny_frames_of_data() {
    let hub = attack("", 24 * MIB, |target| {
        while target.goes_on() {
            let mut first = true;
            let error = flood(target, |frames| {
                let mut bytes = Vec::new();
                if std::mem::take(&mut first) {
                    let (stream, _) = frames.request("/");
                    // POST, http, path and authority.
                    let mut block = vec![0x83, 0x86];
                    for (name, value) in [(4, "/v1/topics/tiny"), (1, "localhost")] {
                        block.extend_from_slice(&[name, u8::try_from(value.len()).unwrap()]);
                        block.extend_from_slice(value.as_bytes());
                    }
                    bytes = Frame::encode(Frame::HEADERS, END_HEADERS, stream, &block);
                }
                bytes.extend((0..BURST).flat_map(|n| Frame::encode(Frame::DATA, 0, 1, &b"x"[..(n % 2) as usize])));
                bytes
            });
            assert!(error.is_none_or(|error| [CALM, PROTOCOL_ERROR].contains(&error)), "ended with {error:?}");
        }
    });
    assert_eq!(hub.client().topic("tiny").status(), 404, "a body without an end was stored");
}
