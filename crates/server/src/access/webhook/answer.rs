//! What the application says about somebody's access.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headwater_access::{Grant, Rights};
use http::StatusCode;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An answer that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// They may do this.
    Granted {
        /// What, and until when.
        grant: Grant,
        /// For how long the answer may be given again without asking.
        keep: Duration,
    },
    /// The application does not know them: 401.
    Stranger,
    /// It knows them, and they may not: 403.
    Forbidden,
}

/// Longest time an answer is kept, whatever it says.
const LONGEST_KEPT: u64 = 3600;

/// The body of a 200. A member nobody knows might take a right away, so it is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    subscribe: Vec<String>,
    subject: Option<String>,
    expires_at: Option<String>,
    ttl: Option<u64>,
    #[serde(default)]
    cache: u64,
}

/// Reads an answer that came at the time `now`.
///
/// # Errors
/// Why it says nothing, as the rest of a sentence that begins with the answer. No part of it is repeated.
pub(super) fn read(status: StatusCode, body: &[u8], now: SystemTime) -> Result<Answer, String> {
    match status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => return Ok(Answer::Stranger),
        StatusCode::FORBIDDEN => return Ok(Answer::Forbidden),
        other => return Err(format!("has the status {}, not 200, 401 or 403", other.as_u16())),
    }
    // A list could stand for the members of an object in their order.
    let object = body.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(body).ok()).flatten();
    let written: Written = object.ok_or(
        "is not {\"subscribe\":[patterns],\"subject\":text,\"expires_at\":time or \"ttl\":seconds,\"cache\":seconds}",
    )?;
    let rights = Rights::parse(&written.subscribe, &[], false).map_err(|error| format!("has a list that {error}"))?;
    let now_s = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let at = written.expires_at.as_deref().map(time).transpose()?;
    let expires_s = match (at, written.ttl) {
        (Some(at), None) => at,
        (None, Some(ttl)) => now_s.saturating_add(ttl),
        _ => return Err("has not one of \"expires_at\" and \"ttl\"; every right must end".to_owned()),
    };
    if expires_s <= now_s {
        return Ok(Answer::Stranger);
    }
    let keep = Duration::from_secs(written.cache.min(expires_s - now_s).min(LONGEST_KEPT));
    let grant = Grant { rights, subject: written.subject, id: None, issuer: None, issued_s: Some(now_s), expires_s };
    Ok(Answer::Granted { grant, keep })
}

fn time(text: &str) -> Result<u64, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok();
    let seconds = time.and_then(|time| u64::try_from(time.unix_timestamp()).ok());
    seconds.ok_or_else(|| "has an \"expires_at\" that is no time such as 2026-01-31T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(status: u16, body: &str) -> Result<Answer, String> {
        read(StatusCode::from_u16(status).unwrap(), body.as_bytes(), UNIX_EPOCH + Duration::from_secs(1000))
    }

    #[test]
    fn grants_end_and_are_kept_no_longer_than_that() {
        let granted = |body: &str| match at(200, body).unwrap() {
            Answer::Granted { grant, keep } => (grant.expires_s, keep.as_secs(), grant.subject),
            other => panic!("{other:?}"),
        };
        let ada = Some("ada".to_owned());
        assert_eq!(granted("{\"subscribe\":[\"a\"],\"subject\":\"ada\",\"ttl\":60}"), (1060, 0, ada));
        assert_eq!(granted("{\"subscribe\":[],\"ttl\":60,\"cache\":90}"), (1060, 60, None));
        let time = "{\"subscribe\":[],\"expires_at\":\"1970-01-01T03:00:00+01:00\",\"cache\":86400}";
        assert_eq!(granted(time), (7200, 3600, None));
        for over in ["\"ttl\":0", "\"expires_at\":\"1970-01-01T00:16:40Z\""] {
            assert_eq!(at(200, &format!("{{\"subscribe\":[\"a\"],{over}}}")), Ok(Answer::Stranger));
        }
    }

    #[test]
    fn what_is_not_understood_grants_nothing() {
        for body in [
            "",
            "[]",
            "[[\"a\"],null,null,60,0]",
            "{\"ttl\":60}",
            "{\"subscribe\":\"a\",\"ttl\":60}",
            "{\"subscribe\":[\"a//b\"],\"ttl\":60}",
            "{\"subscribe\":[\"a\"]}",
            "{\"subscribe\":[\"a\"],\"ttl\":60,\"expires_at\":\"2026-01-31T12:00:00Z\"}",
            "{\"subscribe\":[\"a\"],\"expires_at\":\"soon\"}",
            "{\"subscribe\":[\"a\"],\"ttl\":-1}",
            "{\"subscribe\":[\"a\"],\"ttl\":60,\"publish\":[\"a\"]}",
            "{\"subscribe\":[\"a\"],\"subscribe\":[\"b\"],\"ttl\":60}",
        ] {
            assert!(at(200, body).is_err(), "{body}");
        }
        let good = "{\"subscribe\":[\"a\"],\"ttl\":60}";
        assert_eq!((at(401, good), at(403, good)), (Ok(Answer::Stranger), Ok(Answer::Forbidden)));
        for status in [201, 204, 302, 400, 404, 429, 500] {
            assert!(at(status, good).is_err(), "{status}");
        }
    }
}
