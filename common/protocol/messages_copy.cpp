// SPDX-License-Identifier: PostgreSQL
// The messages of the copy.
#include "common/protocol/json_fields.hpp"
#include "common/protocol/json_values.hpp"

namespace ardent::protocol {

namespace {

json encode(const std::vector<LeftOut>& objects) {
    json list = json::array();
    for (const LeftOut& object : objects) {
        list.push_back(
            {{"type", object.type}, {"identity", object.identity}, {"because", object.because}});
    }
    return list;
}

json encode(const NotCarried& value) {
    return {{"sequences", value.sequences},
            {"unlogged", value.unlogged},
            {"foreign_tables", value.foreign_tables},
            {"materialized_views", value.materialized_views},
            {"extension_tables", value.extension_tables},
            {"large_objects", value.large_objects},
            {"not_exact", value.not_exact},
            {"objects", encode(value.objects)}};
}

NotCarried decode_not_carried(const Fields& in) {
    NotCarried value;
    value.sequences = in.texts("sequences");
    value.unlogged = in.texts("unlogged");
    value.foreign_tables = in.texts("foreign_tables");
    value.materialized_views = in.texts("materialized_views");
    if (in.has("extension_tables")) {
        value.extension_tables = in.texts("extension_tables");
    }
    value.large_objects = in.number<std::uint64_t>("large_objects");
    value.not_exact = in.texts("not_exact");
    if (in.has("objects")) {
        for (const Fields& object : in.objects("objects")) {
            value.objects.push_back(
                {object.text("type"), object.text("identity"), object.text("because")});
        }
    }
    return value;
}

json encode(const std::vector<OutsideFunction>& functions) {
    json list = json::array();
    for (const OutsideFunction& function : functions) {
        list.push_back({{"schema", function.schema},
                        {"name", function.name},
                        {"arguments", function.arguments},
                        {"result", function.result},
                        {"volatility", std::string(1, function.volatility)},
                        {"tables", function.tables}});
    }
    return list;
}

std::vector<OutsideFunction> decode_outside_functions(const std::vector<Fields>& list) {
    std::vector<OutsideFunction> functions;
    functions.reserve(list.size());
    for (const Fields& in : list) {
        functions.push_back({in.text("schema"), in.text("name"), in.text("arguments"),
                             in.text("result"), in.letter("volatility"), in.texts("tables")});
    }
    return functions;
}

json encode(const std::vector<EnumLabels>& enums) {
    json list = json::array();
    for (const EnumLabels& labels : enums) {
        list.push_back({{"schema", labels.type.schema},
                        {"name", labels.type.name},
                        {"oid", labels.type_oid},
                        {"labels", labels.labels}});
    }
    return list;
}

std::vector<EnumLabels> decode_enums(const std::vector<Fields>& list) {
    std::vector<EnumLabels> enums;
    enums.reserve(list.size());
    for (const Fields& in : list) {
        EnumLabels labels{
            {in.text("schema"), in.text("name")}, in.number<std::uint32_t>("oid"), {}};
        for (const std::uint64_t label : in.numbers("labels")) {
            if (label == 0 || label > std::numeric_limits<std::uint32_t>::max()) {
                throw in.misfit("labels", "a list of oids");
            }
            labels.labels.push_back(static_cast<std::uint32_t>(label));
        }
        enums.push_back(std::move(labels));
    }
    return enums;
}

json encode(const std::vector<OutsideObject>& objects) {
    json list = json::array();
    for (const OutsideObject& object : objects) {
        list.push_back({{"catalog", object.catalog},
                        {"oid", object.oid},
                        {"type", object.named.type},
                        {"identity", object.named.identity},
                        {"because", object.named.because},
                        {"names", object.names},
                        {"args", object.args}});
    }
    return list;
}

std::vector<OutsideObject> decode_outside(const Fields& in) {
    std::vector<OutsideObject> objects;
    if (in.has("outside")) {
        for (const Fields& from : in.objects("outside")) {
            objects.push_back({from.number<std::uint32_t>("catalog"),
                               from.number<std::uint32_t>("oid"),
                               {from.text("type"), from.text("identity"), from.text("because")},
                               from.texts("names"),
                               from.texts("args")});
        }
    }
    return objects;
}

json encode(const std::vector<Cast>& casts) {
    json list = json::array();
    for (const Cast& cast : casts) {
        list.push_back({{"source", cast.source},
                        {"target", cast.target},
                        {"function", cast.function},
                        {"method", std::string(1, cast.method)},
                        {"context", std::string(1, cast.context)}});
    }
    return list;
}

std::vector<Cast> decode_casts(const Fields& in) {
    std::vector<Cast> casts;
    if (in.has("casts")) {
        for (const Fields& from : in.objects("casts")) {
            casts.push_back({from.text("source"), from.text("target"), from.text("function"),
                             from.letter("method"), from.letter("context")});
        }
    }
    return casts;
}

json encode(const std::vector<DefaultPrivileges>& all) {
    json list = json::array();
    for (const DefaultPrivileges& one : all) {
        json rights = json::array();
        for (const DefaultRight& right : one.rights) {
            rights.push_back({{"grantee", right.grantee},
                              {"right", right.right},
                              {"with_grant_option", right.with_grant_option}});
        }
        list.push_back({{"role", one.role},
                        {"kind", std::string(1, one.kind)},
                        {"rights", std::move(rights)}});
    }
    return list;
}

std::vector<DefaultPrivileges> decode_default_privileges(const Fields& in) {
    std::vector<DefaultPrivileges> all;
    if (!in.has("default_privileges")) {
        return all;
    }
    for (const Fields& from : in.objects("default_privileges")) {
        DefaultPrivileges one{from.text("role"), from.letter("kind"), {}};
        for (const Fields& right : from.objects("rights")) {
            one.rights.push_back(
                {right.text("grantee"), right.text("right"), right.boolean("with_grant_option")});
        }
        all.push_back(std::move(one));
    }
    return all;
}

}  // namespace

std::string to_json(const CopyBegin& value) {
    json extensions = json::array();
    for (const ExtensionNeed& need : value.extensions) {
        extensions.push_back(
            {{"name", need.name}, {"version", need.version}, {"schema", need.schema}});
    }
    json owners = json::array();
    for (const ObjectOwner& owned : value.owners) {
        owners.push_back({{"type", owned.type},
                          {"names", owned.names},
                          {"args", owned.args},
                          {"owner", owned.owner}});
    }
    return dump({{"session", value.session},
                 {"slot", value.slot},
                 {"consistent_point", model::to_string(value.consistent_point)},
                 {"server_encoding", value.server_encoding},
                 {"extensions", std::move(extensions)},
                 {"roles", value.roles},
                 {"schemas", value.schemas},
                 {"owners", std::move(owners)},
                 {"tables", encode(value.tables)},
                 {"not_carried", encode(value.not_carried)},
                 {"search_paths", encode(value.search_paths)},
                 {"outside_functions", encode(value.outside_functions)},
                 {"enums", encode(value.enums)},
                 {"generated", encode(value.generated)},
                 {"outside", encode(value.outside)},
                 {"casts", encode(value.casts)},
                 {"default_privileges", encode(value.default_privileges)}});
}

CopyBegin parse_copy_begin(std::string_view text) {
    const Document document("copy", text);
    const Fields in = document.fields();
    CopyBegin value;
    value.session = in.text("session");
    value.slot = in.text("slot");
    value.consistent_point = in.lsn("consistent_point");
    value.server_encoding = in.text("server_encoding");
    for (const Fields& from : in.objects("extensions")) {
        value.extensions.push_back({from.text("name"), from.text("version"), from.text("schema")});
    }
    value.roles = in.texts("roles");
    value.schemas = in.texts("schemas");
    for (const Fields& from : in.objects("owners")) {
        value.owners.push_back(
            {from.text("type"), from.texts("names"), from.texts("args"), from.text("owner")});
    }
    value.tables = decode_tables(in.objects("tables"));
    value.not_carried = decode_not_carried(in.object("not_carried"));
    value.search_paths = decode_search_paths(in);
    if (in.has("outside_functions")) {
        value.outside_functions = decode_outside_functions(in.objects("outside_functions"));
    }
    if (in.has("enums")) {
        value.enums = decode_enums(in.objects("enums"));
    }
    value.generated = decode_generated_columns(in);
    value.outside = decode_outside(in);
    value.casts = decode_casts(in);
    value.default_privileges = decode_default_privileges(in);
    return value;
}

std::string to_json(const CopyState& value) {
    return dump({{"copy_id", value.copy_id},
                 {"phase", value.phase},
                 {"detail", value.detail},
                 {"failure", encode(value.failure)}});
}

CopyState parse_copy_state(std::string_view text) {
    const Document document("the state of the copy", text);
    const Fields in = document.fields();
    return {in.text("copy_id"), in.text("phase"), in.text("detail"), decode_maybe_failure(in)};
}

std::string to_json(const CopyFinish& value) {
    return dump({{"session", value.session}, {"rows", value.rows}});
}

CopyFinish parse_copy_finish(std::string_view text) {
    const Document document("finish", text);
    const Fields in = document.fields();
    return {in.text("session"), in.numbers("rows")};
}

std::string to_json(const CopyAgainBegin& value) {
    return dump({{"table", encode(std::vector{value.table}).front()},
                 {"types", encode(value.types)},
                 {"snapshot", value.snapshot},
                 {"lsn", model::to_string(value.lsn)}});
}

CopyAgainBegin parse_copy_again_begin(std::string_view text) {
    const Document document("again", text);
    const Fields in = document.fields();
    return {decode_tables({in.object("table")}).front(), decode_types(in.objects("types")),
            in.text("snapshot"), in.lsn("lsn")};
}

std::string to_json(const NotCarried& value) {
    return dump(encode(value));
}

NotCarried parse_not_carried(std::string_view text) {
    const Document document("not_carried", text);
    return decode_not_carried(document.fields());
}

}  // namespace ardent::protocol
