# Commands for developers; CONTRIBUTING.md lists them. Each sets up what it needs.

PYTHON ?= python3
# Of `make fuzz`, for each target.
SECONDS ?= 60
BIN := .venv/bin
# Of Cargo.toml, for the extension that tests use: `release` is what users have; `demo`, which the gate takes, is compiled sooner.
BUILD_PROFILE ?= release
BASELINE := -q --benchmark-columns=min --benchmark-storage=file://benches/baseline

# Tests start hundreds of interpreters, each of which would compile the package again: half a second.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo check test compiled docs docs-update test-panics bench bench-compare bench-report growth profile bench-environment develop format clippy lint types rust-test \
  fuzz fuzz-short test-oldest-duckdb sanitize sanitize-short deny servers install wheels test-wheels clean

# All that users can install beside the package, which tests use.
EXTRAS := examples,sql,plot,dask,spark,prometheus,cloudwatch,opentelemetry

# Two processes share the files with tests; one process runs all tests of a file, so that its servers start once. Files run in
# their order, as the longest have few tests and would otherwise run last, beside an idle process.
IN_PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

# Many patterns over real prices, with and without the cache; then shapes in these prices, and a picture of them.
demo: .venv/demo
	$(BIN)/python examples/pattern_cache_benchmark.py --num-patterns 100 --complexity 2 --iterations 5 --compare
	@mkdir -p target
	$(BIN)/python examples/price_shapes.py --plot target/shapes.png

# Quick tests: no root, no servers, no network; of test functions with many cases, some.
check: develop
	$(BIN)/python -m pytest -q $(IN_PARALLEL) --most-cases 6 tests/unit tests/cache tests/sql tests/continuous -m "not slow and not packaging and not wheels"

# All tests. Those of packages take what is compiled.
test: export BUILD_PROFILE := $(BUILD_PROFILE)
test: servers develop
	$(BIN)/python -m pytest $(IN_PARALLEL)

# The documentation's site, in target/site; a warning is an error. Its snippets and pictures are tests of `make test`.
docs: develop .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@test -s target/site/search/search_index.json
	@echo 'read it, with its search: $(BIN)/python -m http.server --directory target/site'

# What pages say that their snippets print, and their pictures, after a change of either.
docs-update: develop
	$(BIN)/python tests/helpers/documents.py $$(grep -l '^```python' $$(find docs -name '*.md' ! -name deployment.md))

