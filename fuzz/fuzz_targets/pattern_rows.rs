//! libFuzzer's entry for [`rowpattern_fuzz::pattern_rows`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowpattern_fuzz::pattern_rows(data));
