//! Requests with tokens of one scheme, whose name is the target's.
//!
//! Must not know: what a token looks like.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    hlskey::access::fuzzing::judge(env!("CARGO_BIN_NAME"), input);
});
