//! The programs the commands call: Debian packages for the tests, Cargo tools for the checks.

pub(crate) mod cargo;
pub(crate) mod debian;
