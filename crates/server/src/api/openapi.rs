//! `GET /openapi.json`: the description of this interface for programs (OpenAPI 3.1).
//!
//! It is written by hand in `openapi.json`. The tests here hold it against the routes, those of `tests/python` against
//! what a running hub answers.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

const DOCUMENT: &str = include_str!("openapi.json");

/// The document.
pub(super) async fn document() -> Response {
    let mut response = DOCUMENT.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use axum::body::Body;
    use headwater_log::{Memory, MemoryOptions};
    use http::{Method, Request, StatusCode};
    use serde_json::Value;
    use tokio::sync::watch;
    use tower_service::Service;

    use super::*;
    use crate::access::{Caller, Memory as Credentials};
    use crate::api::router::{Api, routes};
    use crate::config::Settings;
    use crate::edge::connection::Phase;
    use crate::hub::Hub;
    use crate::outgoing::Courier;

    /// It branches off within the route of a topic, where the class of the topic says so.
    const PRESENCE: &str = "/v1/topics/{topic}/presence";

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    /// The paths of the router's source, as the document writes them.
    fn routed() -> BTreeSet<String> {
        let source = concat!(include_str!("router.rs"), include_str!("admin/mod.rs"));
        let paths = source.split(".route(").skip(1).filter_map(|rest| rest.split('"').nth(1));
        // A topic may have slashes, and none at all is refused by the same handler.
        let paths = paths.filter(|path| *path != "/v1/topics/").map(|path| path.replace("{*", "{"));
        paths.chain([PRESENCE.to_owned()]).collect()
    }

    /// The methods a route has by its own word, if it does not have this one. A refusal is ready at once; handlers may
    /// wait for shards, which do not run here.
    async fn refused(method: &str, path: &str) -> Option<BTreeSet<String>> {
        let access_log = crate::observe::AccessLog::start(&crate::config::AccessLogTarget::Off).unwrap();
        let hub = Hub::new(
            Memory::new(MemoryOptions::default()),
            Settings { shards: 1, ..Settings::default() },
            Credentials::default(),
            Courier::start().unwrap(),
            access_log,
        );
        let counters = hub.counters[0].clone();
        let mut routes = routes(Api { hub, counters, phase: watch::channel(Phase::Serving).1 });
        // Names of parameters will do as their values.
        let target = path.replace(['{', '}'], "");
        let request = Request::builder().method(method).uri(target).extension(Caller::everybody());
        let answer = routes.call(request.body(Body::empty()).unwrap());
        let Ok(response) = tokio::time::timeout(Duration::ZERO, answer).await.ok()?;
        let allow = response.headers().get(header::ALLOW).map(|allow| allow.to_str().unwrap());
        (response.status() == StatusCode::METHOD_NOT_ALLOWED)
            .then(|| allow.unwrap_or_default().split(", ").map(str::to_owned).collect())
    }

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let document = document();
        let described: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(described, routed());
    }

    #[tokio::test]
    async fn every_method_of_a_route_is_described_and_no_other() {
        let document = document();
        let paths = document["paths"].as_object().unwrap().iter();
        for (path, item) in paths.filter(|(path, _)| *path != PRESENCE) {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            let mut described: BTreeSet<String> = methods.map(|method| method.to_uppercase()).collect();
            for method in &described {
                let method: Method = method.parse().unwrap();
                // Subscriptions branch off before the router.
                let apart = path == "/v1/events" && matches!(method, Method::GET | Method::HEAD);
                assert!(apart || refused(method.as_str(), path).await.is_none(), "{method} {path}");
            }
            if described.contains("GET") {
                described.insert("HEAD".to_owned());
            }
            assert_eq!(refused("PATCH", path).await, Some(described), "{path}");
        }
    }

    #[test]
    fn every_reference_has_its_target_and_every_component_its_use() {
        fn collect(value: &Value, references: &mut BTreeSet<String>) {
            match value {
                Value::Object(members) => members.iter().for_each(|(name, member)| match (name.as_str(), member) {
                    ("$ref", Value::String(target)) => drop(references.insert(target.clone())),
                    _ => collect(member, references),
                }),
                Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
                _ => {}
            }
        }
        let document = document();
        let mut used = BTreeSet::new();
        collect(&document, &mut used);
        let kinds = document["components"].as_object().unwrap().iter().filter(|(kind, _)| *kind != "securitySchemes");
        let defined: BTreeSet<String> = kinds
            .flat_map(|(kind, of)| {
                of.as_object().unwrap().keys().map(move |name| format!("#/components/{kind}/{name}"))
            })
            .collect();
        assert_eq!(used, defined);
    }

    #[test]
    fn the_version_is_that_of_the_hub() {
        assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
