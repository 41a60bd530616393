// SPDX-License-Identifier: PostgreSQL
#include "environment/serve/environment.hpp"

#include "common/base/error.hpp"
#include "common/base/version.hpp"
#include "common/process/log.hpp"
#include "common/process/notify.hpp"
#include "common/process/signals.hpp"
#include "environment/agent_api/agent_routes.hpp"
#include "environment/api/routes.hpp"
#include "environment/branch/branches.hpp"
#include "environment/connector/registry.hpp"
#include "environment/serve/ballast.hpp"
#include "environment/serve/state_instance.hpp"
#include "environment/state/secrets.hpp"

#include <atomic>
#include <poll.h>

namespace ardent::environment {

namespace {

constexpr int k_tick_ms = 1000;
constexpr auto k_start_allowance = std::chrono::seconds(180);

// The main thread's loop: waits for a signal, restarts the state instance when it died, sees to the
// ballast, feeds the watchdog.
void run_until_signal(process::TerminationSignals& signals, process::Notifier& notifier,
                      Instance& state, const Ballast& ballast, std::atomic<bool>& state_ready) {
    while (!signals.requested()) {
        pollfd wait = {signals.fd(), POLLIN, 0};
        ::poll(&wait, 1, k_tick_ms);
        if (!state.alive()) {
            state_ready = false;
            try {
                ballast.let_go_if_full();
                state.start();
            } catch (const base::Error& error) {
                process::log_error("the state instance does not start", {{"error", error.what()}});
            }
        }
        state_ready = state.alive();
        if (state_ready) {
            ballast.make_if_room();
        }
        notifier.alive();
    }
}

std::string status_line(const Settings& settings, int port) {
    return "listening on " + settings.listen_host + " port " + std::to_string(port) +
           (settings.tls ? " with TLS" : " without TLS");
}

}  // namespace

int serve(const Settings& given) {
    Settings settings = given;
    process::TerminationSignals signals;
    process::Notifier notifier;
    process::set_log_level(settings.log_level);
    make_directories(settings);
    const base::Fd lock = lock_data_directory(settings);
    const Ballast ballast(settings.data_dir);
    ballast.let_go_if_full();
    settings.branch.clone = prove_clone_method(settings.data_dir);
    Instance state(state_spec(settings));
    if (!state.exists()) {
        throw base::Error(base::ErrorKind::config, settings.data_dir + " is not initialised",
                          "Run ardent-environment init first.");
    }
    notifier.extend_start(k_start_allowance);
    notifier.status("starting PostgreSQL instances");
    state.start();
    Store store(state);
    store.migrate();
    Registry registry(settings, store);
    registry.load();
    Branches branches(settings, store, registry);
    branches.load();
    std::atomic<bool> state_ready{true};
    Router router;
    add_public_routes(router, settings, registry, branches);
    add_branch_routes(router, settings, branches);
    add_setting_routes(router, registry, store);
    add_agent_routes(router, settings, registry);
    add_service_routes(router, registry, [&state_ready] { return state_ready.load(); });
    HttpServer server(settings, router, make_authorizer(registry));
    server.start();
    process::log_info("ready", {{"version", base::version()},
                                {"address", settings.listen_host},
                                {"port", server.port()},
                                {"tls", settings.tls ? "yes" : "no"}});
    notifier.status(status_line(settings, server.port()));
    notifier.ready();
    run_until_signal(signals, notifier, state, ballast, state_ready);
    notifier.stopping();
    process::log_info("stopping");
    branches.close();
    registry.close();
    server.stop();
    branches.stop_servers(settings.stop_timeout / 4);
    registry.stop_instances(settings.stop_timeout / 2);
    state.stop(settings.stop_timeout / 4);
    process::log_info("stopped");
    return 0;
}

}  // namespace ardent::environment
