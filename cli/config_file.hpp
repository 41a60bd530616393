// SPDX-License-Identifier: PostgreSQL
// ~/.ardent/config.json: what the command line remembers between two runs. `ARDENT_CONFIG` names
// another file.
//
// The file belongs to the user that runs the program and has mode 0600, its folder ~/.ardent 0700;
// a file that others own or may read is refused. It is written anew beside its place and renamed:
// whoever reads it sees all of one state.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace ardent::cli {

using Variables = std::map<std::string, std::string>;

/// Empty when the environment has no such variable.
std::string variable(const Variables& environment, const std::string& name);

struct Named {
    std::string id;  // empty: none
    std::string name;
};

/// A branch's delete that was still running when the program stopped waiting for it.
struct PendingDelete {
    std::string connector_id;
    std::string name;
    std::string branch_id;
    std::string operation_id;
};

/// What was chosen in one environment. The ids mean nothing in another.
struct Selections {
    std::string environment;  // its address
    Named project;
    Named connector;
    Named branch;                  // of this connector
    std::string branch_authority;  // PEM: what signs the certificates of branches
    std::vector<PendingDelete> deletes;
};

struct Config {
    std::string api_url;
    std::string token;
    std::string ca_file;
    Selections selections;
};

/// Throws base::Error (config) when neither ARDENT_CONFIG nor HOME says where.
std::string config_path(const Variables& environment);

/// A file that is not there is an empty Config. Throws base::Error (config) for one that cannot be
/// trusted or read.
Config read_config(const Variables& environment);

/// Reads, changes and writes under a lock, so that two programs do not undo each other's change.
/// Throws as `read_config` does, and when the file cannot be written; it is then as it was.
void change_config(const Variables& environment, const std::function<void(Config&)>& change);

/// False when there was none.
bool remove_config(const Variables& environment);

/// The file beside config.json, named by its content, that holds this certificate; written when it
/// is not there or differs. Its name stays good for a URL that somebody copied, whatever is
/// selected later.
std::string authority_file(const Variables& environment, const std::string& certificate);

/// The selections of `config` when they are of the environment at `url`, otherwise none yet.
Selections selections_at(const Config& config, const std::string& url);

/// The text of the file and back; `from_text` throws base::Error (config), which begins with
/// `path`.
std::string config_text(const Config& config);
Config config_from_text(const std::string& path, const std::string& text);

}  // namespace ardent::cli
