//! Why somebody may or may not: asked of a running hub, of the command line, and read off every refusal.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use headwater_testkit::{Answer, Client, Hub, Issuer, LocalHub, Request};
use serde_json::{Value, json};

fn explain(client: &Client, question: &Value) -> Value {
    let request = Request::post("/v1/admin/explain", question.to_string()).bearer(&Issuer::admin());
    client.send(&request).expect(200).json()
}

/// Check, verdict and reason or rule of every step.
fn verdicts(explanation: &Value) -> Vec<(String, bool, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let steps = explanation["steps"].as_array().unwrap().iter();
    let why = |step: &Value| if step["allowed"] == true { text(&step["rule"]) } else { text(&step["reason"]) };
    steps.map(|step| (text(&step["check"]), step["allowed"] == true, why(step))).collect()
}

fn step(check: &str, allowed: bool, why: &str) -> (String, bool, String) {
    (check.to_owned(), allowed, why.to_owned())
}

fn ada() -> String {
    Issuer::token(&json!({ "jti": "t-1", "headwater": { "subscribe": ["orders/**"], "publish": ["orders/*"] } }))
}

#[test]
fn every_step_says_what_is_decided_and_by_which_rule() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let question = json!({
        "token": ada(), "subscribe": ["orders/42", "orders/*", "**", "$hub/stats", "a//b"],
        "publish": ["orders/42", "orders/1/2", "$hub/x"], "origin": Issuer::ORIGIN, "host": "hub.example",
    });
    let explanation = explain(&client, &question);
    assert_eq!(
        verdicts(&explanation),
        [
            step("host", true, ""),
            step("origin", true, ""),
            step("credential", true, "key \"main\""),
            step("revocation", true, ""),
            step("subscribe", true, "\"orders/**\" of the credential"),
            step("subscribe", true, "\"orders/**\" of the credential"),
            step("subscribe", false, "no-right-to-subscribe"),
            step("subscribe", false, "no-right-to-admin"),
            step("subscribe", false, "malformed"),
            step("publish", true, "\"orders/*\" of the credential"),
            step("publish", false, "no-right-to-publish"),
            step("publish", false, "no-right-to-publish"),
        ]
    );
    assert_eq!(explanation["allowed"], false);
    let credential = &explanation["credential"];
    assert_eq!(
        (&credential["key"], &credential["subject"], &credential["id"]),
        (&json!("main"), &json!("ada"), &json!("t-1"))
    );
    assert!(credential["issued_at"].is_string() && credential["expires_at"].is_string());
    assert!(!explanation.to_string().contains(&ada()), "no secret comes back");

    let anonymous = explain(
        &client,
        &json!({ "subscribe": ["public/x", "orders/1"], "origin": "https://evil.example", "host": "evil.example" }),
    );
    assert_eq!(
        verdicts(&anonymous),
        [
            step("host", false, "foreign-host"),
            step("origin", false, "foreign-host"),
            step("credential", true, ""),
            step("subscribe", true, "\"public/**\" of access.anonymous"),
            step("subscribe", false, "missing"),
        ]
    );
    let own = explain(&client, &json!({ "token": Issuer::admin(), "subscribe": ["$hub/**"] }));
    assert_eq!(verdicts(&own)[2], step("subscribe", true, "the administrator's right of the credential"));
    for wrong in ["", "[]", "{\"token\":1}", "{\"topics\":[]}"] {
        let request = Request::post("/v1/admin/explain", wrong).bearer(&Issuer::admin());
        assert_eq!(client.send(&request).status(), 400, "{wrong}");
    }
    let request = Request::post("/v1/admin/explain", "{}");
    assert_eq!((client.send(&request).status(), client.send(&request.bearer(&ada())).status()), (401, 403));
}

