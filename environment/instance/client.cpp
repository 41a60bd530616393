// SPDX-License-Identifier: PostgreSQL
#include "environment/instance/client.hpp"

#include "common/base/fd.hpp"
#include "environment/instance/system_calls.hpp"

namespace ardent::environment {

process::Outcome run_client(const Instance& instance, const ClientCall& call,
                            const std::function<bool()>& go_on) {
    const InstanceSpec& spec = instance.spec();
    process::Command command;
    command.environment = process::plain_environment();
    base::Fd filter;
    base::Fd users;
    if (spec.containment.works) {
        filter = system_call_filter();
        users = users_file();
        command.argv = client_containment_argv(
            spec.containment, {spec.binaries, call.program, spec.socket_directory, call.folder},
            {.filter = filter.get(), .users = users.get()});
        command.kept = {filter.get(), users.get()};
    }
    command.argv.push_back(spec.binaries + "/" + call.program);
    command.argv.insert(command.argv.end(), call.arguments.begin(), call.arguments.end());
    return process::run(command, {}, go_on);
}

}  // namespace ardent::environment
