// SPDX-License-Identifier: PostgreSQL
#include "agent/source/connect.hpp"

#include "common/pq/direct.hpp"

#include <utility>

namespace ardent::agent {

namespace {

pq::ConnectOptions common_options(const SourceSettings& source,
                                  const std::string& application_name) {
    const bool several = source.host.find(',') != std::string::npos;
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
                          {"target_session_attrs", several ? "primary" : "any"},
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

}  // namespace

pq::Connection connect_sql(const SourceSettings& source, const std::string& purpose) {
    return pq::connect_directly(common_options(source, "ardent-agent " + purpose));
}

pq::Connection connect_with_own_path(const SourceSettings& source, const std::string& purpose) {
    pq::ConnectOptions options = common_options(source, "ardent-agent " + purpose);
    options.settings.erase("search_path");
    return pq::connect_directly(std::move(options));
}

pq::Connection connect_replication(const SourceSettings& source,
                                   const std::string& application_name) {
    pq::ConnectOptions options = common_options(source, application_name);
    options.parameters.emplace_back("replication", "database");
    return pq::connect_directly(std::move(options));
}

SourceSettings at_server_of(const SourceSettings& source, const pq::Connection& connection) {
    SourceSettings one = source;
    one.host = PQhost(connection.handle());
    one.port = PQport(connection.handle());
    return one;
}

}  // namespace ardent::agent
