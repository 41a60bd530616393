// SPDX-License-Identifier: PostgreSQL
// The schema of the source as an archive of pg_dump -Fc, and its restoring by pg_restore as
// ardent_apply, which has no special rights: text from the source never runs with more.
#pragma once

#include "common/model/table_definition.hpp"
#include "common/pq/connection.hpp"
#include "common/protocol/messages.hpp"
#include "environment/instance/superuser.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ardent::environment {

/// The table of contents without what a replica must not have or what is made another way: schemas,
/// extensions, publications, subscriptions, event triggers, servers and user mappings, data. A
/// commented-out line stays.
std::string filter_contents(std::string_view contents);

/// A table of contents without these objects, and without rights and comments on them.
std::string without_objects(std::string_view contents,
                            const std::vector<protocol::OutsideObject>& objects);

/// The lines of a table of contents that create one of these types, with their comments. The types
/// are named by their oids at the source: a name cannot be told from the next one.
std::string types_of(std::string_view contents, const std::vector<std::uint32_t>& types);

/// The lines of a table of contents that are grants (ACL and DEFAULT ACL).
std::string grants_of(std::string_view contents);

/// The names after SERVER in the CREATE FOREIGN TABLE statements of a script that pg_restore wrote.
std::vector<std::string> foreign_servers(std::string_view script);

/// The script's own SET client_encoding: to be run before the script is sent, because a server
/// converts a whole query before it runs any of it.
std::string encoding_statement(std::string_view script);

/// A script of GRANT and REVOKE that pg_restore wrote with --use-set-session-authorization, for a
/// role without special rights and for a connection instead of psql: SET SESSION AUTHORIZATION,
/// which needs a superuser, becomes SET ROLE, which a member may say, and psql's \restrict lines
/// go. pg_restore names an object's owner as a literal; what another grantor gave stands in
/// between, and after it the owner goes on. (A grantor matters: whoever is revoked takes along what
/// he gave.) Only whole lines are touched.
std::string grants_script(std::string_view script);

class Archive {
public:
    using GoOn = std::function<bool()>;

    /// `file` has been written; `go_on` false ends a running pg_restore. `outside` is passed over.
    Archive(const Instance& instance, std::string database, std::string file,
            std::vector<protocol::OutsideObject> outside, GoOn go_on)
        : m_instance(instance),
          m_database(std::move(database)),
          m_file(std::move(file)),
          m_outside(std::move(outside)),
          m_go_on(std::move(go_on)) {}

    /// Reads the table of contents. Throws base::Error (replica) when the file is no archive that
    /// this version's pg_restore can read.
    void open();
    /// Foreign tables can be made only where their server is known: one without a handler, so that
    /// nothing calls out.
    void create_inert_servers(Superuser& admin, pq::Connection& apply);
    /// Creates these types before anything else, so that their labels can get the oids that
    /// everything later is made with; `types` are oids of the source. Those that are not in the
    /// archive are passed over.
    void restore_types(const std::vector<std::uint32_t>& types);
    /// Types and functions with what they need, as far as they stand before the first relation:
    /// what casts can be made of. Then, by the second call, the rest.
    void restore_types_and_functions();
    void restore_before_data();
    /// Indexes, constraints that make one, checks and foreign keys that stand behind the rows, with
    /// what follows them; empty: there is none.
    std::string index_script() const;
    /// What else stands behind the rows, but for attaching the indexes in `without`.
    void restore_after_data(unsigned jobs, const std::vector<model::RelationName>& without) const;
    /// Comments on what `index_script` makes.
    std::string late_comments_script() const;
    /// Grants, after the owners. What could not be granted comes back as warnings.
    std::vector<std::string> restore_grants(Superuser& admin, pq::Connection& apply,
                                            const std::vector<std::string>& schemas);

private:
    std::string write_list(const std::string& name, const std::string& text) const;
    std::string restore(const std::vector<std::string>& arguments) const;
    void restore_list(const std::string& name, const std::string& entries) const;
    std::string not_made() const;
    std::string script_of(const std::string& name, const std::string& entries) const;
    void run_grants(pq::Connection& apply, const std::string& what, const std::string& list,
                    std::vector<std::string>& warnings) const;

    const Instance& m_instance;
    std::string m_database;
    std::string m_file;
    std::vector<protocol::OutsideObject> m_outside;
    GoOn m_go_on;
    std::string m_contents;  // filtered
    std::string m_made;      // of these, what is restored
};

}  // namespace ardent::environment
