# SPDX-License-Identifier: PostgreSQL
# The library that writes rows inside a replica's server, by PGXS, built in build/replica. The top Makefile includes this
# file when make runs there with ARDENT_PGXS=replica; `ardent_srcdir` is the root of the sources. One library a major:
# the environment makes its functions itself (environment/replica/writer_functions.cpp), no CREATE EXTENSION.

MODULE_big = ardent_replica
sources   := $(sort $(wildcard $(ardent_srcdir)/replica/src/*.cpp))
OBJS       = $(patsubst $(ardent_srcdir)/%.cpp,%.o,$(sources))

# Nothing in here throws or has a destructor: a server error may jump over every frame.
PG_CXXFLAGS = -fno-exceptions -fno-rtti
version_script = $(ardent_srcdir)/replica/exports.map
include $(ardent_srcdir)/common/pgxs.mk
