//! Hands `headwater_fuzz::heads` to the fuzzer.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| headwater_fuzz::heads::check(input));

#[cfg(not(fuzzing))]
fn main() {
    headwater_fuzz::replay(headwater_fuzz::heads::check);
}
