//! Which hub `headwater sub` reads from, and as whom.

use std::fs;

use headwater_testkit::{Certificate, Hub, Issuer, LocalHub, Request};
use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::program::Program;

const READ_ONE: [&str; 6] = ["sub", "secret", "--since", "earliest", "-n", "1"];

fn hub() -> LocalHub {
    let hub = LocalHub::with(&format!("retry = \"100ms\"\n{}", Issuer::config()));
    drop(hub.client().send(&Request::post("/v1/topics/secret", "x").bearer(&Issuer::admin())).expect(201));
    hub
}

#[test]
fn a_token_comes_from_an_argument_a_variable_or_a_file() {
    let hub = hub();
    let (token, wrong) = (Issuer::token(&json!({})), Issuer::token(&json!({ "exp": 1 })));
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("token"), format!("{token}\n")).unwrap();
    let with = |more: &[&str]| Program::new(hub.address(), &[&READ_ONE[..], more].concat()).inside(folder.path());
    assert_eq!(with(&["--token", &token]).run().well().len(), 1);
    assert_eq!(with(&["--token-file", "token"]).run().well().len(), 1);
    assert_eq!(with(&[]).variable("HEADWATER_TOKEN", &token).run().well().len(), 1);
    // What is typed comes before what is in the environment.
    assert_eq!(with(&["--token", &token]).variable("HEADWATER_TOKEN", &wrong).run().well().len(), 1);
    assert_eq!(with(&["--token-file", "token"]).variable("HEADWATER_TOKEN", &wrong).run().well().len(), 1);

    let missing = with(&[]).run().failure(1);
    assert!(missing.contains("the status 401") && missing.contains("name a token with --token-file"), "{missing}");
    fs::write(folder.path().join("wrong"), &wrong).unwrap();
    for program in
        [with(&["--token", &wrong]), with(&["--token-file", "wrong"]), with(&[]).variable("HEADWATER_TOKEN", &wrong)]
    {
        let failure = program.run().failure(1);
        assert!(failure.contains("the status 401") && !failure.contains(&wrong[..20]), "{failure}");
    }
    let unsendable = with(&["--token", "canary token"]).run().failure(2);
    assert!(unsendable.contains("the token cannot be sent") && !unsendable.contains("canary"), "{unsendable}");
    let absent = with(&["--token-file", "absent"]).run().failure(2);
    assert!(absent.contains("absent cannot be read"), "{absent}");
}

#[test]
fn a_newer_token_is_read_from_its_file() {
    let hub = hub();
    let arguments = ["sub", "secret", "--raw", "--since", "earliest", "--token-file", "token"];
    let program = Program::new(hub.address(), &arguments).file("token", &Issuer::token(&json!({ "jti": "old" })));
    let running = program.start();
    assert_eq!(running.line(), "x");
    fs::write(running.folder.path().join("token"), Issuer::token(&json!({ "jti": "new" }))).unwrap();
    let revoke = Request::post("/v1/admin/revocations", "{\"token\":\"old\"}").bearer(&Issuer::admin());
    drop(hub.client().send(&revoke).expect(201));
    running.until_said("connected again");
    drop(hub.client().send(&Request::post("/v1/topics/secret", "y").bearer(&Issuer::admin())).expect(201));
    assert_eq!(running.line(), "y");
    running.signal(Signal::INT);
    running.end().well();
}

#[test]
fn a_hub_that_is_not_there_is_a_failure_and_an_address_that_is_none_a_mistake() {
    let hub = LocalHub::start();
    let at = |url: &str| Program::new(hub.address(), &["sub", "a", "--url", url]).run();
    for url in ["http://127.0.0.1:1", "http://me:canary@no-such-host.invalid"] {
        let failure = at(url).failure(1);
        let sentence = "start a hub with `headwater serve`, or name another with --url\n";
        assert!(failure.starts_with("headwater: there is no answer from http://"), "{failure}");
        assert!(failure.ends_with(sentence) && !failure.contains("canary"), "{failure}");
    }
    for url in ["127.0.0.1:7070", "ftp://me:canary@hub.example", "http://hub.example/?ticket=canary", "http://"] {
        let failure = at(url).failure(2);
        assert!(failure.contains("is no address of a hub") && !failure.contains("canary"), "{failure}");
    }
    let hub = |arguments: &[&str]| Program::new(hub.address(), arguments).run();
    let failure = hub(&["sub", "a//b"]).failure(2);
    assert_eq!(failure, "headwater: the topic \"a//b\" has an empty segment\n");
    let failure = hub(&["sub", "a", "--since", "yesterday"]).failure(2);
    assert!(failure.contains("The value of since is latest, earliest, "), "{failure}");
    for mistake in [&["sub"][..], &["sub", "a", "-n", "0"], &["sub", "a", "--raw", "--json"]] {
        assert_eq!(hub(mistake).code, Some(2));
    }
}

#[test]
fn certificates_of_ones_own_can_be_trusted() {
    let folder = TempDir::new().unwrap();
    Certificate::new().write(folder.path());
    let hub = Hub::builder().config(&Certificate::table(folder.path())).start();
    let url = format!("https://localhost:{}", hub.address().port());
    let with = |arguments: &[&str]| {
        Program::new(hub.address(), &[arguments, &["--url", &url]].concat()).inside(folder.path()).run()
    };
    let failure = with(&["sub", "a", "--exit-at-end"]).failure(1);
    assert!(failure.contains("certificate"), "{failure}");
    assert_eq!(with(&["sub", "a", "--exit-at-end", "--ca", "cert.pem"]).well(), [""; 0]);
    let explained = with(&["explain", "--subscribe", "a", "--ca", "cert.pem"]).well().join("\n");
    assert!(explained.contains("allowed"), "{explained}");
    let failure = with(&["sub", "a", "--ca", "absent.pem"]).failure(2);
    assert!(failure.contains("absent.pem cannot be read"), "{failure}");
}
