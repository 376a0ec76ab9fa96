//! Following redirects, without telling another origin what is meant for the first.

use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, LOCATION};
use http::{Method, StatusCode};
use reqwest::{Client, Request, RequestBuilder, Response, Url};

/// Makes requests.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    /// The client is the application's, and follows redirects or does not, as the application has it.
    is_theirs: bool,
}

/// The most redirects of one request.
const MOST: usize = 20;

/// What goes to another origin: what says how the answer has to look, and where it goes on. Anything else may be a secret,
/// whatever its name is.
const HARMLESS: [HeaderName; 4] = [ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName::from_static("last-event-id")];

impl Http {
    /// A client that follows nothing by itself.
    pub(crate) const fn ours(client: Client) -> Self {
        Self { client, is_theirs: false }
    }

    /// A client of the application's.
    pub(crate) const fn theirs(client: Client) -> Self {
        Self { client, is_theirs: true }
    }

    pub(crate) fn request(&self, method: Method, address: Url) -> RequestBuilder {
        self.client.request(method, address)
    }

    /// Makes a request, and those it is redirected to. One whose body cannot be sent again is not.
    pub(crate) async fn send(self, request: RequestBuilder) -> reqwest::Result<Response> {
        let mut request = request.build()?;
        for _ in 0..MOST {
            let next = if self.is_theirs { None } else { request.try_clone() };
            let response = self.client.execute(request).await?;
            match next.and_then(|next| elsewhere(next, &response)) {
                Some(next) => request = next,
                None => return Ok(response),
            }
        }
        self.client.execute(request).await
    }
}

/// The same request where an answer says it has to go, as far as browsers follow it. 303 means another one.
fn elsewhere(mut request: Request, response: &Response) -> Option<Request> {
    let keeps_method = match response.status() {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => false,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        _ => return None,
    };
    let location = std::str::from_utf8(response.headers().get(LOCATION)?.as_bytes()).ok()?;
    let address = request.url().join(location).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    if !keeps_method && *request.method() == Method::POST {
        *request.method_mut() = Method::GET;
        *request.body_mut() = None;
        request.headers_mut().remove(CONTENT_TYPE);
    }
    if address.origin() != request.url().origin() {
        let mut kept = http::HeaderMap::new();
        for name in HARMLESS {
            if let Some(value) = request.headers_mut().remove(&name) {
                kept.insert(name, value);
            }
        }
        *request.headers_mut() = kept;
    }
    *request.url_mut() = address;
    Some(request)
}
