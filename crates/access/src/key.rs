//! One key that verifies tokens, bound to one algorithm.

use std::fmt;

use aws_lc_rs::signature::{self, ParsedPublicKey};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};

use crate::Algorithm;

/// A key that verifies tokens. Its text form shows its id and algorithm only.
#[derive(Clone)]
pub struct Key {
    id: String,
    algorithm: Algorithm,
    key: DecodingKey,
    weakness: Option<Weakness>,
}

/// Why something is not a key. No variant repeats what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A secret of no bytes.
    #[error("is empty; write a random secret of at least 32 bytes")]
    Empty,
    /// A secret for an algorithm of key pairs.
    #[error("is a secret, but {0} verifies with a public key; name a file with the public key, or use HS256")]
    NeedsPublicKey(Algorithm),
    /// A public key for the algorithm of secrets: whoever knows the public key could sign (T21).
    #[error("is a key of a key pair, but HS256 signs with a shared secret; write the algorithm of the key")]
    NeedsSecret,
    /// A private key where only the public one is needed.
    #[error("is a private key; keep it with whoever signs, and give the hub the public key")]
    Private,
    /// Neither PEM nor JWK.
    #[error("is neither a public key in PEM (\"-----BEGIN PUBLIC KEY-----\") nor a JWK")]
    Unreadable,
    /// A key of another kind.
    #[error("is not a key for {0}")]
    WrongKind(Algorithm),
    /// The JWK says it is for something else.
    #[error("is a JWK whose `alg` or `use` is not for verifying {0}")]
    WrongUse(Algorithm),
}

/// Why a key should be replaced although it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// A secret shorter than the hash it feeds (RFC 7518, 3.2).
    #[error("is a secret of {0} bytes; use at least 32 random ones")]
    ShortSecret(usize),
    /// A secret with hardly any different bytes.
    #[error("is a secret of only {0} different bytes; use random ones")]
    Monotonous(usize),
}

impl Key {
    /// A shared secret for [`Algorithm::Hs256`].
    ///
    /// # Errors
    /// [`KeyError`] for an empty secret, for PEM or a JWK in its place, and for any other algorithm.
    pub fn secret(id: &str, algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        if algorithm != Algorithm::Hs256 {
            return Err(KeyError::NeedsPublicKey(algorithm));
        }
        if secret.is_empty() {
            return Err(KeyError::Empty);
        }
        if secret.windows(11).any(|part| part == b"-----BEGIN ") {
            return Err(KeyError::NeedsSecret);
        }
        let mut seen = secret.to_vec();
        seen.sort_unstable();
        seen.dedup();
        let weakness = match (secret.len(), seen.len()) {
            (short, _) if short < LEAST_SECRET => Some(Weakness::ShortSecret(short)),
            (_, few) if few < LEAST_DIFFERENT => Some(Weakness::Monotonous(few)),
            _ => None,
        };
        Ok(Self { id: id.to_owned(), algorithm, key: DecodingKey::from_secret(secret), weakness })
    }

    /// The key in the text of a file: a public key or certificate in PEM, or one JWK.
    ///
    /// # Errors
    /// [`KeyError`] for anything that is not a key of exactly this algorithm.
    pub fn from_text(id: &str, algorithm: Algorithm, text: &str) -> Result<Self, KeyError> {
        match text.trim_start().starts_with('{') {
            true => Self::jwk(id, algorithm, text),
            false => Self::pem(id, algorithm, text),
        }
    }

    fn pem(id: &str, algorithm: Algorithm, text: &str) -> Result<Self, KeyError> {
        if text.contains("PRIVATE KEY-----") {
            return Err(KeyError::Private);
        }
        if !text.contains("-----BEGIN ") {
            return Err(KeyError::Unreadable);
        }
        let bytes = text.as_bytes();
        let key = match algorithm {
            Algorithm::Hs256 => return Err(KeyError::NeedsSecret),
            Algorithm::EdDsa => DecodingKey::from_ed_pem(bytes),
            Algorithm::Es256 => DecodingKey::from_ec_pem(bytes),
            Algorithm::Rs256 => DecodingKey::from_rsa_pem(bytes),
        };
        let key = key.map_err(|_| KeyError::WrongKind(algorithm))?;
        Self::public(id, algorithm, key)
    }

