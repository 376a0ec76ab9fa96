//! Keys that an identity provider publishes: fetched with care, followed when they change (T21, T22).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{SystemTime, UNIX_EPOCH};

use headwater_access::{Algorithm, SigningKey};
use headwater_testkit::{Answer, Application, Client, Hub, LocalHub, PublishedKey, Request, Scripted, until};
use serde_json::{Value, json};

fn config(provider: &Application, reach: &str) -> String {
    format!(
        "[access]\naudience = \"https://hub.example\"\n[[access.keys]]\nid = \"provider\"\nalgorithm = \"EdDSA\"\n\
         issuer = \"https://id.example\"\njwks_url = {:?}\njwks_ca = {:?}\n{reach}\n",
        provider.url("/keys"),
        provider.ca()
    )
}

const INSIDE: &str = "jwks_internal = true";

fn claims() -> Value {
    let exp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 600;
    json!({ "iss": "https://id.example", "aud": "https://hub.example", "exp": exp,
            "headwater": { "subscribe": ["**"], "publish": ["**"] } })
}

fn token(key: &PublishedKey) -> String {
    let id = key.jwk()["kid"].as_str().unwrap().to_owned();
    let pem = key.private_pem();
    SigningKey::new(Some(&id), Algorithm::EdDsa, pem.as_bytes()).unwrap().sign_claims(&claims()).unwrap()
}

fn set(keys: &[&PublishedKey]) -> Scripted {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    Scripted::json(&json!({ "keys": keys }))
}

fn provider(keys: &[&PublishedKey]) -> Application {
    let set = set(keys);
    Application::start(move |_| set.clone())
}

fn publish(client: &Client, token: &str) -> Answer {
    client.send(&Request::post("/v1/topics/orders/1", "x").header("Authorization", format!("Bearer {token}")))
}

fn reason(answer: &Answer) -> (u16, String) {
    (answer.status(), answer.json()["reason"].as_str().unwrap_or("").to_owned())
}

fn refused(reason: &str) -> (u16, String) {
    (401, reason.to_owned())
}

#[test]
fn t22_keys_are_followed_when_they_change() {
    let [first, second, third] = ["a", "b", "c"].map(PublishedKey::new);
    let provider = provider(&[&first]);
    let hub = LocalHub::with(&config(&provider, INSIDE));
    let client = hub.client();
    assert_eq!(publish(&client, &token(&first)).status(), 201, "it waits for the first set");
    let old = token(&first);
    assert_eq!(publish(&client, &old).status(), 201);
    let next = set(&[&second]);
    provider.answer(move |_| next.clone());
    assert_eq!(publish(&client, &token(&second)).status(), 201, "a key that is not known is looked for");
    assert_eq!(reason(&publish(&client, &old)), refused("unknown-key"), "also for tokens that were verified before");
    let fetched = provider.seen().len();
    assert_eq!(fetched, 2);
    let next = set(&[&third]);
    provider.answer(move |_| next.clone());
    for _ in 0..20 {
        assert_eq!(reason(&publish(&client, &token(&third))), refused("unknown-key"));
    }
    assert_eq!(provider.seen().len(), fetched, "not twice within half a minute");
    assert!(provider.seen().iter().all(|asked| (&*asked.method, &*asked.target) == ("GET", "/keys")));
}

#[test]
fn many_who_wait_share_one_fetch() {
    let key = PublishedKey::new("a");
    let provider = provider(&[]);
    let hub = LocalHub::with(&config(&provider, INSIDE));
    assert_eq!(reason(&publish(&hub.client(), &token(&key))), refused("unknown-key"));
    let before = provider.seen().len();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| publish(&hub.client(), &token(&key)));
        }
    });
    assert!(provider.seen().len() <= before + 1, "{} fetches", provider.seen().len());
}

