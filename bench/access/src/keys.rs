//! Keys of every algorithm, made anew.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaPair, KeySize};
use headwater_access::{Algorithm, Issuer, Key, SigningKey, Verifier};
use serde_json::json;

pub type Failure = Box<dyn std::error::Error>;

/// What tokens are signed with.
pub const ALGORITHMS: [Algorithm; 4] = [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];
/// The name of every key, and whom tokens are for.
pub const NAME: &str = "bench";
pub const AUDIENCE: &str = "https://hub.example";

/// A key pair, or a secret.
pub struct Pair {
    algorithm: Algorithm,
    /// What signs.
    private: Vec<u8>,
    /// What verifies, as a file of it would read.
    pub public: String,
}

impl Pair {
    /// A new one.
    pub fn new(algorithm: Algorithm) -> Result<Self, Failure> {
        let (private, public) = match algorithm {
            Algorithm::Hs256 => {
                let mut secret = [0; 32];
                aws_lc_rs::rand::fill(&mut secret)?;
                let text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
                (text.clone().into_bytes(), text)
            }
            Algorithm::Rs256 => {
                let pair = RsaPair::generate(KeySize::Rsa2048)?;
                let der: Pkcs8V1Der<'_> = pair.as_der()?;
                let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der.as_ref().into(), &rcgen::PKCS_RSA_SHA256)?;
                (pair.serialize_pem().into_bytes(), pair.public_key_pem())
            }
            Algorithm::Es256 | Algorithm::EdDsa => {
                let kind =
                    if algorithm == Algorithm::EdDsa { &rcgen::PKCS_ED25519 } else { &rcgen::PKCS_ECDSA_P256_SHA256 };
                let pair = rcgen::KeyPair::generate_for(kind)?;
                (pair.serialize_pem().into_bytes(), pair.public_key_pem())
            }
        };
        Ok(Self { algorithm, private, public })
    }

    /// A token for the reader with this number, for an hour.
    pub fn token(&self, reader: usize) -> Result<String, Failure> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        let claims = json!({
            "sub": format!("reader-{reader}"), "aud": AUDIENCE, "iat": now, "exp": now + 3600,
            "headwater": { "subscribe": ["**"], "publish": ["**"] },
        });
        Ok(SigningKey::new(Some(NAME), self.algorithm, &self.private)?.sign_claims(&claims)?)
    }

    /// What decides about them.
    pub fn verifier(&self) -> Result<Verifier, Failure> {
        let key = match self.algorithm {
            Algorithm::Hs256 => Key::secret(NAME, self.algorithm, self.public.as_bytes())?,
            algorithm => Key::from_text(NAME, algorithm, &self.public)?,
        };
        Ok(Verifier::new(vec![Issuer {
            name: None,
            audience: Some(AUDIENCE.to_owned()),
            keys: vec![key],
            pending: false,
        }]))
    }
}
