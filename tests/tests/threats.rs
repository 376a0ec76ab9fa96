//! Threats that are no business of one route alone: what answers carry, what they give away, and what the process does.
//! The table of all threats is in the book.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use headwater_testkit::{Answer, Connection, Hub, LocalHub, Request};

/// One request for every kind of answer, with its status.
fn requests() -> Vec<(u16, Request)> {
    let get = Request::get;
    let post = Request::post;
    let json = |body: &str| Request::post_as("application/json", "/v1/events", body);
    vec![
        (200, get("/")),
        (200, get("/assets/app.js")),
        (200, get("/healthz")),
        (200, get("/readyz")),
        (200, get("/metrics")),
        (200, get("/openapi.json")),
        (200, get("/v1/topics")),
        (200, get("/v1/topics/there")),
        (200, get("/v1/events?topic=there&wait=0").header("Accept", "application/json")),
        (201, post("/v1/topics/there", "x")),
        (201, json("[{\"topic\":\"there\",\"data\":1}]")),
        (201, Request::post_as("application/json", "/v1/tickets", "{\"subscribe\":[\"there\"]}")),
        (204, Request::new("DELETE", "/v1/topics/gone")),
        (204, Request::new("OPTIONS", "/v1/events")),
        (400, get("/v1/events")),
        (400, get("/v1/topics/a//b")),
        (403, get("/v1/topics").header("Host", "foreign.example")),
        (403, get("/v1/topics").header("Origin", "https://foreign.example")),
        (404, get("/v1/topics/none")),
        (404, get("/none")),
        (405, Request::new("PUT", "/v1/topics")),
        (406, get("/v1/events?topic=a").header("Accept", "image/png")),
        (413, Request::post("/v1/topics/a", vec![b'x'; 257 << 10])),
        (415, post("/v1/topics/a", "x").header("Content-Encoding", "gzip")),
        (431, get("/").header("X", vec![b'x'; 17 << 10])),
    ]
}

fn stocked() -> LocalHub {
    let hub = LocalHub::start();
    for topic in ["there", "gone"] {
        hub.client().publish(topic, "stored");
    }
    hub
}

// T6, BUF-07: nothing is compressed, whatever a client asks for, and nobody on the way is to do it.
#[test]
fn t6_no_answer_is_compressed() {
    let hub = stocked();
    for (status, request) in requests() {
        let answer = hub.client().send(&request.header("Accept-Encoding", "gzip, deflate, br, zstd")).expect(status);
        assert_eq!(answer.header("content-encoding"), None, "{:?}", answer.head);
    }
    for media in ["text/event-stream", "application/x-ndjson"] {
        let request = Request::get("/v1/events?topic=there&since=earliest").header("Accept", media);
        let mut connection = hub.client().connect();
        connection.request(&request.header("Accept-Encoding", "gzip, br"));
        let head = connection.head();
        assert_eq!(
            (head.header("content-encoding"), head.header("cache-control")),
            (None, Some("no-store, no-transform"))
        );
    }
}

// T7: a page of another site learns nothing, neither from a status or a field nor from a redirect or a timing.
#[test]
fn t7_other_sites_cannot_tell_what_is_there() {
    let hub = stocked();
    let client = hub.client();
    let without_date = |answer: Answer| {
        let fields: BTreeSet<(String, String)> =
            answer.head.fields.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date")).collect();
        (answer.head.status, fields, answer.body)
    };
    for field in [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://foreign.example"), ("Origin", "null")] {
        let ask = |target: &str| without_date(client.send(&Request::get(target).header(field.0, field.1)));
        for path in ["/v1/topics/", "/v1/events?topic="] {
            let (there, none) = (ask(&format!("{path}there")), ask(&format!("{path}none")));
            assert_eq!(there.0, 403);
            assert_eq!(there, none, "{field:?} {path}");
        }
    }
    assert_eq!(client.metric("headwater_sessions_opened_total"), 0.0, "a foreign page took a place");
    // The heads of streams are alike, too, but for the place in the log, which is the same for both.
    let mut there = client.events("topic=there").head.fields;
    let mut none = client.events("topic=none").head.fields;
    for fields in [&mut there, &mut none] {
        fields.retain(|(name, _)| name != "date");
    }
    assert_eq!(there, none);
    for (status, request) in requests() {
        let answer = client.send(&request).expect(status);
        assert!(answer.header("location").is_none() || status == 201, "{:?}", answer.head);
        assert_eq!(answer.header("timing-allow-origin"), None);
        let policy = answer.header("cross-origin-resource-policy");
        assert_eq!(policy, Some("same-origin"), "{:?}", answer.head);
    }
}