    fn jwk(id: &str, algorithm: Algorithm, text: &str) -> Result<Self, KeyError> {
        let private: PrivateParts = serde_json::from_str(text).map_err(|_| KeyError::Unreadable)?;
        let jwk: Jwk = serde_json::from_str(text).map_err(|_| KeyError::Unreadable)?;
        let named = jwk.common.key_algorithm.map(|named| named.to_string());
        let signs =
            jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == jsonwebtoken::jwk::PublicKeyUse::Signature);
        if named.is_some_and(|named| named != algorithm.as_str()) || !signs {
            return Err(KeyError::WrongUse(algorithm));
        }
        if let AlgorithmParameters::OctetKey(secret) = &jwk.algorithm {
            use base64::Engine as _;
            let secret =
                base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(&secret.value).map_err(|_| KeyError::Unreadable)?;
            return Self::secret(id, algorithm, &secret);
        }
        if private.d.is_some() {
            return Err(KeyError::Private);
        }
        let fits = match (&jwk.algorithm, algorithm) {
            (_, Algorithm::Hs256) => return Err(KeyError::NeedsSecret),
            (AlgorithmParameters::EllipticCurve(key), Algorithm::Es256) => key.curve == EllipticCurve::P256,
            (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDsa) => key.curve == EllipticCurve::Ed25519,
            (AlgorithmParameters::RSA(_), Algorithm::Rs256) => true,
            _ => false,
        };
        let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| fits).ok_or(KeyError::WrongKind(algorithm))?;
        Self::public(id, algorithm, key)
    }

    /// Has the key parsed once, so that a broken one is refused when it is configured and not at the first token.
    fn public(id: &str, algorithm: Algorithm, key: DecodingKey) -> Result<Self, KeyError> {
        let wrong = KeyError::WrongKind(algorithm);
        let sound = match (algorithm, key.try_get_as_bytes()) {
            (Algorithm::EdDsa, Ok(bytes)) => {
                bytes.len() == 32 && ParsedPublicKey::new(&signature::ED25519, bytes).is_ok()
            }
            (Algorithm::Es256, Ok(bytes)) => ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, bytes).is_ok(),
            (Algorithm::Rs256, Ok(bytes)) => {
                ParsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, bytes).is_ok()
            }
            // The modulus and the exponent of a JWK.
            (Algorithm::Rs256, Err(_)) => match key.kind() {
                jsonwebtoken::DecodingKeyKind::RsaModulusExponent { n, e } => {
                    (256..=1024).contains(&n.len()) && !e.is_empty()
                }
                jsonwebtoken::DecodingKeyKind::SecretOrDer(_) => false,
            },
            _ => false,
        };
        if !sound {
            return Err(wrong);
        }
        Ok(Self { id: id.to_owned(), algorithm, key, weakness: None })
    }

    /// The name a token's `kid` selects it by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The one algorithm it verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What speaks against it, if anything.
    pub fn weakness(&self) -> Option<Weakness> {
        self.weakness
    }

    /// Whether `signature` (base64url) is this key's for `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        jsonwebtoken::crypto::verify(signature, message, &self.key, self.algorithm.native()).unwrap_or(false)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// The member that makes a JWK a private one.
#[derive(serde::Deserialize)]
struct PrivateParts {
    d: Option<serde::de::IgnoredAny>,
}

const LEAST_SECRET: usize = 32;
/// 32 random bytes have about 30 different ones, 32 random hexadecimal digits about 14.
const LEAST_DIFFERENT: usize = 8;
