# Everything a newcomer or CI needs. `make help` lists it.
#
# Extra flags: make demo DEMO_FLAGS='--seconds 20', make run SERVE_FLAGS='--http 0.0.0.0:8080', make test TEST_FLAGS='--filter Journal', make build BUILD_FLAGS='-j 1', make cluster-up KAFKA_HOME=/opt/kafka.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

BUILD_FLAGS ?=
DEMO_FLAGS ?=
SERVE_FLAGS ?=
TEST_FLAGS ?=
BENCH_FLAGS ?=
SIMULATE_FLAGS ?=
SEEDS ?=
FROM ?=
SEED ?=
TARGET ?=

# Folders and files whose formatting is ours.
SWIFT_FOLDERS := Package.swift $(wildcard Sources Tests Benchmarks Examples)
BINARY := .build/release/trunkline

.PHONY: help
help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: build ## replay a real day of work through a server of its own, and report
	$(BINARY) demo $(DEMO_FLAGS)

.PHONY: test
test: deps-test lint architecture ## all checks and all tests; ends with "N passed, 0 failed"
	@BUILD_FLAGS="$(BUILD_FLAGS)" TEST_FLAGS="$(TEST_FLAGS)" scripts/test.sh

SECONDS ?= 600

.PHONY: kill-loop
kill-loop: build ## kill a server under load again and again, then audit its journal: SECONDS=600
	scripts/kill-loop.sh $(SECONDS)

MINUTES ?= 3

.PHONY: chaos
chaos: build ## give a cluster bad days, drawn from a seed, then audit its journal: MINUTES=3 SEED=n KAFKA_STARTER=…
	scripts/chaos.sh $(MINUTES) $(SEED)

.PHONY: run
run: build ## serve on 127.0.0.1:8080, data in ./trunkline-data
	$(BINARY) serve $(SERVE_FLAGS)

.PHONY: cluster-up
cluster-up: build ## start a whole cluster on this machine: KAFKA_HOME=… or KAFKA_BROKERS=…
	TRUNKLINE=$(BINARY) scripts/cluster.sh up

.PHONY: cluster-down
cluster-down: ## stop what cluster-up started; CLEAN=1 deletes its data
	scripts/cluster.sh down $(if $(CLEAN),--clean)

.PHONY: cluster-status
cluster-status: ## who of the cluster runs, and whether it is ready
	scripts/cluster.sh status

.PHONY: build
build: deps ## build the release binary, .build/release/trunkline
	swift build -c release --product trunkline $(BUILD_FLAGS)

.PHONY: bench
bench: deps ## measure: one table of figures
	@[[ -x Benchmarks/run.sh ]] || { echo "bench: Benchmarks/run.sh is not there" >&2; exit 1; }
	Benchmarks/run.sh $(BENCH_FLAGS)

.PHONY: counts
counts: deps ## count what a lifecycle costs (allocations, bytes) and compare with Benchmarks/Counts/counts.json; UPDATE=1 writes it anew
	swift build -c release --product Counts $(BUILD_FLAGS) && UPDATE=$(UPDATE) "$$(swift build -c release --show-bin-path)/Counts"

.PHONY: routing
routing: deps ## measure what deciding costs beside up to 1,000,000 waiting tasks, 100,000 workers, 5,000 queues and 1,000 workflows, without log and wire
	swift build -c release --product RoutingBench $(BUILD_FLAGS) && "$$(swift build -c release --show-bin-path)/RoutingBench"

TASKS ?= 200000

.PHONY: plenty
plenty: build ## measure a lot of it on the embedded home: import, start and deletion beside somebody who works: TASKS=1000000
	TRUNKLINE=$(CURDIR)/$(BINARY) "$$(scripts/python.sh)" Benchmarks/plenty.py $(TASKS)

LINES ?= 10000000

.PHONY: stream
stream: build ## measure a long import on the embedded home, interrupted and resumed, its items ended by their timeouts: LINES=10000000
	TRUNKLINE=$(CURDIR)/$(BINARY) "$$(scripts/python.sh)" Benchmarks/stream.py $(LINES)

.PHONY: crowd
crowd: build ## measure many at once on the embedded home: 10,000 kept connections, 1,000 readers of one stream
	TRUNKLINE=$(CURDIR)/$(BINARY) "$$(scripts/python.sh)" Benchmarks/crowd.py

.PHONY: simulate
simulate: deps ## run simulated histories with faults: SEEDS=2000 FROM=1, or SEED=n to replay one
	swift build -c release --product Simulate $(BUILD_FLAGS)
	scripts/simulate.sh $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FROM),--from $(FROM)) $(if $(SEED),--seed $(SEED)) $(SIMULATE_FLAGS)

.PHONY: fuzz
fuzz: deps ## feed inputs to what reads them: TARGET=http SECONDS=120; without TARGET all
	BUILD_FLAGS="$(BUILD_FLAGS)" scripts/fuzz.sh "$(TARGET)" $(SECONDS)

.PHONY: mutations
mutations: deps ## break one rule of the journal at a time and see the simulation notice: NAMES="…" or all; slow
	BUILD_FLAGS="$(BUILD_FLAGS)" scripts/mutate.sh $(NAMES)

.PHONY: deps
deps: ## install the missing system packages for building
	@scripts/deps.sh

.PHONY: deps-test
deps-test:
	@scripts/deps.sh --test

.PHONY: lint
lint: ## check the format of all Swift sources
	swift format lint --strict --parallel -r $(SWIFT_FOLDERS)

.PHONY: architecture
architecture: ## check the rooms' imports, the house's bans, the files of topics and of metrics
	python3 scripts/check-architecture.py
	python3 scripts/check-topics.py
	python3 scripts/check-metrics.py

.PHONY: format
format: ## format all Swift sources in place
	swift format -i --parallel -r $(SWIFT_FOLDERS)

.PHONY: clean
clean: ## remove what was built (data folders stay)
	rm -rf .build report