// T8, SEC-03: what every answer carries, refusals and heads that cannot be read included.
#[test]
fn t8_every_answer_has_the_security_headers() {
    let hub = stocked();
    let check = |answer: &Answer| {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("vary", "Origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{:?}", answer.head);
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        // Only the page may be kept, and is asked for again.
        let cache = answer.header("cache-control").unwrap();
        assert!(cache == "no-store" || (answer.status() == 200 && cache == "no-cache"), "{:?}", answer.head);
    };
    for (status, request) in requests() {
        check(&hub.client().send(&request).expect(status));
    }
    for head in ["GARBAGE\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"] {
        let mut connection = hub.client().connect();
        connection.write(head);
        check(&connection.answer());
    }
}

// T17, EVR-04: those who come back at once are told to do it at different times.
#[test]
fn t17_every_connection_has_a_reconnect_delay_of_its_own() {
    let hub = LocalHub::with("retry = \"2s\"");
    let delays: BTreeSet<u128> = (0..100)
        .map(|_| {
            let mut stream = hub.client().events("topic=a");
            stream.until_raw(|text| text.ends_with("\n\n"));
            stream.retry().unwrap().as_millis()
        })
        .collect();
    assert!(delays.iter().all(|delay| (1000..=3000).contains(delay)), "{delays:?}");
    assert!(delays.len() > 50, "{delays:?}");
    let (first, last) = (*delays.first().unwrap(), *delays.last().unwrap());
    assert!(first < 1400 && last > 2600, "{first} to {last} is no spread");
}

// T23, SEC-13: the page runs its own files and nothing else, and builds no markup from data.
#[test]
fn t23_the_page_runs_nothing_but_its_own_files() {
    let hub = LocalHub::start();
    let page = hub.client().get("/").expect(200);
    let policy = page.header("content-security-policy").unwrap();
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.split("; ").any(|found| found == directive), "{directive}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    assert_eq!(page.header("cross-origin-opener-policy"), Some("same-origin"));
    let html = page.text();
    let tags: Vec<&str> = html.split('<').skip(1).filter_map(|rest| rest.split('>').next()).collect();
    let inline = |word: &str| word.contains('=') && (word.starts_with("on") || word.starts_with("style"));
    let inline: Vec<_> =
        tags.iter().filter(|tag| tag.starts_with("style") || tag.split_whitespace().any(inline)).collect();
    assert!(inline.is_empty(), "{inline:?}");
    let scripts: Vec<&str> = html.split("<script").skip(1).map(|rest| rest.split('>').next().unwrap()).collect();
    assert!(!scripts.is_empty() && scripts.iter().all(|script| script.contains(" src=\"/assets/")), "{scripts:?}");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../dashboard");
    let files = |folder: &str| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let both = files(folder).into_iter().chain(files(&format!("{folder}/vendor/uplot")));
    for path in both.filter(|path| path.is_file()) {
        let text = fs::read_to_string(&path).unwrap();
        for danger in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
            assert!(!text.contains(danger), "{} has {danger}", path.display());
        }
    }
}

