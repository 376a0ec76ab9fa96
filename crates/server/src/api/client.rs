//! The client for browsers, as it is published: every page that the hub serves may load it.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::problem::Problem;

macro_rules! file {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../../clients/js/src/", $name)))
    };
}

/// Name below `/client/`, and content: every module of the package but those for servers.
const FILES: [(&str, &str); 24] = [
    file!("backoff.js"),
    file!("beside.js"),
    file!("credential.js"),
    file!("decode.js"),
    file!("doubt.js"),
    file!("engine.js"),
    file!("error.js"),
    file!("eventsource.js"),
    file!("extras.js"),
    file!("follow.js"),
    file!("index.js"),
    file!("items.js"),
    file!("known.js"),
    file!("lifecycle.js"),
    file!("poll.js"),
    file!("react.js"),
    file!("refusal.js"),
    file!("request.js"),
    file!("saver.js"),
    file!("store.js"),
    file!("stream.js"),
    file!("subscribe.js"),
    file!("tabs.js"),
    file!("vue.js"),
];

/// Relative, so that it holds below any path.
const ENTRY: &str = "export * from \"./client/index.js\";\n";

/// `GET /client.js`.
pub(super) async fn entry(request: Request) -> Response {
    script(&request, ENTRY)
}

/// `GET /client/{name}`.
pub(super) async fn module(request: Request) -> Result<Response, Problem> {
    let name = request.uri().path().strip_prefix("/client/").unwrap_or("");
    let found = FILES.iter().find(|(path, _)| *path == name).ok_or_else(Problem::no_route)?;
    Ok(script(&request, found.1))
}

/// Revalidated each time, as a new hub brings a new client: what has not changed is not sent again.
fn script(request: &Request, content: &'static str) -> Response {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter();
    let same = known.filter_map(|value| value.to_str().ok()).any(|value| value.contains(&tag));
    let mut response = if same { StatusCode::NOT_MODIFIED.into_response() } else { content.into_response() };
    let headers = response.headers_mut();
    if !same {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    // There is nothing of anybody's in it.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_module_of_the_package_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients/js/src");
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        let there: BTreeSet<String> = files.map(|file| file.file_name().into_string().unwrap()).collect();
        let embedded: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(there, embedded);
    }
}
