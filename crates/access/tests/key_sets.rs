//! Published sets of keys: what is taken out of them, and when they are fetched (T21, T22).

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it like the test itself")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use headwater_access::{
    Algorithm, FetchPlan, Issuer, KeySetError, Refusal, SigningKey, Verifier, max_age, read_key_set,
};
use proptest::prelude::*;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData as _};
use serde_json::{Value, json};

/// A key pair as its issuer publishes it, and to sign with.
fn ed25519(id: &str) -> (Value, SigningKey) {
    let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let x = BASE64_URL_SAFE_NO_PAD.encode(pair.der_bytes());
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "use": "sig", "alg": "EdDSA", "x": x });
    (jwk, SigningKey::new(Some(id), Algorithm::EdDsa, pair.serialize_pem().as_bytes()).unwrap())
}

fn p256(id: &str) -> Value {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let point = pair.der_bytes();
    let coordinate = |range: std::ops::Range<usize>| BASE64_URL_SAFE_NO_PAD.encode(&point[range]);
    json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": coordinate(1..33), "y": coordinate(33..65) })
}

fn ids(algorithm: Algorithm, keys: &[Value]) -> Vec<String> {
    let text = json!({ "keys": keys }).to_string();
    let keys = read_key_set(algorithm, text.as_bytes()).unwrap();
    assert!(keys.iter().all(|key| key.algorithm() == algorithm));
    keys.iter().map(|key| key.id().to_owned()).collect()
}

fn with(key: &Value, name: &str, value: Value) -> Value {
    let mut key = key.clone();
    key[name] = value;
    key
}

#[test]
fn t21_only_keys_of_the_configured_algorithm_are_taken() {
    let (good, _) = ed25519("good");
    let secret = json!({ "kty": "oct", "kid": "secret", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" });
    let keys = [
        good.clone(),
        with(&with(&good, "kid", json!("encrypts")), "use", json!("enc")),
        with(&with(&good, "kid", json!("other")), "alg", json!("ES256")),
        with(&with(&good, "kid", json!("signs")), "key_ops", json!(["sign"])),
        with(&with(&good, "kid", json!("verifies")), "key_ops", json!(["verify"])),
        with(&with(&good, "kid", json!("private")), "d", json!("AAAA")),
        with(&with(&good, "kid", json!("short")), "x", json!("AAAA")),
        with(&with(&good, "kid", json!("unknown")), "kty", json!("PQC")),
        with(&good, "kid", json!(7)),
        p256("curve"),
        secret.clone(),
        json!("text"),
    ];
    assert_eq!(ids(Algorithm::EdDsa, &keys), ["good", "verifies"]);
    assert_eq!(ids(Algorithm::Es256, &keys), ["curve"]);
    assert_eq!(ids(Algorithm::Rs256, &keys), [""; 0]);
    assert_eq!(ids(Algorithm::Hs256, &keys), [""; 0], "a published secret is none");
}

#[test]
fn what_is_no_set_is_refused() {
    for text in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":1}", "<html>", "[[{}]]"] {
        assert_eq!(read_key_set(Algorithm::EdDsa, text.as_bytes()).err(), Some(KeySetError::NotASet), "{text}");
    }
    let many = json!({ "keys": vec![json!({}); 101] }).to_string();
    assert_eq!(read_key_set(Algorithm::EdDsa, many.as_bytes()).err(), Some(KeySetError::TooMany));
    assert!(read_key_set(Algorithm::EdDsa, b"{\"keys\":[]}").unwrap().is_empty(), "an issuer may take back all");
}

#[test]
fn a_verifier_says_that_keys_are_still_to_come() {
    let (jwk, signing) = ed25519("a");
    let now = SystemTime::now();
    let exp = now.duration_since(UNIX_EPOCH).unwrap().as_secs() + 60;
    let token = signing.sign_claims(&json!({ "exp": exp, "headwater": { "subscribe": ["**"] } })).unwrap();
    let verifier = |keys: &[Value], pending| {
        let keys = read_key_set(Algorithm::EdDsa, json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        Verifier::new(vec![Issuer { keys, pending, ..Issuer::default() }])
    };
    assert_eq!(verifier(&[], true).verify(&token, now).err(), Some(Refusal::KeysPending));
    assert_eq!(verifier(&[], false).verify(&token, now).err(), Some(Refusal::UnknownKey));
    assert!(verifier(std::slice::from_ref(&jwk), false).verify(&token, now).is_ok());
    let (other, _) = ed25519("a");
    assert_eq!(verifier(&[other], false).verify(&token, now).err(), Some(Refusal::BadSignature));
}

#[test]
fn t22_unknown_keys_cause_a_fetch_every_half_minute_at_most() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut plan = FetchPlan::new(start);
    assert_eq!(plan.due(), start, "the first one at once");
    plan.begin();
    assert!(plan.ask(at(1)), "who comes meanwhile waits for it");
    plan.succeeded(at(2), None);
    assert_eq!(plan.due(), at(602));
    assert!(plan.ask(at(3)));
    assert_eq!(plan.due(), at(3));
    plan.begin();
    plan.succeeded(at(4), None);
    assert!((4..33).all(|second| !plan.ask(at(second))));
    assert!(plan.ask(at(33)));
}

#[test]
fn the_time_a_set_is_good_for_is_bounded() {
    let start = Instant::now();
    let good_for = |age: Option<u64>| {
        let mut plan = FetchPlan::new(start);
        plan.succeeded(start, age.map(Duration::from_secs));
        (plan.due() - start).as_secs()
    };
    assert_eq!([None, Some(0), Some(3600), Some(u64::MAX)].map(good_for), [600, 60, 3600, 21_600]);
    let mut plan = FetchPlan::new(start);
    let mut now = start;
    let waits = [(); 7].map(|()| {
        plan.failed(now);
        let wait = plan.due() - now;
        now = plan.due();
        wait.as_secs()
    });
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    let ages = ["max-age=60", "public, Max-Age=\"7\"", "no-cache, max-age=9", "no-store", "public", "max-age=x", ""];
    let ages = ages.map(|text| max_age(text).map(|age| age.as_secs()));
    assert_eq!(ages, [Some(60), Some(7), Some(0), Some(0), None, None, None]);
}

proptest! {
    #[test]
    fn no_set_panics(text in proptest::collection::vec(any::<u8>(), 0..200), member in "\\PC{0,40}") {
        let _ = read_key_set(Algorithm::EdDsa, &text);
        let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": member, "kid": member }] }).to_string();
        let _ = read_key_set(Algorithm::EdDsa, set.as_bytes());
        let _ = max_age(&member);
    }
}