#[test]
fn t22_a_provider_that_is_down_stops_nobody_else() {
    let key = PublishedKey::new("a");
    let provider = Application::start(|_| Scripted::HangUp);
    let hub = Hub::builder().config(&config(&provider, INSIDE)).start();
    let client = hub.client();
    assert_eq!(reason(&publish(&client, &token(&key))), refused("keys-pending"));
    assert_eq!(client.send(&Request::get("/readyz")).status(), 200);
    hub.logged("the set at jwks_url cannot be fetched");
    let up = set(&[&key]);
    provider.answer(move |_| up.clone());
    until("the provider to be found up", || (publish(&client, &token(&key)).status() == 201).then_some(()));
    // The last good set stays in force, over a reload too.
    provider.answer(|_| Scripted::status(500));
    let stranger = PublishedKey::new("b");
    assert_eq!(reason(&publish(&client, &token(&stranger))), refused("unknown-key"));
    assert_eq!(publish(&client, &token(&key)).status(), 201);
    let mut hub = hub;
    hub.reload(&format!("heartbeat = \"20s\"\n{}", config(&provider, INSIDE)));
    hub.logged("configuration reloaded");
    assert_eq!(publish(&client, &token(&key)).status(), 201);
}

/// A hub whose provider answers like this says so in its log, and takes no token.
#[track_caller]
fn takes_nothing(provider: &Application, reach: &str, logged: &str) {
    let hub = Hub::builder().config(&config(provider, reach)).start();
    hub.logged(logged);
    let answer = publish(&hub.client(), &token(&PublishedKey::new("a")));
    assert_eq!(reason(&answer), refused("keys-pending"));
}

#[test]
fn t22_private_addresses_and_redirects_are_refused() {
    let key = PublishedKey::new("a");
    let elsewhere = provider(&[&key]);
    takes_nothing(&elsewhere, "", "leads to no address that is allowed");
    assert!(elsewhere.seen().is_empty(), "nobody connected to it");
    let location = format!("location: {}", elsewhere.url("/keys"));
    let moved = Application::start(move |_| Scripted::Answer(302, vec![location.clone()], String::new()));
    takes_nothing(&moved, INSIDE, "its status is 302");
    assert!(elsewhere.seen().is_empty());
    let stranger = provider(&[&key]);
    let untrusted =
        config(&stranger, INSIDE).replace(&format!("{:?}", stranger.ca()), &format!("{:?}", elsewhere.ca()));
    let hub = Hub::builder().config(&untrusted).start();
    hub.logged("no connection could be made");
    assert!(stranger.seen().is_empty(), "its certificate is not trusted");
}

#[test]
fn t22_an_answer_has_to_be_small_and_soon() {
    let large = "x".repeat(1 << 20) + "x";
    let provider = Application::start(move |_| Scripted::Answer(200, Vec::new(), large.clone()));
    takes_nothing(&provider, INSIDE, "larger than 1048576 bytes");
    let provider = Application::start(|_| Scripted::Answer(200, Vec::new(), "<html></html>".to_owned()));
    takes_nothing(&provider, INSIDE, "is no JWK set");
    let provider = Application::start(|_| Scripted::Silence);
    takes_nothing(&provider, INSIDE, "did not answer within 5000 ms");
}

#[test]
fn t21_a_set_gives_no_key_for_another_algorithm() {
    let key = PublishedKey::new("a");
    let secret = json!({ "kty": "oct", "kid": "s", "alg": "HS256", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0" });
    let keys = json!({ "keys": [key.jwk(), secret] });
    let provider = Application::start(move |_| Scripted::json(&keys));
    let hub = LocalHub::with(&config(&provider, INSIDE));
    assert_eq!(publish(&hub.client(), &token(&key)).status(), 201);
    let forge = |id: Option<&str>, secret: &[u8]| {
        let token = SigningKey::new(id, Algorithm::Hs256, secret).unwrap().sign_claims(&claims()).unwrap();
        reason(&publish(&hub.client(), &token))
    };
    // What everybody knows of a key pair is no secret, and a published secret is none.
    let jwk = key.jwk().to_string();
    for public in [key.public(), jwk.as_bytes(), key.jwk()["x"].as_str().unwrap().as_bytes()] {
        assert_eq!(forge(Some("a"), public), refused("wrong-algorithm"));
        assert_eq!(forge(None, public), refused("wrong-algorithm"));
    }
    assert_eq!(forge(Some("s"), b"secretsecretsecretsecretsecret"), refused("unknown-key"));
}
