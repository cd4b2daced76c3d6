//! The fuzzer's entry: see `netstack_fuzz::options`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| netstack_fuzz::options(data));
