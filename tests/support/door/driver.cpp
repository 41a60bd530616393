// SPDX-License-Identifier: PostgreSQL
// What tests/tap/door.pl starts, one program for each part:
//   door_driver serve                      a door: words on stdin, a line on stdout for each
//   door_driver launch BINARIES OPENER DATA SOCKET LOCK LOG
//                                          a contained server beside its opener; prints its pid
#include "common/base/error.hpp"
#include "common/base/fd.hpp"
#include "common/process/subprocess.hpp"
#include "environment/door/door.hpp"
#include "environment/instance/containment.hpp"
#include "environment/instance/launcher.hpp"
#include "environment/instance/system_calls.hpp"

#include <array>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

using namespace ardent;
using namespace ardent::environment;

namespace {

void print(const std::string& line) {
    static std::mutex one;
    const std::lock_guard<std::mutex> lock(one);
    std::cout << line << std::endl;
}

struct Host : DoorHost {
    void request_start(const std::string& branch, StartReason reason) override {
        print("request_start " + branch +
              (reason == StartReason::sleeping ? " sleeping" : " opener_lost"));
    }
};

std::string text_of(const DoorActivity& activity) {
    constexpr std::array k_states = {"sleeping", "starting", "running"};
    std::ostringstream text;
    text << "activity " << k_states[static_cast<std::size_t>(activity.state)] << " silent "
         << activity.silent << " held " << activity.held << " connected " << activity.connected
         << " idle " << (activity.idle ? activity.idle->count() : -1) << " from "
         << activity.bytes_from_clients << " to " << activity.bytes_to_clients << " wrong "
         << activity.wrong_descriptors;
    return text.str();
}

// open BRANCH HOST PORT | started BRANCH SOCKET PORT | failed BRANCH TEXT |
// suspend|end|close|activity BRANCH
std::string obey(Door& door, const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    std::string branch;
    std::string text;
    std::uint16_t port = 0;
    words >> verb >> branch >> std::ws;
    if (verb == "open") {
        words >> text >> port;
        return "port " + std::to_string(door.open(branch, {text, port}));
    }
    if (verb == "started") {
        words >> text >> port;
        door.started(branch, {text, port});
    } else if (verb == "failed") {
        std::getline(words, text);
        door.failed(branch, text);
    } else if (verb == "suspend") {
        return door.try_close_for_suspend(branch) ? "suspend true" : "suspend false";
    } else if (verb == "end") {
        door.end_sessions(branch);
    } else if (verb == "close") {
        door.close(branch);
    } else if (verb == "activity") {
        return text_of(door.activity(branch).value());
    }
    return "done " + verb;
}

int serve() {
    Host host;
    Door door(host, {});
    std::string line;
    while (std::getline(std::cin, line)) {
        try {
            print(obey(door, line));
        } catch (const std::exception& error) {
            print(std::string("error ") + error.what());
        }
    }
    return 0;
}

int launch(const std::vector<std::string>& words) {
    const std::string opener = words[1];
    const Containment containment =
        prove_containment(ContainmentNeed::required, words[0], {"/usr/share/postgresql"});
    const base::Fd lock = try_lock(words[4]);
    if (!lock.valid()) {
        throw base::Error(base::ErrorKind::transient, "somebody has the lock");
    }
    const base::Fd filter = system_call_filter();
    const base::Fd users = users_file();
    base::Pipe status = base::make_pipe();
    process::Command command;
    const ServerFiles files{words[0], "", {words[2], words[3], words[2]}};
    command.argv = containment_argv(
        containment, files,
        {.filter = filter.get(), .users = users.get(), .status = status.write.get()});
    // before --remount-ro / --
    command.argv.insert(command.argv.end() - 3, {"--ro-bind", opener, "/ardent-opener"});
    const std::vector<std::string> program = {
        "/ardent-opener", "/socket/opener", "5432", "--", words[0] + "/postgres", "-D", "/data"};
    command.argv.insert(command.argv.end(), program.begin(), program.end());
    command.environment = {{"LANG", "C.UTF-8"}, {"LC_MESSAGES", "C"}, {"PATH", "/nonexistent"}};
    command.kept = {filter.get(), users.get(), status.write.get(), lock.get()};
    process::start(command, words[5]);
    status.write.close();
    // To the end of the line: bwrap writes it in pieces, and dies when nobody reads the next one.
    std::string line;
    char byte = 0;
    while (byte != '\n' && ::read(status.read.get(), &byte, 1) == 1) {
        line += byte;
    }
    const auto at = line.find("\"child-pid\": ");
    if (at == std::string::npos) {
        throw base::Error(base::ErrorKind::transient, "bwrap said: " + line);
    }
    print(std::to_string(std::atoi(line.c_str() + at + 13)));
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    try {
        const std::vector<std::string> words(arguments + 1, arguments + count);
        if (words.size() == 1 && words[0] == "serve") {
            return serve();
        }
        if (words.size() == 7 && words[0] == "launch") {
            return launch({words.begin() + 1, words.end()});
        }
        std::cerr << "usage: door_driver serve | launch ...\n";
    } catch (const std::exception& error) {
        std::cerr << "door_driver: " << error.what() << "\n";
    }
    return 1;
}
