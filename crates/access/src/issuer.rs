//! Who may sign, and the decision about a token.

use std::time::{Duration, SystemTime};

use crate::claims::Claims;
use crate::token::Parts;
use crate::{Algorithm, Grant, Key, Refusal};

/// Somebody who signs tokens: its name, the audience it signs for, and its keys.
#[derive(Clone, Debug, Default)]
pub struct Issuer {
    /// What `iss` has to be; `None` takes any token that one of the keys signed.
    pub name: Option<String>,
    /// What `aud` has to name; `None` does not look at it.
    pub audience: Option<String>,
    /// Its keys.
    pub keys: Vec<Key>,
    /// Some of its keys are still to be fetched.
    pub pending: bool,
}

/// Decides about tokens.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    issuers: Vec<Issuer>,
    leeway: Duration,
}

impl Verifier {
    /// How far the clocks of an issuer and the hub may differ unless told otherwise.
    pub const LEEWAY: Duration = Duration::from_secs(30);

    /// Takes tokens of these issuers.
    pub fn new(issuers: Vec<Issuer>) -> Self {
        Self { issuers, leeway: Self::LEEWAY }
    }

    /// The issuers.
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// Decides about a token at the time `now`.
    ///
    /// # Errors
    /// [`Refusal`]: the first of form, algorithm, issuer, key, signature, times, audience and rights that is wrong.
    pub fn verify(&self, token: &str, now: SystemTime) -> Result<Grant, Refusal> {
        self.examine(token, now).map(|(grant, _)| grant)
    }

    /// The same, and which key signed it.
    ///
    /// # Errors
    /// As those of [`Verifier::verify`].
    pub fn examine(&self, token: &str, now: SystemTime) -> Result<(Grant, &Key), Refusal> {
        let parts = Parts::read(token)?;
        let algorithm = Algorithm::from_name(&parts.header.alg).ok_or(Refusal::UnsupportedAlgorithm)?;
        if !parts.header.typ.as_deref().is_none_or(is_token_type) {
            return Err(Refusal::WrongType);
        }
        let claims = Claims::read(&parts.payload)?;
        let (issuer, key) = self.signer(&parts, claims.iss.as_deref(), algorithm)?;
        let now_s = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Ok((claims.judge(issuer.audience.as_deref(), now_s, self.leeway.as_secs())?, key))
    }

    /// The issuer one of whose keys signed it, and the key.
    fn signer(&self, parts: &Parts<'_>, name: Option<&str>, algorithm: Algorithm) -> Result<(&Issuer, &Key), Refusal> {
        // How far the best candidate came.
        let mut refusal = Refusal::UnknownIssuer;
        let mut pending = false;
        let named = |issuer: &&Issuer| issuer.name.is_none() || issuer.name.as_deref() == name;
        for issuer in self.issuers.iter().filter(named) {
            if refusal == Refusal::UnknownIssuer {
                refusal = Refusal::UnknownKey;
            }
            pending |= issuer.pending;
            let wanted = |key: &&Key| parts.header.kid.as_deref().is_none_or(|kid| key.id() == kid);
            for key in issuer.keys.iter().filter(wanted) {
                if key.algorithm() != algorithm {
                    if refusal == Refusal::UnknownKey {
                        refusal = Refusal::WrongAlgorithm;
                    }
                    continue;
                }
                if key.verifies(parts.message, parts.signature) {
                    return Ok((issuer, key));
                }
                refusal = Refusal::BadSignature;
            }
        }
        // The right one may be among those that are still to come.
        let may_come = refusal == Refusal::UnknownKey || parts.header.kid.is_none();
        Err(if pending && may_come { Refusal::KeysPending } else { refusal })
    }
}

/// Access tokens of RFC 9068 name themselves too.
fn is_token_type(typ: &str) -> bool {
    let name = typ.strip_prefix("application/").unwrap_or(typ);
    name.eq_ignore_ascii_case("jwt") || name.eq_ignore_ascii_case("at+jwt")
}
