//! Every client held to `docs/src/clients.md`, through its test service.
//!
//! A scenario is written once and runs in every language, as a test named `<behaviour>::<language>::<scenario>`. Which rule
//! it proves stands in the table of that page, and a test of `xtask` holds the two together.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

// FWK-06: the suite is the same for clients of all languages.
/// Makes a test of each scenario for each client.
macro_rules! scenarios {
    ($($scenario:ident),+ $(,)?) => {
        scenarios!(@in rust: $($scenario)+);
        scenarios!(@in js: $($scenario)+);
        scenarios!(@in python: $($scenario)+);
    };
    (@in $language:ident: $($scenario:ident)+) => {
        mod $language {
            $(
                #[test]
                fn $scenario() {
                    super::$scenario(crate::services::$language());
                }
            )+
        }
    };
}

mod answers;
mod bounds;
mod contract;
mod control;
mod cursor;
mod decoding;
mod duplicates;
mod hub;
mod services;
mod silence;
mod state;
mod store;
mod waiting;
