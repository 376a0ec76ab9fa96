//! What subscriptions and publishers have in common: how a request is set up.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http_body_util::{BodyExt as _, Limited};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use crate::error::InvalidSetting;
use crate::problem::Problem;
use crate::redirect::Http;
use crate::refresh::Hook;

/// Settings of requests, and of who makes them.
#[derive(Clone, Default)]
pub(crate) struct Requests {
    pub(crate) headers: HeaderMap,
    /// The bearer token to start with.
    pub(crate) token: Option<String>,
    /// Where another token comes from.
    pub(crate) refresh: Option<Hook>,
    /// PEM.
    roots: Vec<Vec<u8>>,
    client: Option<Client>,
    /// The first setting that cannot be used.
    invalid: Option<String>,
}

impl Requests {
    /// Adds a header; one that cannot be sent is told by [`Self::client`].
    pub(crate) fn header(&mut self, name: &str, value: &str) {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => drop(self.headers.insert(name, value)),
            _ => self.invalid = self.invalid.take().or_else(|| Some(name.into())),
        }
    }

    /// Adds certificates to trust, in PEM.
    pub(crate) fn root_certificate(&mut self, pem: &[u8]) {
        self.roots.push(pem.into());
    }

    /// Takes a client as it is.
    pub(crate) fn use_client(&mut self, client: Client) {
        self.client = Some(client);
    }

    /// The `Authorization` header to start with.
    pub(crate) fn authorization(&self) -> Result<Option<HeaderValue>, InvalidSetting> {
        self.token.as_deref().map(bearer).transpose()
    }

    /// The client for these requests, with `idle` connections kept for the next.
    pub(crate) fn client(&self, idle: usize) -> Result<Http, InvalidSetting> {
        if let Some(name) = &self.invalid {
            return Err(InvalidSetting::Header { name: name.clone() });
        }
        if let Some(client) = &self.client {
            return Ok(Http::theirs(client.clone()));
        }
        let tls = |error: reqwest::Error| InvalidSetting::Tls(crate::error::chain(&error));
        let mut roots = Vec::new();
        for pem in &self.roots {
            roots.extend(reqwest::Certificate::from_pem_bundle(pem).map_err(tls)?);
        }
        Client::builder()
            .user_agent(concat!("headwater-client/", env!("CARGO_PKG_VERSION")))
            // The address can hold a ticket, which is nobody else's business.
            .referer(false)
            // Followed by `Http`, which knows what must not go elsewhere.
            .redirect(Policy::none())
            .pool_max_idle_per_host(idle)
            .tls_certs_merge(roots)
            .build()
            .map(Http::ours)
            .map_err(tls)
    }
}

/// The value of the `Authorization` header.
pub(crate) fn bearer(token: &str) -> Result<HeaderValue, InvalidSetting> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| InvalidSetting::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads an address.
pub(crate) fn address(text: &str) -> Result<Url, InvalidSetting> {
    let invalid = |why: String| InvalidSetting::Address { address: without_secrets(text), why };
    let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => Err(invalid(format!("its scheme is {scheme}"))),
    }
}

/// Whether a media type, which may have parameters, is this one.
pub(crate) fn is_type(content_type: &str, essence: &str) -> bool {
    let (name, _) = content_type.split_once(';').unwrap_or((content_type, ""));
    name.trim().eq_ignore_ascii_case(essence)
}

/// What a refusal says.
pub(crate) async fn read_problem(headers: &HeaderMap, body: reqwest::Body) -> Problem {
    // The ids of a stream that was stored in part are the longest of it: 65,536.
    const MOST: usize = 4 * 1024 * 1024;
    const PATIENCE: Duration = Duration::from_secs(5);
    Problem::read(content_type(headers), &read_some(body, MOST, PATIENCE).await)
}

/// The media type, which may have parameters.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok())
}

/// What comes of a body in time, and no more than `most` bytes.
pub(crate) async fn read_some(body: reqwest::Body, most: usize, patience: Duration) -> Bytes {
    let mut read = BytesMut::new();
    let mut body = Limited::new(body, most);
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            if let Ok(data) = frame.into_data() {
                read.extend_from_slice(&data);
            }
        }
    };
    // What came in time is better than nothing.
    let _ = tokio::time::timeout(patience, reading).await;
    read.freeze()
}

fn without_secrets(address: &str) -> String {
    address.split(['?', '#']).next().unwrap_or_default().into()
}
