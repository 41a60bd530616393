// SPDX-License-Identifier: PostgreSQL
// `ardent connector create | list | status | update | retry-setup | delete` against the
// environment's API. One thread.
#pragma once

#include "cli/api.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace ardent::cli {

/// ● streams, ◐ is being set up, ○ failed.
const char* connector_icon(const std::string& status) noexcept;

struct CreateOptions {
    std::string name;
    std::vector<std::string> schemas;
    std::vector<std::string> drop_extensions;
    bool json = false;
};

/// Creates a `pending` connector whose agent runs beside the source. Prints its id, its token
/// (shown once) and what to run there.
void create_connector(Api& api, const CreateOptions& options, std::ostream& out);

void list_connectors(Api& api, bool json, std::ostream& out);

/// `name` is a connector's name or id.
void show_connector(Api& api, const std::string& name, bool json, std::ostream& out);

/// The extensions of the source that its replica does not get, instead of those named before; none:
/// all of them.
void update_connector(Api& api, const std::string& name,
                      const std::vector<std::string>& drop_extensions, std::ostream& out);

/// Returns when the environment has removed the connector and its replica.
void delete_connector(Api& api, const std::string& name, std::ostream& out);

/// The failure is mended: go on; with `resync`, from a new copy.
/// The DDL message at the LSN `skip_ddl`, when it is not empty, is left out.
void retry_setup(Api& api, const std::string& name, bool resync, const std::string& skip_ddl,
                 std::ostream& out);

}  // namespace ardent::cli
