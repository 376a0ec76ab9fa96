//! Tokens: whatever a token is, it is refused with a word for machines, or gives what its claims say and no more.
//!
//! Input: a byte that says whether the rest is the whole token, or the claims of one that is signed as it should be.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use headwater_access::{Algorithm, Grant, Issuer, Key, Refusal, SigningKey, TokenCache, Verifier, inspect};

const SECRET: &[u8] = b"a secret that everybody may know, for fuzzing only";
const AUDIENCE: &str = "https://hub.example";
const NOW: u64 = 1_800_000_000;

/// # Panics
/// When the promise is broken.
pub fn check(input: &[u8]) {
    let Some((form, rest)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match form % 2 {
        0 => drop(decide(text)),
        _ => {
            let Ok(claims) = serde_json::from_str(text) else { return };
            let token = key().sign_claims(&claims).expect("any claims can be signed");
            let Ok(grant) = decide(&token) else { return };
            assert_eq!(claims["aud"].as_str().unwrap_or(AUDIENCE), AUDIENCE, "{claims}");
            assert_eq!(grant.subject.as_deref(), claims["sub"].as_str(), "{claims}");
            assert_eq!(grant.rights.is_admin(), claims["headwater"]["admin"] == true, "{claims}");
        }
    }
}

/// Decides, twice from memory.
fn decide(token: &str) -> Result<Grant, Refusal> {
    static VERIFIER: OnceLock<Verifier> = OnceLock::new();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    let verifier = VERIFIER.get_or_init(|| {
        let key = Key::secret("main", Algorithm::Hs256, SECRET).expect("a good secret");
        Verifier::new(vec![Issuer { name: None, audience: Some(AUDIENCE.to_owned()), keys: vec![key], pending: false }])
    });
    // Anybody may look into anything.
    let _ = inspect(token);
    let decided = verifier.verify(token, now);
    match &decided {
        Ok(grant) => assert!(grant.holds(now) && grant.expires_s > NOW, "it is over: {grant:?}"),
        Err(refusal) => {
            let reason = refusal.reason();
            assert!(!reason.is_empty() && reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
            assert!(!refusal.to_string().contains('\n'));
        }
    }
    let mut cache = TokenCache::new(1);
    for _ in 0..2 {
        let remembered = cache.verify(verifier, token, now);
        assert_eq!(remembered.as_ref().map(|grant| grant.expires_s), decided.as_ref().map(|grant| grant.expires_s));
    }
    decided
}

fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::new(Some("main"), Algorithm::Hs256, SECRET).expect("a good secret"))
}
