// SPDX-License-Identifier: PostgreSQL
#include "agent/program.hpp"

int main(int argc, char** argv) {
    return ardent::agent::program(argc, argv);
}
