//! The one who asks for a stream.

use std::time::SystemTime;

use headwater_access::TicketKey;
use headwater_log::Selection;

use super::{Caller, Memory, credential};
use crate::api::problem::Problem;

/// The one who asks for a stream, with the ticket that opens it if they came with one.
pub(crate) struct Subscriber {
    /// With their rights.
    pub(crate) caller: Caller,
    /// Which ticket it is.
    pub(crate) ticket: Option<TicketKey>,
}

impl Subscriber {
    /// Uses their ticket for this selection.
    ///
    /// # Errors
    /// 401 when it is in use for another one.
    pub(crate) fn redeem(&self, selection: &Selection, memory: &Memory) -> Result<(), Problem> {
        match &self.ticket {
            None => Ok(()),
            Some(key) => memory.tickets().redeem(key, selection, SystemTime::now()).map_err(credential::refused),
        }
    }
}

impl From<Caller> for Subscriber {
    fn from(caller: Caller) -> Self {
        Self { caller, ticket: None }
    }
}
