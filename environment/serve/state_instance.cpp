// SPDX-License-Identifier: PostgreSQL
#include "environment/serve/state_instance.hpp"

#include "common/base/error.hpp"
#include "environment/instance/launcher.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

namespace ardent::environment {

namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorKind;

void make_directory(const std::string& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) {
        throw Error(ErrorKind::config, "cannot make the directory " + path + ": " + error.message(),
                    "Make it as root and give it to the user that runs the environment.");
    }
    if (::chmod(path.c_str(), S_IRWXU) != 0) {
        throw Error(ErrorKind::config,
                    "cannot set the mode of " + path + ": " + std::strerror(errno),
                    "It must belong to the user that runs the environment.");
    }
}

}  // namespace

InstanceSpec state_spec(const Settings& settings) {
    InstanceSpec spec;
    spec.name = "state";
    spec.directory = settings.data_dir + "/state";
    spec.socket_directory = socket_directory(settings.run_dir, "state");
    std::ifstream file(spec.directory + "/data/PG_VERSION");
    int major = 0;
    if (!(file >> major)) {
        const std::vector<int> majors = installed_majors(settings.replica.binaries);
        if (majors.empty()) {
            throw Error(ErrorKind::config,
                        "no PostgreSQL server is installed below " + settings.replica.binaries,
                        "Install one, for example apt-get install postgresql-15.");
        }
        major = majors.back();
    }
    spec.binaries = find_binaries(settings.replica.binaries, major);
    spec.containment = settings.containment;
    spec.limits = settings.limits;
    spec.settings = settings_of_major(major);
    spec.settings.insert({{"shared_buffers", "16MB"}, {"max_connections", "20"}});
    return spec;
}

base::Fd lock_data_directory(const Settings& settings) {
    base::Fd lock = try_lock(settings.data_dir + "/environment.lock", ErrorKind::config);
    if (!lock.valid()) {
        throw Error(ErrorKind::config, "another ardent-environment works in " + settings.data_dir,
                    "One data directory belongs to one environment.");
    }
    return lock;
}

void make_directories(const Settings& settings) {
    for (const std::string& path :
         {settings.data_dir, settings.run_dir, settings.data_dir + "/replicas",
          settings.data_dir + "/branches"}) {
        make_directory(path);
    }
}

}  // namespace ardent::environment
