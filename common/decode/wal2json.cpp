// SPDX-License-Identifier: PostgreSQL
#include "common/decode/wal2json.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/decode/scan.hpp"
#include "common/decode/widen.hpp"

#include <simdjson.h>

#include <charconv>
#include <cstring>
#include <string>
#include <utility>

namespace ardent::decode {

namespace {

using simdjson::ondemand::array;
using simdjson::ondemand::field;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

constexpr std::size_t k_keep_bytes = std::size_t{16} << 20U;  // larger buffers are given back

struct Malformed {
    std::string what;
};

/// The key's bytes up to its closing quote; keys of the format itself have no escapes.
std::string_view raw_key(field& item) {
    const char* const begin = item.key().raw();
    return {begin, static_cast<std::size_t>(std::strchr(begin, '"') - begin)};
}

std::string_view token_of(value& item) {
    std::string_view token = item.raw_json_token();
    while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') {
        token.remove_suffix(1);
    }
    return token;
}

bool is_number(std::string_view token) noexcept {
    for (const char c : token) {
        if ((c < '0' || c > '9') && c != '-' && c != '.' && c != '+' && c != 'e' && c != 'E') {
            return false;
        }
    }
    return !token.empty();
}

}  // namespace

class Wal2jsonDecoder::Impl {
public:
    Impl(std::string_view encoding, bool scan) : m_utf8(encoding == "UTF8"), m_scan(scan) {}

    const model::Change& decode(model::Lsn lsn, std::string_view message) {
        clear();
        m_change.lsn = lsn;
        if (m_scan && scan(message, m_utf8, m_change)) {
            return m_change;
        }
        clear();
        if (m_buffer.size() > k_keep_bytes && message.size() < k_keep_bytes) {
            m_buffer = {};
            m_parser = simdjson::ondemand::parser();
        }
        fill(message);
        try {
            read();
        } catch (const simdjson::simdjson_error& error) {
            throw malformed(message, error.what());
        } catch (const Malformed& error) {
            throw malformed(message, error.what);
        }
        return m_change;
    }

private:
    void clear() noexcept {
        m_change.columns.clear();
        m_change.identity.clear();
        m_change.schema = m_change.table = {};
        m_change.prefix = m_change.content = m_change.commit_timestamp = {};
        m_change.commit_end = {};
        m_change.transactional = false;
        m_change.xid = 0;
    }

    void fill(std::string_view message) {
        m_buffer.clear();
        m_buffer.reserve(2 * message.size() + simdjson::SIMDJSON_PADDING);
        if (m_utf8) {
            m_buffer = message;
        } else {
            widen(message, m_buffer);
        }
        m_size = m_buffer.size();
        m_buffer.append(simdjson::SIMDJSON_PADDING, '\0');
    }