# Tests that panics become exceptions, with an extension that panics on demand; its package stays in target/panics.
test-panics: .venv/test target/panics/made
	rm -rf target/panics/python
	$(BIN)/pip install -q --no-deps --target target/panics/python target/panics/*.whl
	ROWPATTERN_TEST_PANICS=1 PYTHONPATH=target/panics/python $(BIN)/python -m pytest tests/unit/test_panics.py

# What tests use and pip cannot install: the Prometheus and Redis servers, and the Java that Spark runs in. Debian's
# packages start a service of their own where systemd runs; tests start theirs on other ports.
servers:
	@command -v prometheus promtool > /dev/null || $(MAKE) -s install PACKAGE=prometheus
	@command -v redis-server > /dev/null || $(MAKE) -s install PACKAGE=redis-server
	@command -v java > /dev/null || $(MAKE) -s install PACKAGE=default-jre-headless

install:
	@[ "$$(id -u)" = 0 ] || { echo 'tests need Debian'\''s package $(PACKAGE): sudo apt-get install $(PACKAGE)'; exit 1; }
	@apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(PACKAGE) > /dev/null

# Measures beside the peers, in an environment of their own: some of them need older libraries. BENCH chooses: of
# `make bench BENCH="-k cache"` only the cache's peers are installed. Apache Flink, which is large, is measured by
# `make bench BENCH="-k flink"`, and by bench-report.
PEERS := $(if $(filter cache,$(BENCH)),. --group bench-cache,'.[examples,sql,dask,spark]' --group bench ./benches/lazy_dfa)
FLINK := $(if $(findstring flink,$(BENCH)),.venv-flink/made)

bench: bench-environment $(FLINK)
	.venv-bench/bin/python -m pytest benches --benchmark-only --benchmark-columns=min,median,rounds $(BENCH)

# docs/benchmarks.md, docs/growth.md and their charts, from one run, which is kept for bench-compare. The kept run is replaced at the
# end, so that the work tree is the commit that the report names.
bench-report: bench-environment .venv-flink/made
	.venv-bench/bin/pip install -q --group charts
	rm -rf target/benchmarks
	.venv-bench/bin/python -m pytest benches --benchmark-only -q --benchmark-columns=min \
	  --benchmark-storage=file://target/benchmarks --benchmark-save=baseline; missed=$$?; \
	  rm -rf benches/baseline && cp -r target/benchmarks benches/baseline && \
	  .venv-bench/bin/python benches/report.py benches/baseline/*/0001_baseline.json docs && \
	  .venv-bench/bin/python benches/growth_page.py benches/baseline/*/0001_baseline.json docs && exit $$missed

# What a change did: beside the run that is kept.
bench-compare: bench-environment $(FLINK)
	.venv-bench/bin/python -m pytest benches --benchmark-only $(BASELINE) --benchmark-compare $(BENCH)

# docs/growth.md and its curves, from a run of their benches alone.
growth: bench-environment
	.venv-bench/bin/pip install -q --group charts
	.venv-bench/bin/python -m pytest benches/test_growth.py benches/test_query_growth.py -q --benchmark-only --benchmark-columns=min \
	  --benchmark-json=target/growth.json
	.venv-bench/bin/python benches/growth_page.py target/growth.json docs

# Where the time of the headline queries goes, step by step; docs/performance.md has the reasons.
profile: bench-environment
	.venv-bench/bin/python benches/profile_queries.py

bench-environment:
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install -q --upgrade 'pip>=25.1'
	CARGO_TARGET_DIR=target .venv-bench/bin/pip install -q $(PEERS)

# Apache Flink (some 850 MB, and Java), which needs older pyarrow and pandas than the others.
.venv-flink/made:
	$(PYTHON) -m venv .venv-flink
	.venv-flink/bin/pip install -q --upgrade 'pip>=25.1'
	.venv-flink/bin/pip install -q 'apache-flink>=2.3,<3'
	touch $@

# Builds the extension into .venv, by the profile $(BUILD_PROFILE), if the Rust code has changed. The extras are installed after it:
# before, pip would build the package a second time to read their names, and some extras depend on the package.
develop: .venv/developed-$(BUILD_PROFILE)

# What packages are made of.
PACKAGED := Cargo.toml Cargo.lock pyproject.toml README.md LICENSE \
  $(shell find rust python -name '*.rs' -o -name '*.toml' -o -name '*.py' -o -name '*.pyi' -o -name py.typed)

COMPILED := --quiet --interpreter $(CURDIR)/$(BIN)/python --out target

# Compiles what `develop` installs, without the environment of tests, which can be made meanwhile.
compiled: .venv/pip
	$(BIN)/maturin build --profile $(BUILD_PROFILE) $(COMPILED)/compiled

# The bindings are not optimised; all else is compiled by the profile `demo`, as for the gate's other tests.
target/panics/made: .venv/pip $(PACKAGED)
	rm -rf target/panics
	$(BIN)/maturin build --profile demo --config profile.demo.package.rowpattern-python.opt-level=0 --features panics-for-tests \
	  $(COMPILED)/panics
	touch $@

.venv/developed-$(BUILD_PROFILE): .venv/test pyproject.toml Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name '*.toml')
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/maturin develop --profile $(BUILD_PROFILE) --quiet
	$(BIN)/pip install -q --no-compile 'rowpattern[$(EXTRAS)]'
	rm -f .venv/developed-*
	touch $@

format: .venv/test
	cargo fmt
	$(BIN)/ruff format python tests examples benches deploy fuzz docs

# The formatter and linter of Rust, which need no Python environment.
clippy:
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings

lint: .venv/test clippy
	$(BIN)/ruff format --check python tests examples benches deploy fuzz docs
	$(BIN)/ruff check python tests examples benches deploy fuzz docs
	PYTHONPATH=python $(BIN)/lint-imports --no-cache

# Benches apart: they have a conftest.py of their own.
types: develop
	$(BIN)/mypy
	$(BIN)/mypy benches
	$(BIN)/python -m mypy.stubtest rowpattern._core --mypy-config-file tests/data/stubtest.ini

rust-test:
	cargo test

# The sdist and wheels for Linux on x86_64, of each Python and for systems as old as manylinux2014: zig links against old
# versions of the system's libraries, and maturin knows what interpreters look like that are not installed here.
WHEEL_PYTHONS := 3.9 3.10 3.11 3.12 3.13 3.14 3.14t

wheels: dist/made

dist/made: .venv-wheels/made $(PACKAGED)
	rm -rf dist
	.venv-wheels/bin/maturin sdist --out dist
	PATH="$(CURDIR)/.venv-wheels/bin:$$PATH" CARGO_TARGET_DIR=target/wheels .venv-wheels/bin/maturin build --release --zig \
	  --target x86_64-unknown-linux-gnu --compatibility manylinux2014 --out dist \
	  --interpreter $(addprefix python,$(WHEEL_PYTHONS))
	touch $@

# Checks what `make wheels` builds, and runs each wheel where its interpreter is installed.
test-wheels: wheels
	.venv-wheels/bin/python -m pytest -m wheels -c pyproject.toml --noconftest tests/slow/test_wheels.py

.venv-wheels/made: pyproject.toml
	$(PYTHON) -m venv .venv-wheels
	.venv-wheels/bin/pip install -q --upgrade 'pip>=25.1'
	.venv-wheels/bin/pip install -q --group wheels
	touch $@

# The parser's trees, and what DuckDB computes from what is written, with the lowest version that the extra sql takes.
test-oldest-duckdb: develop
	$(BIN)/pip install -q --no-deps --upgrade --target target/duckdb-oldest duckdb==2.0.0
	ROWPATTERN_OTHER_DUCKDB=$(CURDIR)/target/duckdb-oldest $(BIN)/python -m pytest -q tests/sql/test_sql_expression_tree.py -k another

# Looks for inputs that break a promise (fuzz/README.md), SECONDS for each target.
fuzz: develop
	for target in pattern_text pattern_rows conditions; do fuzz/libfuzzer.sh $$target -max_total_time=$(SECONDS) || exit 1; done
	ROWPATTERN_FUZZ_SECONDS=$(SECONDS) $(BIN)/python -m pytest -q fuzz/python

# The same few inputs each time; the Rust targets' are part of rust-test.
fuzz-short: develop
	$(BIN)/python -m pytest -q fuzz/python

# Tests over an extension with AddressSanitizer.
sanitize: .venv/test
	fuzz/sanitize.sh $(BIN)/python

# The same over buffers, malformed Arrow and panics alone; part of the gate.
sanitize-short: .venv/test
	fuzz/sanitize.sh $(BIN)/python fuzz/python/test_memory.py tests/unit/test_arrow_input.py tests/unit/test_panics.py

# Licences, sources and versions of crates, by cargo-deny, which takes minutes to build the first time.
deny:
	@command -v cargo-deny > /dev/null || cargo install cargo-deny --locked
	cargo deny check licenses bans sources

clean:
	rm -rf target .venv .venv-wheels dist python/rowpattern/*.so

.venv/pip:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --upgrade 'pip>=25.1' 'maturin>=1.9,<2'
	touch $@

# Compiles the package by the profile `demo` of Cargo.toml, and meanwhile installs what the examples need.
DEMO_NEEDS := import tomllib; extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
  print(*extras["examples"], *extras["sql"])

.venv/demo: .venv/pip pyproject.toml
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/maturin develop --profile demo --quiet > /dev/null & compiling=$$!; \
	  $(BIN)/pip install -q $$($(BIN)/python -c '$(DEMO_NEEDS)') && wait $$compiling
	touch $@

.venv/docs: .venv/test pyproject.toml
	$(BIN)/pip install -q --no-compile --group docs
	touch $@

# Most of the modules are never imported, so that Python compiles those that are when they are.
.venv/test: .venv/pip pyproject.toml
	$(BIN)/pip install -q --upgrade 'pip>=25.1'
	$(BIN)/pip install -q --no-compile --group test --group lint
	touch $@
