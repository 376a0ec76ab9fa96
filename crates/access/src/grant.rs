//! What a verified credential gives.

use std::time::{Duration, SystemTime};

use crate::Rights;

/// What a verified credential gives, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What its holder may do.
    pub rights: Rights,
    /// Who holds it (`sub`), as the issuer names them.
    pub subject: Option<String>,
    /// The token's own id (`jti`).
    pub id: Option<String>,
    /// Who issued it (`iss`).
    pub issuer: Option<String>,
    /// When it was issued (`iat`), in seconds since 1970.
    pub issued_s: Option<u64>,
    /// When it ends, in seconds since 1970.
    pub expires_s: u64,
}

impl Grant {
    /// When it ends.
    pub fn expires(&self) -> SystemTime {
        // Far beyond what a clock can show means the end of time.
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.expires_s)).unwrap_or_else(far_future)
    }

    /// Whether it holds at this time.
    pub fn holds(&self, now: SystemTime) -> bool {
        now < self.expires()
    }
}

fn far_future() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40)
}
