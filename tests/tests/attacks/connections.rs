//! Connections that are slow, or many, or both.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::bystanders::{Target, attack};

/// What is waited for is short, so that many are cut within the time of a test.
const SHORT: &str = "[limits]\nhead_timeout = \"2s\"\nbody_timeout = \"2s\"\nstall_timeout = \"2s\"\n";
/// Connections of an attack, each with its buffers in the hub.
const MANY: usize = 4_000;
const MIB: u64 = 1 << 20;

// T10, R15: heads of which a byte comes now and then.
#[test]
fn t10_slow_heads() {
    drop(attack(SHORT, 48 * MIB, |target| slowhttptest(target, &["-H", "-i", "1", "-x", "16"])));
}

// T10, R15: bodies of which a byte comes now and then.
#[test]
fn t10_slow_bodies() {
    drop(attack(SHORT, 64 * MIB, |target| slowhttptest(target, &["-B", "-i", "1", "-s", "8192", "-x", "16"])));
}

// T13, R15: answers that are taken a few bytes at a time. A file of the page is asked for twice on each.
#[test]
fn t13_slow_reads() {
    drop(attack(SHORT, 64 * MIB, |target| {
        slowhttptest(target, &["-X", "-w", "8", "-y", "32", "-n", "1", "-z", "8", "-k", "2"]);
    }));
}

// T14, R15: four thousand connections that say little or nothing.
#[test]
fn t14_half_open_connections() {
    drop(attack(SHORT, 96 * MIB, |target| {
        let mut held: Vec<TcpStream> = Vec::with_capacity(MANY);
        while target.goes_on() && held.len() < MANY {
            let mut socket = target.connect();
            // Silent, within the first line, and within the fields.
            let said: &[u8] = [&b""[..], b"GET /v1/ev", b"GET / HTTP/1.1\r\nHost: local"][held.len() % 3];
            // It may be turned away at once.
            let _ = socket.write_all(said);
            held.push(socket);
        }
        assert!(held.len() > MANY / 4, "only {} connections were opened", held.len());
        while target.goes_on() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        // What has an answer has its documented one: it did not come in time, or there are too many.
        for mut socket in held.into_iter().skip(1).step_by(50) {
            let mut answer = String::new();
            // A reset is an end, too.
            if socket.read_to_string(&mut answer).is_ok() && !answer.is_empty() {
                let status = answer.get(9..12);
                assert!(matches!(status, Some("408" | "429" | "503")), "{answer}");
            }
        }
    }));
}

/// Runs the tool in one of its modes until the attack is over. What it holds open is cut by the hub.
fn slowhttptest(target: &Target<'_>, mode: &[&str]) {
    let path = if mode[0] == "-X" { "/assets/style.css" } else { "/v1/topics/slow" };
    let url = format!("http://{}{path}", target.address);
    let mut tool = Command::new("slowhttptest")
        .args(mode)
        .args(["-c", "1000", "-r", "250", "-l", "60", "-p", "3", "-v", "0", "-u", &url])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("slowhttptest is a Debian package of this name: {error}"));
    while target.goes_on() {
        assert!(tool.try_wait().unwrap().is_none(), "the tool ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    tool.kill().unwrap();
    tool.wait().unwrap();
}
