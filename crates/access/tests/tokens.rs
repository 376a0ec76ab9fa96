//! Tokens: what is taken, and what is refused with which reason.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it like the test itself")]

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use headwater_access::{
    Algorithm, Grant, Issuer, Key, KeyError, Refusal, Rights, SigningKey, TokenCache, Verifier, Weakness, inspect,
};
use proptest::prelude::*;
use rcgen::PublicKeyData as _;
use serde_json::{Value, json};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A key pair: what signs, and the public key in PEM.
struct Pair {
    private: String,
    public: String,
}

impl Pair {
    fn new(algorithm: Algorithm) -> Self {
        let kind: &'static rcgen::SignatureAlgorithm = match algorithm {
            Algorithm::EdDsa => &rcgen::PKCS_ED25519,
            _ => &rcgen::PKCS_ECDSA_P256_SHA256,
        };
        let pair = rcgen::KeyPair::generate_for(kind).unwrap();
        Self { private: pair.serialize_pem(), public: pair.public_key_pem() }
    }
}

fn hs256() -> Verifier {
    verifier(Key::secret("main", Algorithm::Hs256, SECRET).unwrap())
}

fn verifier(key: Key) -> Verifier {
    Verifier::new(vec![Issuer { name: None, audience: None, keys: vec![key], pending: false }])
}

fn signer() -> SigningKey {
    SigningKey::new(None, Algorithm::Hs256, SECRET).unwrap()
}

fn claims(change: Value) -> Value {
    let mut claims = json!({ "exp": NOW + 600, "sub": "ada", "headwater": { "subscribe": ["orders/**"] } });
    for (name, value) in change.as_object().unwrap() {
        match value.is_null() {
            true => drop(claims.as_object_mut().unwrap().remove(name)),
            false => claims[name] = value.clone(),
        }
    }
    claims
}

fn refused(change: Value) -> Refusal {
    hs256().verify(&signer().sign_claims(&claims(change)).unwrap(), at(NOW)).unwrap_err()
}

/// A token of these texts, whatever they say.
fn raw(header: &str, payload: &str, signature: &[u8]) -> String {
    [header.as_bytes(), payload.as_bytes(), signature].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".")
}

#[test]
fn every_algorithm_verifies_its_own_tokens_and_nobody_elses() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let (pair, other) = (Pair::new(algorithm), Pair::new(algorithm));
        let token = |pair: &Pair| {
            SigningKey::new(Some("k"), algorithm, pair.private.as_bytes())
                .unwrap()
                .sign_claims(&claims(json!({})))
                .unwrap()
        };
        let verifier = verifier(Key::from_text("k", algorithm, &pair.public).unwrap());
        let grant = verifier.verify(&token(&pair), at(NOW)).unwrap();
        assert_eq!((grant.subject.as_deref(), grant.expires_s), (Some("ada"), NOW + 600));
        assert_eq!(verifier.verify(&token(&other), at(NOW)), Err(Refusal::BadSignature));
    }
    assert!(hs256().verify(&signer().sign_claims(&claims(json!({}))).unwrap(), at(NOW)).is_ok());
}

#[test]
fn rs256_verifies_a_published_example() {
    // RFC 7515, A.2: key and signature of the standard. Its claims hold no rights, so the signature is all that is judged.
    let jwk = json!({ "kty": "RSA", "e": "AQAB", "n": RSA_MODULUS }).to_string();
    let verifier = verifier(Key::from_text("rsa", Algorithm::Rs256, &jwk).unwrap());
    assert_eq!(verifier.verify(RSA_TOKEN, at(NOW)), Err(Refusal::Expired));
    let forged = RSA_TOKEN.replacen("cC4hi", "cC4hj", 1);
    assert_eq!(verifier.verify(&forged, at(NOW)), Err(Refusal::BadSignature));
}

