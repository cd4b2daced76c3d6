//! The fuzzer's entry: see `netstack_fuzz::connection`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| netstack_fuzz::connection(data));
