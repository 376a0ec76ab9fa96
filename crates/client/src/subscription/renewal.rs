//! Renewing the credential of an open stream.

use std::time::Duration;

use http::HeaderValue;
use http::header::AUTHORIZATION;

use crate::error::{BoxError, chain};
use crate::http::{bearer, read_problem};
use crate::redirect::Http;
use crate::refresh::BoxFuture;

/// What came of a renewal.
pub(super) struct Renewal {
    /// The new credential, for the next attempt too.
    pub(super) token: Option<HeaderValue>,
    /// Why the session goes on with the old one.
    pub(super) failed: Option<BoxError>,
}

/// How long the hub may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for a credential and sends it with `request`.
pub(super) fn renew(
    credential: BoxFuture<Result<String, BoxError>>,
    http: Http,
    request: reqwest::RequestBuilder,
) -> BoxFuture<Renewal> {
    Box::pin(async move {
        let token = match credential.await.and_then(|token| Ok(bearer(&token)?)) {
            Ok(token) => token,
            Err(error) => return Renewal { token: None, failed: Some(error) },
        };
        let sent = http.send(request.header(AUTHORIZATION, token.clone()).timeout(PATIENCE)).await;
        let failed = match sent {
            Err(error) => Some(chain(&error.without_url()).into()),
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(refusal(answer).await),
        };
        Renewal { token: Some(token), failed }
    })
}

async fn refusal(answer: reqwest::Response) -> BoxError {
    let (parts, body) = http::Response::from(answer).into_parts();
    let problem = read_problem(&parts.headers, body).await;
    format!("the hub answered with the status {}: {problem}", parts.status.as_u16()).into()
}
