# opsbook: what to type in a checkout. `make demo` shows it at work, `make test` proves it.
# State of demo, tests and benchmarks stays below .state/; the user's own is never touched.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
STATE := $(CURDIR)/.state
CATALOGUES := $(wildcard runbooks/engine/opsbook/text/locale/*/LC_MESSAGES/*.po)
TEST_MINUTES ?= 50
export OPSBOOK_LAB_IMAGES := $(STATE)/lab-images

.PHONY: help setup demo test bench lint clean wheelhouse lock messages

help: ## list these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

setup: .venv/.ready ## system packages, .venv and opsbook itself (a second call does nothing)

demo: setup ## the nightly log collection on real hosts, twice, with its record and proof
	@OPSBOOK_STATE=$(STATE)/demo .ci/demo

test: setup .cache/test-packages ## lint and every test
	@.ci/lint
	@OPSBOOK_STATE=$(STATE)/test timeout --foreground --signal=INT $(TEST_MINUTES)m $(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder

bench: setup ## measure, and write docs/benchmarks.md
	@OPSBOOK_STATE=$(STATE)/bench $(BIN)/python tests/bench/run.py

lint: setup .cache/test-packages ## every check that needs no test run
	@.ci/lint

wheelhouse: setup ## dist/wheelhouse: all an air-gapped site needs
	@$(BIN)/python .ci/wheelhouse.py dist/wheelhouse

lock: setup ## pin dependencies again; UPGRADE=1 takes newer versions
	@.ci/relock $(if $(UPGRADE),--upgrade)

messages: setup ## bring the message catalogues up to the code, and compile them
	@$(BIN)/python .ci/messages.py

clean: ## stop labs, remove everything that was made here
	@.ci/clean

.cache/system-packages: .ci/system-packages
	@.ci/system-packages
	@mkdir -p .cache && touch $@

.cache/test-packages: .ci/system-packages
	@.ci/system-packages --tests
	@mkdir -p .cache && touch $@

.venv/.ready: .ci/lock/dev.txt pyproject.toml runbooks/engine/build_hook.py $(CATALOGUES) | .cache/system-packages
	@test -x $(BIN)/python || "$$(.ci/find-python)" -m venv .venv
	@echo "Installing opsbook and what it needs into .venv (about half a minute) ..."
	@$(BIN)/python -m pip install -qq --require-hashes -r .ci/lock/dev.txt
	@$(BIN)/python -m pip install -qq --no-build-isolation --no-deps --editable .
	@touch $@
