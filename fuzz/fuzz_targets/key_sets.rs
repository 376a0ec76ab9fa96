//! Hands `headwater_fuzz::key_sets` to the fuzzer.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| headwater_fuzz::key_sets::check(input));

#[cfg(not(fuzzing))]
fn main() {
    headwater_fuzz::replay(headwater_fuzz::key_sets::check);
}
