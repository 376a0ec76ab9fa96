//! The ordinary endpoints. Subscriptions branch off before, in `edge`, because their sockets may leave hyper.

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};
use headwater_access::Source;
use http::Extensions;
use tokio::sync::watch;

use super::problem::Problem;
use super::{admin, client, health, openapi, page, sessions, tickets, topics};
use crate::access::Caller;
use crate::edge::connection::Phase;
use crate::flow::publish::Context;
use crate::hub::Hub;
use crate::observe::Counters;

/// What handlers share: the hub, and the counters of the shard they run on.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) hub: Arc<Hub>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) phase: watch::Receiver<Phase>,
}

impl Api {
    /// What a publish handler works with.
    pub(super) fn publish<'a>(&'a self, caller: &'a Caller, extensions: &Extensions) -> Context<'a> {
        let limits = &self.hub.settings().limits;
        let source = extensions.get::<Source>();
        let grant = caller.grant().map(|grant| &**grant);
        let party = source.and_then(|source| self.hub.limiter.party(*source, grant, limits));
        Context { hub: &self.hub, counters: &self.counters, phase: &self.phase, caller, party }
    }
}

/// The routes.
pub(crate) fn routes(api: Api) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/assets/{*name}", get(page::asset))
        .route("/client.js", get(client::entry))
        .route("/client/{name}", get(client::module))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::document))
        .route("/v1/events", post(topics::batch).fallback(async || Problem::method("GET, HEAD, POST")))
        .route("/v1/tickets", post(tickets::create).fallback(async || Problem::method("POST")))
        .route("/v1/sessions/{session}/credential", post(sessions::renew).fallback(async || Problem::method("POST")))
        .merge(admin::routes())
        .route("/v1/topics", get(topics::list))
        .route("/v1/topics/", any(topics::topic))
        .route("/v1/topics/{*topic}", any(topics::topic))
        .method_not_allowed_fallback(async || Problem::method("GET, HEAD"))
        .fallback(async || Problem::no_route())
        .with_state(api)
}
