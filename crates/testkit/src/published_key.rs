//! A key pair whose public half an identity provider publishes.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::{Value, json};

/// An Ed25519 key pair.
#[derive(Debug)]
pub struct PublishedKey {
    id: String,
    pair: KeyPair,
}

impl PublishedKey {
    /// One unlike every other.
    ///
    /// # Panics
    /// When the system gives no random numbers.
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), pair: KeyPair::generate_for(&PKCS_ED25519).unwrap() }
    }

    /// The public half, as it is published.
    pub fn jwk(&self) -> Value {
        let x = BASE64_URL_SAFE_NO_PAD.encode(self.public());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "use": "sig", "alg": "EdDSA", "x": x })
    }

    /// The bytes of the public half.
    pub fn public(&self) -> &[u8] {
        self.pair.public_key_raw()
    }

    /// The private half, PEM.
    pub fn private_pem(&self) -> String {
        self.pair.serialize_pem()
    }
}
