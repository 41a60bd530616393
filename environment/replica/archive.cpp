// SPDX-License-Identifier: PostgreSQL
#include "environment/replica/archive.hpp"

#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/pq/server_error.hpp"
#include "environment/instance/client.hpp"
#include "environment/instance/configuration.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* k_inert_wrapper = "ardent_inert";
constexpr std::string_view k_session = "SET SESSION AUTHORIZATION ";
constexpr std::string_view k_default_session = "SET SESSION AUTHORIZATION DEFAULT;";
constexpr std::string_view k_reset_session = "RESET SESSION AUTHORIZATION;";

constexpr std::array<std::string_view, 16> k_left_out = {"SCHEMA - ",
                                                         "EXTENSION ",
                                                         "COMMENT - EXTENSION ",
                                                         "PUBLICATION ",
                                                         "SUBSCRIPTION ",
                                                         "EVENT TRIGGER ",
                                                         "SERVER ",
                                                         "USER MAPPING ",
                                                         "FOREIGN DATA WRAPPER ",
                                                         "ACL - FOREIGN",
                                                         "TABLE DATA ",
                                                         "SEQUENCE SET ",
                                                         "BLOB",
                                                         "LARGE OBJECT",
                                                         "DATABASE ",
                                                         "MATERIALIZED VIEW DATA "};

// "215; 1259 16385 TABLE public orders shop": what stands after the second oid.
std::string_view entry_of(std::string_view line) {
    if (line.empty() || line.front() == ';') {
        return {};
    }
    std::size_t at = 0;
    for (int i = 0; i < 3 && at != std::string_view::npos; ++i) {
        at = line.find(' ', at);
        at = at == std::string_view::npos ? at : at + 1;
    }
    return at == std::string_view::npos ? std::string_view() : line.substr(at);
}

std::string select_lines(std::string_view contents,
                         const std::function<bool(std::string_view)>& wanted) {
    std::string result;
    for (const std::string& line : base::split(contents, '\n')) {
        const std::string_view entry = entry_of(line);
        if (!entry.empty() && wanted(entry)) {
            result += line + "\n";
        }
    }
    return result;
}

// What restore_after_rows makes by itself.
bool is_built(std::string_view entry) {
    return (entry.starts_with("INDEX ") && !entry.starts_with("INDEX ATTACH ")) ||
           entry.starts_with("CONSTRAINT ") || entry.starts_with("FK CONSTRAINT ") ||
           entry.starts_with("CHECK CONSTRAINT ");
}

// On what that makes; some others may look alike, and come late as well.
bool is_late_comment(std::string_view entry) {
    return entry.starts_with("COMMENT ") &&
           (entry.find(" CONSTRAINT ") != entry.npos || entry.find(" INDEX ") != entry.npos);
}

bool is_relation(std::string_view entry) {
    constexpr std::array<std::string_view, 5> k_relations = {
        "TABLE ", "VIEW ", "MATERIALIZED VIEW ", "FOREIGN TABLE ", "SEQUENCE "};
    return std::any_of(k_relations.begin(), k_relations.end(),
                       [&](std::string_view start) { return entry.starts_with(start); });
}

bool is_grant(std::string_view entry) {
    return entry.starts_with("ACL ") || entry.starts_with("DEFAULT ACL ");
}

// An identifier as PostgreSQL writes it, from the start of `text`.
std::string read_identifier(std::string_view text) {
    std::string name;
    if (text.empty() || text.front() != '"') {
        for (const char c : text) {
            if (c == ' ' || c == '\n' || c == ';') {
                break;
            }
            name += c;
        }
        return name;
    }
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '"') {
            if (i + 1 >= text.size() || text[i + 1] != '"') {
                break;
            }
            ++i;
        }
        name += text[i];
    }
    return name;
}

}  // namespace

std::string encoding_statement(std::string_view script) {
    for (const std::string& line : base::split(script, '\n')) {
        if (line.starts_with("SET client_encoding = ")) {
            return line;
        }
    }
    return "RESET client_encoding";
}

