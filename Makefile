# Every command sets up what it needs first. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo
# The tests and the demo use the committed query data, never a stray database.
export SQLX_OFFLINE ?= true

.PHONY: help setup setup-tests demo demo-check test test-placements faults lint formatted bench bench-full audit sqlx openapi fuzz-api

help: ## what each command does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

setup: ## fetch what the demo needs
	@deploy/setup.sh

setup-tests: ## fetch what the tests need too
	@deploy/setup.sh --tests

demo: setup ## cloud, two plants and simulators, with addresses printed (Ctrl-C ends it)
	@$(CARGO) build --workspace --bins --locked
	@target/debug/demo run

demo-check: setup ## the same unattended, with faults; exits 0 only if every trace is true
	@$(CARGO) build --workspace --bins --locked
	@target/debug/demo check

lint: setup formatted ## formatting, and clippy with warnings denied
	@$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

formatted:
	@$(CARGO) fmt --all --check

# Continuous integration lints while it builds, as `cargo clippy` does while it checks: it is
# spared a second pass over the code and all libraries
# (docs/decisions/0020-continuous-integration-lints-while-it-builds.md). Elsewhere what is
# built so would lie beside what `cargo test` builds.
CLIPPY_DRIVER := $(if $(CI),$(shell command -v clippy-driver))
ifneq ($(CLIPPY_DRIVER),)
test: export RUSTC_WORKSPACE_WRAPPER := $(CLIPPY_DRIVER)
test: export CLIPPY_ARGS := -D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
test: setup-tests formatted
else
test: setup-tests lint
endif

# Programs and tests are built in one call: by themselves programs would be built with
# fewer features of their libraries, and so everything twice.
test: ## every test
	@$(CARGO) build --workspace --bins --tests --locked
	@TMPDIR="$$(deploy/scratch.sh)" $(CARGO) test --workspace --locked

# One after another: what holds for a tenant holds wherever it lives.
test-placements: setup-tests ## the cloud's tests, with tenants in databases of their own and moved
	@for placed in own moved-in moved-out; do \
		echo "tenants: $$placed"; \
		TMPDIR="$$(deploy/scratch.sh)" TRACEWRIGHT_PLACEMENT=$$placed $(CARGO) test --workspace --lib --bins --locked || exit 1; \
	done

# In `make test` it is ten. FAULTS_SEED=… repeats another run.
faults: setup-tests ## kill the cloud and an import 200 times at seeded moments (FAULTS_KILLS=…, FAULTS_SEED=…)
	@$(CARGO) build --workspace --bins --tests --locked
	@TMPDIR="$$(deploy/scratch.sh)" FAULTS_KILLS=$${FAULTS_KILLS:-200} $(CARGO) test --workspace --locked --test all -- --nocapture kills::

bench: setup ## speed, beside plain alternatives, at a million rows
	@$(CARGO) build --workspace --bins --release --locked
	@target/release/bench

bench-full: setup ## the same at ten million rows
	@$(CARGO) build --workspace --bins --release --locked
	@target/release/bench --full

audit: ## licences, bans, sources, advisories where reachable
	@deploy/audit.sh

openapi: setup ## renew docs/openapi.json, the copy of the API's description
	@TRACEWRIGHT_RENEW=1 $(CARGO) test --workspace --lib --bins --locked -q the_document_is_the_one

fuzz-api: setup ## fuzz the API by its own description, four minutes (FUZZ_SECONDS=…)
	@$(CARGO) build --workspace --bins --locked
	@deploy/fuzz-api.sh

sqlx: setup ## refresh the committed query data from a migrated database
	@deploy/sqlx.sh
