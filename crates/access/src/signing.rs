//! Makes tokens: for the command line and for tests.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use serde_json::{Map, Value, json};

use crate::rights::RightsClaim;
use crate::{Algorithm, Grant, KeyError};

/// A key that signs tokens.
pub struct SigningKey {
    id: Option<String>,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl SigningKey {
    /// A key of this algorithm: the secret's bytes for HS256, else a private key in PEM (PKCS #8).
    ///
    /// # Errors
    /// [`KeyError`] for what is no such key.
    pub fn new(id: Option<&str>, algorithm: Algorithm, material: &[u8]) -> Result<Self, KeyError> {
        let key = match algorithm {
            Algorithm::Hs256 if material.is_empty() => return Err(KeyError::Empty),
            Algorithm::Hs256 => Ok(EncodingKey::from_secret(material)),
            Algorithm::EdDsa => EncodingKey::from_ed_pem(material),
            Algorithm::Es256 => EncodingKey::from_ec_pem(material),
            Algorithm::Rs256 => EncodingKey::from_rsa_pem(material),
        };
        let key = key.map_err(|_| KeyError::WrongKind(algorithm))?;
        Ok(Self { id: id.map(str::to_owned), algorithm, key })
    }

    /// A token for a grant, valid from `now_s` on.
    ///
    /// # Errors
    /// [`KeyError`] when the key turns out not to sign.
    pub fn sign(&self, grant: &Grant, audience: Option<&str>, now_s: u64) -> Result<String, KeyError> {
        let mut claims = Map::new();
        let mut text = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                claims.insert(name.to_owned(), value.into());
            }
        };
        text("iss", grant.issuer.as_deref());
        text("sub", grant.subject.as_deref());
        text("aud", audience);
        text("jti", grant.id.as_deref());
        claims.insert("iat".to_owned(), now_s.into());
        claims.insert("exp".to_owned(), grant.expires_s.into());
        claims.insert("headwater".to_owned(), json!(RightsClaim::from(&grant.rights)));
        self.sign_claims(&Value::Object(claims))
    }

    /// A token with these claims, whatever they are.
    ///
    /// # Errors
    /// [`KeyError`] when the key turns out not to sign.
    pub fn sign_claims(&self, claims: &Value) -> Result<String, KeyError> {
        let mut header = json!({ "alg": self.algorithm.as_str(), "typ": "JWT" });
        if let Some(id) = &self.id {
            header["kid"] = id.as_str().into();
        }
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm.native());
        let signature = signature.map_err(|_| KeyError::WrongKind(self.algorithm))?;
        Ok(format!("{message}.{signature}"))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}