std::string filter_contents(std::string_view contents) {
    return select_lines(contents, [](std::string_view entry) {
        return std::none_of(k_left_out.begin(), k_left_out.end(),
                            [&](std::string_view start) { return entry.starts_with(start); });
    });
}

std::string types_of(std::string_view contents, const std::vector<std::uint32_t>& types) {
    std::set<std::string> wanted;
    for (const std::uint32_t type : types) {
        wanted.insert(std::to_string(type));
    }
    std::string result;
    bool chosen = false;
    for (const std::string& line : base::split(contents, '\n')) {
        // pg_restore passes over a comment that no object stands before
        const std::string_view entry = entry_of(line);
        chosen = entry.starts_with("COMMENT ")
                     ? chosen
                     : entry.starts_with("TYPE ") && wanted.contains(base::split(line, ' ')[2]);
        if (chosen) {
            result += line + "\n";
        }
    }
    return result;
}

namespace {

// "t" of "public.t", quoted where SQL needs it, as pg_dump writes it, too.
std::string without_schema(const std::string& identity, const std::string& schema) {
    for (const std::string& prefix : {schema + ".", pq::quote_identifier(schema) + "."}) {
        if (identity.starts_with(prefix)) {
            return identity.substr(prefix.size());
        }
    }
    return identity;
}

// What entries without an oid say that they are about: "VIEW v ", "TRIGGER x ON t ".
std::vector<std::string> subjects_of(const protocol::OutsideObject& object) {
    const std::string& schema = object.names[0];
    const std::string& identity = object.named.identity;
    const std::string name = without_schema(identity, schema);
    std::string kind = object.named.type;
    std::transform(kind.begin(), kind.end(), kind.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (kind == "VIEW" || kind == "MATERIALIZED VIEW") {
        return {"TABLE " + name + " ", kind + " " + name + " ", "COLUMN " + name + "."};
    }
    const std::size_t on = identity.rfind(" on ");
    if (object.names.size() == 3 && on != std::string::npos) {
        kind = kind == "TABLE CONSTRAINT" ? "CONSTRAINT" : kind;
        return {kind + " " + identity.substr(0, on) + " ON " +
                without_schema(identity.substr(on + 4), schema) + " "};
    }
    return {kind + " " + name + " "};
}

// pg_dump puts a blank behind the commas of a signature, the catalogs do not.
std::string without_blanks_behind_commas(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c != ' ' || result.empty() || result.back() != ',') {
            result += c;
        }
    }
    return result;
}

}  // namespace

std::string without_objects(std::string_view contents,
                            const std::vector<protocol::OutsideObject>& objects) {
    std::set<std::string> ids;
    std::vector<std::string> about;
    for (const protocol::OutsideObject& object : objects) {
        ids.insert(std::to_string(object.catalog) + " " + std::to_string(object.oid));
        for (const std::string& subject :
             object.names.size() < 2 ? std::vector<std::string>() : subjects_of(object)) {
            const std::string what = without_blanks_behind_commas(subject);
            about.push_back("ACL " + object.names[0] + " " + what);
            about.push_back("COMMENT " + object.names[0] + " " + what);
        }
        if (object.named.type == "index" && object.names.size() == 2) {
            about.push_back("INDEX ATTACH " + object.names[0] + " " + object.names[1] + " ");
        }
    }
    std::string result;
    for (const std::string& line : base::split(contents, '\n')) {
        const std::vector<std::string> words = base::split(line, ' ');
        const std::string_view entry = entry_of(line);
        const bool has_id = words.size() > 3 && ids.contains(words[1] + " " + words[2]);
        const bool extra = entry.starts_with("ACL ") || entry.starts_with("COMMENT ") ||
                           entry.starts_with("INDEX ATTACH ");
        const std::string told =
            extra && !about.empty() ? without_blanks_behind_commas(entry) : std::string();
        if (!line.empty() && !has_id &&
            std::none_of(about.begin(), about.end(),
                         [&](const std::string& start) { return told.starts_with(start); })) {
            result += line + "\n";
        }
    }
    return result;
}

std::string grants_of(std::string_view contents) {
    return select_lines(contents, is_grant);
}

