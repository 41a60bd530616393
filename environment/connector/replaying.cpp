// SPDX-License-Identifier: PostgreSQL
// A connector's part in replaying DDL: keys, what the operator leaves out, and when a report of the
// source's tables can be held against the replica.
#include "environment/connector/connector.hpp"

#include "common/process/log.hpp"
#include "environment/apply/snapshot.hpp"

#include <algorithm>

namespace ardent::environment {

// Under the field lock. Keys are only ever added: a backlog may be signed with any of them. The
// source ends the sessions of a primary before it makes one, so that no stream has gone by it; that
// of a standby it cannot.
void Connector::note_keys(const protocol::Hello& hello, std::optional<model::Lsn> durable) {
    if (!hello.ddl) {
        return;
    }
    m_record.captures = m_record.captures || hello.ddl->not_capturing.empty();
    const model::Lsn copied =
        m_record.consistent_point.value_or(model::Lsn{});  // shows what was before
    for (const auto& [id, hex] : hello.ddl->keys) {
        const bool is_new = m_record.ddl_keys.emplace(id, hex).second;
        const auto made = hello.ddl->made.find(id);
        if (!is_new || !durable || made == hello.ddl->made.end()) {
            continue;
        }
        const model::Lsn from = std::max(made->second, copied);
        if (from < *durable) {
            m_record.copy_warnings.push_back(
                "DDL capture's key " + id + " came to be known late: DDL from " +
                model::to_string(from) + " to " + model::to_string(*durable) +
                " is not in the replica; make it anew should there have been any");
        }
    }
}

apply::DdlOptions Connector::ddl_options(const protocol::Hello& hello,
                                         const pq::ConnectOptions& admin) {
    apply::DdlOptions options;
    replay::Origin& origin = options.origin;
    origin.database = hello.source.database;
    origin.encoding = m_record.source->server_encoding;
    origin.keys = m_record.ddl_keys;
    options.replayer.scope = {hello.schemas, m_record.excluded};
    options.replayer.encoding = origin.encoding;
    options.replayer.admin = admin;
    options.replayer.admin.settings["client_encoding"] = origin.encoding;
    options.replayer.extensions = [this] {
        const std::lock_guard lock(m_mutex);
        return ExtensionPolicy{m_settings.replica.extensions, m_record.drop_extensions};
    };
    options.replayer.warn = [this](const std::string& warning) {
        const std::lock_guard lock(m_mutex);
        std::vector<std::string>& warnings = m_record.copy_warnings;
        if (std::find(warnings.begin(), warnings.end(), warning) == warnings.end()) {
            warnings.push_back(warning);
            save();
        }
    };
    options.replayer.left_out = [this](const protocol::LeftOut& object) {
        const std::lock_guard lock(m_mutex);
        std::vector<protocol::LeftOut>& objects = m_record.not_carried.objects;
        const bool known =
            std::any_of(objects.begin(), objects.end(), [&](const protocol::LeftOut& one) {
                return one.type == object.type && one.identity == object.identity;
            });
        if (!known) {  // what follows from it needs no word
            objects.push_back(object);
            save();
        }
    };
    options.replayer.followed = [this](const std::vector<std::string>& identities) {
        const std::lock_guard lock(m_mutex);
        const std::size_t gone =
            std::erase_if(m_record.not_carried.objects, [&](const protocol::LeftOut& one) {
                return std::find(identities.begin(), identities.end(), one.identity) !=
                       identities.end();
            });
        if (gone > 0) {
            save();
        }
    };
    options.replayer.disabled = [this](const std::vector<DisabledTrigger>& triggers) {
        const std::lock_guard lock(m_mutex);
        m_record.disabled_triggers.insert(m_record.disabled_triggers.end(), triggers.begin(),
                                          triggers.end());
        save();
    };
    options.skip = m_record.skip_ddl;
    if (hello.ddl) {
        origin.database_oid = hello.ddl->database_oid;
        origin.next_xid = hello.ddl->next_xid;
        options.replayer.superusers = hello.ddl->superusers;
    }
    return options;
}

// Without capture nothing carries a change of a table, so a difference is one at once. With it
// a difference may be on its way.
bool Connector::awaits_ddl(const protocol::SchemaReport& report) const {
    const std::lock_guard lock(m_mutex);
    return report.lsn && m_record.captures;
}

void Connector::keep_report(const std::shared_ptr<Session>& session,
                            const protocol::SchemaReport& report) {
    const std::lock_guard lock(m_mutex);
    m_report = PendingReport{session, report, 0};
}

// The replica must be where the source was after the report was read, and have no DDL that the
// report does not show.
void Connector::judge_report() {
    std::optional<PendingReport> pending;
    {
        const std::lock_guard lock(m_mutex);
        if (!m_report || m_report->session != m_session || !m_session->worker) {
            m_report.reset();
            return;
        }
        pending = m_report;
    }
    apply::Worker& worker = *pending->session->worker;
    if (worker.durable() < *pending->report.lsn || worker.failure() || worker.session_lost()) {
        return;
    }
    const auto failure = worker.check_tables(pending->report);
    const std::vector<std::uint64_t> done = worker.ddl_xids();
    const bool ahead = std::any_of(done.begin(), done.end(), [&](std::uint64_t xid) {
        return !apply::sees(pending->report.snapshot, xid);
    });
    {
        const std::lock_guard lock(m_mutex);
        if (!m_report || m_report->report.lsn != pending->report.lsn) {
            return;
        }
        // Once more, should DDL have been committed between the two looks.
        if (failure && !ahead && m_report->misses++ == 0) {
            return;
        }
        m_report.reset();
    }
    if (failure && !ahead) {
        worker.stop();
        record_failure(*pending->session, *failure);
    }
}

}  // namespace ardent::environment
