//! What operators can ask of a running hub: its sessions, and what became of an event.

use headwater_testkit::{Client, Http2, Hub, Issuer, LocalHub, Request, Sse, until};
use serde_json::{Value, json};

fn get(client: &Client, target: &str) -> Value {
    client.send(&Request::get(target).bearer(&Issuer::admin())).expect(200).json()
}

fn publish(client: &Client, topic: &str, data: &str) -> String {
    let request = Request::post(&format!("/v1/topics/{topic}"), data).bearer(&Issuer::admin());
    client.send(&request).expect(201).ids().remove(0)
}

#[test]
fn sec_04_everything_here_is_for_administrators() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let reader = Issuer::token(&json!({}));
    for (method, path) in [
        ("GET", "/v1/admin/sessions"),
        ("GET", "/v1/admin/sessions/0-0-0"),
        ("DELETE", "/v1/admin/sessions/0-0-0"),
        ("GET", "/v1/admin/sessions/0-0-0/explain?topic=a"),
        ("GET", "/v1/admin/events/1-0001"),
        ("GET", "/v1/admin/revocations"),
        ("POST", "/v1/admin/revocations"),
        ("DELETE", "/v1/admin/revocations/1"),
        ("PUT", "/v1/admin/sessions"),
    ] {
        let request = Request::new(method, path);
        assert_eq!(client.send(&request).expect(401).json()["reason"], "missing", "{method} {path}");
        let answer = client.send(&request.bearer(&reader)).expect(403);
        assert_eq!(answer.json()["reason"], "no-right-to-admin", "{method} {path}");
    }
}

#[test]
fn sessions_are_listed_over_all_shards_page_by_page() {
    let hub = LocalHub::with(&format!("shards = 2\n{}", Issuer::config()));
    let client = hub.client();
    let open = |subject: &str, topic: &str| {
        let token = Issuer::token(&json!({ "sub": subject }));
        client.stream(&Request::get(&format!("/v1/events?topic={topic}")).bearer(&token))
    };
    let streams: Vec<Sse> = (0..23).map(|n| open("ada", &format!("orders/{n}"))).collect();
    let _all = open("eve", "orders/*");
    let names = |query: &str| -> Vec<String> {
        let (mut names, mut after) = (Vec::new(), String::new());
        loop {
            let page = get(&client, &format!("/v1/admin/sessions?limit=5&{query}{after}"));
            let sessions = page["sessions"].as_array().unwrap();
            assert!(sessions.len() <= 5);
            names.extend(sessions.iter().map(|session| session["session"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return names,
            }
        }
    };
    let all = names("");
    assert_eq!(all.len(), 24);
    let mut once = all.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), 24);
    assert_eq!(names("subject=ada").len(), 23);
    assert_eq!(names("subject=nobody").len(), 0);
    assert_eq!(names("topic=orders/7").len(), 2, "by name and by pattern");
    assert_eq!(names("topic=orders/*").len(), 1);
    assert_eq!(names("topic=orders/7&subject=eve").len(), 1);
    for wrong in ["limit=0", "limit=1001", "after=x", "topic=a//b"] {
        let request = Request::get(&format!("/v1/admin/sessions?{wrong}")).bearer(&Issuer::admin());
        assert_eq!(client.send(&request).status(), 400, "{wrong}");
    }
    drop(streams);
    until("the sessions to be gone", || (names("").len() == 1).then_some(()));
}

#[test]
fn those_furthest_behind_of_all_sessions_come_first() {
    let hub = LocalHub::with(&format!("shards = 2\n{}", Issuer::config()));
    let client = hub.client();
    let open =
        |query: &str| client.stream(&Request::get(&format!("/v1/events?{query}")).bearer(&Issuer::token(&json!({}))));
    let _live: Vec<Sse> = (0..20).map(|_| open("topic=orders/live")).collect();
    // The last to come are the first to be behind: what waits for its turn.
    let _slow: Vec<Sse> = (0..2).map(|_| open("topic=orders/slow&max_rate=0.01")).collect();
    (0..3).for_each(|n| drop(publish(&client, "orders/slow", &n.to_string())));
    let list = |query: &str| get(&client, &format!("/v1/admin/sessions?order=behind&{query}"));
    let slow = until("both to be behind", || {
        let page = list("limit=2");
        let states: Vec<&Value> = page["sessions"].as_array()?.iter().map(|session| &session["state"]).collect();
        (states == ["limited", "limited"]).then_some(page)
    });
    assert_eq!((&slow["total"], &slow["next"]), (&json!(22), &Value::Null));
    assert_eq!(list("limit=1000")["sessions"].as_array().unwrap().len(), 22);
    assert_eq!(list("topic=orders/live&limit=3")["total"], 20);
    for wrong in ["order=age", "order=behind&after=0-0-0"] {
        let request = Request::get(&format!("/v1/admin/sessions?{wrong}")).bearer(&Issuer::admin());
        assert_eq!(client.send(&request).expect(400).json()["field"], "order", "{wrong}");
    }
}

