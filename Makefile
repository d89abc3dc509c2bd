# SPDX-License-Identifier: Apache-2.0
# A thin face over Meson: `make demo` shows the main job, `make check` runs the tests.
# Every target installs what it needs from Debian's packages (tools/install-deps).
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: all demo check tsan fuzz bench soak install clean help

all: $(BUILD)/build.ninja ## build the program at build/nz
	@ninja -C $(BUILD)

$(BUILD)/build.ninja: | deps
	@meson setup $(BUILD) --prefix $(PREFIX) --buildtype release -Db_lto=false >/dev/null || \
	  { cat $(BUILD)/meson-logs/meson-log.txt; rm -rf $(BUILD); exit 1; }

.PHONY: deps
deps:
	@tools/install-deps

demo: all ## sync a real database, prove it equal, tamper with it, find it, repair it (DB=your.sqlite)
	@NZ=$(abspath $(BUILD))/nz tools/demo $(if $(DB),"$(DB)")

check: ## all tests, with the sanitizers too (under 15 minutes)
	@tools/install-deps test
	@tools/check

tsan: ## server and client under ThreadSanitizer, through the end-to-end tests
	@tools/install-deps test fuzz
	@tools/tsan

fuzz: ## each fuzz target for a minute (SECONDS_EACH=60)
	@tools/install-deps test fuzz
	@tools/fuzz $(or $(SECONDS_EACH),60)

soak: all ## kill, starve and disturb both sides for longer than `make check` does
	@tools/install-deps test
	@tools/soak

bench: all ## measure, and write bench/RESULTS.md
	@tools/install-deps test bench
	@bench/run $(BUILD)

install: all ## install program, library, headers, man pages (PREFIX, DESTDIR)
	@meson configure $(BUILD) --prefix $(PREFIX) >/dev/null
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD)

clean: ## remove what was built
	@rm -rf $(BUILD) build-*

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 — \2/p' $(MAKEFILE_LIST)
