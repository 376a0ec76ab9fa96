//! The hub's own page, embedded in the binary.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};

use super::page_files::{FILES, INDEX};
use super::problem::Problem;

/// No inline script or style, nothing from elsewhere, no markup from data (T23).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
                      frame-ancestors 'none'; form-action 'none'; require-trusted-types-for 'script'";

/// `GET /`.
pub(super) async fn index() -> Response {
    file("text/html; charset=utf-8", INDEX)
}

/// `GET /assets/{name}`; the name may have slashes.
pub(super) async fn asset(request: Request) -> Result<Response, Problem> {
    let name = request.uri().path().strip_prefix("/assets/").unwrap_or("");
    let found = FILES.iter().find(|(path, ..)| *path == name).ok_or_else(Problem::no_route)?;
    Ok(file(found.1, found.2))
}

fn file(media: &'static str, content: &'static str) -> Response {
    let mut response = content.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // Revalidated each time: a new hub brings a new page.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    response
}
