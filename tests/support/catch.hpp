// SPDX-License-Identifier: PostgreSQL
// Catch2 in the form that the distribution has: version 2 on Debian 12, version 3 later.
#pragma once

#if __has_include(<catch2/catch.hpp>)
#include <catch2/catch.hpp>
#else
#include <catch2/catch_all.hpp>
#endif
