//! Who sends a request, and which ones are answered at all: the name they were sent to, and the web page behind them (T1, T2, T9).

use std::net::IpAddr;

use headwater_access::{Network, Source};
use http::header::{FORWARDED, HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

use super::guard::Guard;
use crate::api::problem::Problem;

/// Where a request comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visitor {
    /// The web page behind it, if it is one that may read the answer.
    pub(crate) page: Option<Page>,
    /// Whether it may bring a cookie: its page is an allowed one, or the browser says it is the hub's own.
    pub(crate) cookies: bool,
    /// Whether it was sent to this machine's own name, where cookies need no TLS.
    pub(crate) loopback: bool,
}

/// The origin of a web page.
#[derive(Clone, Debug)]
pub(crate) enum Page {
    /// One that is allowed by name, or one of the hub itself.
    Exact(HeaderValue),
    /// Any other, where all are allowed; it may not use cookies.
    Any,
}

/// Who is behind a request that came over a connection from `peer`.
pub(crate) fn source(headers: &HeaderMap, peer: IpAddr, trusted: &[Network]) -> Source {
    fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a [u8]> {
        headers.get_all(name).iter().map(HeaderValue::as_bytes)
    }
    Source::behind(peer, trusted, values(headers, FORWARDED.as_str()), values(headers, "x-forwarded-for"))
}

/// Lets a request in; `guard` is absent in development mode.
///
/// # Errors
/// 400 without a host, 403 for a foreign host or a foreign web page.
pub(crate) fn admit(parts: &Parts, guard: Option<&Guard>, tls: bool) -> Result<Visitor, Problem> {
    let host = match parts.uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => parts.headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok()),
    };
    // Health checks of proxies speak HTTP/1.0, which knows no Host, and learn nothing but that the hub is there.
    if host.is_none() && parts.version == Version::HTTP_10 && matches!(parts.uri.path(), "/healthz" | "/readyz") {
        return Ok(Visitor::default());
    }
    let Some(host) = host.filter(|host| !host.as_str().contains('@')) else {
        return Err(Problem::malformed(
            "Host",
            "The request has no usable Host header. Send the name and port of the hub.",
        ));
    };
    // RFC 9113, 8.3.1; over HTTP/1 the target goes before the header (RFC 9112, 3.2.2).
    if parts.version == Version::HTTP_2
        && parts.headers.get(HOST).is_some_and(|named| !named.as_bytes().eq_ignore_ascii_case(host.as_str().as_bytes()))
    {
        return Err(Problem::malformed("Host", "The Host header and :authority name two hosts. Send one of them."));
    }
    if parts.headers.get_all(HOST).iter().count() > 1 {
        return Err(Problem::malformed("Host", "The request has several Host headers. Send one."));
    }
    let loopback = is_loopback(host.host());
    match guard {
        None if !loopback => return Err(foreign_host(DEVELOPMENT_HOST)),
        Some(guard) if !guard.answers_to(&host) => return Err(foreign_host(GUARDED_HOST)),
        _ => {}
    }
    if loads_client(parts) {
        return Ok(Visitor { page: Some(Page::Any), cookies: false, loopback });
    }
    let same_origin = parts.headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    let Some(origin) = parts.headers.get(ORIGIN) else {
        // A page of another site, loaded without CORS (an image, a form, a script element).
        if parts.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") && !opens_page(parts) {
            return Err(foreign_page("Sec-Fetch-Site", guard));
        }
        return Ok(Visitor { page: None, cookies: same_origin, loopback });
    };
    if parts.headers.get_all(ORIGIN).iter().count() > 1 {
        return Err(foreign_page("Origin", guard));
    }
    let page = match guard {
        None => origin.to_str().ok().and_then(origin_host).filter(|page| is_loopback(page.host())).map(|_| true),
        Some(_) if is_own(origin, &host, same_origin, tls, loopback) => Some(true),
        Some(guard) => guard.takes_page(origin),
    };
    match page {
        Some(true) => Ok(Visitor { page: Some(Page::Exact(origin.clone())), cookies: true, loopback }),
        Some(false) => Ok(Visitor { page: Some(Page::Any), cookies: false, loopback }),
        None => Err(foreign_page("Origin", guard)),
    }
}

/// Whether the page comes from the hub itself. A page that was loaded over plain HTTP does not count as a page of a hub
/// that speaks TLS, or is behind a proxy that may: anybody on the way can write such a page.
fn is_own(origin: &HeaderValue, host: &Authority, same_origin: bool, tls: bool, loopback: bool) -> bool {
    let Ok(text) = origin.to_str() else { return false };
    let trusted = same_origin || text.starts_with("https://") || (loopback && !tls);
    trusted && origin_host(text).is_some_and(|page| page.as_str().eq_ignore_ascii_case(host.as_str()))
}

/// Whether it is for the client for browsers: a program that everybody may have, and in which there is nothing of anybody's.
fn loads_client(parts: &Parts) -> bool {
    let path = parts.uri.path();
    matches!(parts.method, Method::GET | Method::HEAD) && (path == "/client.js" || path.starts_with("/client/"))
}

/// Whether a link on another site was followed to the hub's own page: the user comes along, and the other site sees nothing.
fn opens_page(parts: &Parts) -> bool {
    let is = |name: &str, value: &str| parts.headers.get(name).is_some_and(|found| found == value);
    parts.method == Method::GET
        && parts.uri.path() == "/"
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
}

const DEVELOPMENT_HOST: &str = "This hub is in development mode and answers to localhost and loopback addresses only. Address it as \
     127.0.0.1 or localhost; behind a proxy, let the proxy send that as Host.";
