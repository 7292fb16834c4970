# The habits of this project, by name. `make demo` and `make test` set up what they need.

PYTHON ?= python3
BIN := .venv/bin
BASELINE := -q --benchmark-columns=min --benchmark-storage=file://benches/baseline

.PHONY: demo test test-panics bench bench-compare bench-report profile bench-environment develop format lint types rust-test servers install clean

# The main job: many patterns over real prices, through the cache.
demo: .venv/demo
	$(BIN)/python examples/pattern_cache_benchmark.py --num-patterns 100 --complexity 2 --iterations 5

test: servers develop
	$(BIN)/python -m pytest

# What becomes of panics, with an extension that panics on demand; it stays in target/panics.
test-panics: .venv/test
	PYO3_PYTHON=$(CURDIR)/$(BIN)/python cargo rustc -q --features panics-for-tests --lib --crate-type cdylib \
	  --manifest-path rust/Cargo.toml --target-dir target/panics
	rm -rf target/panics/python && cp -r python target/panics/ && rm -f target/panics/python/rowpattern/_core.*.so
	cp target/panics/debug/librowpattern.so \
	  target/panics/python/rowpattern/_core$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
	ROWPATTERN_TEST_PANICS=1 PYTHONPATH=target/panics/python $(BIN)/python -m pytest tests/test_panics.py

# What tests talk to and pip does not have: the Prometheus server with promtool, and the Java that Spark runs in. Debian's
# packages start a service of their own where systemd runs; tests start theirs on other ports.
servers:
	@command -v prometheus promtool > /dev/null || $(MAKE) -s install PACKAGE=prometheus
	@command -v java > /dev/null || $(MAKE) -s install PACKAGE=default-jre-headless

install:
	@[ "$$(id -u)" = 0 ] || { echo 'tests need Debian'\''s package $(PACKAGE): sudo apt-get install $(PACKAGE)'; exit 1; }
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(PACKAGE) > /dev/null

# Measures beside the peers, in an environment of their own: some of them need older libraries.
bench: bench-environment
	.venv-bench/bin/python -m pytest benches --benchmark-only --benchmark-columns=min,median,rounds $(BENCH)

# docs/benchmarks.md and its charts, from one run, which is kept for bench-compare.
bench-report: bench-environment
	rm -rf benches/baseline
	.venv-bench/bin/python -m pytest benches --benchmark-only $(BASELINE) --benchmark-save=baseline; missed=$$?; \
	  .venv-bench/bin/python benches/report.py benches/baseline/*/0001_baseline.json docs && exit $$missed

# What a change did: beside the run that is kept.
bench-compare: bench-environment
	.venv-bench/bin/python -m pytest benches --benchmark-only $(BASELINE) --benchmark-compare $(BENCH)

# Where the time of the headline queries goes.
profile: bench-environment
	.venv-bench/bin/python benches/profile_queries.py

bench-environment: .venv-flink/made
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install -q --upgrade 'pip>=24'
	CARGO_TARGET_DIR=target .venv-bench/bin/pip install -q '.[bench]' ./benches/lazy_dfa

# Apache Flink (some 850 MB, and Java), which needs older pyarrow and pandas than the others.
.venv-flink/made:
	$(PYTHON) -m venv .venv-flink
	.venv-flink/bin/pip install -q --upgrade 'pip>=24'
	.venv-flink/bin/pip install -q 'apache-flink>=2.3,<3'
	touch $@

# Builds the extension into .venv, optimised; again after each change of the Rust code.
develop: .venv/test
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/maturin develop --release --quiet

format: .venv/test
	cargo fmt
	$(BIN)/ruff format python tests examples benches deploy

lint: .venv/test
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy --features python -- -D warnings
	$(BIN)/ruff format --check python tests examples benches deploy
	$(BIN)/ruff check python tests examples benches deploy

# Benches apart: they have a conftest.py of their own.
types: develop
	$(BIN)/mypy
	$(BIN)/mypy benches
	$(BIN)/python -m mypy.stubtest rowpattern._core --mypy-config-file pyproject.toml

rust-test:
	cargo test

clean:
	rm -rf target .venv dist python/rowpattern/*.so

.venv/pip:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --upgrade 'pip>=24' 'maturin>=1.9,<2'
	touch $@

.venv/demo: .venv/pip
	$(BIN)/pip install -q '.[examples]'
	touch $@

.venv/test: .venv/pip pyproject.toml
	$(BIN)/pip install -q -e '.[test,lint]'
	touch $@
