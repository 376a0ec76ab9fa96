//! The token that all requests of a publisher share.

use http::HeaderValue;
use tokio::sync::Mutex;

use crate::error::BoxError;
use crate::http::bearer;
use crate::refresh::{Cause, Hook};

/// The token there is, and where another comes from.
pub(super) struct Credentials {
    hook: Option<Hook>,
    /// Held while another is asked for: requests that are made meanwhile wait for it.
    token: Mutex<Token>,
}

/// A token, and which of all it is.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) value: Option<HeaderValue>,
    generation: u64,
}

impl Credentials {
    pub(super) fn new(value: Option<HeaderValue>, hook: Option<Hook>) -> Self {
        Self { hook, token: Mutex::new(Token { value, generation: 0 }) }
    }

    pub(super) const fn can_refresh(&self) -> bool {
        self.hook.is_some()
    }

    pub(super) async fn token(&self) -> Token {
        self.token.lock().await.clone()
    }

    /// Asks for another token in place of one that was refused, once for all requests that had it.
    pub(super) async fn refresh(&self, refused: &Token, cause: Cause) -> Result<(), BoxError> {
        let Some(hook) = &self.hook else { return Err("there is no refresh hook".into()) };
        let mut token = self.token.lock().await;
        if token.generation == refused.generation {
            token.value = Some(bearer(&hook(cause).await?)?);
            token.generation += 1;
        }
        Ok(())
    }
}
