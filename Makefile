# make shows what there is.

GO      ?= go
FUZZTIME ?= 50000x
BENCHTIME ?= 1s
BENCHCOUNT ?= 6
SEEDS ?= 10000
FROM ?= 1
ROUNDS ?= 16
SEED ?= 0
PACKAGES ?= internal/hub
LINT_VERSION := v2.15.0
LINT := $(CURDIR)/bin/golangci-lint-$(LINT_VERSION)

.PHONY: help
help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: build
build: ## Build bin/backbone.
	$(GO) build -o bin/backbone ./cmd/backbone

.PHONY: demo
demo: ## Watch a simulated market.
	$(GO) run ./cmd/backbone demo

# A test program with the race detector waits a second before it ends, for goroutines that are left. Here a
# goroutine that is left fails its test.
.PHONY: test
test: export GORACE ?= atexit_sleep_ms=20
test: redis ## Run go vet, all tests with the race detector, and 1,000 simulations. They start Redis servers of their own.
	$(GO) vet ./...
	$(GO) test -race -shuffle=on -timeout 10m ./...
	$(GO) test -timeout 5m ./internal/simtest

.PHONY: sim
sim: ## Run SEEDS (10000) simulations from seed FROM (1).
	$(GO) test -count=1 -timeout 0 -run TestSeeds ./internal/simtest -seeds=$(SEEDS) -from=$(FROM)

.PHONY: chaos
chaos: redis ## Break real processes for ROUNDS (16, every fault once) with each kind of Redis; SEED (new) repeats the faults.
	$(GO) test -race -v -count=1 -timeout 24h ./internal/chaos -rounds $(ROUNDS) -seed $(SEED)

.PHONY: clients
clients: ## Run client libraries and the examples of other languages against a server, and measure slow readers.
	scripts/clients/run
	scripts/clients/examples

.PHONY: hostile
hostile: redis ## Try on real processes what bad peers and bad luck do.
	$(GO) vet -tags hostile ./internal/hostile
	$(GO) test -tags hostile -v -count=1 -timeout 30m ./internal/hostile

.PHONY: mutate
mutate: redis ## Change the operators of PACKAGES (internal/hub) one at a time, and see which changes no test of theirs notices.
	@for package in $(PACKAGES); do GO=$(GO) scripts/mutate/run $$package || exit 1; done

.PHONY: redis
redis: # The tests need redis-server and fail without it.
	@scripts/install-redis

.PHONY: lint
lint: $(LINT) ## Run gofmt and golangci-lint.
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "not formatted, run gofmt -w:"; echo "$$files"; exit 1; fi
	$(LINT) run ./...

$(LINT):
	GOBIN=$(CURDIR)/bin/tmp $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv bin/tmp/golangci-lint $(LINT)

.PHONY: cross
cross: ## Check that everything compiles on the systems and CPUs of users, 32 bits too.
	$(GO) run ./scripts/cross

.PHONY: man
man: ## Write the manual pages of all commands into man.
	$(GO) run ./cmd/backbone man --out man

.PHONY: release
release: ## Build what is given out, into dist: an archive and a list of parts for each system (or TARGETS), and checksums.
	$(GO) run ./scripts/release $(if $(TARGETS),-only $(TARGETS))

.PHONY: vuln
vuln: ## Look for known vulnerabilities in what the program calls. It needs a network.
	GO=$(GO) scripts/vuln

.PHONY: api
api: ## Accept the API of the public packages as it is now, in api.
	$(GO) test -count=1 -run TestAPI . -update-api

.PHONY: fuzz
fuzz: ## Run each fuzz target FUZZTIME (50000x) times.
	GO=$(GO) scripts/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## Run all Go benchmarks, BENCHCOUNT (6) times for BENCHTIME (1s), and compare with the kept result.
	GO=$(GO) scripts/bench $(BENCHTIME) $(BENCHCOUNT)

.PHONY: bench-keep
bench-keep: ## Keep the last result of make bench, to compare with.
	cp bin/bench-new.txt bin/bench-kept.txt

.PHONY: clean
clean: ## Remove what was built.
	rm -rf bin
