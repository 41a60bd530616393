// SPDX-License-Identifier: PostgreSQL
// `ardent settings list | set | remove`: what the branches of a connector are made with. One
// thread.
#pragma once

#include "cli/api.hpp"
#include "cli/selection.hpp"

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace ardent::cli {

/// A change of one setting. What is not given stays as it is.
struct SettingChange {
    std::string key;
    std::string value;  // of branch_sql: SQL, or @file
    std::optional<std::string> hook;
    std::optional<std::int32_t> order;
    std::optional<std::string> database;
    std::optional<std::string> run_as;
    bool no_database = false;
    bool no_run_as = false;
};

class Settings {
public:
    /// `connector` is what --connector says, or empty.
    Settings(Api& api, const Variables& environment, std::string connector, std::ostream& out);

    void list();
    /// Throws Failure (invalid_arguments) for an unknown key, an option that does not go with it,
    /// and a file that cannot be a script: before any request.
    void set(const SettingChange& change);
    void remove(const std::string& key, const std::optional<std::string>& hook);

private:
    ConnectorRef connector();

    Api& m_api;
    const Variables& m_environment;
    std::string m_connector;
    std::ostream& m_out;
};

/// The text of `@path`: UTF-8 of at most 1 MB, without the mark that some editors put before it.
/// Throws Failure (invalid_arguments), with the path.
std::string read_script(const std::string& path);

/// SQL as a list shows it: one line, without what stands in strings, clipped.
std::string shown_sql(const std::string& sql);

}  // namespace ardent::cli
