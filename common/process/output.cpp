// SPDX-License-Identifier: PostgreSQL
#include "common/process/output.hpp"

#include "common/base/text.hpp"

#include <iostream>
#include <string>

namespace ardent::process {

/// Gathers a line, because a character may come in two pieces.
class PrintableOutput::Door : public std::streambuf {
public:
    explicit Door(std::ostream& stream) : m_stream(stream), m_behind(stream.rdbuf(this)) {}
    ~Door() override {
        pass();
        m_stream.rdbuf(m_behind);
    }
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;

protected:
    int_type overflow(int_type c) override {
        if (!traits_type::eq_int_type(c, traits_type::eof())) {
            m_line += traits_type::to_char_type(c);
            if (m_line.back() == '\n') {
                pass();
            }
        }
        return traits_type::not_eof(c);
    }

    std::streamsize xsputn(const char* text, std::streamsize count) override {
        m_line.append(text, static_cast<std::size_t>(count));
        if (m_line.find('\n', m_line.size() - static_cast<std::size_t>(count)) != m_line.npos) {
            pass();
        }
        return count;
    }

    int sync() override {
        pass();
        return m_behind->pubsync();
    }

private:
    void pass() {
        const std::string shown = base::printable(m_line);
        m_line.clear();
        m_behind->sputn(shown.data(), static_cast<std::streamsize>(shown.size()));
    }

    std::ostream& m_stream;
    std::streambuf* m_behind;
    std::string m_line;
};

PrintableOutput::PrintableOutput()
    : m_out(std::make_unique<Door>(std::cout)), m_error(std::make_unique<Door>(std::cerr)) {}

PrintableOutput::~PrintableOutput() = default;

}  // namespace ardent::process
