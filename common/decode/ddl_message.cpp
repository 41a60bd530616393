// SPDX-License-Identifier: PostgreSQL
#include "common/decode/ddl_message.hpp"

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/ddl/settings.hpp"
#include "common/decode/widen.hpp"

#include <charconv>
#include <string>
#include <utility>

namespace ardent::decode {

namespace {

using json = nlohmann::json;

base::Error misfit(const std::string& what) {
    return {base::ErrorKind::replica, "a signed DDL message cannot be read: " + what,
            "Extension and environment are of versions that do not go together; see the versions "
            "of both."};
}

class Reader {
public:
    Reader(const json& object, bool utf8, std::string name)
        : m_object(object), m_utf8(utf8), m_name(std::move(name)) {
        if (!object.is_object()) {
            throw misfit(m_name + " is no object");
        }
    }

    const json* find(const char* field) const {
        const auto found = m_object.find(field);
        return found == m_object.end() || found->is_null() ? nullptr : &*found;
    }

    std::string value_of(const json& value, const char* field) const {
        if (!value.is_string()) {
            throw misfit(m_name + "." + field + " is no text");
        }
        auto text = value.get<std::string>();
        if (!m_utf8) {
            const auto size = narrow(text.data(), text.size());
            if (!size) {
                throw misfit(m_name + "." + field + " has a character that the encoding has not");
            }
            text.resize(*size);
        }
        return text;
    }

    std::optional<std::string> maybe_text(const char* field) const {
        const json* const value = find(field);
        return value == nullptr ? std::nullopt : std::optional(value_of(*value, field));
    }

    std::string text(const char* field) const {
        auto value = maybe_text(field);
        if (!value) {
            throw misfit(m_name + "." + field + " is missing");
        }
        return *std::move(value);
    }

    std::string text_or_empty(const char* field) const { return maybe_text(field).value_or(""); }

    bool flag(const char* field) const {
        const json* const value = find(field);
        if (value != nullptr && !value->is_boolean()) {
            throw misfit(m_name + "." + field + " is neither true nor false");
        }
        return value != nullptr && value->get<bool>();
    }

    std::uint64_t number(const char* field) const {
        const json* const value = find(field);
        if (value == nullptr || !value->is_number_unsigned()) {
            throw misfit(m_name + "." + field + " is no whole number");
        }
        return value->get<std::uint64_t>();
    }

    template <class Read>
    auto list(const char* field, Read read) const {
        std::vector<decltype(read(std::declval<const Reader&>()))> values;
        for_each(field, [&](const json& item) {
            values.push_back(read(Reader(item, m_utf8, m_name + "." + field)));
        });
        return values;
    }

    template <class Act>
    void each(const char* field, Act act) const {
        for_each(field, [&](const json& item) { act(Reader(item, m_utf8, m_name + "." + field)); });
    }

    template <class Do>
    void for_each(const char* field, Do act) const {
        const json* const value = find(field);
        if (value == nullptr) {
            return;
        }
        if (!value->is_array()) {
            throw misfit(m_name + "." + field + " is no list");
        }
        for (const json& item : *value) {
            act(item);
        }
    }

    std::vector<std::optional<std::string>> maybe_texts(const char* field) const {
        std::vector<std::optional<std::string>> values;
        for_each(field, [&](const json& item) {
            values.push_back(item.is_null() ? std::nullopt : std::optional(value_of(item, field)));
        });
        return values;
    }

    std::vector<std::string> texts(const char* field) const {
        std::vector<std::string> values;
        for_each(field, [&](const json& item) { values.push_back(value_of(item, field)); });
        return values;
    }

    std::map<std::string, std::string> text_map(const char* field) const {
        std::map<std::string, std::string> values;
        const json* const value = find(field);
        if (value == nullptr) {
            return values;
        }
        if (!value->is_object()) {
            throw misfit(m_name + "." + field + " is no object");
        }
        for (const auto& [key, item] : value->items()) {
            values.emplace(key, value_of(item, field));
        }
        return values;
    }

