//! The claims of a token: read strictly, judged after its signature.

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use crate::rights::RightsClaim;
use crate::token::object;
use crate::{Grant, Refusal, Rights};

/// The claims that matter. One of the wrong type is an error, never an absence.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims<'c> {
    pub(crate) iss: Option<String>,
    sub: Option<String>,
    jti: Option<String>,
    aud: Option<Audience>,
    exp: Option<NumericDate>,
    nbf: Option<NumericDate>,
    iat: Option<NumericDate>,
    #[serde(borrow)]
    headwater: Option<&'c RawValue>,
}

impl<'c> Claims<'c> {
    pub(crate) fn read(payload: &'c [u8]) -> Result<Self, Refusal> {
        object(payload).ok_or(Refusal::Malformed)
    }

    /// Judges times, audience and rights at `now_s` seconds since 1970, with clocks that may differ by `leeway_s`.
    ///
    /// A token ends at its `exp` sharp: leeway is for tokens that are too fresh, because a stream has to end at a time
    /// that both sides can name.
    pub(crate) fn judge(self, audience: Option<&str>, now_s: u64, leeway_s: u64) -> Result<Grant, Refusal> {
        let expires_s = self.exp.ok_or(Refusal::NoExpiry)?.0;
        if now_s >= expires_s {
            return Err(Refusal::Expired);
        }
        let soon = now_s.saturating_add(leeway_s);
        if self.nbf.is_some_and(|nbf| nbf.0 > soon) {
            return Err(Refusal::NotYetValid);
        }
        if self.iat.is_some_and(|iat| iat.0 > soon) {
            return Err(Refusal::IssuedInFuture);
        }
        if let Some(audience) = audience
            && !self.aud.is_some_and(|named| named.0.iter().any(|name| name == audience))
        {
            return Err(Refusal::WrongAudience);
        }
        let claim = self.headwater.ok_or(Refusal::NoRights)?;
        let claim: RightsClaim = object(claim.get().as_bytes()).ok_or(Refusal::BadRights)?;
        let rights = Rights::parse(&claim.subscribe, &claim.publish, claim.admin).map_err(|_| Refusal::BadRights)?;
        Ok(Grant {
            rights,
            subject: self.sub,
            id: self.jti,
            issuer: self.iss,
            issued_s: self.iat.map(|iat| iat.0),
            expires_s,
        })
    }
}

/// One name or several.
#[derive(Debug)]
struct Audience(Vec<String>);

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Audience;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an audience or a list of audiences")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Audience, E> {
                Ok(Audience(vec![name.to_owned()]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut names: A) -> Result<Audience, A::Error> {
                let mut all = Vec::new();
                while let Some(name) = names.next_element()? {
                    all.push(name);
                }
                Ok(Audience(all))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// Seconds since 1970; a fraction is cut off (RFC 7519, 2).
#[derive(Clone, Copy, Debug)]
struct NumericDate(u64);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = NumericDate;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("seconds since 1970")
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<NumericDate, E> {
                Ok(NumericDate(seconds))
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<NumericDate, E> {
                match seconds.is_finite() && seconds >= 0.0 {
                    // A number beyond the range becomes its end.
                    true => Ok(NumericDate(seconds as u64)),
                    false => Err(E::custom("not a time")),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
