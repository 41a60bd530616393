// SPDX-License-Identifier: PostgreSQL
// The main function of build/bin/unit_tests, in a file of its own because it compiles slowly.
#if __has_include(<catch2/catch.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#else
#include <catch2/catch_session.hpp>

int main(int argc, char** argv) {
    return Catch::Session().run(argc, argv);
}
#endif