std::vector<std::string> foreign_servers(std::string_view script) {
    std::vector<std::string> names;
    bool inside = false;
    for (const std::string& line : base::split(script, '\n')) {
        if (line.starts_with("CREATE FOREIGN TABLE ")) {
            inside = true;
        } else if (inside && line.starts_with("SERVER ")) {
            inside = false;
            std::string name = read_identifier(std::string_view(line).substr(7));
            if (std::find(names.begin(), names.end(), name) == names.end()) {
                names.push_back(std::move(name));
            }
        }
    }
    return names;
}

std::string grants_script(std::string_view script) {
    std::string result;
    std::string owner = "RESET ROLE;";
    for (const std::string& line : base::split(script, '\n')) {
        if (line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ")) {
            continue;
        }
        if (line == k_reset_session || line == k_default_session) {
            result += owner;
        } else if (line.starts_with(k_session)) {
            const std::string role = "SET ROLE " + line.substr(k_session.size());
            if (line[k_session.size()] == '\'') {
                owner = role;
            }
            result += role;
        } else {
            result += line;
        }
        result += '\n';
    }
    return result;
}

std::string Archive::write_list(const std::string& name, const std::string& text) const {
    std::string path = m_file + "." + name;
    std::ofstream file(path, std::ios::trunc);
    file << text;
    file.close();
    if (!file) {
        throw Error(ErrorKind::transient, "cannot write " + path, "Is the file system full?");
    }
    return path;
}

std::string Archive::restore(const std::vector<std::string>& arguments) const {
    ClientCall call{"pg_restore", arguments, std::filesystem::path(m_file).parent_path()};
    call.arguments.push_back(m_file);
    const process::Outcome outcome = run_client(m_instance, call, m_go_on);
    if (!m_go_on()) {
        throw Error(ErrorKind::transient, "the copy was given up");
    }
    if (outcome.exit_code != 0) {
        throw Error(m_instance.alive() ? ErrorKind::replica : ErrorKind::transient,
                    "the schema cannot be restored: " +
                        base::clip_utf8(base::trim(pq::without_values(outcome.error)), 2000),
                    "Exclude the object that is named, or make it possible on this host, and run "
                    "retry-setup.");
    }
    return outcome.output;
}

void Archive::open() {
    m_contents = without_objects(filter_contents(restore({"--list"})), m_outside);
}

void Archive::create_inert_servers(Superuser& admin, pq::Connection& apply) {
    const std::string tables = select_lines(
        m_contents, [](std::string_view entry) { return entry.starts_with("FOREIGN TABLE "); });
    if (tables.empty()) {
        return;
    }
    const std::string script = restore(
        {"--file=-", "--no-owner", "--no-acl", "--use-list=" + write_list("foreign", tables)});
    admin->exec(std::string("CREATE FOREIGN DATA WRAPPER ") + k_inert_wrapper);
    admin->exec(std::string("GRANT USAGE ON FOREIGN DATA WRAPPER ") + k_inert_wrapper + " TO " +
                k_apply_role);
    apply.exec(encoding_statement(script));
    for (const std::string& server : foreign_servers(script)) {
        apply.exec("CREATE SERVER " + pq::quote_identifier(server) + " FOREIGN DATA WRAPPER " +
                   k_inert_wrapper);
    }
    apply.exec("RESET client_encoding");
}

void Archive::restore_types(const std::vector<std::uint32_t>& types) {
    const std::string entries = types_of(m_contents, types);
    if (!entries.empty()) {
        restore_list("types", entries);
        m_made += entries;
    }
}

void Archive::restore_types_and_functions() {
    std::string entries;
    for (const std::string& line : base::split(not_made(), '\n')) {
        if (is_relation(entry_of(line))) {
            break;
        }
        entries += line + "\n";
    }
    restore_list("functions", entries);
    m_made += entries;
}

void Archive::restore_before_data() {
    restore_list("before", not_made());
}

