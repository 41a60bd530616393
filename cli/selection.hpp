// SPDX-License-Identifier: PostgreSQL
// Which connector a command means, and which branch is checked out. One thread.
#pragma once

#include "cli/api.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace ardent::cli {

struct ConnectorRef {
    std::string id;
    std::string name;
    std::string status;
    std::string volume;  // how branches of it are cut, where the environment says so
};

/// All of them, oldest first. Throws Failure (api_error) for one without id or name.
std::vector<ConnectorRef> list_connector_refs(Api& api);

/// The connector called `name` (its name or id, exactly); without a name the selected one, or the
/// only one there is. Throws Failure: no_connectors when there is none or none is selected,
/// connector_unavailable when it is not there.
ConnectorRef choose_connector(const std::vector<ConnectorRef>& all, const std::string& name,
                              const Selections& selected);

/// The connector becomes the selected one, and no branch of another stays checked out.
void select_connector(Selections& selected, const ConnectorRef& connector);

/// The branch becomes the current one, and its connector the selected one.
void check_out(Selections& selected, const ConnectorRef& connector, const Named& branch);

/// `ardent connector switch NAME`.
void switch_connector(Api& api, const std::string& name, const Variables& environment,
                      std::ostream& out);

/// "Switched from 'a' to 'b'", or "Switched to 'b'" where there was none before.
std::string switched_text(const std::string& before, const std::string& now);

/// The connectors as `ardent status` shows them.
void print_connector_refs(const std::vector<ConnectorRef>& all, const Selections& selected,
                          std::ostream& out);

}  // namespace ardent::cli
