//! The hub's metrics as numbers.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::peer::Connection;
use crate::until;

/// All metrics of one moment, by name with labels as they are printed, for example
/// `headwater_sessions_closed_total{reason="drain"}`.
#[derive(Clone, Debug)]
pub struct Figures(HashMap<String, f64>);

impl Figures {
    /// Asks the hub at this address.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn of(address: SocketAddr) -> Self {
        let answer = Connection::open(address).and_then(|mut connection| connection.get("/metrics")).unwrap();
        let lines = answer.text().lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(|line| line.rsplit_once(' ')).filter_map(read).collect())
    }

    /// One of them.
    ///
    /// # Panics
    /// When there is no such metric.
    pub fn get(&self, name: &str) -> f64 {
        *self.0.get(name).unwrap_or_else(|| panic!("no {name} in {:#?}", self.0))
    }

    /// Open sessions.
    pub fn sessions(&self) -> f64 {
        self.get("headwater_sessions")
    }

    /// Sessions ended for this reason.
    pub fn closed(&self, reason: &str) -> f64 {
        self.get(&format!("headwater_sessions_closed_total{{reason=\"{reason}\"}}"))
    }

    /// Waits until the figures of the hub at this address satisfy `enough`.
    ///
    /// # Panics
    /// When they do not in time.
    #[track_caller]
    pub fn until(address: SocketAddr, what: &str, enough: impl Fn(&Self) -> bool) -> Self {
        until(what, || Some(Self::of(address)).filter(&enough))
    }
}

fn read((name, value): (&str, &str)) -> Option<(String, f64)> {
    Some((name.to_owned(), value.parse().ok()?))
}