std::string Archive::not_made() const {
    const std::vector<std::string> made = base::split(m_made, '\n');
    const std::set<std::string> known(made.begin(), made.end());
    std::string rest;
    for (const std::string& line :
         base::split(select_lines(m_contents, std::not_fn(is_late_comment)), '\n')) {
        if (!line.empty() && !known.contains(line)) {
            rest += line + "\n";
        }
    }
    return rest;
}

void Archive::restore_list(const std::string& name, const std::string& entries) const {
    restore({"--dbname=" + conninfo(m_instance, k_apply_role, m_database), "--section=pre-data",
             "--no-owner", "--no-acl", "--no-tablespaces", "--no-security-labels",
             "--no-publications", "--no-subscriptions", "--exit-on-error",
             "--use-list=" + write_list(name, entries)});
}

std::string Archive::index_script() const {
    const std::string entries = select_lines(m_contents, is_built);
    return entries.empty() ? "" : script_of("indexes", entries);
}

std::string Archive::late_comments_script() const {
    const std::string entries = select_lines(m_contents, is_late_comment);
    return entries.empty() ? "" : script_of("comments", entries);
}

std::string Archive::script_of(const std::string& name, const std::string& entries) const {
    return restore({"--file=-", "--no-owner", "--no-acl", "--no-tablespaces",
                    "--use-list=" + write_list(name, entries)});
}

void Archive::restore_after_data(unsigned jobs,
                                 const std::vector<model::RelationName>& without) const {
    const auto attaches_none = [&](std::string_view entry) {
        return std::any_of(without.begin(), without.end(), [&](const auto& index) {
            return entry.starts_with("INDEX ATTACH " + index.schema + " " + index.name + " ");
        });
    };
    const std::string entries = select_lines(m_contents, [&](std::string_view entry) {
        return !is_built(entry) && !is_late_comment(entry) && !attaches_none(entry);
    });
    restore({"--dbname=" + conninfo(m_instance, k_apply_role, m_database), "--section=post-data",
             "--no-owner", "--no-acl", "--no-tablespaces", "--no-security-labels",
             "--no-publications", "--no-subscriptions", "--exit-on-error",
             "--jobs=" + std::to_string(jobs), "--use-list=" + write_list("after", entries)});
}

// An object's owner gives its grants, so that the grantor is right. At the source he may have had
// no USAGE on the schema; here everybody has it meanwhile.
std::vector<std::string> Archive::restore_grants(Superuser& admin, pq::Connection& apply,
                                                 const std::vector<std::string>& schemas) {
    std::vector<std::string> warnings;
    std::vector<std::string> opened;
    for (const std::string& schema : schemas) {
        const std::string sql = "SELECT pg_catalog.has_schema_privilege('public', $1, 'USAGE')";
        if (admin->value(sql, {schema}) == "f") {
            admin->exec("GRANT USAGE ON SCHEMA " + pq::quote_identifier(schema) + " TO PUBLIC");
            opened.push_back(schema);
        }
    }
    const std::string grants = grants_of(m_contents);
    const auto on_schema = [](std::string_view entry) {
        return entry.starts_with("ACL - SCHEMA ");
    };
    run_grants(apply, "objects", select_lines(grants, std::not_fn(on_schema)), warnings);
    for (const std::string& schema : opened) {
        admin->exec("REVOKE USAGE ON SCHEMA " + pq::quote_identifier(schema) + " FROM PUBLIC");
    }
    run_grants(apply, "schemas", select_lines(grants, on_schema), warnings);
    return warnings;
}

void Archive::run_grants(pq::Connection& apply, const std::string& what, const std::string& list,
                         std::vector<std::string>& warnings) const {
    if (list.empty()) {
        return;
    }
    const std::string script = restore(
        {"--file=-", "--use-set-session-authorization", "--use-list=" + write_list(what, list)});
    try {
        apply.exec("BEGIN");
        apply.exec(encoding_statement(script));
        apply.exec(grants_script(script));
        apply.exec("COMMIT");
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::transient) {
            throw;
        }
        apply.exec("ROLLBACK");
        warnings.push_back("the source's grants on " + what +
                           " are not in the replica: " + error.what());
    }
    apply.exec("RESET ROLE; RESET client_encoding");
}

}  // namespace ardent::environment
