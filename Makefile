# One command each; CONTRIBUTING.md says when. Nothing here installs system packages.
SHELL := /bin/bash
.DEFAULT_GOAL := help

LIBRARY  := .
EXAMPLES := examples/hello examples/folio examples/folio/linked examples/folio/plugins/markdown examples/folio/plugins/toc examples/folio/plugins/wordcount
MODULES  := $(LIBRARY) cmd $(EXAMPLES) internal/bench tools
BIN      := $(CURDIR)/bin
TOOL     := go tool -modfile=$(CURDIR)/tools/go.mod
RACE     := $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo -race)
# Packages that start no goroutine and share nothing: a test in internal/arch holds them to
# that. The race detector finds nothing there and makes their tests five times as slow; the
# packages above run them under it.
PURE      := version manifest artifact resolve resolve/internal/pubgrub resolve/resolvetest internal/resolvecheck
# Tests keep plugins in new folders, and folders that others can change are refused.
UMASK     := umask 022;
# Tests that run one thing after the other, over and over or in processes that are killed: the race
# detector finds nothing in them and makes them three times as slow.
ALONE     := ^(TestKill|TestDiskFails|TestHostileArchives|TestLockIsIndependentOfTiming)$$
each      = @set -e; for m in $(1); do echo "== $$m: $(2)"; (cd $$m && $(2)); done

# Data and peers that stand beside a checkout; what is not there is skipped, or a missed target.
RESOLVER_DATA := $(wildcard $(CURDIR)/../shared/data/resolver)
YARDSTICK     := $(wildcard $(CURDIR)/../shared/tools/resolver-yardstick)
PEERS         := $(or $(PLUGSTEAD_PEERS),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/plugstead/peers)
export PLUGSTEAD_RESOLVER_DATA ?= $(RESOLVER_DATA)

.PHONY: help demo test serve check soak bench bench-runtime bench-registry bench-peers bench-install bench-resolve crash release-check fmt lint build-demo

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

build-demo:
	@mkdir -p $(BIN)
	@cd cmd && go build -o $(BIN)/plugstead ./plugstead
	@cd examples/folio && go build -o $(BIN)/folio ./cmd/folio && go build -o $(BIN)/demo ./cmd/demo
	@cd examples/folio/linked && go build -o $(BIN)/folio-linked .

demo: build-demo ## walk the main job from end to end; KEEP=1 leaves the registry running
	@$(BIN)/demo -repo $(CURDIR) -bin $(BIN) $(if $(KEEP),-keep)

test: ## run every test of every module
	@if [ -z "$(RACE)" ]; then echo "skipped: the race detector (no C compiler found)"; fi
	@echo "== .: go test"; $(UMASK) go test $(VET) $(addprefix ./,$(PURE))
	@echo "== .: go test $(RACE)"; $(UMASK) go test $(RACE) $(VET) -skip '$(ALONE)' $$(go list ./... | grep -vxF "$$(printf 'github.com/plugstead/plugstead/%s\n' $(PURE))")
	@echo "== .: go test -run '$(ALONE)'"; $(UMASK) go test $(VET) -run '$(ALONE)' ./update ./registry/bundle
	$(call each,$(filter-out .,$(MODULES)),$(UMASK) go test $(RACE) $(VET) ./...)

serve: ## run a registry for trying out on http://127.0.0.1:8080
	@mkdir -p $(BIN) && cd cmd && go build -o $(BIN)/plugstead ./plugstead
	@$(BIN)/plugstead serve --data $(or $(DATA),$(CURDIR)/bin/registry-data) --listen $(or $(LISTEN),127.0.0.1:8080)

fmt: ## format every file
	@$(TOOL) gofumpt -w .

lint:
	@out=$$($(TOOL) gofumpt -l .); if [ -n "$$out" ]; then echo "not formatted (make fmt):"; echo "$$out"; exit 1; fi
	$(call each,$(MODULES),go vet ./...)
	$(call each,$(MODULES),go fix -diff ./...)
	$(call each,$(MODULES),$(TOOL) staticcheck ./...)
	@echo "== windows, darwin: type check"; cd tools && go build -o $(BIN)/crosscheck ./crosscheck && cd .. && $(BIN)/crosscheck windows darwin
	@set -e; for m in $(MODULES); do (cd $$m && go mod tidy -diff) || { echo "$$m: run go mod tidy"; exit 1; }; done

# lint has vetted what test would vet again.
check: VET := -vet=off
check: SOAK ?= 30s
check: lint test soak ## everything a change must pass

soak: ## calls, streams and callbacks under kills and swaps, for SOAK (10m); nothing may be lost or left
	@go test -count=1 -timeout 30m ./internal/soak -run TestSoak -soak $(or $(SOAK),10m) -v | grep -v '^=== '

bench-runtime: ## measure calls, streams, starts, memory and sizes beside hashicorp/go-plugin
	@mkdir -p $(BIN) && cd internal/bench && go build -o $(BIN)/bench-runtime ./runtime
	@$(BIN)/bench-runtime -repo $(CURDIR)

bench: ## print first figures; results go to docs/benchmarks.md
	@cd internal/bench && go run .

crash: ## kill every verb that changes plugins 200 times, between any two steps on disk
	@go test -count=1 -timeout 30m ./update ./registry/bundle -run 'TestKill$$' -crash 200 -v | sed -n 's/^.*\(target .*\)/\1/p;/^---\|^FAIL\|^ok/p'

bench-resolve: ## measure the resolver beside a reference solver and cargo
	@mkdir -p $(BIN) && go build -o $(BIN)/resolvecheck ./internal/resolvecheck
	@cd internal/bench && go build -o $(BIN)/locker ./locker && go build -o $(BIN)/bench-resolve ./resolve
	@if [ -n "$(YARDSTICK)" ]; then cd "$(YARDSTICK)" && go build -o $(BIN)/yardstick .; fi
	@$(BIN)/bench-resolve -resolvecheck $(BIN)/resolvecheck -locker $(BIN)/locker -data "$(RESOLVER_DATA)" $(if $(YARDSTICK),-yardstick $(BIN)/yardstick)

bench-registry: ## measure the registry beside a plain file server, on SQLite and PostgreSQL
	@mkdir -p $(BIN) && cd cmd && go build -o $(BIN)/plugstead ./plugstead && go build -o $(BIN)/bench-registry ./internal/benchregistry
	@$(BIN)/bench-registry -plugstead $(BIN)/plugstead

bench-peers: ## build the installers that bench-install compares with, into a cache outside the repository
	@tools/bench-peers

bench-install: ## measure install, update and no-op beside the installers of others
	@mkdir -p $(BIN) && cd cmd && go build -o $(BIN)/plugstead ./plugstead
	@cd internal/bench && go build -o $(BIN)/bench-install ./install
	@$(BIN)/bench-install -plugstead $(BIN)/plugstead -peers "$(PEERS)"

release-check: ## install and build from a module proxy made of this tree
	@cd tools && go run ./releasecheck -repo $(CURDIR)
