//! Every change of state is told, with its reason.

use headwater_testkit::{StreamServer, TestService};
use serde_json::{Value, json};

use crate::services::{closed, quick};

scenarios!(every_change_is_told_in_its_order, stopping_ends_the_connection, a_restart_goes_on_at_once);

// CLI-01
fn every_change_is_told_in_its_order(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), json!({ "initialDelayMs": 5, "maxDelayMs": 5 }));
    assert_eq!(client.state(), json!({ "name": "connecting" }));
    let mut attempt = server.attempt();
    attempt.open();
    assert_eq!(client.state(), json!({ "name": "open" }));
    attempt.finish();
    assert_eq!(without_delay(client.state()), json!({ "name": "waiting", "reason": "ended", "failures": 1 }));
    assert_eq!(client.state(), json!({ "name": "connecting" }));
    server.attempt().answer(502, &[], "");
    let refused = json!({ "name": "waiting", "reason": "refused", "status": 502, "failures": 2 });
    assert_eq!(without_delay(client.state()), refused);
    assert_eq!(client.state(), json!({ "name": "connecting" }));
    server.attempt().answer(404, &[], "");
    let rejected = client.state();
    assert_eq!((&rejected["name"], &rejected["reason"]), (&json!("closed"), &json!("rejected")));
    assert_eq!(client.item()["error"], "rejected");
}

fn without_delay(mut state: Value) -> Value {
    let delay = state.as_object_mut().unwrap().remove("delay_ms");
    assert!(delay.and_then(|delay| delay.as_f64()).is_some_and(|delay| (0.0..=5.0).contains(&delay)), "{state}");
    state
}

fn stopping_ends_the_connection(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    client.until_state("open");
    client.stop();
    attempt.until_left();
    server.expect_no_attempt();
}

fn a_restart_goes_on_at_once(service: &TestService) {
    let server = StreamServer::start();
    // Times so long that whatever is waited for is seen.
    let mut client =
        service.subscribe(&server.url("/"), json!({ "initialDelayMs": 3_600_000, "maxDelayMs": 3_600_000 }));
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write("id: 1\ndata: x\n\n");
    client.expect_data(&["x"]);
    client.command("restart");
    attempt.until_left();
    let attempt = server.attempt();
    assert_eq!(attempt.cursor(), Some("1"));
    // Also out of a wait.
    attempt.answer(503, &[], "");
    client.until_state("waiting");
    client.command("restart");
    server.attempt().answer(204, &[], "");
    assert_eq!(closed(&mut client).0, "finished");
}
