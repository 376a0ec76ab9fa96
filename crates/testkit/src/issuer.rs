//! Somebody who signs tokens for a hub under test.

use std::time::{SystemTime, UNIX_EPOCH};

use headwater_access::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::request::Request;

/// Signs tokens with one shared secret.
#[derive(Clone, Copy, Debug, Default)]
pub struct Issuer;

const SECRET: &str = "a shared secret of thirty-six bytes.";
const AUDIENCE: &str = "https://hub.example";

impl Issuer {
    /// The origin of web pages that a hub with [`Issuer::config`] serves.
    pub const ORIGIN: &'static str = "https://app.example";

    /// Configuration of a hub that takes its tokens, and lets everybody read `public/**`.
    pub fn config() -> String {
        format!(
            "[access]\naudience = \"{AUDIENCE}\"\nhosts = [\"hub.example\"]\norigins = [\"{}\"]\n\
             anonymous = {{ subscribe = [\"public/**\"] }}\n\
             [[access.keys]]\nid = \"main\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n",
            Self::ORIGIN
        )
    }

    /// Seconds since 1970.
    ///
    /// # Panics
    /// When the clock stands before that.
    pub fn now() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
    }

    /// A token for `ada` that lasts for an hour, with these claims put over the usual ones.
    ///
    /// # Panics
    /// When the claims are no JSON object.
    pub fn token(claims: &Value) -> String {
        let mut all = json!({
            "sub": "ada", "aud": AUDIENCE, "iat": Self::now(), "exp": Self::now() + 3600,
            "headwater": { "subscribe": ["**"] },
        });
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        SigningKey::new(Some("main"), Algorithm::Hs256, SECRET.as_bytes()).unwrap().sign_claims(&all).unwrap()
    }

    /// A token that may do everything.
    pub fn admin() -> String {
        let rights = json!({ "subscribe": ["**"], "publish": ["**"], "admin": true });
        Self::token(&json!({ "sub": "root", "headwater": rights }))
    }
}

impl Request {
    /// Adds a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }
}
