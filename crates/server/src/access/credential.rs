//! Where a credential is in a request, and the answers to one that will not do.

use headwater_access::Refusal;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, StatusCode};

use crate::api::problem::Problem;
use crate::api::query::Query;

/// The cookie that carries a token: browsers take it over TLS only, and from the hub's own host only.
const COOKIE_NAME: &str = "__Host-headwater";
/// Its name on plain loopback, where browsers refuse the other.
const LOOPBACK_COOKIE: &str = "headwater";

/// The token of `Authorization: Bearer`.
///
/// # Errors
/// 401 for another scheme or several of them.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
    });
    match (token, values.next()) {
        (Some(token), None) if !token.is_empty() => Ok(Some(token)),
        _ => Err(unauthorized("malformed", "Send one Authorization header with the value Bearer and a token.")),
    }
}

/// The token of the cookie.
///
/// # Errors
/// 401 when there are several: a neighbouring host may have planted one.
pub(super) fn cookie(headers: &HeaderMap, loopback: bool) -> Result<Option<&str>, Problem> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs
        .filter(|(name, _)| *name == COOKIE_NAME || (loopback && *name == LOOPBACK_COOKIE))
        .map(|(_, value)| value.trim_matches('"'));
    let Some(token) = found.next() else { return Ok(None) };
    match found.next() {
        None => Ok(Some(token)),
        Some(_) => Err(unauthorized("malformed", "The request has several cookies with a token. Send one.")),
    }
}

/// The ticket of the address.
///
/// # Errors
/// 400 for a query that cannot be read.
pub(super) fn ticket(query: Option<&str>) -> Result<Option<String>, Problem> {
    Ok(Query::parse(query)?.first("ticket").map(str::to_owned))
}

/// 401 for a credential that does not hold.
pub(super) fn refused(refusal: Refusal) -> Problem {
    let mut detail = format!("{refusal}.");
    detail[..1].make_ascii_uppercase();
    unauthorized(refusal.reason(), detail)
}

/// 401.
pub(super) fn unauthorized(reason: &'static str, detail: impl Into<String>) -> Problem {
    // RFC 6750, 3: without a credential the challenge names no error.
    let challenge = match reason {
        "missing" => "Bearer realm=\"headwater\"",
        _ => "Bearer realm=\"headwater\", error=\"invalid_token\"",
    };
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).because(reason).challenge(challenge)
}

/// 403 for a cookie that a page of somebody else may have sent along.
pub(super) fn foreign_cookie() -> Problem {
    let detail = "A cookie is taken from a page of the hub or of an origin in access.origins only. \
                  Send the token as Authorization: Bearer, or use a ticket.";
    Problem::new(StatusCode::FORBIDDEN, "foreign-origin", detail).field("Cookie").because("foreign-cookie")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn sec_05_the_places_of_credentials() {
        let token = |value| bearer(&headers(&[("authorization", value)])).map(|found| found.map(str::to_owned)).ok();
        assert_eq!(token("Bearer a.b.c"), Some(Some("a.b.c".to_owned())));
        assert_eq!(token("bearer  a.b.c "), Some(Some("a.b.c".to_owned())));
        for wrong in ["Basic YTpi", "Bearer", "Bearer ", "a.b.c", ""] {
            assert_eq!(token(wrong), None, "{wrong}");
        }
        let jar = |value, loopback| {
            cookie(&headers(&[("cookie", value)]), loopback).map(|found| found.map(str::to_owned)).ok()
        };
        assert_eq!(jar("x=1; __Host-headwater=a.b.c; y=2", false), Some(Some("a.b.c".to_owned())));
        assert_eq!(jar("headwater=a.b.c", true), Some(Some("a.b.c".to_owned())));
        assert_eq!(jar("headwater=a.b.c", false), Some(None));
        assert_eq!(jar("__host-headwater=a; Headwater=b", true), Some(None));
        assert_eq!(jar("__Host-headwater=a; __Host-headwater=b", false), None);
    }
}
