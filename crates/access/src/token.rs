//! A token's three parts, read strictly and judged by nobody yet.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::Refusal;

/// Longest token in bytes.
pub const MAX_TOKEN: usize = 8 << 10;

/// The parts of a token.
pub(crate) struct Parts<'t> {
    pub(crate) header: Header,
    /// JSON, not read yet.
    pub(crate) payload: Vec<u8>,
    /// What the signature is over.
    pub(crate) message: &'t [u8],
    /// In base64url.
    pub(crate) signature: &'t str,
}

/// The members of the header that matter. A member written twice is refused; `jku`, `jwk`, `x5u` and `x5c`, which name
/// or carry keys, are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
    zip: Option<serde::de::IgnoredAny>,
    enc: Option<serde::de::IgnoredAny>,
}

impl<'t> Parts<'t> {
    pub(crate) fn read(token: &'t str) -> Result<Self, Refusal> {
        if token.len() > MAX_TOKEN {
            return Err(Refusal::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Refusal::Malformed)?;
        if payload.contains('.') {
            return Err(Refusal::Malformed);
        }
        let header: Header = object(&decode(header)?).ok_or(Refusal::Malformed)?;
        if header.crit.is_some() || header.zip.is_some() || header.enc.is_some() {
            return Err(Refusal::CriticalExtension);
        }
        Ok(Self { header, payload: decode(payload)?, message: message.as_bytes(), signature })
    }
}

/// What a token says, believed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Its header as JSON.
    pub header: String,
    /// Its claims as JSON.
    pub claims: String,
}

/// Reads a token without checking its signature or its times: for people, never for a decision.
///
/// # Errors
/// [`Refusal::Malformed`] when there is nothing to read.
pub fn inspect(token: &str) -> Result<Inspected, Refusal> {
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(Refusal::Malformed);
    };
    let pretty = |part: &str| -> Result<String, Refusal> {
        let value: serde_json::Value = serde_json::from_slice(&decode(part)?).map_err(|_| Refusal::Malformed)?;
        serde_json::to_string_pretty(&value).map_err(|_| Refusal::Malformed)
    };
    Ok(Inspected { header: pretty(header)?, claims: pretty(claims)? })
}

/// Reads a JSON object; a list, which could stand for the members of one in their order, is none.
pub(crate) fn object<'j, T: Deserialize<'j>>(json: &'j [u8]) -> Option<T> {
    json.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(json).ok())?
}

fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)
}
