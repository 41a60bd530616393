// SPDX-License-Identifier: PostgreSQL
#include "agent/program.hpp"
#include "common/process/dumps.hpp"

int main(int argc, char** argv) {
    ardent::process::refuse_dumps();
    return ardent::agent::program(argc, argv);
}
