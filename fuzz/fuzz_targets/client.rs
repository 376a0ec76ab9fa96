//! Hands `headwater_fuzz::client` to the fuzzer.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| headwater_fuzz::client::check(input));

#[cfg(not(fuzzing))]
fn main() {
    headwater_fuzz::replay(headwater_fuzz::client::check);
}
