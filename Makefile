# The whole project in a few words. `make` alone lists them.
#
#   make up      install what is missing, build, and run Weir in the foreground
#   make test    install what tests need and run every check; ends with "N passed, N failed"
#
# Everything that is installed comes from apt (Debian 12), PyPI (into .venv) or crates.io.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help up build test lint coverage fmt bench bench-control soak deny fuzz codegen clean-tools

# rustup's directory is not always on the path of a fresh login.
export PATH := $(PATH):$(HOME)/.cargo/bin

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## build and run Weir on its embedded defaults (ARGS="--api 127.0.0.1:0" to change them)
	@scripts/prepare build
	cargo build --release --package weir
	@exec target/release/weir up $(ARGS)

build: ## build the release binary only
	@scripts/prepare build
	cargo build --release --package weir

test: ## every check and test
	@scripts/prepare test
	@scripts/test

lint: ## the fast checks: format, clippy, house rules, layers, coverage
	@scripts/prepare build
	@scripts/test lint

coverage: ## which actions, error codes, attributes, conditions and action types no test names
	@scripts/prepare build
	cargo xtask coverage

fmt: ## format every crate
	cargo fmt --all

bench: ## measure against the floor and the Debian peers (see docs/performance.md)
	@scripts/prepare bench
	@scripts/bench $(ARGS)

bench-control: ## measure the control plane with 1,000 load balancers (ARGS="--clients 4")
	@scripts/prepare build
	@scripts/bench-control $(ARGS)

soak: ## thousands of simulation seeds (SEEDS=10000 FIRST=1)
	@scripts/prepare build
	@scripts/soak

fuzz: ## fuzz every target, SECONDS_EACH=60 each; needs nightly and cargo-fuzz
	@scripts/fuzz

deny: ## cargo-deny with the advisory database, when it is installed
	@if command -v cargo-deny >/dev/null; then \
	    cargo deny check; \
	else \
	    echo "cargo-deny is not installed (cargo install cargo-deny): the offline part runs"; \
	    cargo xtask layers; \
	fi

codegen: ## regenerate crates/wire/src/generated from models/
	cargo xtask codegen

clean-tools: ## remove .venv and .tools, nothing else
	rm -rf .venv .tools
