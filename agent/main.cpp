// SPDX-License-Identifier: PostgreSQL
#include "agent/program.hpp"
#include "common/process/dumps.hpp"
#include "common/process/output.hpp"

int main(int argc, char** argv) {
    ardent::process::refuse_dumps();
    const ardent::process::PrintableOutput output;
    return ardent::agent::program(argc, argv);
}
