// SPDX-License-Identifier: PostgreSQL
#include "common/pq/array_text.hpp"

namespace ardent::pq {

void ArrayText::add(std::string_view element) {
    separate();
    m_text += '"';
    for (;;) {
        const std::size_t special = element.find_first_of("\"\\");
        m_text += element.substr(0, special);
        if (special == std::string_view::npos) {
            break;
        }
        m_text += '\\';
        m_text += element[special];
        element.remove_prefix(special + 1);
    }
    m_text += '"';
}

void ArrayText::add_null() {
    separate();
    m_text += "NULL";
}

const std::string& ArrayText::finish() {
    m_text += m_text.empty() ? "{}" : "}";
    return m_text;
}

std::string array_text(const std::vector<std::string>& elements) {
    ArrayText array;
    for (const std::string& element : elements) {
        array.add(element);
    }
    return array.finish();
}

}  // namespace ardent::pq
