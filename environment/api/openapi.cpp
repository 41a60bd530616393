// SPDX-License-Identifier: PostgreSQL
#include "environment/api/openapi.hpp"

#include <cstddef>

// The assembler puts the file's bytes between two symbols; it looks for the file below the
// repository's root (-Wa,-I in environment/Makefile).
__asm__(
    ".section .rodata\n"
    ".balign 16\n"
    "ardent_openapi_begin:\n"
    ".incbin \"docs/openapi.yaml\"\n"
    "ardent_openapi_end:\n"
    ".byte 0\n"
    ".previous\n");

extern "C" {
extern const char ardent_openapi_begin[];  // NOLINT: the assembler's symbols
extern const char ardent_openapi_end[];    // NOLINT
}

namespace ardent::environment {

std::string_view openapi_json() noexcept {
    return {ardent_openapi_begin,
            static_cast<std::size_t>(ardent_openapi_end - ardent_openapi_begin)};
}

}  // namespace ardent::environment