#[test]
fn what_is_explained_is_what_is_done() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let tokens = [
        ada(),
        Issuer::admin(),
        Issuer::token(&json!({ "exp": Issuer::now() - 1 })),
        Issuer::token(&json!({ "aud": "https://other.example" })),
        Issuer::token(&json!({ "jti": "gone" })),
        format!("{}x", ada()),
        "a b".to_owned(),
        "x".to_owned(),
    ];
    let gone = Request::post("/v1/admin/revocations", "{\"token\":\"gone\"}").bearer(&Issuer::admin());
    drop(client.send(&gone).expect(201));
    for token in &tokens {
        for topic in ["orders/1", "orders/*", "**", "public/x", "$hub/stats"] {
            let explanation = explain(&client, &json!({ "token": token, "subscribe": [topic] }));
            let head = Request::new("HEAD", &format!("/v1/events?topic={topic}")).bearer(token);
            let done = client.send(&head).status() == 200;
            assert_eq!(explanation["allowed"] == true, done, "{token} {topic}: {explanation}");
            let first = verdicts(&explanation).into_iter().find(|(_, allowed, _)| !allowed);
            if let Some((_, _, reason)) = first {
                let answer = client.send(&Request::get(&format!("/v1/events?topic={topic}")).bearer(token));
                assert_eq!(answer.json()["reason"], reason.as_str(), "{token} {topic}");
            }
        }
        for topic in ["orders/1", "public/x", "$hub/stats"] {
            let explanation = explain(&client, &json!({ "token": token, "publish": [topic] }));
            let answer = client.send(&Request::post(&format!("/v1/topics/{topic}"), "x").bearer(token));
            assert_eq!(explanation["allowed"] == true, answer.status() == 201, "{token} {topic}: {explanation}");
        }
    }
}

#[test]
fn t15_every_refusal_has_a_reason_and_gives_nothing_away() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let canary = "canary-topic-that-exists";
    drop(
        client
            .send(&Request::post(&format!("/v1/topics/{canary}"), "canary-data").bearer(&Issuer::admin()))
            .expect(201),
    );
    let reader =
        Issuer::token(&json!({ "sub": "canary-subject", "headwater": { "subscribe": ["x"], "publish": ["x"] } }));
    let bad = Issuer::token(&json!({ "sub": "canary-subject", "exp": Issuer::now() - 5 }));
    let requests = |topic: &str| {
        vec![
            Request::get(&format!("/v1/events?topic={topic}")),
            Request::get(&format!("/v1/events?topic={topic}")).header("Accept", "application/json"),
            Request::get(&format!("/v1/events?topic={topic}")).header("Last-Event-ID", "1-0001"),
            Request::get(&format!("/v1/events?topic={topic}&ticket=canary-ticket")),
            Request::get(&format!("/v1/events?topic={topic}")).header("Cookie", "__Host-headwater=canary"),
            Request::get(&format!("/v1/topics/{topic}")),
            Request::post(&format!("/v1/topics/{topic}"), "x"),
            Request::post_as("application/x-ndjson", &format!("/v1/topics/{topic}"), "1\n"),
            Request::post_as("text/event-stream", &format!("/v1/topics/{topic}"), "data: 1\n\n"),
            Request::post_as("application/json", "/v1/events", json!([{ "topic": topic, "data": 1 }]).to_string()),
            Request::new("DELETE", &format!("/v1/topics/{topic}")),
            Request::post("/v1/tickets", json!({ "subscribe": [topic] }).to_string()),
            Request::get("/v1/topics"),
            Request::get("/metrics"),
            Request::get("/v1/admin/sessions"),
            Request::new("DELETE", "/v1/admin/sessions/0-0-0"),
            Request::get("/v1/admin/events/1-0001"),
            Request::get("/v1/admin/revocations"),
            Request::post("/v1/admin/revocations", json!({ "subject": topic }).to_string()),
            Request::post("/v1/admin/explain", json!({ "subscribe": [topic] }).to_string()),
            Request::get("/healthz").header("Host", "evil.example"),
            Request::get(&format!("/v1/events?topic={topic}")).header("Origin", "https://evil.example"),
            Request::get(&format!("/v1/events?topic={topic}")).header("Sec-Fetch-Site", "cross-site"),
        ]
    };
    let seen = |answer: &Answer| (answer.status(), answer.text().to_owned());
    let answers = |topic: &str| -> Vec<(u16, String)> {
        let mut answers = Vec::new();
        for request in requests(topic) {
            for credential in [None, Some(&reader), Some(&bad)] {
                let request = match credential {
                    Some(token) => request.clone().bearer(token),
                    None => request.clone(),
                };
                let answer = client.send(&request);
                assert!(matches!(answer.status(), 401 | 403), "{request:?}: {:?}", answer.head);
                let document = answer.json();
                assert!(
                    document["reason"].as_str().is_some_and(|reason| !reason.is_empty()),
                    "{request:?}: {document}"
                );
                assert!(!answer.text().contains("canary"), "{request:?}: {document}");
                answers.push(seen(&answer));
            }
        }
        answers
    };
    assert_eq!(answers(canary), answers("no-such-topic"), "a topic that is there is refused like one that is not");
    let scheme = client.send(&Request::get("/metrics").header("Authorization", "Basic canary"));
    assert_eq!((scheme.status(), scheme.json()["reason"].as_str()), (401, Some("malformed")));
    // The hub's own topics are refused to whoever may publish everywhere.
    let own = client.send(&Request::post("/v1/topics/$hub/x", "x").bearer(&Issuer::admin()));
    assert!(own.status() == 403 && own.json()["reason"].is_string(), "{}", own.text());
    let own = client.send(&Request::new("DELETE", "/v1/topics/$hub/x").bearer(&Issuer::admin()));
    assert_eq!((own.status(), own.json()["reason"].as_str()), (403, Some("reserved-topic")));
    // Every one was counted under a word that is known.
    let metrics = client.send(&Request::get("/metrics").bearer(&Issuer::admin())).text().to_owned();
    assert!(metrics.contains("headwater_access_refused_total{reason=\"other\"} 0"), "{metrics}");
    assert!(metrics.contains("headwater_access_refused_total{reason=\"foreign-host\"} 6"), "{metrics}");
}

