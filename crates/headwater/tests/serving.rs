//! The command with a hub: how it starts, why it does not, and what signals do to it.

mod support;

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use rustix::process::Signal;
use support::{Hub, headwater, run};

fn serve(folder: &std::path::Path) -> Command {
    let mut command = headwater(folder);
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command
}

#[test]
fn a_started_hub_says_where_it_is_and_what_to_try() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(&mut serve(folder.path()));
    let data = fs::canonicalize(folder.path()).unwrap().join("headwater-data");
    for part in [
        "development: everybody on this machine may do everything".to_owned(),
        data.display().to_string(),
        format!("page    {}/", hub.base),
        format!("curl -N '{}/v1/events?topic=hello'", hub.base),
        format!("curl -d 'Hello, world' '{}/v1/topics/hello'", hub.base),
    ] {
        assert!(hub.greeting.contains(&part), "{part} is not in {}", hub.greeting);
    }
    assert!(!hub.greeting.contains('\x1b'), "no colour when nobody sees it");
}

#[test]
fn stop_signals_stop_it_in_good_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempfile::tempdir().unwrap();
        let hub = Hub::start(&mut serve(folder.path()));
        hub.signal(signal);
        assert_eq!(hub.wait().code(), Some(0));
    }
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, stderr) = run(headwater(folder.path()).args(["serve", "--listen", &address]));
    assert_eq!(code, Some(1), "{stderr}");
    let said = stderr.lines().find(|line| line.starts_with("headwater: ")).unwrap();
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
}

#[test]
fn a_second_hub_on_the_same_data_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Hub::start(&mut serve(folder.path()));
    let (code, _, stderr) = run(&mut serve(folder.path()));
    assert_eq!(code, Some(1), "{stderr}");
    let said = stderr.lines().find(|line| line.starts_with("headwater: ")).unwrap();
    assert!(said.contains("headwater-data"), "{said}");
}

#[test]
fn a_reload_changes_what_it_can_and_says_what_it_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("headwater.toml");
    fs::write(&file, "heartbeat = \"15s\"").unwrap();
    let hub = Hub::start(&mut serve(folder.path()));

    fs::write(&file, "heartbeat = \"15\"").unwrap();
    hub.signal(Signal::HUP);
    let said = hub.logged("the configuration stays as it was");
    assert!(said.contains("headwater.toml:1:13: `heartbeat`: 15 has no unit"), "{said}");

    fs::write(&file, "heartbeat = \"20s\"\nsegment = \"1MiB\"\nlog = \"debug\"").unwrap();
    hub.signal(Signal::HUP);
    hub.logged("`segment` has changed and waits for the next start");
    hub.logged("configuration reloaded");
    hub.signal(Signal::TERM);
    assert_eq!(hub.wait().code(), Some(0));
}
