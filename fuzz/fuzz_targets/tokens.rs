//! Hands `headwater_fuzz::tokens` to the fuzzer.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| headwater_fuzz::tokens::check(input));

#[cfg(not(fuzzing))]
fn main() {
    headwater_fuzz::replay(headwater_fuzz::tokens::check);
}