#[test]
fn the_command_line_explains_with_and_without_a_hub() {
    let hub =
        Hub::builder().config(&Issuer::config()).variable("TOKEN", &ada()).variable("ADMIN", &Issuer::admin()).start();
    let file = hub.config_file();
    let token = hub.data().join("token");
    std::fs::write(&token, format!("{}\n", ada())).unwrap();
    let run = |arguments: &[&str]| {
        let output = hub.run(&[&["explain"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let wanted = ["--subscribe", "orders/42", "--subscribe", "**", "--publish", "orders/42"];
    let (config, token) = (file.to_str().unwrap(), token.to_str().unwrap());
    let local = run(&[&["--config", config, "--token-file", token][..], &wanted].concat());
    for line in [
        "subscribe   orders/42  allowed  Allowed by \"orders/**\" of the credential.",
        "subscribe   **         refused  no-right-to-subscribe: ",
        "publish     orders/42  allowed  Allowed by \"orders/*\" of the credential.",
        "It may read orders/**.",
    ] {
        assert!(local.contains(line), "{line} in\n{local}");
    }
    let data = hub.data();
    let data = data.to_str().unwrap();
    let url = format!("http://{}", hub.address());
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&run(&[arguments, &["--json"], &wanted].concat())).unwrap()
    };
    let here = json(&["--config", config, "--data", data, "--token-file", token]);
    let admin = hub.data().join("admin");
    std::fs::write(&admin, Issuer::admin()).unwrap();
    let admin = admin.to_str().unwrap();
    let there = json(&["--url", &url, "--admin-token-file", admin, "--token-file", token]);
    assert_eq!(here, there);
    // Without a hub, what was revoked is known from its data.
    let revoke = Request::post("/v1/admin/revocations", "{\"token\":\"t-1\"}").bearer(&Issuer::admin());
    drop(hub.client().send(&revoke).expect(201));
    let here = json(&["--config", config, "--data", data, "--token-file", token]);
    assert_eq!(verdicts(&here)[1], step("revocation", false, "revoked"));
    let refused = hub.run(&["explain", "--url", &url, "--subscribe", "x"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("401"));
    assert_eq!(hub.run(&["explain", "--url", "ftp://hub.example"]).status.code(), Some(2));
    assert!(!String::from_utf8_lossy(&hub.run(&["explain", "--help"]).stdout).is_empty());
}
