// SPDX-License-Identifier: PostgreSQL
// The door of what a program prints: as long as an object lives, everything that goes to std::cout
// and std::cerr passes base::printable, line by line. Made first in main; one at a time.
#pragma once

#include <memory>
#include <streambuf>

namespace ardent::process {

class PrintableOutput {
public:
    PrintableOutput();
    ~PrintableOutput();
    PrintableOutput(const PrintableOutput&) = delete;
    PrintableOutput& operator=(const PrintableOutput&) = delete;

private:
    class Door;
    std::unique_ptr<Door> m_out;
    std::unique_ptr<Door> m_error;
};

}  // namespace ardent::process
