# A thin face over meson and the tools. `make help` lists the targets.
BUILD ?= build
PY := .venv/bin/python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := all
.PHONY: help all install up down test fresh check asan faults tsan sim crash fuzz load lint bench coverage clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

all: $(BUILD)/build.ninja ## build strata
	@ninja -C $(BUILD) --quiet

$(BUILD)/build.ninja: | setup-build
	@meson setup $(BUILD) >/dev/null

.PHONY: setup-build
setup-build:
	@tools/setup build

up: ## a fresh machine to a running backend: installs, builds, starts strata, applies the stack, sends a request through
	@tools/setup up
	@$(MAKE) --no-print-directory all
	@$(BUILD)/strata up

install: all ## program, man page, runtime recipes and a systemd unit below /usr/local (DESTDIR=DIR: below DIR)
	@meson install -C $(BUILD) --no-rebuild --quiet

down: ## stop what `make up` started
	@$(BUILD)/strata down

test: ## everything: checks, unit tests, whole-system tests
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@$(PY) tools/run-tests $(BUILD)

fresh: ## as root: `make up` twice and `make test` in a Debian 12 that has make and git alone
	@tools/fresh-machine

check: ## layers, sizes, banned calls, headers, coverage page
	@tools/tidy
	@$(PY) models/generate.py --check-coverage docs/COVERAGE.md

coverage: ## rewrite docs/COVERAGE.md
	@$(PY) models/generate.py --coverage docs/COVERAGE.md

asan: ## unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/setup build
	@[ -d $(BUILD)-asan ] || meson setup $(BUILD)-asan -Db_sanitize=address,undefined -Db_lundef=false -Dwerror=false >/dev/null
	@meson test -C $(BUILD)-asan --print-errorlogs

faults: ## every store call and file call of every operation fails once; STRATA_FAULTS="s3 sqs": of those services
	@$(MAKE) --no-print-directory all
	@meson test -C $(BUILD) test_faults test_out_of_memory --verbose
	@$(PY) -m pytest -q tests/fault/test_failing_disk.py

tsan: ## unit tests under ThreadSanitizer
	@tools/setup build
	@[ -d $(BUILD)-tsan ] || meson setup $(BUILD)-tsan -Db_sanitize=thread -Db_lundef=false >/dev/null
	@meson test -C $(BUILD)-tsan --print-errorlogs

sim: ## simulations: SEED=n plays one (STEPS=k cuts it), N=1000 seeds 1 to 1,000; see tests/sim/README.md
	@tools/setup build
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD) >/dev/null
	@ninja -C $(BUILD) --quiet tests/sim/sim
	@$(BUILD)/tests/sim/sim $(if $(SEED),--seed $(SEED) --steps $(or $(STEPS),0),--seeds $(or $(N),1000))

crash: ## clients, kills and power cuts, and nothing acknowledged may be lost: N=500 kills (and N/20 cuts), SEED=n replays
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@$(PY) tests/fault/crash/crash.py --kills $(or $(N),500) --cuts $$(( ($(or $(N),500) + 19) / 20 )) $(if $(SEED),--seed $(SEED))

load: ## crowds, slow clients, millions of records, objects of 5 GB: what strata's memory does meanwhile (ONLY=idle,messages); an hour
	@tools/setup bench
	@$(MAKE) --no-print-directory all
	@$(PY) tests/load/run $(if $(ONLY),--only $(ONLY))

lint: ## clang-tidy over everything but tests (.clang-tidy says what it looks for); some minutes
	@tools/setup lint
	@$(MAKE) --no-print-directory all
	@find src -name '*.c' ! -name 'test_*' ! -name 'fuzz_*' | sort | xargs -P $$(nproc) -n 8 clang-tidy -p $(BUILD) --quiet 2>/dev/null

fuzz: ## the fuzz targets under libFuzzer, T=60 seconds each; F=name for one (tools/fuzz keeps what they found)
	@tools/setup fuzz
	@[ -d $(BUILD)-fuzz ] || CC=clang meson setup $(BUILD)-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false >/dev/null
	@ninja -C $(BUILD)-fuzz --quiet fuzz-targets
	@tools/fuzz $(BUILD)-fuzz $(or $(T),60) $(F)

bench: ## speed, as ratios to nginx's static answer (QUICK=1, PEERS=1, ONLY=GetItem,PutItem)
	@tools/setup bench
	@$(MAKE) --no-print-directory all
	@$(BUILD)/strata runtime install provided.al2023 python3.13
	@stack/build >/dev/null
	@bench/run --build $(BUILD) $(if $(QUICK),--quick) $(if $(PEERS),--peers) $(if $(ONLY),--only $(ONLY))

clean: ## remove what was built
	rm -rf build build-asan build-tsan build-fuzz .venv
