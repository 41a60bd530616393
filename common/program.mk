# SPDX-License-Identifier: PostgreSQL
# What the Makefiles of the rooms share: compiler, flags, where things are built, how a library and a
# program are made of a room. A room's Makefile sets `room` (its folder), and for a program `program`
# and `uses` (pkg-config names of the libraries it links), then includes this file.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:

top := $(patsubst %/common/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
builddir ?= $(top)/build
quiet := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-4s %s\n')
objdir := $(builddir)/obj
libdir := $(builddir)/lib
bindir := $(builddir)/bin

ifeq ($(origin CXX),default)
CXX := $(if $(shell command -v ccache 2>/dev/null),ccache )g++
endif
AR ?= ar

# Flags of every library are given to every source, so that no two of them see a header differently.
packages := libpq libcurl libzstd libsodium libseccomp openssl spdlog tomlplusplus simdjson
pkg_cflags := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(packages) 2>/dev/null))

ardent_version := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(top)/ardent.control 2>/dev/null)

OPTIMISE ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual \
	-Wno-missing-field-initializers $(if $(WERROR),-Werror)
HARDEN := -fstack-protector-strong -D_GLIBCXX_ASSERTIONS
ifneq ($(filter -O1 -O2 -O3,$(OPTIMISE)),)
HARDEN += -D_FORTIFY_SOURCE=2
endif
CXXFLAGS ?=
ALL_CXXFLAGS = -std=c++20 $(OPTIMISE) $(WARNINGS) $(HARDEN) -pthread $(SANITIZE) \
	-ffile-prefix-map=$(top)/= -I$(top) $(pkg_cflags) $(CXXFLAGS)
ALL_LDFLAGS = -pthread $(SANITIZE) -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

sources := $(sort $(wildcard $(addprefix $(top)/$(room)/,*.cpp */*.cpp */*/*.cpp)))
objects_of = $(patsubst $(top)/%.cpp,$(objdir)/%.o,$(1))
objects := $(call objects_of,$(sources))
main_object := $(filter $(objdir)/$(room)/main.o,$(objects))

common_library := $(libdir)/libardent-common.a
room_library := $(libdir)/libardent-$(room).a
link_libraries = $(if $(uses),$(shell pkg-config --libs $(uses)))

$(objdir)/%.o: $(top)/%.cpp $(top)/common/program.mk
	@mkdir -p $(@D)
	$(say) c++ $*.cpp
	$(quiet)$(CXX) $(ALL_CXXFLAGS) $(CPPFLAGS_$*) -MMD -MP -MF $(@:.o=.d) -MT $@ -c -o $@.$$$$ $< && mv $@.$$$$ $@

CPPFLAGS_common/base/version = -DARDENT_VERSION='"$(ardent_version)"'
$(objdir)/common/base/version.o: $(wildcard $(top)/ardent.control)

# Results are written beside their place and renamed, so that two runs of make never see half a file.
# A library is written anew when the list of its objects changes, also when a source was removed.
$(room_library): $(filter-out $(main_object),$(objects)) $(libdir)/$(room).list
	@mkdir -p $(@D)
	$(say) ar $(@F)
	$(quiet)$(AR) rcs $@.$$$$ $(filter %.o,$^) && mv $@.$$$$ $@

$(libdir)/$(room).list: FORCE
	@mkdir -p $(@D)
	@echo '$(objects)' | cmp -s - $@ || echo '$(objects)' > $@

FORCE:
.PHONY: FORCE all clean

ifneq ($(room),common)
# The door at the top builds common/ first and says so; on its own, a room sees to it itself.
ifndef ARDENT_DOOR
$(common_library): FORCE
	+@$(MAKE) --no-print-directory -C $(top)/common
endif
endif

ifdef program
ifneq ($(main_object),)
all: $(bindir)/$(program)
$(bindir)/$(program): $(main_object) $(room_library) $(common_library)
	@mkdir -p $(@D)
	$(say) link $(@F)
	$(quiet)$(CXX) $(ALL_CXXFLAGS) $(ALL_LDFLAGS) -o $@.$$$$ $^ $(link_libraries) && mv $@.$$$$ $@
else ifneq ($(objects),)
all: $(room_library)
else
all:
	@echo '$(room): no sources'
endif
endif

clean:
	rm -rf $(objdir)/$(room) $(room_library) $(libdir)/$(room).list $(if $(program),$(bindir)/$(program))

-include $(objects:.o=.d)
