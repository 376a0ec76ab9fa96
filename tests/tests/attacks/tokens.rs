//! Tokens that are none.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use headwater_access::{Algorithm, SigningKey};
use headwater_testkit::{Hub, Request};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bystanders::{attack, well};

const MIB: u64 = 1 << 20;
const SECRET: &str = "an inline secret of forty-two random bytes";
/// The public keys of RFC 7515, A.3 and RFC 8037, A.2.
const EC: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const OKP: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwuaaPcHURo"}"#;
/// In 2096.
const EXPIRES: u64 = 4_000_000_000;

/// Three keys, of three algorithms. Anonymous are the healthy readers and their publisher.
fn config(folder: &Path) -> String {
    let mut text = "[access]\naudience = \"https://hub.example\"\n\
                    anonymous = { subscribe = [\"healthy\"], publish = [\"healthy\"] }\n"
        .to_owned();
    text.push_str(&format!("[[access.keys]]\nid = \"hs\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n"));
    for (id, algorithm, key) in [("es", "ES256", EC), ("ed", "EdDSA", OKP)] {
        let file = folder.join(id);
        std::fs::write(&file, key).unwrap();
        let file = file.display();
        text.push_str(&format!(
            "[[access.keys]]\nid = \"{id}\"\nalgorithm = \"{algorithm}\"\npublic_key_file = \"{file}\"\n"
        ));
    }
    text
}

fn claims(number: usize) -> Value {
    json!({ "sub": number.to_string(), "aud": "https://hub.example", "exp": EXPIRES, "headwater": { "subscribe": ["**"], "admin": true } })
}

fn raw(head: &str, claims: &str, signature: &[u8]) -> String {
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    format!("{}.{}.{}", part(head.as_bytes()), part(claims.as_bytes()), part(signature))
}

fn forged(kid: Option<&str>, secret: &[u8], number: usize) -> String {
    SigningKey::new(kid, Algorithm::Hs256, secret).unwrap().sign_claims(&claims(number)).unwrap()
}

