//! The decisions alone: no hub, no socket.

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use cpu_time::ThreadTime;
use headwater_access::TokenCache;

use crate::keys::{Failure, Pair};

/// Tokens that go around, so that no branch and no line of the cache knows the next one.
const TOKENS: usize = 1000;
/// How long one figure is measured, in CPU time, and how often; the median counts.
const ROUND: Duration = Duration::from_millis(200);
const ROUNDS: usize = 5;

/// Nanoseconds of CPU time.
pub struct Figures {
    pub remembered: f64,
    pub verified: f64,
    pub refused: f64,
}

/// Measures the tokens of one key.
pub fn measure(pair: &Pair) -> Result<Figures, Failure> {
    let tokens: Vec<String> = (0..TOKENS).map(|reader| pair.token(reader)).collect::<Result<_, _>>()?;
    let forged: Vec<String> = tokens.iter().map(|token| forge(token)).collect();
    let (verifier, now) = (pair.verifier()?, SystemTime::now());
    let mut cache = TokenCache::new(10 * TOKENS);
    for token in &tokens {
        cache.verify(&verifier, token, now)?;
    }
    let figures = Figures {
        remembered: each(&tokens, |token| cache.recall(token, now).is_some_and(|grant| grant.is_ok())),
        verified: each(&tokens, |token| verifier.verify(token, now).is_ok()),
        refused: each(&forged, |token| verifier.verify(token, now).is_err()),
    };
    Ok(figures)
}

/// The token with another signature: one character of it is another.
fn forge(token: &str) -> String {
    let at = token.rfind('.').map_or(0, |dot| dot + 10);
    let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

fn each(tokens: &[String], mut decide: impl FnMut(&str) -> bool) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let (start, mut done) = (ThreadTime::now(), 0_u32);
            while start.elapsed() < ROUND {
                for token in tokens {
                    assert!(decide(black_box(token)), "the wrong decision about {token}");
                    done += 1;
                }
            }
            start.elapsed().as_secs_f64() * 1e9 / f64::from(done)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}