#[test]
fn a_session_tells_where_it_stands_and_can_be_ended() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let http2 = Http2::connect(hub.address());
    let lines = Request::get("/v1/events?topic=orders/1&topic=invoices/**")
        .header("Accept", "application/x-ndjson")
        .bearer(&Issuer::token(&json!({ "sub": "bob" })));
    let (_head, _body) = http2.open(&lines);
    let mut stream = client.stream(&Request::get("/v1/events?topic=orders/1").bearer(&Issuer::token(&json!({}))));
    let id = publish(&client, "orders/1", "x");
    assert_eq!(stream.next().data, "x");
    let of = |subject: &str| get(&client, &format!("/v1/admin/sessions?subject={subject}"))["sessions"][0].clone();
    until("the session to be live", || (of("ada")["state"] == "live").then_some(()));
    let ada = of("ada");
    assert_eq!((&ada["cursor"], &ada["lag"]["positions"]), (&json!(id), &json!(0)));
    assert_eq!((&ada["driver"], &ada["format"]), (&json!("socket"), &json!("event-stream")));
    assert!(ada["age_seconds"].as_f64().unwrap() < 60.0 && ada["expires_at"].as_str().unwrap().ends_with('Z'));
    let bob = of("bob");
    assert_eq!((&bob["driver"], &bob["format"]), (&json!("pull"), &json!("ndjson")));
    assert_eq!((&bob["topics"], &bob["patterns"]), (&json!(["orders/1"]), &json!(["invoices/**"])));

    assert_eq!((&ada["address"], ada["bytes"].as_u64() > Some(0)), (&json!("127.0.0.1"), true));

    let path = format!("/v1/admin/sessions/{}", ada["session"].as_str().unwrap());
    assert_eq!(get(&client, &path)["subject"], "ada");
    let end = Request::new("DELETE", &path).bearer(&Issuer::admin());
    assert_eq!(client.send(&end).status(), 204);
    let last = stream.rest().pop().unwrap();
    assert_eq!((last.event.as_str(), last.json()["reason"].as_str()), ("headwater.closing", Some("admin")));
    until("the session to be gone", || (client.send(&end).status() == 404).then_some(()));
    assert_eq!(client.send(&Request::get(&path).bearer(&Issuer::admin())).status(), 404);
}

/// Why it gets a topic, or does not, and by which rule: of the selection, the rights, the log and the place it stands at.
#[test]
fn a_session_is_explained_topic_by_topic() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let token = Issuer::token(&json!({ "sub": "ada", "headwater": { "subscribe": ["orders/**"] } }));
    let mut stream = client.stream(&Request::get("/v1/events?topic=orders/*&topic=orders/7/notes").bearer(&token));
    let id = publish(&client, "orders/1", "x");
    stream.next();
    let name = get(&client, "/v1/admin/sessions?subject=ada")["sessions"][0]["session"].as_str().unwrap().to_owned();
    let explain = |topic: &str| get(&client, &format!("/v1/admin/sessions/{name}/explain?topic={topic}"));
    let step = |answer: &Value, check: &str| {
        answer["steps"].as_array().unwrap().iter().find(|step| step["check"] == check).cloned().unwrap()
    };
    until("the session to be live", || (explain("orders/1")["session"]["state"] == "live").then_some(()));
    let yes = explain("orders/1");
    assert_eq!(yes["gets"], true);
    assert_eq!(step(&yes, "selection")["rule"], "\"orders/*\"");
    assert_eq!(step(&yes, "subscribe")["rule"], "\"orders/**\" of the credential");
    let stored = step(&yes, "stored")["detail"].as_str().unwrap().to_owned();
    assert!(stored.contains(&id) && stored.contains("past it"), "{stored}");
    assert!(step(&yes, "position")["detail"].as_str().unwrap().contains("everything"));
    assert_eq!(step(&explain("orders/7/notes"), "selection")["rule"], "\"orders/7/notes\"");

    let unasked = explain("orders/1/items");
    assert_eq!((&unasked["gets"], &step(&unasked, "selection")["reason"]), (&json!(false), &json!("not-asked-for")));
    assert_eq!(step(&unasked, "subscribe")["allowed"], true);
    let forbidden = explain("invoices/1");
    assert_eq!(step(&forbidden, "subscribe")["reason"], "no-right-to-subscribe");
    let own = explain("$hub/stats");
    assert_eq!((&own["gets"], &step(&own, "subscribe")["reason"]), (&json!(false), &json!("no-right-to-admin")));
    let wrong = |target: String| client.send(&Request::get(&target).bearer(&Issuer::admin())).status();
    assert_eq!(wrong(format!("/v1/admin/sessions/{name}/explain?topic=a//b")), 400);
    assert_eq!(wrong("/v1/admin/sessions/0-ff-0/explain?topic=a".to_owned()), 404);
}

