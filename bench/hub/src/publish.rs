//! Publishers in a closed loop: each sends its next event when the last one is durable.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::http::{Connection, request};

/// Rate and latency.
pub(crate) struct Figures {
    pub(crate) rate: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Figures {
    pub(crate) fn from(latency: &Histogram<u64>, time: Duration) -> Self {
        Self {
            rate: latency.len() as f64 / time.as_secs_f64(),
            p50: Duration::from_micros(latency.value_at_quantile(0.5)),
            p99: Duration::from_micros(latency.value_at_quantile(0.99)),
        }
    }
}

/// Runs for this long.
pub(crate) async fn closed_loop(address: SocketAddr, publishers: usize, time: Duration) -> io::Result<Figures> {
    let started = Instant::now();
    let tasks: Vec<_> = (0..publishers).map(|n| tokio::spawn(publisher(address, n, started + time))).collect();
    let mut total = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).map_err(io::Error::other)?;
    for task in tasks {
        total.add(task.await.map_err(io::Error::other)??).map_err(io::Error::other)?;
    }
    Ok(Figures::from(&total, started.elapsed()))
}

async fn publisher(address: SocketAddr, number: usize, until: Instant) -> io::Result<Histogram<u64>> {
    let mut connection = Connection::open(address).await?;
    let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).map_err(io::Error::other)?;
    let request = request(&format!("/v1/topics/bench/{number}"), "text/plain", &"x".repeat(130));
    while Instant::now() < until {
        let before = Instant::now();
        connection.post(&request).await?;
        latency.saturating_record((before.elapsed().as_micros() as u64).max(1));
    }
    Ok(latency)
}
