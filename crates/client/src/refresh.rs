//! Asking the application for a new credential.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::BoxError;

/// Why a new credential is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The server refused the one there is.
    Refused {
        /// 401 or 403.
        status: u16,
        /// The server's word for why, if it has one.
        reason: Option<String>,
    },
    /// The hub ended a stream whose credential had expired or was revoked.
    Closing {
        /// `expired` or `revoked`.
        reason: String,
    },
    /// The credential of an open stream ends soon.
    Expiring {
        /// When, in RFC 3339.
        expires_at: String,
    },
}

/// A refresh hook.
pub(crate) type Hook = Arc<dyn Fn(Cause) -> BoxFuture<Result<String, BoxError>> + Send + Sync>;

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Makes a hook of a function that returns a future.
pub(crate) fn hook<F, R, E>(ask: F) -> Hook
where
    F: Fn(Cause) -> R + Send + Sync + 'static,
    R: Future<Output = Result<String, E>> + Send + 'static,
    E: Into<BoxError>,
{
    Arc::new(move |cause| {
        let answer = ask(cause);
        Box::pin(async move { answer.await.map_err(Into::into) })
    })
}
