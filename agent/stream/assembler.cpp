// SPDX-License-Identifier: PostgreSQL
#include "agent/stream/assembler.hpp"

#include "agent/stream/message.hpp"
#include "common/base/error.hpp"

#include <utility>

namespace ardent::agent {

bool Assembler::takes(std::size_t text_bytes) const noexcept {
    return m_segment.empty() ||
           m_segment.raw_bytes() + protocol::k_message_header_bytes + text_bytes <= m_limit;
}

void Assembler::add(model::Lsn lsn, std::string_view text) {
    switch (action_of(text)) {
    case 'B':
        m_open = lsn;
        m_segment.add(lsn, text);
        return;
    case 'C': {
        if (!m_open) {
            throw base::Error(base::ErrorKind::bug,
                              "a commit outside of a transaction came at " + model::to_string(lsn));
        }
        const model::Lsn end = commit_end_of(text);
        m_segment.add(lsn, text);
        m_segment.commit(end);
        m_open.reset();
        m_has_commit = true;
        m_last_commit_end = end;
        return;
    }
    default:
        m_segment.add(lsn, text);
    }
}

protocol::SegmentWriter Assembler::take() {
    m_segment.open_transaction(m_open.has_value());
    m_has_commit = false;
    return std::exchange(m_segment, protocol::SegmentWriter());
}

}  // namespace ardent::agent