#[test]
fn t21_algorithm_confusion() {
    let pair = Pair::new(Algorithm::Es256);
    let public = verifier(Key::from_text("k", Algorithm::Es256, &pair.public).unwrap());
    let body = claims(json!({})).to_string();
    // The classic: an HMAC keyed with the text of the public key, in every spelling of that text.
    for secret in [pair.public.as_bytes(), pair.public.trim().as_bytes(), pair.public.replace('\n', "\r\n").as_bytes()]
    {
        let forged = SigningKey::new(Some("k"), Algorithm::Hs256, secret).unwrap();
        let forged = forged.sign_claims(&claims(json!({}))).unwrap();
        assert_eq!(public.verify(&forged, at(NOW)), Err(Refusal::WrongAlgorithm));
    }
    // And nobody can configure it by mistake.
    assert_eq!(Key::secret("k", Algorithm::Hs256, pair.public.as_bytes()).unwrap_err(), KeyError::NeedsSecret);
    assert_eq!(Key::from_text("k", Algorithm::Hs256, &pair.public).unwrap_err(), KeyError::NeedsSecret);
    for name in
        ["none", "None", "NONE", "nOnE", "", "HS384", "HS512", "hs256", "RS512", "PS256", "ES384", "ES256K", "EdDSA\0"]
    {
        for signature in [&b""[..], &[0; 64]] {
            for verifier in [&public, &hs256()] {
                let token = raw(&json!({ "alg": name }).to_string(), &body, signature);
                assert_eq!(verifier.verify(&token, at(NOW)), Err(Refusal::UnsupportedAlgorithm), "{name}");
            }
        }
    }
    // The signature of a key is no signature of another algorithm; an empty or zero signature is none at all.
    for (name, refusal) in
        [("ES256", Refusal::BadSignature), ("EdDSA", Refusal::WrongAlgorithm), ("RS256", Refusal::WrongAlgorithm)]
    {
        for signature in [&b""[..], &[0; 32], &[0; 64], &[0; 65]] {
            let token = raw(&json!({ "alg": name }).to_string(), &body, signature);
            assert_eq!(public.verify(&token, at(NOW)), Err(refusal), "{name}");
        }
    }
}