// T25, EVR-08: any id is taken, starts a stream with at most a gap, and says nothing of what is not asked for.
#[test]
fn t25_no_id_is_an_error_or_tells_of_other_topics() {
    let hub = LocalHub::start();
    let client = hub.client();
    client.publish("secret", "not for everybody");
    let own = client.publish("open", "first");
    let epoch = own.split_once('-').unwrap().1.to_owned();
    let of_this_log = |sequence: &str| format!("{sequence}-{epoch}").into_bytes();
    for id in [
        of_this_log("0"),
        of_this_log("1"),
        of_this_log("18446744073709551615"),
        of_this_log("18446744073709551616"),
        of_this_log("-1"),
        of_this_log("01"),
        of_this_log("0x1"),
        of_this_log("1e3"),
        b"1-0000".to_vec(),
        b"1-ffffffff".to_vec(),
        b"1-".to_vec(),
        b"-".to_vec(),
        b"1".to_vec(),
        b"../../secret".to_vec(),
        b"secret".to_vec(),
        b"%s%n".to_vec(),
        b"<script>".to_vec(),
        "ä€😀".as_bytes().to_vec(),
        b"\xff\xfe".to_vec(),
        vec![b'9'; 8000],
        vec![b'-'; 8000],
    ] {
        let mut stream = client.resume("topic=open", &id);
        stream.until_raw(|text| text.contains("\n\n"));
        assert!(!stream.raw().contains("not for everybody"));
        // Whatever was sent comes back, if at all, as data in one line, and not at any length.
        assert!(stream.raw().len() < 2000, "{} bytes", stream.raw().len());
        let latest = client.publish("open", "next");
        loop {
            let event = stream.next();
            assert!(matches!(event.event.as_str(), "message" | "headwater.gap"), "{event:?}");
            assert!(event.data != "not for everybody");
            if event.id == latest {
                break;
            }
        }
    }
}

// T26: epoll serves the sockets; nothing asks for io_uring, which seccomp does not see into. Every system call is one of
// those that the unit in `deploy/` allows.
#[test]
fn t26_only_ordinary_system_calls_are_made() {
    let allowed = allowed_calls();
    let hub = Hub::start();
    let trace = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace")
        .args(["-f", "-qq", "-e", "signal=none", "-p", &hub.pid().to_string(), "-o"])
        .arg(trace.path())
        .stdin(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("strace is a Debian package of this name: {error}"));
    let client = hub.client();
    let traced = || fs::read_to_string(trace.path()).unwrap();
    headwater_testkit::until("the trace to begin", || {
        client.publish("a", "x");
        traced().contains("fdatasync").then_some(())
    });
    let mut stream = client.events("topic=a&since=earliest");
    stream.next();
    drop(client.get("/metrics").expect(200));
    drop(client.send(&Request::new("DELETE", "/v1/topics/a")).expect(204));
    drop(Connection::open(hub.address()));
    let mut hub = hub;
    hub.terminate();
    strace.wait().unwrap();
    let text = traced();
    let calls: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| {
            let call = line.split_once(' ')?.1.trim_start();
            let call = call.strip_prefix("<... ").unwrap_or(call);
            let end = call.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
            Some(&call[..end]).filter(|name| !name.is_empty())
        })
        .collect();
    assert!(calls.contains("epoll_wait") && calls.contains("fdatasync"), "{calls:?}");
    let more: Vec<_> = calls.iter().filter(|call| !allowed.contains(**call)).collect();
    assert!(more.is_empty(), "{more:?} are none of those that the unit allows");
}

/// The system calls that the unit allows, as the system spells its groups out.
fn allowed_calls() -> BTreeSet<String> {
    let unit = include_str!("../../deploy/headwater.service");
    let mut calls = BTreeSet::new();
    for filter in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let (taken, groups) = filter.strip_prefix('~').map_or((false, filter), |groups| (true, groups));
        for call in groups.split(' ').flat_map(calls_of) {
            match taken {
                true => drop(calls.remove(&call)),
                false => drop(calls.insert(call)),
            }
        }
    }
    assert!(!calls.contains("io_uring_setup") && !calls.contains("ptrace"), "the filter lets everything through");
    calls
}

/// The system calls of a group, those of its groups included.
fn calls_of(group: &str) -> Vec<String> {
    let output = Command::new("systemd-analyze").args(["syscall-filter", group]).output();
    let output = output.unwrap_or_else(|error| panic!("systemd-analyze is of the Debian package systemd: {error}"));
    let text = String::from_utf8(output.stdout).unwrap();
    let members = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let members = members.filter(|line| *line != group);
    members.flat_map(|line| if line.starts_with('@') { calls_of(line) } else { vec![line.to_owned()] }).collect()
}

// T26: the unit holds what the system can check of it.
#[test]
fn t26_the_unit_is_hardened() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/headwater.service");
    let offline = ["security", "--offline=yes", "--no-pager", "--threshold=20"];
    let output = Command::new("systemd-analyze").args(offline).arg(unit).output();
    let output = output.unwrap_or_else(|error| panic!("systemd-analyze is of the Debian package systemd: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