const GUARDED_HOST: &str = "This hub does not answer to this name. Add it to access.hosts, or let the proxy send one of the names there as Host.";

fn foreign_host(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "foreign-host", detail).field("Host").because("foreign-host")
}

fn foreign_page(field: &str, guard: Option<&Guard>) -> Problem {
    let detail = match guard {
        None => {
            "This hub is in development mode and serves web pages from loopback origins only, such as http://localhost:5173."
        }
        Some(_) => "This hub does not serve web pages of this origin. Add it to access.origins.",
    };
    Problem::new(StatusCode::FORBIDDEN, "foreign-origin", detail).field(field).because("foreign-origin")
}

/// The host and port of a serialized origin.
fn origin_host(origin: &str) -> Option<Authority> {
    let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))?;
    let authority: Authority = rest.parse().ok()?;
    (!rest.contains('@')).then_some(authority)
}

/// Whether a name is this machine's own.
pub(super) fn is_loopback(host: &str) -> bool {
    match address(host) {
        Some(address) => address.is_loopback(),
        None => host.eq_ignore_ascii_case("localhost"),
    }
}

/// The address that a host is written as, if it is one.
pub(super) fn address(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn check(host: &str, headers: &[(&str, &str)]) -> Result<Visitor, StatusCode> {
        let mut request = Request::get("/v1/events").header("host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        admit(&request.body(()).unwrap().into_parts().0, None, false).map_err(|problem| problem.status)
    }

    #[test]
    fn t9_only_loopback_hosts() {
        for host in ["localhost", "LOCALHOST:7070", "127.0.0.1:7070", "[::1]:7070", "127.3.2.1"] {
            assert!(check(host, &[]).is_ok(), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:7070", "localhost.evil.example", "10.0.0.1"] {
            assert_eq!(check(host, &[]).unwrap_err(), StatusCode::FORBIDDEN, "{host}");
        }
        assert_eq!(check("", &[]).unwrap_err(), StatusCode::BAD_REQUEST);
        assert_eq!(check("evil.example@127.0.0.1", &[]).unwrap_err(), StatusCode::BAD_REQUEST);
        let probe = |path: &str, version| {
            let request = Request::get(path).version(version).body(()).unwrap();
            admit(&request.into_parts().0, None, false).map_err(|problem| problem.status)
        };
        assert!(probe("/healthz", Version::HTTP_10).is_ok());
        assert_eq!(probe("/healthz", Version::HTTP_11).unwrap_err(), StatusCode::BAD_REQUEST);
        assert_eq!(probe("/v1/topics", Version::HTTP_10).unwrap_err(), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn t14_sources_of_requests() {
        let from = |peer: &str, fields: &[(&str, &str)]| {
            let request = fields.iter().fold(Request::get("/"), |request, (name, value)| request.header(*name, *value));
            let trusted = ["10.0.0.0/8".parse().unwrap()];
            source(request.body(()).unwrap().headers(), peer.parse().unwrap(), &trusted).address.to_string()
        };
        let fields = [("x-forwarded-for", "192.0.2.1"), ("X-Forwarded-For", "192.0.2.2, 10.1.1.1")];
        assert_eq!(from("10.0.0.1", &fields), "192.0.2.2");
        assert_eq!(from("192.0.2.9", &fields), "192.0.2.9");
        assert_eq!(from("10.0.0.1", &[("forwarded", "for=192.0.2.3")]), "192.0.2.3");
    }

    #[test]
    fn t1_t2_only_loopback_origins() {
        for origin in ["http://localhost:5173", "https://127.0.0.1", "http://[::1]:80"] {
            let visitor = check("localhost", &[("origin", origin)]).unwrap();
            assert!(matches!(visitor.page, Some(Page::Exact(page)) if page == origin));
        }
        for origin in [
            "null",
            "https://evil.example",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
            "file://",
        ] {
            assert_eq!(check("localhost", &[("origin", origin)]).unwrap_err(), StatusCode::FORBIDDEN, "{origin}");
        }
        assert_eq!(check("localhost", &[("sec-fetch-site", "cross-site")]).unwrap_err(), StatusCode::FORBIDDEN);
        assert!(check("localhost", &[("sec-fetch-site", "none")]).is_ok());
        let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert_eq!(check("localhost", &link).unwrap_err(), StatusCode::FORBIDDEN, "a stream is no page to open");
        let request =
            link.iter().fold(Request::get("/").header("host", "localhost"), |request, (k, v)| request.header(*k, *v));
        assert!(admit(&request.body(()).unwrap().into_parts().0, None, false).is_ok());
    }

    #[test]
    fn the_client_is_for_pages_of_every_origin() {
        let load = |method: Method, path: &str, host: &str, field: (&str, &str)| {
            let request = Request::builder().method(method).uri(path).header("host", host).header(field.0, field.1);
            admit(&request.body(()).unwrap().into_parts().0, None, false).map_err(|problem| problem.status)
        };
        for field in [("origin", "https://app.example"), ("sec-fetch-site", "cross-site"), ("origin", "null")] {
            for path in ["/client.js", "/client/index.js"] {
                let visitor = load(Method::GET, path, "localhost", field).unwrap();
                assert!(matches!(visitor.page, Some(Page::Any)) && !visitor.cookies, "{path} {field:?}");
                assert_eq!(load(Method::POST, path, "localhost", field).unwrap_err(), StatusCode::FORBIDDEN);
                assert_eq!(load(Method::GET, path, "evil.example", field).unwrap_err(), StatusCode::FORBIDDEN);
            }
            assert_eq!(load(Method::GET, "/client.json", "localhost", field).unwrap_err(), StatusCode::FORBIDDEN);
        }
    }
}