    std::optional<Reader> object(const char* field) const {
        const json* const value = find(field);
        return value == nullptr ? std::nullopt
                                : std::optional(Reader(*value, m_utf8, m_name + "." + field));
    }

private:
    const json& m_object;
    bool m_utf8;
    std::string m_name;
};

model::RelationName read_name(const Reader& in) {
    return {in.text("schema"), in.text("name")};
}

model::DdlColumn read_column(const Reader& in) {
    model::DdlColumn column;
    column.name = in.text("name");
    column.type = in.text("type");
    column.not_null = in.flag("not_null");
    column.expression = in.text_or_empty("default");
    column.generated = in.text_or_empty("generated");
    column.identity = in.text_or_empty("identity");
    column.collation = in.text_or_empty("collation");
    return column;
}

// What a table tells of a column's rows beside the column's definition.
void read_rows_of_column(const Reader& in, model::DdlTable& table) {
    const std::string name = in.text("name");
    if (const auto value = in.maybe_text("missing")) {
        table.missing.emplace(name, *value);
    }
    if (const auto value = in.maybe_text("added")) {
        table.added.emplace(name, model::DdlAdded{*value, in.text_or_empty("because")});
    }
}

model::DdlKey read_key(const Reader& in) {
    model::DdlKey key;
    key.name = in.text("name");
    key.columns = in.maybe_texts("columns");
    key.primary = in.flag("primary");
    key.partial = in.flag("partial");
    key.immediate = in.flag("immediate");
    key.valid = in.flag("valid");
    key.nulls_not_distinct = in.flag("nulls_not_distinct");
    key.replica_identity = in.flag("replica_identity");
    return key;
}

model::DdlTable read_table(const Reader& in) {
    model::DdlTable table;
    table.relation = read_name(in);
    table.kind = in.text("kind");
    table.persistence = in.text_or_empty("persistence");
    table.owner = in.text_or_empty("owner");
    table.lock = in.text_or_empty("lock");
    table.columns = in.list("columns", read_column);
    table.checks = in.texts("checks");
    in.each("columns", [&](const Reader& column) { read_rows_of_column(column, table); });
    table.keys = in.list("keys", read_key);
    table.replica_identity = in.text_or_empty("replica_identity");
    if (const auto parent = in.object("partition_of")) {
        table.partition_of = read_name(*parent);
    }
    table.partition_bound = in.text_or_empty("partition_bound");
    table.partition_key = in.text_or_empty("partition_key");
    table.inherits = in.list("inherits", read_name);
    return table;
}

model::DdlKind read_kind(const Reader& in) {
    const std::string kind = in.text("kind");
    if (kind == "ddl") {
        return model::DdlKind::ddl;
    }
    if (kind == "capture_failed") {
        return model::DdlKind::capture_failed;
    }
    if (kind == "capture_ended") {
        return model::DdlKind::capture_ended;
    }
    throw misfit("its kind is \"" + kind.substr(0, 40) + "\"");
}

std::uint64_t read_xid(const Reader& in) {
    const std::string digits = in.text("xid");
    std::uint64_t xid = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), xid);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) {
        throw misfit("xid is no number");
    }
    return xid;
}

std::map<std::string, std::string> read_settings(const Reader& in) {
    std::map<std::string, std::string> settings = in.text_map("settings");
    for (const ddl::Setting& setting : ddl::k_settings) {
        settings.emplace(setting.name, setting.ordinary);
    }
    return settings;
}

model::DdlStatement read_statement(const Reader& in) {
    model::DdlStatement value;
    value.kind = read_kind(in);
    value.database = in.text("database");
    value.database_oid = static_cast<std::uint32_t>(in.number("database_oid"));
    value.xid = read_xid(in);
    value.ordinal = in.number("ordinal");
    value.tag = in.text_or_empty("tag");
    value.text = in.maybe_text("text");
    value.masked = in.flag("masked");
    value.nested = in.flag("nested");
    value.role = in.text_or_empty("role");
    value.session_role = in.maybe_text("session_role").value_or(value.role);
    value.search_path = in.text_or_empty("search_path");
    value.current = in.text_map("current");
    value.settings = read_settings(in);
    value.objects = in.list("objects", [](const Reader& item) {
        return model::DdlObject{item.text("type"), item.maybe_text("schema"),
                                item.text_or_empty("identity"), item.text_or_empty("command"),
                                item.flag("invalid")};
    });
    value.dropped = in.list("dropped", [](const Reader& item) {
        return model::DdlDropped{item.text("type"), item.maybe_text("schema"),
                                 item.text_or_empty("identity"), item.flag("original"),
                                 item.flag("invalid")};
    });
    value.rewritten = in.list("rewritten", [](const Reader& item) {
        return model::DdlRewrite{item.text("identity"), item.texts("reasons"),
                                 item.text_or_empty("values"), item.text_or_empty("because")};
    });
    value.rows_follow = in.flag("rows_follow");
    value.names_left_out = in.flag("names_left_out");
    value.tables = in.list("tables", read_table);
    value.sqlstate = in.text_or_empty("sqlstate");
    value.message = in.text_or_empty("message");
    return value;
}

json read_json(std::string_view text, bool utf8) {
    std::string wide;
    if (!utf8) {
        widen(text, wide);
    }
    json value = base::try_json(utf8 ? text : std::string_view(wide));
    if (value.is_discarded()) {
        throw misfit("its body is no JSON");
    }
    return value;
}

}  // namespace

model::DdlStatement parse_ddl(std::string_view body, std::string_view server_encoding) {
    const bool utf8 = server_encoding == "UTF8";
    const json value = read_json(body, utf8);
    return read_statement(Reader(value, utf8, "body"));
}

model::DdlTable parse_ddl_table(std::string_view text, std::string_view server_encoding) {
    const bool utf8 = server_encoding == "UTF8";
    const json value = read_json(text, utf8);
    return read_table(Reader(value, utf8, "definition"));
}

}  // namespace ardent::decode