    void read() {
        simdjson::ondemand::document document =
            m_parser.iterate(m_buffer.data(), m_size, m_buffer.size());
        object root = document.get_object();
        bool has_action = false;
        for (auto&& item : root) {
            field entry = std::move(item).take_value();
            has_action = read_field(raw_key(entry), entry.value()) || has_action;
        }
        if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
            throw Malformed{"something follows the object"};
        }
        if (!has_action) {
            throw Malformed{"\"action\" is missing"};
        }
        check();
    }

    /// True when it was the action.
    bool read_field(std::string_view key, value item) {
        if (key == "columns") {
            read_columns(item.get_array(), m_change.columns);
        } else if (key == "identity") {
            read_columns(item.get_array(), m_change.identity);
        } else if (key == "schema") {
            m_change.schema = read_text(item);
        } else if (key == "table") {
            m_change.table = read_text(item);
        } else if (key == "nextlsn") {
            read_commit_end(read_text(item));
        } else if (key == "timestamp") {
            m_change.commit_timestamp =
                token_of(item) == "null" ? std::string_view{} : read_text(item);
        } else if (key == "prefix") {
            m_change.prefix = read_text(item);
        } else if (key == "content") {
            m_change.content = read_text(item);
        } else if (key == "xid") {
            const std::string_view token = token_of(item);
            std::from_chars(token.data(), token.data() + token.size(), m_change.xid);
        } else if (key == "transactional") {
            m_change.transactional = token_of(item) == "true";
        } else if (key == "action") {
            read_action(read_text(item));
            return true;
        }
        return false;
    }

    void read_action(std::string_view letter) {
        if (letter.size() != 1 || std::strchr("BCIUDTM", letter[0]) == nullptr) {
            throw Malformed{"the action \"" + base::clip_utf8(letter, 20) + "\" is not known"};
        }
        m_change.action = static_cast<model::Action>(letter[0]);
    }

    void read_commit_end(std::string_view text) {
        const auto lsn = model::parse_lsn(text);
        if (!lsn) {
            throw Malformed{"\"nextlsn\" is no LSN"};
        }
        m_change.commit_end = *lsn;
    }

    void read_columns(array list, std::vector<model::ColumnValue>& columns) {
        for (auto item : list) {
            object entry = item.get_object();
            model::ColumnValue column;
            bool has_value = false;
            for (auto&& part : entry) {
                field one = std::move(part).take_value();
                const std::string_view key = raw_key(one);
                if (key == "name") {
                    column.name = read_text(one.value());
                } else if (key == "value") {
                    read_value(one.value(), column);
                    has_value = true;
                }
            }
            if (!has_value || column.name.empty()) {
                throw Malformed{"a column lacks its name or its value"};
            }
            columns.push_back(column);
        }
    }

    void read_value(value item, model::ColumnValue& column) {
        const std::string_view token = token_of(item);
        if (!token.empty() && token[0] == '"') {
            column.kind = model::ValueKind::text;
            column.text = read_string(item, token);
        } else if (token == "null") {
            column.kind = model::ValueKind::null;
        } else if (token == "true" || token == "false") {
            column.kind = model::ValueKind::boolean;
            column.text = token;
        } else if (is_number(token)) {
            column.kind = model::ValueKind::number;
            column.text = token;
        } else {
            throw Malformed{"a value is no string, number, boolean or null"};
        }
    }

    std::string_view read_text(value item) {
        const std::string_view token = token_of(item);
        if (token.empty() || token[0] != '"') {
            throw Malformed{"a string is expected"};
        }
        return read_string(item, token);
    }

    /// Without a backslash the text between the quotes is the value.
    std::string_view read_string(value item, std::string_view token) {
        const bool plain = std::memchr(token.data(), '\\', token.size()) == nullptr;
        const std::string_view text =
            plain ? token.substr(1, token.size() - 2) : std::string_view(item.get_string());
        return m_utf8 ? text : narrowed(text);
    }

    static std::string_view narrowed(std::string_view text) {
        // The text lies in our buffer or in the parser's.
        char* const begin = const_cast<char*>(text.data());
        const auto size = narrow(begin, text.size());
        if (!size) {
            throw Malformed{"a character that the server's encoding does not have"};
        }
        return {begin, *size};
    }

    void check() const {
        const bool on_table =
            m_change.action == model::Action::insert || m_change.action == model::Action::update ||
            m_change.action == model::Action::remove || m_change.action == model::Action::truncate;
        if (on_table && (m_change.schema.empty() || m_change.table.empty())) {
            throw Malformed{"schema or table is missing"};
        }
        const bool boundary =
            m_change.action == model::Action::begin || m_change.action == model::Action::commit;
        if (boundary && !m_change.commit_end.valid()) {
            throw Malformed{"\"nextlsn\" is missing (the plugin's option include-lsn)"};
        }
    }

    base::Error malformed(std::string_view message, std::string_view what) const {
        // up to where values begin, which are somebody's rows
        std::string_view head = message.substr(0, 200);
        for (const std::string_view sign : {R"("columns")", R"("identity")", R"("content")"}) {
            head = head.substr(0, head.find(sign));
        }
        std::string begin;
        if (m_utf8) {
            begin = head;
        } else {
            widen(head, begin);
        }
        return {base::ErrorKind::replica,
                "the message at LSN " + model::to_string(m_change.lsn) +
                    " cannot be decoded: " + std::string(what) + "; it has " +
                    std::to_string(message.size()) + " bytes and begins: " + begin,
                "This is not what wal2json 2.5 with format-version 2 writes. Compare the version "
                "of the "
                "plugin at the source; a row above 1 GB of JSON cannot be carried."};
    }

    bool m_utf8;
    bool m_scan;
    simdjson::ondemand::parser m_parser;
    std::string m_buffer;  // the message and the padding that the parser reads over
    std::size_t m_size = 0;
    model::Change m_change;
};

Wal2jsonDecoder::Wal2jsonDecoder(std::string_view server_encoding, bool scan)
    : m_impl(std::make_unique<Impl>(server_encoding, scan)) {}

Wal2jsonDecoder::~Wal2jsonDecoder() = default;

const model::Change& Wal2jsonDecoder::decode(model::Lsn lsn, std::string_view message) {
    return m_impl->decode(lsn, message);
}

char action_letter(std::string_view message) noexcept {
    constexpr std::string_view k_begin = R"({"action":")";
    return message.size() > k_begin.size() && message.substr(0, k_begin.size()) == k_begin
               ? message[k_begin.size()]
               : '\0';
}

}  // namespace ardent::decode
