# Trunkline: what one does with this folder. `make` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help deps demo test run bench lint format clean

# What `make run` and `make demo` hand to the program, e.g. make run ARGS="--http 0.0.0.0:8080"
ARGS ?=
# What `make test` keeps to: a regular expression on Target.Suite/test()
FILTER ?=

help: ## List what there is
	@echo "Trunkline"
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1|/' | while IFS='|' read -r name text; do printf '%-16s %s\n' "$$name" "$$text"; done

deps: ## Install the system packages that a build needs (says which and why)
	@scripts/deps.sh

demo: deps ## Replay a real day of dispatch work and write a report
	@echo "Building (the first time takes a few minutes) …"
	@swift build -c release --product trunkline
	@.build/release/trunkline demo $(ARGS)

test: ## Format, architecture, all tests (FILTER=… runs some of them)
	@scripts/deps.sh --test
	@scripts/lint.sh
	@scripts/test.sh "$(FILTER)"

run: deps ## Build and serve (ARGS="--http 0.0.0.0:8080 …")
	@swift build -c release --product trunkline
	@exec .build/release/trunkline serve $(ARGS)

bench: deps ## Measure; prints one table
	@scripts/bench.sh $(ARGS)

lint: ## Check format and architecture
	@scripts/lint.sh

format: ## Write all Swift files in the project's format
	@swift format -i --parallel -r $(wildcard Sources Tests Benchmarks Examples Package.swift)

clean: ## Remove what was built (data folders stay)
	@rm -rf .build
