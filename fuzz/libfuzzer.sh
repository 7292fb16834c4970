#!/usr/bin/env bash
# Builds a target with LLVM's libFuzzer and runs it.
#
#   fuzz/libfuzzer.sh TARGET [libFuzzer's options, as -max_total_time=60 or -runs=1000000]
#
# It begins with fuzz/corpus/TARGET; inputs that reach new code are collected in target/fuzz/corpus/TARGET. An input that
# fails is written to target/fuzz/failures: put it into fuzz/corpus/TARGET, where tests run it, and mend what it shows.
#
# These are the compiler's flags for coverage that `cargo fuzz` gives, which is not needed: all of them are stable.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1
shift
triple=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=$PWD/target/fuzz CARGO_PROFILE_RELEASE_LTO=off
RUSTFLAGS="--cfg fuzzing -Cdebug-assertions -Coverflow-checks -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares" \
  cargo build --quiet --release --target "$triple" -p rowpattern-fuzz --features libfuzzer --bin "$target"
mkdir -p "target/fuzz/corpus/$target" target/fuzz/failures
exec "$CARGO_TARGET_DIR/$triple/release/$target" -timeout=5 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 \
  -artifact_prefix=target/fuzz/failures/ "$@" "target/fuzz/corpus/$target" "fuzz/corpus/$target"
