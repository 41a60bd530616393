// SPDX-License-Identifier: PostgreSQL
#include "cli/config_file.hpp"

#include "common/base/error.hpp"
#include "common/base/json.hpp"

namespace ardent::cli {

using nlohmann::json;

namespace {

base::Error broken(const std::string& path, const std::string& why) {
    return base::Error(base::ErrorKind::config, path + " " + why,
                       "Remove it and run: ardent login --url <url> --token-file <file>");
}

/// Reads one object of the file; a value of another type than expected means that the file is not
/// ours.
class Reader {
public:
    Reader(const std::string& path, const json& object) : m_path(path), m_object(object) {
        if (!object.is_object()) {
            throw broken(path, "is no JSON object");
        }
    }

    std::string text(const char* name) const {
        const auto at = m_object.find(name);
        if (at == m_object.end() || at->is_null()) {
            return {};
        }
        if (!at->is_string()) {
            throw broken(m_path, std::string("is damaged: \"") + name + "\" is no text");
        }
        return at->get<std::string>();
    }

    Named named(const char* name) const {
        const auto at = m_object.find(name);
        if (at == m_object.end() || at->is_null()) {
            return {};
        }
        const Reader inner(m_path, *at);
        Named read{inner.text("id"), inner.text("name")};
        if (read.id.empty() || read.name.empty()) {
            throw broken(m_path, std::string("is damaged: \"") + name + "\" lacks its id or name");
        }
        return read;
    }

    std::vector<PendingDelete> deletes() const {
        std::vector<PendingDelete> list;
        const auto at = m_object.find("deletes");
        if (at == m_object.end() || at->is_null()) {
            return list;
        }
        if (!at->is_array()) {
            throw broken(m_path, "is damaged: \"deletes\" is no list");
        }
        for (const json& item : *at) {
            const Reader inner(m_path, item);
            list.push_back({inner.text("connector_id"), inner.text("name"), inner.text("branch_id"),
                            inner.text("operation_id")});
        }
        return list;
    }

private:
    const std::string& m_path;
    const json& m_object;
};

json to_json(const Named& named) {
    return named.id.empty() ? json() : json{{"id", named.id}, {"name", named.name}};
}

}  // namespace

std::string config_text(const Config& config) {
    const Selections& chosen = config.selections;
    json deletes = json::array();
    for (const PendingDelete& one : chosen.deletes) {
        deletes.push_back({{"connector_id", one.connector_id},
                           {"name", one.name},
                           {"branch_id", one.branch_id},
                           {"operation_id", one.operation_id}});
    }
    return json{{"api_url", config.api_url},
                {"token", config.token},
                {"ca_file", config.ca_file},
                {"environment", chosen.environment},
                {"project", to_json(chosen.project)},
                {"connector", to_json(chosen.connector)},
                {"branch", to_json(chosen.branch)},
                {"branch_authority", chosen.branch_authority},
                {"deletes", deletes}}
               .dump(2) +
           "\n";
}

Config config_from_text(const std::string& path, const std::string& text) {
    const json object = base::try_json(text);
    const Reader reader(path, object);
    Config config;
    config.api_url = reader.text("api_url");
    config.token = reader.text("token");
    config.ca_file = reader.text("ca_file");
    Selections& chosen = config.selections;
    chosen.environment = reader.text("environment");
    chosen.project = reader.named("project");
    chosen.connector = reader.named("connector");
    chosen.branch = reader.named("branch");
    chosen.branch_authority = reader.text("branch_authority");
    chosen.deletes = reader.deletes();
    return config;
}

Selections selections_at(const Config& config, const std::string& url) {
    if (config.selections.environment == url) {
        return config.selections;
    }
    Selections none;
    none.environment = url;
    return none;
}

}  // namespace ardent::cli
