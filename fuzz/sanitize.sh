#!/usr/bin/env bash
# Runs tests over an extension that is built with AddressSanitizer: reads and writes outside of an allocation, and of
# memory that was freed, end the run with a report.
#
#   fuzz/sanitize.sh [PYTHON [pytest arguments]]
#
# Rust's own runtime of the sanitizer is for programs, not for libraries that Python loads, so GCC's is loaded before all
# else; the two agree on the interface. The flag is not stable, hence RUSTC_BOOTSTRAP. Leaks are not looked for: Python
# keeps much to the end.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath -s "${1:-.venv/bin/python}")
shift || true
shopt -s nullglob
[ $# -gt 0 ] || set -- fuzz/python/test_memory.py tests/unit/test_arrow*.py tests/unit/test_matching.py tests/unit/test_rows.py tests/unit/test_pattern_text.py

runtime=$(gcc -print-file-name=libasan.so)
[ -e "$runtime" ] || { echo 'GCC'\''s libasan.so is not installed (Debian: libgcc-12-dev, by way of gcc)'; exit 1; }

triple=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=$PWD/target/asan PYO3_PYTHON=$python
# Quick to build: optimising takes more time than it saves, as the sanitizer's own checks stay. The extension can be made to panic,
# so that tests of panics need no other build.
RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address \
  CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_STRIP=none \
  CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_DEBUG=line-tables-only CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-1} \
  cargo rustc --quiet --release --target "$triple" --manifest-path rust/python/Cargo.toml --features panics-for-tests \
  --lib --crate-type cdylib

# A package of its own: the one in python/ may hold a release build.
package=$CARGO_TARGET_DIR/package
rm -rf "$package"
mkdir -p "$package"
cp -r python/rowpattern "$package"
rm -f "$package"/rowpattern/_core.*.so
suffix=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
cp "$CARGO_TARGET_DIR/$triple/release/librowpattern_python.so" "$package/rowpattern/_core$suffix"

# The C++ library goes with it: the sanitizer looks for its throwing functions when it starts. Python's own allocator would
# hide most of what it gives out.
export LD_PRELOAD="$runtime $(gcc -print-file-name=libstdc++.so)" PYTHONMALLOC=malloc PYTHONPATH=$package
export ROWPATTERN_TEST_PANICS=1 ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:allocator_may_return_null=1
"$python" -c 'import rowpattern, sys; sys.exit(not rowpattern.__file__.startswith(sys.argv[1]))' "$package"
"$python" -m pytest -p no:cacheprovider -q "$@"
