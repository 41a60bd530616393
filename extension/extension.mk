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

SHLIB_LINK  = $(shell pkg-config --libs libcrypto)
version_script = $(ardent_srcdir)/extension/exports.map
include $(ardent_srcdir)/common/pgxs.mk
$(shell mkdir -p extension)

common/base/version.o extension/src/module.o: CPPFLAGS += -DARDENT_VERSION='"$(EXTVERSION)"'
common/base/version.o extension/src/module.o: $(ardent_srcdir)/ardent.control

$(DATA_built): $(ardent_srcdir)/extension/ardent.sql
	cp $< $@

print-%:
	@echo $($*)
