//! libFuzzer's entry for [`rowpattern_fuzz::conditions`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowpattern_fuzz::conditions(data));
