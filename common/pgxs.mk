# SPDX-License-Identifier: PostgreSQL
# What the libraries that a server loads share: compiler, flags, what they export. Included by extension/extension.mk and
# replica/replica.mk, which set OBJS, version_script and, where they want, PG_CXXFLAGS and SHLIB_LINK before.

PG_CONFIG  ?= pg_config
PG_CPPFLAGS = -isystem $(shell $(PG_CONFIG) --includedir-server) -I$(ardent_srcdir) \
	-ffile-prefix-map=$(ardent_srcdir)/= -MMD -MP
PG_CXXFLAGS += -std=c++20 -Wall -Wextra -Wshadow -Wno-register \
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
SHLIB_LINK += -Wl,--version-script=$(version_script)
override COMPILER  = $(CXX) $(CXXFLAGS)
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
CXX := $(compiler)

$(shell mkdir -p $(sort $(dir $(OBJS))))
-include $(OBJS:.o=.d)