// T17, T21, SEC-04: ten thousand tokens, each another one, some of which cost a look at a signature.
#[test]
fn t21_ten_thousand_bad_tokens() {
    let folder = TempDir::new().unwrap();
    let sent = AtomicUsize::new(0);
    let hub = attack(&config(folder.path()), 32 * MIB, |target| {
        while target.goes_on() || sent.load(Ordering::Relaxed) < 10_000 {
            let mut socket = target.connect();
            for _ in 0..100 {
                let number = sent.fetch_add(1, Ordering::Relaxed);
                let token = match number % 5 {
                    0 => forged(Some("hs"), b"another secret of thirty-two byte", number),
                    1 => raw(r#"{"alg":"ES256","kid":"es"}"#, &claims(number).to_string(), &[7; 64]),
                    2 => raw(r#"{"alg":"EdDSA","kid":"ed"}"#, &claims(number).to_string(), &[7; 64]),
                    3 => format!("{number}.{number}.{number}"),
                    _ => "x".repeat(8 << 10),
                };
                let request = Request::get("/v1/topics").header("Authorization", format!("Bearer {token}"));
                socket.write_all(&request.bytes("localhost")).unwrap();
                let answer = answer(&mut socket);
                assert!(answer.starts_with("HTTP/1.1 401 "), "{token}: {answer}");
                assert!(answer.contains("error=\"invalid_token\""), "{token}: {answer}");
                assert!(!answer.contains(&token), "the answer repeats the token");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    assert!(sent.into_inner() >= 10_000);
    assert!(!hub.log().iter().any(|line| line.contains("eyJ")), "the log has a token");
}

/// One whole answer.
fn answer(socket: &mut std::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = socket.read(&mut piece).unwrap();
        assert!(read > 0, "the connection ended: {}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return text.into_owned();
        }
    }
}

// T21: what the token says about how it is to be verified counts for nothing, wherever it is sent.
#[test]
fn t21_algorithm_confusion_on_the_wire() {
    let folder = TempDir::new().unwrap();
    let hub = Hub::builder().config("access_log = \"off\"").config(&config(folder.path())).start();
    let body = claims(0).to_string();
    let jwk: Value = serde_json::from_str(EC).unwrap();
    let x = BASE64_URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
    let point = [&[4][..], &x, &BASE64_URL_SAFE_NO_PAD.decode(jwk["y"].as_str().unwrap()).unwrap()].concat();
    let mut corpus: Vec<(String, &str)> = Vec::new();
    for name in ["none", "None", "NONE", "nOnE", "", "hs256", "HS384", "HS512", "RS512", "PS256", "ES384", "ES256K"] {
        for signature in [&b""[..], &[0; 32], &[0; 64]] {
            corpus.push((raw(&json!({ "alg": name }).to_string(), &body, signature), "unsupported-algorithm"));
            let kid = json!({ "alg": name, "kid": "es" }).to_string();
            corpus.push((raw(&kid, &body, signature), "unsupported-algorithm"));
        }
    }
    // An HMAC keyed with a public key, in the forms in which it is around.
    for secret in [EC.as_bytes(), OKP.as_bytes(), &x, &point] {
        corpus.push((forged(Some("es"), secret, 0), "wrong-algorithm"));
        corpus.push((forged(Some("ed"), secret, 0), "wrong-algorithm"));
        corpus.push((forged(Some("hs"), secret, 0), "bad-signature"));
        corpus.push((forged(None, secret, 0), "bad-signature"));
    }
    // The key of one algorithm, the name of another; signatures that are none; the all-zero signature of ECDSA.
    for (head, reason) in [
        (r#"{"alg":"EdDSA","kid":"es"}"#, "wrong-algorithm"),
        (r#"{"alg":"ES256","kid":"ed"}"#, "wrong-algorithm"),
        (r#"{"alg":"ES256","kid":"hs"}"#, "wrong-algorithm"),
        (r#"{"alg":"RS256","kid":"es"}"#, "wrong-algorithm"),
        (r#"{"alg":"ES256","kid":"es"}"#, "bad-signature"),
        (r#"{"alg":"EdDSA","kid":"ed"}"#, "bad-signature"),
        (r#"{"alg":"HS256","kid":"hs"}"#, "bad-signature"),
        (r#"{"alg":"ES256","kid":"../../etc/passwd"}"#, "unknown-key"),
        (r#"{"alg":"HS256","alg":"none"}"#, "malformed"),
        (r#"{"alg":["HS256"]}"#, "malformed"),
        (r#"{"alg":"HS256","crit":["exp"]}"#, "critical-extension"),
        (r#"{"alg":"HS256","zip":"DEF"}"#, "critical-extension"),
        (r#"{"alg":"HS256","typ":"JWE"}"#, "wrong-type"),
        (
            r#"{"alg":"ES256","jwk":{"kty":"EC"},"jku":"https://evil.example","x5u":"https://evil.example"}"#,
            "bad-signature",
        ),
    ] {
        for signature in [&b""[..], &[0; 32], &[0; 64], &[0xff; 64], &[0; 96]] {
            corpus.push((raw(head, &body, signature), reason));
        }
    }
    let genuine = SigningKey::new(Some("hs"), Algorithm::Hs256, SECRET.as_bytes()).unwrap();
    let genuine = genuine.sign_claims(&claims(0)).unwrap();
    corpus.push((format!("{genuine}="), "bad-signature"));
    // Cut, doubled, wrapped, and with other characters than there are.
    for token in [
        genuine.rsplit_once('.').unwrap().0.to_owned(),
        format!("{genuine}."),
        format!("{genuine}.{genuine}"),
        genuine.replacen('.', "..", 1),
        genuine.replace('.', ""),
        format!("\"{genuine}\""),
        genuine.replacen('.', "%2E", 1),
        "..".to_owned(),
        "a.b.c".to_owned(),
    ] {
        corpus.push((token, "malformed"));
    }
    let client = hub.client();
    let send = |request: Request| {
        let answer = client.send(&request);
        (answer.status(), answer.json()["reason"].as_str().unwrap_or_default().to_owned())
    };
    for (token, reason) in &corpus {
        let expected = (401, (*reason).to_owned());
        let bearer = format!("Bearer {token}");
        for target in ["/v1/topics", "/v1/events?topic=healthy", "/metrics"] {
            assert_eq!(send(Request::get(target).header("Authorization", &bearer)), expected, "{token}");
        }
        // A cookie may stand in quotes.
        if !token.starts_with('"') {
            let request =
                Request::get("/v1/events?topic=healthy").header("Cookie", format!("__Host-headwater={token}"));
            assert_eq!(send(request.header("Sec-Fetch-Site", "same-origin")), expected, "{token}");
        }
        // A token is no ticket.
        let unknown = (401, "unknown-ticket".to_owned());
        let ticket = headwater_testkit::encode(token, false);
        assert_eq!(send(Request::get(&format!("/v1/events?topic=healthy&ticket={ticket}"))), unknown, "{token}");
    }
    drop(client.send(&Request::get("/v1/topics").header("Authorization", format!("Bearer {genuine}"))).expect(200));
    well(&hub);
}
