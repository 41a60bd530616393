// SPDX-License-Identifier: PostgreSQL
#include "environment/door/door.hpp"

#include "common/base/error.hpp"
#include "common/process/log.hpp"
#include "environment/door/doorway.hpp"

#include <algorithm>
#include <map>
#include <sys/resource.h>
#include <utility>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

// Of the process's, for everything but the door.
constexpr rlim_t k_other_files = 1024;
// A client's socket, the server's, and for a moment one to the opener.
constexpr rlim_t k_files_of_client = 3;

// What cannot be had is done without: a door that takes all files of the process would stop the
// replicas, too.
DoorLimits limits_within_files(DoorLimits limits) {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) {
        return limits;
    }
    const rlim_t ours =
        files.rlim_cur > 2 * k_other_files ? files.rlim_cur - k_other_files : files.rlim_cur / 2;
    Crowd::Limits& clients = limits.clients;
    if (const std::size_t all = ours / k_files_of_client; all < clients.all) {
        process::log_warning(
            "the door takes fewer clients, because the process may have few files",
            {{"clients", std::uint64_t{all}}, {"files", std::uint64_t{files.rlim_cur}}});
        clients.all = all;
        clients.silent = std::min(clients.silent, all / 4);
        clients.held = std::min(clients.held, all / 2);
    }
    // However small it is, no branch and no address takes all of it.
    clients.silent_of_branch = std::min(clients.silent_of_branch, clients.silent / 2);
    clients.silent_of_address = std::min(clients.silent_of_address, clients.silent / 2);
    clients.held_of_branch = std::min(clients.held_of_branch, clients.held / 2);
    clients.of_branch = std::min(clients.of_branch, clients.all / 2);
    return limits;
}

}  // namespace

struct Door::Inside {
    Inside(DoorHost& the_host, const DoorLimits& the_limits)
        : limits(limits_within_files(the_limits)),
          crowd(limits.clients),
          means{loop, the_host, limits, crowd, buffer, last_id, [this](Crowd::Id id) {
                    for (const auto& [branch, way] : ways) {
                        if (way->end_client(id)) {
                            return;
                        }
                    }
                }} {}

    Doorway* find(const std::string& branch) const {
        const auto found = ways.find(branch);
        return found == ways.end() ? nullptr : found->second.get();
    }

    void enter(const std::string& branch, base::Fd listener) {
        if (ways.contains(branch)) {
            throw Error(ErrorKind::bug, "branch " + branch + " has a port already");
        }
        const auto way = std::make_shared<Doorway>(means, branch, Watch(loop, std::move(listener)));
        way->accept();
        ways.emplace(branch, way);
    }

    // Doorways go before what they use; handlers that are left in the loop hold clients that have
    // ended.
    Loop loop;
    RelayBuffer buffer{};
    const DoorLimits limits;
    Crowd crowd;
    Crowd::Id last_id = 0;
    DoorMeans means;
    std::map<std::string, std::shared_ptr<Doorway>> ways;
};

Door::Door(DoorHost& host, const DoorLimits& limits)
    : m_inside(std::make_unique<Inside>(host, limits)) {
    m_inside->loop.start();
}

Door::~Door() {
    stop();
}

std::uint16_t Door::open(const std::string& branch, const DoorAddress& address) {
    base::Fd listener = listen_at(address);
    const std::uint16_t port = bound_port(listener.get());
    m_inside->loop.call([&] { m_inside->enter(branch, std::move(listener)); });
    return port;
}

void Door::started(const std::string& branch, const OpenerPlace& opener) {
    m_inside->loop.call([&] {
        if (Doorway* const way = m_inside->find(branch)) {
            way->started(opener);
        }
    });
}

void Door::failed(const std::string& branch, const std::string& text, const std::string& sqlstate) {
    m_inside->loop.call([&] {
        if (Doorway* const way = m_inside->find(branch)) {
            way->failed(text, sqlstate);
        }
    });
}

bool Door::try_close_for_suspend(const std::string& branch) {
    bool closed = false;
    m_inside->loop.call([&] {
        Doorway* const way = m_inside->find(branch);
        closed = way != nullptr && way->try_close_for_suspend();
    });
    return closed;
}

void Door::end_sessions(const std::string& branch) {
    m_inside->loop.call([&] {
        if (Doorway* const way = m_inside->find(branch)) {
            way->end_sessions();
        }
    });
}

void Door::close(const std::string& branch) {
    m_inside->loop.call([&] {
        if (const auto found = m_inside->ways.find(branch); found != m_inside->ways.end()) {
            found->second->close();
            m_inside->ways.erase(found);
        }
    });
}

std::optional<DoorActivity> Door::activity(const std::string& branch) const {
    std::optional<DoorActivity> activity;
    m_inside->loop.call([&] {
        if (const Doorway* const way = m_inside->find(branch)) {
            activity = way->activity();
        }
    });
    return activity;
}

void Door::stop() {
    m_inside->loop.call([this] {
        for (const auto& [branch, way] : m_inside->ways) {
            way->close();
        }
        m_inside->ways.clear();
    });
    m_inside->loop.stop();
}

}  // namespace ardent::environment
