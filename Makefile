# SPDX-License-Identifier: Apache-2.0
# The one front door: every target works from a fresh clone. CMake and Ninja do the building.
PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc)
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BUILD := build
PYTHON := .deps/venv/bin/python
PYTEST := $(PYTHON) -B -m pytest -q -p no:cacheprovider
QUIET_NINJA := NINJA_STATUS='[%f/%t] ' ninja -j $(JOBS)
C_FILES = git ls-files -co --exclude-standard -- '*.c' '*.h' '*.cpp'
# modules with locks or threads, which the thread sanitizer runs
THREADED := base store engine encode index

.PHONY: help
help: ## this list
	@echo "magpie: search over text, pictures and sound. Targets:"
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | \
	  awk -F'|' '{ printf "%-19s %s\n", $$1, $$2 }'
	@echo "Start with: make demo"

.PHONY: setup
setup: ## install what is missing (Debian packages, Python environment, models)
	@tools/setup.sh

.PHONY: quick-setup build-setup
quick-setup:
	@tools/setup.sh --quick
build-setup:
	@tools/setup.sh --quick build

.PHONY: build
build: build-setup ## build the library and the command: build/magpie
	@tools/configure.sh $(BUILD)
	@$(QUIET_NINJA) -C $(BUILD)
	@$(BUILD)/magpie models prepare --packs $(CURDIR)/.deps/packs || \
	  echo "build: label vectors were not prepared; the first search makes them"

.PHONY: demo
demo: build ## index a real mixed collection and ask it eight questions (writes demo.html)
	@tools/demo.sh

.PHONY: unit
unit: quick-setup build
	@$(QUIET_NINJA) -C $(BUILD) unit_tests
	@ctest --test-dir $(BUILD) -j $(JOBS) -LE fault --output-on-failure --no-tests=error </dev/null

.PHONY: test
test: unit ## unit tests, then the whole command, references and quality floors
	@$(QUIET_NINJA) -C $(BUILD) reference_tools
	@test -x $(PYTHON) || { echo "make test needs .deps/venv: run make setup"; exit 1; }
	@$(PYTEST) tests </dev/null

.PHONY: fault
fault: quick-setup build ## power cuts, failing calls, damage and random operations against the store
	@$(QUIET_NINJA) -C $(BUILD) fault_tests
	@ctest --test-dir $(BUILD) -j $(JOBS) -L fault --output-on-failure --no-tests=error </dev/null
	@grep -h '^fault: ' $(BUILD)/Testing/Temporary/LastTest.log

MAGPIE_SOAK_SECONDS ?= 3600
.PHONY: soak
soak: quick-setup ## kill writers and draw random operations for MAGPIE_SOAK_SECONDS, each time anew
	@tools/configure.sh $(BUILD)
	@$(QUIET_NINJA) -C $(BUILD) test_killed test_random_operations
	@MAGPIE_SOAK_SECONDS=$$(($(MAGPIE_SOAK_SECONDS) / 2)) MAGPIE_SEED=$${MAGPIE_SEED:-$$(date +%s)} \
	  $(BUILD)/test_killed
	@MAGPIE_SOAK_SECONDS=$$(($(MAGPIE_SOAK_SECONDS) / 2)) MAGPIE_SEED=$${MAGPIE_SEED:-$$(date +%s)} \
	  $(BUILD)/test_random_operations

.PHONY: check
check: quick-setup ## format, layers, style, headers, catalogue, lint, unit tests
	@$(C_FILES) | xargs -r clang-format-14 --dry-run -Werror
	@python3 -B tools/check_layers.py
	@python3 -B tools/check_style.py
	@tools/check_headers.sh
	@python3 -B packs/build_pack.py --catalogue | cmp - packs/catalogue.json || \
	  { echo "packs/catalogue.json is not what the recipes say: make catalogue"; exit 1; }
	@tools/configure.sh $(BUILD)
	@tools/lint.sh $(BUILD)
	@$(MAKE) unit

.PHONY: asan
asan: quick-setup ## unit tests and a part of the command's tests under address and UB sanitizers
	@tools/configure.sh build-asan -DMAGPIE_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=Debug \
	  -DCMAKE_C_FLAGS_DEBUG='-O1 -g'
	@tools/sanitize.sh address build-asan $(JOBS)

.PHONY: tsan
tsan: quick-setup ## unit tests of the parts with threads under the thread sanitizer
	@tools/configure.sh build-tsan -DMAGPIE_SANITIZE=thread -DCMAKE_BUILD_TYPE=Debug \
	  -DCMAKE_C_FLAGS_DEBUG='-O1 -g'
	@tools/sanitize.sh thread build-tsan $(JOBS) $(THREADED)

.PHONY: fuzz-smoke
fuzz-smoke: quick-setup ## each fuzz target for 20 seconds
	@CC=clang-14 CXX=clang++-14 tools/configure.sh build-fuzz -DMAGPIE_FUZZ=ON \
	  -DMAGPIE_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG='-O1 -g'
	@$(QUIET_NINJA) -C build-fuzz fuzz_targets
	@tools/fuzz_smoke.sh build-fuzz

.PHONY: bench
bench: build ## speed, memory and quality (bench/README.md)
	@bench/run.sh

.PHONY: packs
packs: build-setup ## build optional model packs: make packs PACK=bge-small-en-v1.5
	@$(PYTHON) packs/build_pack.py --out .deps/packs $(PACK)

.PHONY: catalogue
catalogue: ## write packs/catalogue.json from the recipes
	@python3 -B packs/build_pack.py --catalogue >packs/catalogue.json.new
	@mv packs/catalogue.json.new packs/catalogue.json

.PHONY: format
format: quick-setup ## format all C in place
	@$(C_FILES) | xargs -r clang-format-14 -i

.PHONY: install
install: build ## install library, headers, command, man page and packs (PREFIX, DESTDIR)
	@DESTDIR='$(DESTDIR)' cmake --install $(BUILD) --strip --prefix '$(PREFIX)'

.PHONY: clean
clean: ## remove what was built; what was fetched (.deps) stays
	@rm -rf build build-asan build-tsan build-fuzz demo demo.html
