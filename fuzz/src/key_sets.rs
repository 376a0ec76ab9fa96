//! Sets of public keys: whatever an address gives, what is taken of it verifies the one algorithm that was asked for, and
//! nothing that anybody could have written.

use std::time::{Duration, SystemTime};

use headwater_access::{Algorithm, Issuer, Verifier, read_key_set};

/// As many keys as a set may have.
const MOST: usize = 100;
/// Tokens without a signature that holds: of every algorithm, and of none.
const FORGED: [&str; 5] = [
    "eyJhbGciOiJub25lIn0.eyJleHAiOjQwMDAwMDAwMDB9.",
    "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjQwMDAwMDAwMDB9.AAAA",
    "eyJhbGciOiJFUzI1NiJ9.eyJleHAiOjQwMDAwMDAwMDB9.AAAA",
    "eyJhbGciOiJFZERTQSJ9.eyJleHAiOjQwMDAwMDAwMDB9.AAAA",
    "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjQwMDAwMDAwMDB9.AAAA",
];

/// # Panics
/// When the promise is broken.
pub fn check(input: &[u8]) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256, Algorithm::Hs256] {
        let keys = match read_key_set(algorithm, input) {
            Ok(keys) => keys,
            Err(error) => {
                assert!(!error.to_string().contains('\n'));
                continue;
            }
        };
        assert!(keys.len() <= MOST);
        assert!(algorithm != Algorithm::Hs256 || keys.is_empty(), "a secret that is published");
        if keys.is_empty() {
            continue;
        }
        let verifier = Verifier::new(vec![Issuer { name: None, audience: None, keys, pending: false }]);
        assert!(FORGED.iter().all(|token| verifier.verify(token, now).is_err()), "a key for any signature");
    }
}
