//! Who may do what.
//!
//! Development mode, the only one of this version: the hub listens on loopback, and everybody on the machine
//! may do everything. What is left to check is that a request really comes from this machine's user and not
//! from a web page of somebody else that the user's browser happens to show (T1, T9).

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Method, StatusCode, Version};

use crate::api::problem::Problem;

/// Who sent a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visitor {
    /// The origin of the web page behind it, if it is one that may read the answer.
    pub(crate) origin: Option<HeaderValue>,
}

/// Lets a request in.
///
/// # Errors
/// 400 without a host, 403 for a foreign host or a foreign web page.
pub(crate) fn admit(parts: &Parts) -> Result<Visitor, Problem> {
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
    if parts.headers.get_all(HOST).iter().count() > 1 {
        return Err(Problem::malformed("Host", "The request has several Host headers. Send one."));
    }
    if !is_loopback(host.host()) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "foreign-host",
            "This hub is in development mode and answers to localhost and loopback addresses only. Address it as 127.0.0.1 or localhost; \
             behind a proxy, let the proxy send that as Host.",
        )
        .field("Host"));
    }
    match parts.headers.get(ORIGIN) {
        Some(origin) => match origin.to_str().ok().and_then(origin_host).is_some_and(|host| is_loopback(&host)) {
            true => Ok(Visitor { origin: Some(origin.clone()) }),
            false => Err(foreign_page("Origin")),
        },
        // A page of another site, loaded without CORS (an image, a form, a script element).
        None if parts.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") && !opens_page(parts) => {
            Err(foreign_page("Sec-Fetch-Site"))
        }
        None => Ok(Visitor::default()),
    }
}

/// Whether a link on another site was followed to the hub's own page: the user comes along, and the other site sees nothing.
fn opens_page(parts: &Parts) -> bool {
    let is = |name: &str, value: &str| parts.headers.get(name).is_some_and(|found| found == value);
    parts.method == Method::GET
        && parts.uri.path() == "/"
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
}

fn foreign_page(field: &str) -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "foreign-origin",
        "This hub is in development mode and serves web pages from loopback origins only, such as http://localhost:5173.",
    )
    .field(field)
}

/// The host of a serialized origin.
fn origin_host(origin: &str) -> Option<String> {
    let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))?;
    let authority: Authority = rest.parse().ok()?;
    (!rest.contains('@')).then(|| authority.host().to_owned())
}

fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match address.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
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
        admit(&request.body(()).unwrap().into_parts().0).map_err(|problem| problem.status)
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
            admit(&request.into_parts().0).map_err(|problem| problem.status)
        };
        assert!(probe("/healthz", Version::HTTP_10).is_ok());
        assert_eq!(probe("/healthz", Version::HTTP_11).unwrap_err(), StatusCode::BAD_REQUEST);
        assert_eq!(probe("/v1/topics", Version::HTTP_10).unwrap_err(), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn t1_t2_only_loopback_origins() {
        for origin in ["http://localhost:5173", "https://127.0.0.1", "http://[::1]:80"] {
            let visitor = check("localhost", &[("origin", origin)]).unwrap();
            assert_eq!(visitor.origin.unwrap(), origin);
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
        assert!(admit(&request.body(()).unwrap().into_parts().0).is_ok());
    }
}
