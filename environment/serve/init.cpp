// SPDX-License-Identifier: PostgreSQL
#include "environment/serve/environment.hpp"

#include "common/base/error.hpp"
#include "environment/serve/state_instance.hpp"
#include "environment/state/secrets.hpp"
#include "environment/state/store.hpp"

#include <iostream>
#include <unistd.h>

namespace ardent::environment {

namespace {

constexpr const char* k_key_prefix = "sk-ard_live_";
constexpr std::size_t k_shown_prefix = 16;
constexpr auto k_stop_patience = std::chrono::seconds(30);

std::string make_admin_key(Store& store) {
    std::string key = make_token(k_key_prefix);
    ApiKeyRecord record;
    record.id = "key_" + random_hex(8);
    record.name = "admin";
    record.prefix = key.substr(0, k_shown_prefix);
    record.hash = token_hash(key);
    store.save(record);
    return key;
}

}  // namespace

void refuse_root() {
    if (::geteuid() == 0) {
        throw base::Error(
            base::ErrorKind::config,
            "ardent-environment does not run as root: it runs PostgreSQL servers, which refuse "
            "root",
            "Run it as a user of its own, as the unit ardent-environment.service does.");
    }
}

int init(const Settings& settings) {
    make_directories(settings);
    const base::Fd lock = lock_data_directory(settings);
    Instance instance(state_spec(settings));
    const bool existed = instance.exists();
    if (!existed) {
        instance.create(Instance::Sync::now);
    }
    instance.start();
    std::string key;
    {
        Store store(instance);
        store.migrate();
        if (store.api_keys().empty()) {
            key = make_admin_key(store);
        }
    }
    instance.stop(k_stop_patience);
    if (key.empty()) {
        throw base::Error(
            base::ErrorKind::config, settings.data_dir + " was initialised before",
            "Its admin key was printed then and is not kept. To begin anew, remove the directory.");
    }
    std::cout << "data directory  " << settings.data_dir << "\n"
              << "admin API key   " << key << "\n"
              << "The key is not kept and not shown again.\n";
    return 0;
}

}  // namespace ardent::environment
