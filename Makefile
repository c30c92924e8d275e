# `make run` takes a fresh machine to a running server; `make` lists the rest.

# Not /bin/sh: macOS's make would run simple commands without a shell, and without our PATH.
SHELL := /bin/bash

# PROFILE=dev builds in half the time and runs slower.
PROFILE ?= release
TARGET = $${CARGO_TARGET_DIR:-target}/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
ENV = . .ci/env &&

.DEFAULT_GOAL := help
.PHONY: help setup build run demo test lint openapi fuzz fuzz-api clients test-real breaking bench growth crowd storm audit

help: ## List the targets
	@echo 'Voronka, a headless sales-process engine. To try it: make run'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo 'PROFILE=dev with run, build or demo builds in half the time, for a slower server.'
	@echo 'ARGS=... is passed on to the server, the tests or the benchmarks.'

setup: ## Install what is missing: C compiler, libpq, Postgres programs, Rust
	@.ci/install

build: setup ## Build the server
	@echo 'Building Voronka ($(PROFILE)); the first build takes several minutes, the next ones seconds.'
	@$(ENV) cargo build --locked --profile $(PROFILE) -p voronka-api

run: build ## Start a server with an embedded database and a sample company
	@exec "$(TARGET)/voronka" serve --demo $(ARGS)

demo: build ## Generate and load the sample company
	@exec "$(TARGET)/voronka" demo $(ARGS)

test: ## Run all tests, against a real server and a real Postgres
	@.ci/install tests
	@$(ENV) cargo test --workspace --locked $(ARGS)

# The fuzz targets are checked and not linked: libFuzzer, which is C++, is not built for that.
lint: setup ## Check formatting, clippy, the crates' dependencies, the API description and the fuzz targets
	@$(ENV) cargo fmt --version >/dev/null 2>&1 || { echo 'rustfmt is missing: rustup component add rustfmt' >&2; exit 1; }
	@$(ENV) cargo clippy --version >/dev/null 2>&1 || { echo 'clippy is missing: rustup component add clippy' >&2; exit 1; }
	@$(ENV) cargo fmt --all --check
	@.ci/arrows
	@.ci/contexts
	@$(ENV) cargo clippy --workspace --all-targets --locked -- -D warnings
	@$(ENV) cargo run -q --locked -p voronka-integration-tests --bin spec-lint
	@$(ENV) CUSTOM_LIBFUZZER_PATH="$(CURDIR)/fuzz/Cargo.toml" cargo check -q --locked \
		--manifest-path fuzz/Cargo.toml --target-dir "$${CARGO_TARGET_DIR:-target}"

# By way of another file, so that a failure leaves the description as it was.
openapi: setup ## Write openapi.yaml from the code
	@$(ENV) cargo run -q --locked -p voronka-api --bin voronka -- openapi >openapi.yaml.new || { rm -f openapi.yaml.new; exit 1; }
	@mv openapi.yaml.new openapi.yaml

# Without a sanitizer: Voronka has no unsafe code that one could look into. FUZZ_TARGETS=lists runs one.
FUZZ_TARGETS ?= $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))
fuzz: setup ## Run the fuzz targets of fuzz/, FUZZ_SECONDS each
	@$(ENV) cargo fuzz --version >/dev/null 2>&1 || { echo 'cargo-fuzz is missing: cargo install --locked cargo-fuzz' >&2; exit 1; }
	@$(ENV) for target in $(FUZZ_TARGETS); do \
		mkdir -p fuzz/corpus/$$target && \
		RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir fuzz --sanitizer none $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
			-max_total_time=$(or $(FUZZ_SECONDS),120) -print_final_stats=1 $(ARGS) || exit 1; \
	done

# Exact versions, so that a run can be repeated.
fuzz-api: build ## Ask a server for everything that its description allows and forbids
	@test -x target/fuzz-api/bin/pip || python3 -m venv target/fuzz-api || { \
		echo 'python3 with venv is missing: apt-get install python3-venv' >&2; rm -rf target/fuzz-api; exit 1; }
	@target/fuzz-api/bin/pip install -q --disable-pip-version-check -r integration-tests/fuzz-api/requirements.txt
	@target/fuzz-api/bin/python integration-tests/fuzz-api/run.py "$(TARGET)/voronka" \
		--max-time $(or $(FUZZ_SECONDS),300) $(ARGS)

clients: build ## Generate clients by six generators, compile them and let them sell; ARGS="orval" only that one
	@$(ENV) clients/with-server "$(TARGET)/voronka" clients/run $(ARGS)
	@$(ENV) clients/with-server "$(TARGET)/voronka" clients/lint

# OUTAGE=60 keeps the server down for a minute in the midst of calls.
test-real: build ## Let a real Asterisk and Kamailio tell a server of their calls, and a store keep its files; ARGS=s3 only that one
	@python3 -B integration-tests/real/run.py "$(TARGET)/voronka" $(ARGS)

breaking: build ## List what breaks clients since the description in clients/released.json
	@$(ENV) "$(TARGET)/voronka" openapi --format json >"$${CARGO_TARGET_DIR:-target}/openapi.json"
	@clients/breaking clients/released.json "$${CARGO_TARGET_DIR:-target}/openapi.json"

bench: setup ## Measure the release server beside pgbench; ARGS="--quick" in a minute, ARGS=move only that
	@$(ENV) cargo build --release --locked -p voronka-api -p voronka-integration-tests --bin voronka --bin bench
	@$(ENV) "$${CARGO_TARGET_DIR:-target}/release/bench" $(ARGS)
	@$(ENV) $(if $(ARGS),true,cargo bench -q --locked -p voronka-domain --bench gate)

growth: setup ## Measure how each request grows with a company; GROWTH=10000 is a small one
	@$(ENV) cargo build --release --locked -p voronka-api -p voronka-integration-tests --bin voronka --bin bench
	@$(ENV) "$${CARGO_TARGET_DIR:-target}/release/bench" --growth $(or $(GROWTH),10000,100000,300000) $(ARGS)

crowd: setup ## Let sixteen callers of one company ask for the most expensive things, and measure another one
	@$(ENV) cargo build --release --locked -p voronka-api -p voronka-integration-tests --bin voronka --bin bench
	@$(ENV) "$${CARGO_TARGET_DIR:-target}/release/bench" --crowd $(or $(CROWD_SECONDS),60) $(ARGS)

storm: setup ## Let a dozen clients at two servers that die, and look at what is left; ARGS="--seconds 300 --seed 7"
	@$(ENV) cargo build --locked --profile $(PROFILE) -p voronka-integration-tests --bin storm --bin voronka-under-test
	@$(ENV) "$(TARGET)/storm" $(ARGS)

audit: ## Check the dependencies' licences, advisories and sources
	@$(ENV) cargo deny --version >/dev/null 2>&1 || { echo 'cargo-deny is missing: cargo install --locked cargo-deny' >&2; exit 1; }
	@$(ENV) cargo deny --locked check