#[test]
fn a_paced_session_is_limited_and_one_behind_catches_up() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let path = "/v1/events?topic=orders/1&max_rate=0.01";
    let _stream = client.stream(&Request::get(path).bearer(&Issuer::token(&json!({}))));
    publish(&client, "orders/1", "first");
    let id = publish(&client, "orders/1", "second");
    let session = || get(&client, "/v1/admin/sessions?subject=ada")["sessions"][0].clone();
    until("the session to wait for its turn", || (session()["state"] == "limited").then_some(()));
    assert!(session()["lag"]["positions"].as_u64() > Some(0));
    let event = get(&client, &format!("/v1/admin/events/{id}"));
    assert_eq!(event["sessions"]["matching"], 1);
    assert_eq!(event["sessions"]["behind"], 1);
    assert_eq!(event["sessions"]["named"][0]["subject"], "ada");
}

#[test]
fn an_event_is_there_or_it_is_said_why_not() {
    let class = "[[class]]\ntopics = [\"brief/**\"]\nretention = { events = 1 }\n";
    let mut hub = Hub::builder().config(&format!("{class}{}", Issuer::config())).start();
    let client = hub.client();
    let mut stream = client.stream(&Request::get("/v1/events?topic=orders/*").bearer(&Issuer::token(&json!({}))));
    let posted = Request::post("/v1/topics/orders/1?event=paid&key=k", "12345").bearer(&Issuer::admin());
    let id = client.send(&posted).expect(201).ids().remove(0);
    assert_eq!(stream.next().data, "12345");
    let of = |id: &str| get(&hub.client(), &format!("/v1/admin/events/{id}"));
    let event = of(&id);
    assert_eq!(
        (&event["stored"], &event["topic"], &event["event"]),
        (&json!(true), &json!("orders/1"), &json!("paid"))
    );
    assert_eq!((&event["bytes"], &event["key"]), (&json!(5), &json!("k")));
    assert!(event.get("data").is_none(), "what is in it is for its readers");
    assert!(event["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(event["sessions"], json!({ "matching": 1, "behind": 0, "named": [] }));

    let epoch = id.split_once('-').unwrap().1.to_owned();
    assert_eq!(of(&format!("99-{epoch}"))["reason"], "never");
    assert_eq!(of(&format!("0-{epoch}"))["reason"], "never");
    let other = if epoch == "0001" { "0002" } else { "0001" };
    assert_eq!(of(&format!("1-{other}"))["reason"], "epoch");
    let wrong = Request::get("/v1/admin/events/nonsense").bearer(&Issuer::admin());
    assert_eq!(client.send(&wrong).status(), 400);

    let first = publish(&client, "brief/1", "one");
    publish(&client, "brief/1", "two");
    until("retention to have taken the first", || (of(&first)["stored"] == false).then_some(()));
    let doomed = publish(&client, "doomed", "x");
    publish(&client, "orders/1", "after it");
    drop(client.send(&Request::new("DELETE", "/v1/topics/doomed").bearer(&Issuer::admin())).expect(204));
    assert_eq!(of(&doomed)["reason"], "removed");
    hub.restart();
    let event = get(&hub.client(), &format!("/v1/admin/events/{first}"));
    assert_eq!(event["stored"], false);
}

#[test]
fn what_is_older_than_everything_was_taken_by_retention() {
    let class = "[[class]]\ntopics = [\"brief/**\"]\nretention = { events = 1 }\n";
    let hub = LocalHub::with(&format!("{class}{}", Issuer::config()));
    let client = hub.client();
    let first = publish(&client, "brief/1", "one");
    let second = publish(&client, "brief/1", "two");
    let of = |id: &str| get(&client, &format!("/v1/admin/events/{id}"));
    until("retention to have taken the first", || (of(&first)["stored"] == false).then_some(()));
    assert_eq!(of(&first)["reason"], "retention");
    assert_eq!(of(&second)["stored"], true);
}
