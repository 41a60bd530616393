# SPDX-License-Identifier: PostgreSQL
# The door to everything. `make help` lists the targets. Whatever is built goes to build/.
#
# This file is also the PGXS makefile of what servers load: `extension` runs it once more in build/extension with
# ARDENT_PGXS=1, `replica` in build/replica with ARDENT_PGXS=replica. Only then PGXS is included, so that every other
# target works before pg_config is there.

ardent_srcdir := $(patsubst %/,%,$(dir $(abspath $(firstword $(MAKEFILE_LIST)))))

ifeq ($(ARDENT_PGXS),1)
include $(ardent_srcdir)/extension/extension.mk
else ifeq ($(ARDENT_PGXS),replica)
include $(ardent_srcdir)/replica/replica.mk
else

.DEFAULT_GOAL := all
MAKEFLAGS += --no-print-directory
PG_CONFIG ?= pg_config
prefix    ?= /usr/local
export PG_CONFIG

builddir := $(ardent_srcdir)/build
installed_programs := ardent ardent-agent ardent-environment
examples := agent.toml.example environment.toml.example
units    := $(wildcard $(addprefix $(ardent_srcdir)/packaging/systemd/*.,service socket))
rooms    := common agent environment cli opener
room      = +@$(MAKE) -C $(1) ARDENT_DOOR=1
in_server = $(MAKE) $(if $(V),,-s) -f $(ardent_srcdir)/Makefile PG_CONFIG=$(PG_CONFIG)
pgxs      = $(in_server) -C $(builddir)/extension ARDENT_PGXS=1
# A replica has its source's major, and so has the library: PG_CONFIG says for which one it is built.
major    := $(shell $(PG_CONFIG) --version 2>/dev/null | sed 's/[^0-9]*\([0-9]*\).*/\1/')
replica_library := $(major)/ardent_replica.so

.PHONY: help all programs $(rooms) extension replica unit apply-driver door-driver packages deps

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1\t\2/p' $(ardent_srcdir)/Makefile | expand -t 16

all: programs unit apply-driver door-driver ## the extension, the programs, the unit tests
programs: extension replica agent environment cli opener

packages:
	@scripts/deps --check build
deps: ## installs the missing packages (as root, or YES=1 with sudo)
	@scripts/deps

common: packages ## each of these on its own
	$(call room,common)
agent environment cli: common
	$(call room,$@)
opener: packages ## what runs beside the server of a branch
	$(call room,opener)
unit: $(if $(ONLY),common $(or $(ROOMS),agent environment cli),common agent environment cli)
	$(call room,tests/unit)
apply-driver: common environment
	$(call room,tests/support/apply)
door-driver: common environment opener
	$(call room,tests/support/door)
extension: packages
	+@if [ -f ardent.control ] && [ -f extension/ardent.sql ]; then \
	    mkdir -p $(builddir)/extension && echo 'extension' && $(pgxs) all; \
	else echo 'extension: no sources'; fi

replica: packages ## the library that writes rows in a replica's server; one for each major (PG_CONFIG=…)
	+@mkdir -p $(builddir)/replica/$(major) && echo 'replica' && \
	    $(in_server) -C $(builddir)/replica/$(major) ARDENT_PGXS=replica all && \
	    install -D -m 755 $(builddir)/replica/$(replica_library) $(builddir)/lib/ardent/$(replica_library)

.PHONY: test check test-unit test-install test-volume regress isolation tap attack e2e soak
test: ## every test; ends with "N passed, N failed"
	@scripts/deps build test
	+@$(MAKE) -j$$(nproc) all
	@scripts/test
check: ## a selection of them, below two minutes
	@scripts/deps build test
	+@$(MAKE) -j$$(nproc) all
	@scripts/test --selection
test-unit test-install test-volume regress isolation tap attack e2e: all ## one suite; make tap T=tests/tap/file.pl runs one file
	@scripts/test $(if $(T),$(T),$(@:test-%=%))

soak: programs apply-driver ## kill rounds, without DDL, with it, of branches: make soak ROUNDS=400 SEED=17 T=tests/e2e/differential.pl
	@ROUNDS=$(or $(ROUNDS),200) SEED=$(SEED) V=1 scripts/test $(or $(T),tests/e2e/kill_rounds.pl tests/e2e/kill_rounds_ddl.pl tests/e2e/branch_kills.pl)

.PHONY: bench
bench: programs ## side by side with PostgreSQL's own replication; make bench ARGS="--only c --scale 0.1"
	@scripts/bench $(ARGS)

.PHONY: demo mutants matrix try-bare try-systemd
demo: ## the main job before your eyes; KEEP=1 leaves it running
	@scripts/deps build demo
	+@$(MAKE) -j$$(nproc) programs
	@scripts/demo
mutants: ## breaks the code on purpose and sees the tests fail
	@scripts/deps build test
	@scripts/mutants $(M)
matrix: ## regress, isolation, TAP on PostgreSQL 13, 15, 17, 18; make matrix V=17 ARGS=tap (root, mmdebstrap)
	@scripts/matrix --check
	@scripts/deps build test
	+@$(MAKE) -j$$(nproc) V= programs apply-driver door-driver
	@scripts/matrix $(V) $(ARGS)
try-systemd: programs ## boots a Debian 12, runs both services by their units, kills and restarts them
	@scripts/try-systemd
try-bare: ## plays the README in a fresh Debian 12
	@scripts/try-bare

.PHONY: lint format
lint: ## format, clang-tidy, rooms, exported symbols, SQL safety, shellcheck; make lint C="rooms sql" runs some
	@scripts/deps build lint
	$(if $(C),,+@$(MAKE) programs)
	@scripts/lint $(C)

format: ## clang-format of every source, in place
	git ls-files '*.cpp' '*.hpp' | xargs clang-format -i

# With DESTDIR, below it: how packages are made. Configuration that is there is never touched.
.PHONY: install uninstall
install: programs install-replica ## the extension into the server, programs to $(prefix)/bin, units, example configuration
	+@$(pgxs) install
	install -d '$(DESTDIR)$(prefix)/bin' '$(DESTDIR)$(prefix)/lib/systemd/system' '$(DESTDIR)/etc/ardent'
	install -m 755 $(addprefix $(builddir)/bin/,$(installed_programs)) '$(DESTDIR)$(prefix)/bin/'
	install -D -m 755 $(builddir)/lib/ardent/ardent-opener '$(DESTDIR)$(prefix)/lib/ardent/ardent-opener'
	@for unit in $(units); do \
	    sed 's|/usr/local/bin/|$(prefix)/bin/|g' $$unit > '$(DESTDIR)$(prefix)/lib/systemd/system/'$${unit##*/} && \
	    chmod 644 '$(DESTDIR)$(prefix)/lib/systemd/system/'$${unit##*/} && echo "install $${unit##*/}" || exit 1; \
	done
	install -m 644 $(addprefix $(ardent_srcdir)/packaging/,$(examples)) '$(DESTDIR)/etc/ardent/'
.PHONY: install-replica
install-replica: replica ## that library alone, for another major: make install-replica PG_CONFIG=…
	install -D -m 755 $(builddir)/lib/ardent/$(replica_library) '$(DESTDIR)$(prefix)/lib/ardent/$(replica_library)'
uninstall: ## takes away what install put in place
	+@$(pgxs) uninstall
	rm -rf '$(DESTDIR)$(prefix)/lib/ardent'
	rm -f $(foreach p,$(installed_programs),'$(DESTDIR)$(prefix)/bin/$(p)') \
	    $(foreach u,$(notdir $(units)),'$(DESTDIR)$(prefix)/lib/systemd/system/$(u)') \
	    $(foreach e,$(examples),'$(DESTDIR)/etc/ardent/$(e)')

.PHONY: clean
clean: ## removes build/
	rm -rf $(builddir)

endif
