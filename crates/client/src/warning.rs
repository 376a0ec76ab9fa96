//! What went wrong beside the stream.

use crate::error::BoxError;

/// Something failed that does not stop the stream.
#[derive(Debug)]
#[non_exhaustive]
pub enum Warning {
    /// The store could not tell where to start. The subscription starts without a cursor.
    Load(BoxError),
    /// The store could not save an id. After a restart, events may come again.
    Save(BoxError),
    /// The refresh hook failed. Where a credential was refused it is asked again, after a wait.
    Refresh(BoxError),
    /// The session could not be renewed. The stream will end when its credential does, and be opened again.
    Renew(BoxError),
}

/// Whom to tell.
pub(crate) struct OnWarning(pub(crate) Option<Tell>);

type Tell = Box<dyn Fn(&Warning) + Send + Sync>;

impl OnWarning {
    pub(crate) fn tell(&self, warning: Warning) {
        match &self.0 {
            Some(tell) => tell(&warning),
            None => tracing::warn!("{warning}"),
        }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Load(error) => write!(f, "the store could not tell where to start: {error}"),
            Self::Save(error) => write!(f, "the store could not save an id: {error}"),
            Self::Refresh(error) => write!(f, "the refresh hook failed: {error}"),
            Self::Renew(error) => write!(f, "the session could not be renewed: {error}"),
        }
    }
}
