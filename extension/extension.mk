# SPDX-License-Identifier: PostgreSQL
# The extension, by PGXS, built outside the source tree. The top Makefile includes this file when make
# runs in build/extension with ARDENT_PGXS=1; `ardent_srcdir` is the root of the sources.
#
# The sources of common/ that the server may load are compiled here a second time, position-independent
# and without threads or logging; nothing else of common/ may come in.

EXTENSION   = ardent
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(ardent_srcdir)/ardent.control)
MODULE_big  = ardent

shared_rooms := $(addprefix common/,base model preflight ddl)
sources := $(sort $(wildcard $(addprefix $(ardent_srcdir)/,extension/src/*.cpp extension/src/*/*.cpp \
	$(addsuffix /*.cpp,$(shared_rooms)))))
OBJS        = $(patsubst $(ardent_srcdir)/%.cpp,%.o,$(sources))
DATA        = $(wildcard $(ardent_srcdir)/extension/upgrade/*.sql)
DATA_built  = extension/ardent--$(EXTVERSION).sql

# `install` first: it creates the extension in the database that the others use.
tests      := $(sort $(notdir $(basename $(wildcard $(ardent_srcdir)/sql/*.sql))))
REGRESS     = $(filter install,$(tests)) $(filter-out install,$(tests))
REGRESS_OPTS = --inputdir=$(ardent_srcdir) --temp-config=$(ardent_srcdir)/tests/regress.conf
ISOLATION   = $(sort $(notdir $(basename $(wildcard $(ardent_srcdir)/tests/isolation/specs/*.spec))))
ISOLATION_OPTS = --inputdir=$(ardent_srcdir)/tests/isolation

PG_CONFIG  ?= pg_config
PG_CPPFLAGS = -isystem $(shell $(PG_CONFIG) --includedir-server) -I$(ardent_srcdir) \
	-ffile-prefix-map=$(ardent_srcdir)/= -MMD -MP
PG_CXXFLAGS = -std=c++20 -Wall -Wextra -Wshadow -Wno-register \
	-Wno-missing-field-initializers $(if $(WERROR),-Werror) \
	-fvisibility=hidden -fvisibility-inlines-hidden -fno-gnu-unique
# Before 16 the server's headers neither hide symbols nor mark those to export.
ifeq ($(shell test $$($(PG_CONFIG) --version | sed 's/[^0-9]*\([0-9]*\).*/\1/') -lt 16 && echo old),old)
PG_CPPFLAGS += -DPGDLLEXPORT='__attribute__((visibility("default")))'
endif
ifeq ($(origin CXX),default)
compiler := $(if $(shell command -v ccache 2>/dev/null),ccache )g++
else
compiler := $(CXX)
endif
# the templates of the standard library would otherwise stay visible, whatever -fvisibility says
SHLIB_LINK  = -Wl,--version-script=$(ardent_srcdir)/extension/exports.map $(shell pkg-config --libs libcrypto)
override COMPILER  = $(CXX) $(CXXFLAGS)
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
CXX := $(compiler)

$(shell mkdir -p $(sort $(dir $(OBJS))) extension)
-include $(OBJS:.o=.d)

common/base/version.o extension/src/module.o: CPPFLAGS += -DARDENT_VERSION='"$(EXTVERSION)"'
common/base/version.o extension/src/module.o: $(ardent_srcdir)/ardent.control

$(DATA_built): $(ardent_srcdir)/extension/ardent.sql
	cp $< $@

print-%:
	@echo $($*)
