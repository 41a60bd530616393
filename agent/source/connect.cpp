// SPDX-License-Identifier: PostgreSQL
#include "agent/source/connect.hpp"

namespace ardent::agent {

namespace {

constexpr int k_has_idle_session_timeout = 140000;

pq::ConnectOptions common_options(const SourceSettings& source,
                                  const std::string& application_name) {
    pq::ConnectOptions options;
    options.kind = base::ErrorKind::source;
    options.name = "source " + source.database;
    options.settings = pq::exact_text_settings();
    options.parameters = {{"host", source.host},
                          {"port", source.port},
                          {"dbname", source.database},
                          {"user", source.user},
                          {"sslmode", source.sslmode},
                          {"client_encoding", "UTF8"},
                          {"application_name", application_name},
                          {"target_session_attrs", "any"},
                          {"keepalives_idle", "30"},
                          {"keepalives_interval", "10"},
                          {"keepalives_count", "3"},
                          {"tcp_user_timeout", "60000"}};
    if (!source.sslrootcert.empty()) {
        options.parameters.emplace_back("sslrootcert", source.sslrootcert);
    }
    if (!source.password_file.empty()) {
        options.parameters.emplace_back("password", current_secret(source.password_file));
    }
    return options;
}

void without_idle_timeout(pq::Connection& connection) {
    if (connection.server_version() >= k_has_idle_session_timeout) {
        connection.exec("SET idle_session_timeout = 0");
    }
}

}  // namespace

pq::Connection connect_sql(const SourceSettings& source, const std::string& purpose) {
    pq::Connection connection(common_options(source, "ardent-agent " + purpose));
    without_idle_timeout(connection);
    return connection;
}

pq::Connection connect_replication(const SourceSettings& source,
                                   const std::string& application_name) {
    pq::ConnectOptions options = common_options(source, application_name);
    options.parameters.emplace_back("replication", "database");
    pq::Connection connection(options);
    without_idle_timeout(connection);
    return connection;
}

}  // namespace ardent::agent