#[test]
fn t21_header_confusion() {
    let body = claims(json!({})).to_string();
    let header = |text: &str| hs256().verify(&raw(text, &body, &[0; 32]), at(NOW)).unwrap_err();
    assert_eq!(header(r#"{"alg":"HS256","alg":"none"}"#), Refusal::Malformed);
    assert_eq!(header(r#"{"alg":["HS256"]}"#), Refusal::Malformed);
    assert_eq!(header(r#"{"alg":"HS256","crit":["exp"]}"#), Refusal::CriticalExtension);
    assert_eq!(header(r#"{"alg":"HS256","zip":"DEF"}"#), Refusal::CriticalExtension);
    assert_eq!(header(r#"{"alg":"HS256","typ":"JWE"}"#), Refusal::WrongType);
    assert_eq!(header(r#"{"alg":"HS256","kid":"other"}"#), Refusal::UnknownKey);
    assert_eq!(header(r#"{"alg":"HS256","kid":"../../dev/null"}"#), Refusal::UnknownKey);
    assert_eq!(header(r#"{"alg":"HS256","kid":"main' or '1'='1"}"#), Refusal::UnknownKey);
    assert_eq!(
        header(r#"{"alg":"HS256","jwk":{"kty":"oct","k":""},"jku":"https://evil.example"}"#),
        Refusal::BadSignature
    );
    assert_eq!(header("{}"), Refusal::Malformed);
    assert_eq!(header(r#"["HS256",null,null,null,null,null]"#), Refusal::Malformed);
}

#[test]
fn t21_claims_of_the_wrong_type_are_no_absence() {
    for change in [
        json!({ "exp": "1900000000" }),
        json!({ "exp": true }),
        json!({ "exp": [1_900_000_000] }),
        json!({ "exp": -1 }),
        json!({ "nbf": "0" }),
        json!({ "nbf": -5 }),
        json!({ "iat": {} }),
        json!({ "sub": 7 }),
        json!({ "aud": { "a": "b" } }),
        json!({ "aud": ["a", 1] }),
        json!({ "iss": ["a"] }),
        json!({ "jti": 1 }),
    ] {
        assert_eq!(refused(change.clone()), Refusal::Malformed, "{change}");
    }
}

#[test]
fn times_hold() {
    assert_eq!(refused(json!({ "exp": null })), Refusal::NoExpiry);
    assert_eq!(refused(json!({ "exp": NOW })), Refusal::Expired);
    assert_eq!(refused(json!({ "exp": NOW - 1 })), Refusal::Expired);
    assert_eq!(refused(json!({ "nbf": NOW + 31 })), Refusal::NotYetValid);
    assert_eq!(refused(json!({ "iat": NOW + 31 })), Refusal::IssuedInFuture);
    let fresh =
        signer().sign_claims(&claims(json!({ "nbf": NOW + 30, "iat": NOW + 30, "exp": NOW as f64 + 1.5 }))).unwrap();
    assert_eq!(hs256().verify(&fresh, at(NOW)).unwrap().expires_s, NOW + 1);
    let endless = signer().sign_claims(&claims(json!({ "exp": 1e300 }))).unwrap();
    assert!(hs256().verify(&endless, at(NOW)).unwrap().holds(at(u64::from(u32::MAX))));
}

#[test]
fn rights_are_read_strictly() {
    assert_eq!(refused(json!({ "headwater": null })), Refusal::NoRights);
    for wrong in [
        json!([]),
        json!("**"),
        json!({ "subscribe": "**" }),
        json!({ "subscribe": ["a//b"] }),
        json!({ "subscribe": ["**/a"] }),
        json!({ "admin": "true" }),
        json!({ "admin": 1 }),
        json!({ "subscribes": ["a"] }),
        json!({ "publish": vec!["a"; 101] }),
    ] {
        assert_eq!(refused(json!({ "headwater": wrong })), Refusal::BadRights, "{wrong}");
    }
    let token = signer().sign_claims(&claims(json!({ "headwater": {} }))).unwrap();
    assert_eq!(hs256().verify(&token, at(NOW)).unwrap().rights, Rights::none());
}

#[test]
fn issuers_keep_to_themselves() {
    let issuer = |name: &str, audience: Option<&str>, secret: &[u8]| Issuer {
        name: Some(name.to_owned()),
        audience: audience.map(str::to_owned),
        keys: vec![Key::secret("main", Algorithm::Hs256, secret).unwrap()],
        pending: false,
    };
    let other = b"another secret of thirty-two byte";
    let verifier = Verifier::new(vec![issuer("a", Some("hub"), SECRET), issuer("b", None, other)]);
    let verify = |secret: &[u8], change: Value| {
        let key = SigningKey::new(Some("main"), Algorithm::Hs256, secret).unwrap();
        verifier.verify(&key.sign_claims(&claims(change)).unwrap(), at(NOW)).map(|grant| grant.issuer.unwrap())
    };
    assert_eq!(verify(SECRET, json!({ "iss": "a", "aud": "hub" })).unwrap(), "a");
    assert_eq!(verify(SECRET, json!({ "iss": "a", "aud": ["x", "hub"] })).unwrap(), "a");
    assert_eq!(verify(other, json!({ "iss": "b" })).unwrap(), "b");
    assert_eq!(verify(SECRET, json!({ "iss": "a" })), Err(Refusal::WrongAudience));
    assert_eq!(verify(SECRET, json!({ "iss": "a", "aud": "hub2" })), Err(Refusal::WrongAudience));
    // A key signs for its own issuer only.
    assert_eq!(verify(SECRET, json!({ "iss": "b" })), Err(Refusal::BadSignature));
    assert_eq!(verify(SECRET, json!({ "iss": "c" })), Err(Refusal::UnknownIssuer));
    assert_eq!(verify(SECRET, json!({})), Err(Refusal::UnknownIssuer));
}

#[test]
fn keys_are_refused_when_they_are_configured() {
    let secret = |text: &[u8]| Key::secret("k", Algorithm::Hs256, text).map(|key| key.weakness());
    assert_eq!(secret(b""), Err(KeyError::Empty));
    assert_eq!(secret(b"hunter2"), Ok(Some(Weakness::ShortSecret(7))));
    assert_eq!(secret(&[b'a'; 64]), Ok(Some(Weakness::Monotonous(1))));
    assert_eq!(secret(SECRET), Ok(None));
    assert!(matches!(Key::secret("k", Algorithm::EdDsa, SECRET), Err(KeyError::NeedsPublicKey(_))));
    let text = |algorithm, text: &str| Key::from_text("k", algorithm, text).map(|_| ());
    let (ed, ec) = (Pair::new(Algorithm::EdDsa), Pair::new(Algorithm::Es256));
    assert_eq!(text(Algorithm::EdDsa, &ed.private), Err(KeyError::Private));
    assert_eq!(text(Algorithm::EdDsa, &ec.public), Err(KeyError::WrongKind(Algorithm::EdDsa)));
    assert_eq!(text(Algorithm::Es256, &ed.public), Err(KeyError::WrongKind(Algorithm::Es256)));
    assert_eq!(text(Algorithm::Rs256, &ec.public), Err(KeyError::WrongKind(Algorithm::Rs256)));
    assert_eq!(text(Algorithm::EdDsa, "hello"), Err(KeyError::Unreadable));
    assert_eq!(text(Algorithm::EdDsa, "{\"kty\":"), Err(KeyError::Unreadable));
    let short = json!({ "kty": "RSA", "e": "AQAB", "n": BASE64_URL_SAFE_NO_PAD.encode([0x81; 128]) }).to_string();
    assert_eq!(text(Algorithm::Rs256, &short), Err(KeyError::WrongKind(Algorithm::Rs256)));
    let jwk = |more: Value| {
        let raw = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let mut jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64_URL_SAFE_NO_PAD.encode(raw.der_bytes()) });
        for (name, value) in more.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk.to_string()
    };
    assert_eq!(text(Algorithm::EdDsa, &jwk(json!({ "alg": "EdDSA", "use": "sig" }))), Ok(()));
    assert_eq!(text(Algorithm::EdDsa, &jwk(json!({ "use": "enc" }))), Err(KeyError::WrongUse(Algorithm::EdDsa)));
    assert_eq!(text(Algorithm::EdDsa, &jwk(json!({ "alg": "ES256" }))), Err(KeyError::WrongUse(Algorithm::EdDsa)));
    assert_eq!(text(Algorithm::EdDsa, &jwk(json!({ "d": "AAAA" }))), Err(KeyError::Private));
    assert_eq!(text(Algorithm::Hs256, &jwk(json!({}))), Err(KeyError::NeedsSecret));
}

#[test]
fn no_text_of_a_key_shows_it() {
    let key = Key::secret("main", Algorithm::Hs256, SECRET).unwrap();
    let signing = signer();
    for text in [format!("{key:?}"), format!("{:?}", verifier(key)), format!("{signing:?}")] {
        assert!(!text.contains("0123456789"), "{text}");
        assert!(!text.contains("48, 49"), "{text}");
    }
}

#[test]
fn a_cache_answers_like_its_verifier_and_forgets_what_is_over() {
    let (verifier, mut cache) = (hs256(), TokenCache::new(4));
    let token = |n: u64| signer().sign_claims(&claims(json!({ "jti": n.to_string() }))).unwrap();
    for n in 0..100 {
        assert_eq!(cache.verify(&verifier, &token(n), at(NOW)).unwrap().id, Some(n.to_string()));
        assert!(cache.len() <= 8);
    }
    let first = cache.verify(&verifier, &token(99), at(NOW)).unwrap();
    let again = cache.verify(&verifier, &token(99), at(NOW + 599)).unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &again), "remembered");
    assert_eq!(cache.verify(&verifier, &token(99), at(NOW + 600)), Err(Refusal::Expired));
    let before = cache.len();
    assert_eq!(cache.verify(&verifier, &(token(5) + "A"), at(NOW)), Err(Refusal::BadSignature));
    assert_eq!(cache.len(), before, "refused tokens displace nobody");
}

#[test]
fn a_signed_grant_comes_back() {
    let rights = Rights::parse(&["a/**"], &["b"], true).unwrap();
    let grant = Grant {
        rights,
        subject: Some("s".into()),
        id: Some("j".into()),
        issuer: None,
        issued_s: Some(NOW),
        expires_s: NOW + 9,
    };
    let token = signer().sign(&grant, Some("hub"), NOW).unwrap();
    assert_eq!(hs256().verify(&token, at(NOW)).unwrap(), grant);
    assert!(inspect(&token).unwrap().claims.contains("\"aud\": \"hub\""));
}

proptest! {
    #[test]
    fn nothing_panics(token in any::<String>(), header in any::<Vec<u8>>(), payload in any::<Vec<u8>>(), signature in any::<Vec<u8>>()) {
        let verifier = hs256();
        prop_assert!(verifier.verify(&token, at(NOW)).is_err());
        let token = [header, payload, signature].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".");
        prop_assert!(verifier.verify(&token, at(NOW)).is_err());
        let _ = inspect(&token);
    }

    #[test]
    fn no_changed_byte_is_taken(at_byte in any::<prop::sample::Index>(), other in any::<u8>()) {
        let token = signer().sign_claims(&claims(json!({}))).unwrap();
        let mut bytes = token.clone().into_bytes();
        let place = at_byte.index(bytes.len());
        bytes[place] = other & 0x7f;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(changed == token || hs256().verify(&changed, at(NOW)).is_err());
    }

    #[test]
    fn no_text_of_a_key_file_panics(text in any::<String>(), json in "\\{\"kty\":\"(RSA|EC|OKP|oct)\",\"(n|x|k)\":\"[A-Za-z0-9_-]{0,90}\",\"(e|y|crv)\":\"[A-Za-z0-9_-]{0,44}\"\\}") {
        for algorithm in Algorithm::ALL {
            let _ = Key::from_text("k", algorithm, &text);
            let _ = Key::from_text("k", algorithm, &json);
            let _ = Key::secret("k", algorithm, text.as_bytes());
        }
    }
}

const RSA_MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
