// SPDX-License-Identifier: PostgreSQL
#include "environment/connector/copy_job.hpp"

#include "common/base/text.hpp"
#include "common/pq/collation.hpp"
#include "common/process/log.hpp"
#include "environment/apply/generated_records.hpp"
#include "environment/apply/progress.hpp"
#include "environment/replica/after_rows.hpp"
#include "environment/replica/beside_schema.hpp"
#include "environment/replica/enum_oids.hpp"
#include "environment/replica/replica.hpp"
#include "environment/replica/row_rules.hpp"
#include "environment/replica/statistics.hpp"
#include "environment/replica/writer_functions.hpp"
#include "environment/server/http.hpp"
#include "environment/state/secrets.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

constexpr auto k_stop_patience = std::chrono::seconds(60);
constexpr auto k_cancel_again = std::chrono::milliseconds(200);
constexpr unsigned k_most_jobs = 4;

InstanceSpec loading_spec(InstanceSpec spec) {
    for (const auto& [name, value] : {std::pair{"wal_level", "minimal"},
                                      {"max_wal_senders", "0"},
                                      {"fsync", "off"},
                                      {"full_page_writes", "off"},
                                      {"synchronous_commit", "off"},
                                      {"autovacuum", "off"}}) {
        spec.settings[name] = value;
    }
    return spec;
}

// Of what is made.
std::vector<protocol::ObjectOwner> owners_of(const protocol::CopyBegin& begin, bool that_run_code) {
    std::vector<protocol::ObjectOwner> chosen;
    const auto is_outside = [&](const protocol::ObjectOwner& owned) {
        return std::any_of(begin.outside.begin(), begin.outside.end(), [&](const auto& object) {
            return object.named.type == owned.type && object.names == owned.names &&
                   object.args == owned.args;
        });
    };
    std::copy_if(
        begin.owners.begin(), begin.owners.end(), std::back_inserter(chosen),
        [&](const auto& owned) { return runs_code(owned) == that_run_code && !is_outside(owned); });
    return chosen;
}

std::vector<std::uint32_t> type_oids(const std::vector<protocol::EnumLabels>& enums) {
    std::vector<std::uint32_t> oids;
    oids.reserve(enums.size());
    for (const protocol::EnumLabels& labels : enums) {
        oids.push_back(labels.type_oid);
    }
    return oids;
}

protocol::Failure to_failure(const Error& error, const std::string& table) {
    return {error.what(), error.hint(), std::nullopt, table};
}

}  // namespace

const char* to_string(CopyPhase phase) noexcept {
    switch (phase) {
    case CopyPhase::creating:
        return "creating";
    case CopyPhase::schema:
        return "schema";
    case CopyPhase::restoring:
        return "restoring";
    case CopyPhase::data:
        return "data";
    case CopyPhase::finishing:
        return "finishing";
    case CopyPhase::done:
        return "done";
    case CopyPhase::failed:
        return "failed";
    }
    return "failed";
}

CopyJob::CopyJob(Plan plan, Reports reports)
    : m_id(random_hex(8)),
      m_plan(std::move(plan)),
      m_reports(std::move(reports)),
      m_instance(loading_spec(m_plan.durable)),
      m_thread([this] { work(); }) {}

CopyJob::~CopyJob() {
    give_up();
}

CopyJob::Cancellable::Cancellable(CopyJob& job, pq::Connection& connection)
    : m_job(job), m_connection(&connection) {
    const std::lock_guard lock(m_job.m_mutex);
    m_job.m_cancellable.push_back(m_connection);
}

CopyJob::Cancellable::~Cancellable() {
    const std::lock_guard lock(m_job.m_mutex);
    std::erase(m_job.m_cancellable, m_connection);
}

void CopyJob::give_up() {
    {
        std::unique_lock lock(m_mutex);
        m_given_up = true;
        m_changed.notify_all();
        // again and again: a first request may come between two statements
        while (!m_changed.wait_for(lock, k_cancel_again, [this] { return m_ended; })) {
            for (pq::Connection* const connection : m_cancellable) {
                connection->cancel();
            }
        }
    }
    std::call_once(m_joined, [this] { m_thread.join(); });
}

bool CopyJob::finishing() const {
    const std::lock_guard lock(m_mutex);
    return m_phase == CopyPhase::finishing && !m_given_up;
}

void CopyJob::require_going_on() const {
    if (!going_on()) {
        throw Error(ErrorKind::transient, "the copy was given up");
    }
}

bool CopyJob::is_for(const protocol::CopyBegin& begin) const {
    return begin.session == m_plan.begin.session && begin.slot == m_plan.begin.slot &&
           begin.consistent_point == m_plan.begin.consistent_point;
}

void CopyJob::work() {
    try {
        create();
        wait_while(CopyPhase::schema);
        restore();
        wait_while(CopyPhase::data);
        finish();
    } catch (const Error& error) {
        fail(to_failure(error, {}), error.kind());
    } catch (const std::exception& error) {
        fail({error.what(), {}, std::nullopt, {}}, ErrorKind::transient);
    }
    const std::lock_guard lock(m_mutex);
    m_ended = true;
    m_changed.notify_all();
}

void CopyJob::create() {
    m_instance.destroy();
    m_instance.create(Instance::Sync::later);
    m_instance.start();
    tell("creating roles and the database");
    Superuser maintenance(m_instance, k_maintenance_database, ErrorKind::replica);
    create_roles(maintenance, m_plan.begin.roles);
    create_database(maintenance, m_plan.source);
    Superuser admin = superuser();
    if (std::string warning = collation_warning(m_plan.source, pq::collation_version(*admin));
        !warning.empty()) {
        m_outcome.warnings.push_back(std::move(warning));
    }
    create_surroundings(admin, m_plan.begin, m_plan.extensions, m_outcome.warnings);
    apply::create_progress(admin, k_apply_role);
    enter(CopyPhase::schema, "ready for the schema");
}

void CopyJob::restore() {
    Archive archive(m_instance, m_plan.source.database, archive_path(), m_plan.begin.outside,
                    [this] { return going_on(); });
    archive.open();
    Superuser admin = superuser();
    auto apply = connect(k_apply_role);
    archive.create_inert_servers(admin, *apply);
    archive.restore_types(type_oids(m_plan.begin.enums));
    set_enum_oids(admin, m_plan.begin.enums, m_outcome.warnings);
    create_stand_ins(admin, *apply, m_plan.begin.outside_functions, m_outcome.warnings);
    archive.restore_types_and_functions();
    const std::vector<protocol::Cast> later = create_casts(*apply, m_plan.begin.casts, nullptr);
    archive.restore_before_data();
    create_casts(*apply, later, &m_outcome.warnings);
    apply::keep_generated(*admin, m_plan.begin.generated);
    set_owners(admin, owners_of(m_plan.begin, true), m_outcome.warnings);
    m_opened_schemas = open_schemas(admin, m_plan.begin.schemas);
    {
        const std::lock_guard lock(m_load_mutex);
        m_loader =
            std::make_unique<TableLoader>(std::move(apply), m_plan.begin.tables,
                                          m_plan.begin.search_paths, renew_writer_secret(admin));
    }
    enter(CopyPhase::data, "ready for rows");
}

void CopyJob::finish() {
    {
        const std::lock_guard lock(m_load_mutex);
        m_loader.reset();
    }
    Archive archive(m_instance, m_plan.source.database, archive_path(), m_plan.begin.outside,
                    [this] { return going_on(); });
    archive.open();
    tell("building indexes and constraints");
    const auto apply = connect(k_apply_role);
    const Cancellable applying(*this, *apply);
    const WriterPaths paths(*apply, m_plan.begin.owners, m_plan.begin.search_paths);
    const unsigned jobs = std::clamp(std::thread::hardware_concurrency(), 1U, k_most_jobs);
    {
        Superuser admin = superuser();
        const Cancellable administering(*this, *admin);
        const Connect another = connecting(k_apply_role);
        const std::function<bool()> go_on = [this] { return going_on(); };
        restore_after_rows({archive, admin, another, paths, go_on, jobs}, m_outcome.warnings);
    }
    // while it owns the views: the source's superusers are none here
    refresh_views(*apply);
    Superuser admin = superuser();
    const Cancellable administering(*this, *admin);
    m_outcome.disabled_triggers = disable_triggers(*admin);
    tell("setting owners and grants");
    close_schemas(admin, m_opened_schemas);
    set_owners(admin, owners_of(m_plan.begin, false), m_outcome.warnings);
    const std::vector<std::string> not_granted =
        archive.restore_grants(admin, *apply, m_plan.begin.schemas);
    m_outcome.warnings.insert(m_outcome.warnings.end(), not_granted.begin(), not_granted.end());
    set_default_privileges(*apply, m_plan.begin.default_privileges, m_outcome.warnings);
    grant_reader(*admin);
    tell("collecting statistics");
    collect_statistics(admin, *connecting(k_apply_role)(), paths, m_outcome.warnings);
    tell("looking for rows that break foreign keys");
    const std::vector<std::string> orphans =
        find_orphans(connecting(k_reader_role), jobs, [this] { return going_on(); });
    m_outcome.warnings.insert(m_outcome.warnings.end(), orphans.begin(), orphans.end());
    require_going_on();
    make_durable();
    require_going_on();
    m_reports.done(m_outcome);
    enter(CopyPhase::done, "");
}

void CopyJob::refresh_views(pq::Connection& apply) {
    std::vector<std::string> left = m_plan.begin.not_carried.materialized_views;
    for (const protocol::OutsideObject& object : m_plan.begin.outside) {
        std::erase(left, object.named.identity);
    }
    // One may read another, in an order that only trying tells: go on while a round makes progress.
    for (bool moved = true; moved && !left.empty();) {
        moved = false;
        std::vector<std::string> failed;
        for (const std::string& view : left) {
            try {
                apply.exec("REFRESH MATERIALIZED VIEW " + view);
                moved = true;
            } catch (const Error& error) {
                if (error.kind() == ErrorKind::transient) {
                    throw;
                }
                failed.push_back(view);
            }
        }
        left = std::move(failed);
    }
    for (const std::string& view : left) {
        m_outcome.warnings.push_back("materialized view " + view +
                                     " could not be filled; REFRESH it in a branch");
    }
}

void CopyJob::make_durable() {
    tell("flushing everything to disk");
    m_instance.stop(k_stop_patience);
    if (m_instance.alive()) {
        throw Error(ErrorKind::transient,
                    "the replica's server does not stop, so it cannot be made durable");
    }
    m_instance.flush();
    Instance durable(m_plan.durable);
    durable.start();
    Superuser admin(durable, m_plan.source.database, ErrorKind::replica);
    apply::ProgressRow progress;
    progress.system_identifier = m_plan.source.system_identifier;
    progress.timeline = m_plan.source.timeline;
    progress.durable = m_plan.begin.consistent_point;
    progress.slot = m_plan.begin.slot;
    apply::write_progress(admin, progress);
    std::error_code ignored;
    std::filesystem::remove_all(m_plan.durable.directory + "/copy", ignored);
}

void CopyJob::enter(CopyPhase phase, const std::string& detail) {
    const std::lock_guard lock(m_mutex);
    m_phase = phase;
    m_detail = detail;
    m_changed.notify_all();
    process::log_info("copy", {{"copy", m_id}, {"phase", to_string(phase)}});
}

void CopyJob::tell(const std::string& detail) {
    const std::lock_guard lock(m_mutex);
    m_detail = detail;
}

void CopyJob::fail(const protocol::Failure& failure, ErrorKind kind) {
    {
        const std::lock_guard lock(m_mutex);
        if (m_given_up || m_phase == CopyPhase::failed) {
            return;
        }
    }
    process::log_error("copy failed", {{"copy", m_id}, {"error", failure.message}});
    m_reports.failed(failure, kind);
    const std::lock_guard lock(m_mutex);
    m_failure = failure;
    m_phase = CopyPhase::failed;
    m_changed.notify_all();
}

void CopyJob::wait_while(CopyPhase phase) {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [&] { return m_given_up || m_phase != phase; });
    if (m_given_up || m_phase == CopyPhase::failed) {
        throw Error(ErrorKind::transient, "the copy was given up");
    }
}

bool CopyJob::going_on() const {
    const std::lock_guard lock(m_mutex);
    return !m_given_up;
}

std::unique_ptr<pq::Connection> CopyJob::connect(std::string_view role) const {
    pq::ConnectOptions options =
        m_instance.connect_options(role, m_plan.source.database, ErrorKind::replica);
    options.settings["client_encoding"] = "UTF8";  // of names; rows name their own
    return std::make_unique<pq::Connection>(options);
}

Superuser CopyJob::superuser() const {
    pq::ConnectOptions options =
        Superuser::options(m_instance, m_plan.source.database, ErrorKind::replica);
    options.settings["client_encoding"] = "UTF8";  // of names
    return Superuser(options);
}

Connect CopyJob::connecting(std::string_view role) {
    return [this, role] {
        struct Held {
            Held(CopyJob& job, std::unique_ptr<pq::Connection> made)
                : connection(std::move(made)), cancellable(job, *connection) {}
            std::unique_ptr<pq::Connection> connection;
            Cancellable cancellable;
        };
        const auto held = std::make_shared<Held>(*this, connect(role));
        return std::shared_ptr<pq::Connection>(held, held->connection.get());
    };
}

std::string CopyJob::archive_path() const {
    return m_plan.durable.directory + "/copy/schema.dump";
}

protocol::CopyState CopyJob::state(const std::string& known, std::chrono::milliseconds wait) {
    std::unique_lock lock(m_mutex);
    m_changed.wait_for(lock, wait, [&] { return m_given_up || to_string(m_phase) != known; });
    return {m_id, to_string(m_phase), m_detail, m_failure};
}

void CopyJob::accept_schema(std::string_view archive) {
    std::unique_lock lock(m_mutex);
    if (m_given_up || m_phase == CopyPhase::creating || m_phase == CopyPhase::failed) {
        throw HttpError(409, "out_of_order",
                        std::string("the copy is not ready for the schema: ") + to_string(m_phase));
    }
    if (m_phase != CopyPhase::schema) {
        return;
    }
    const std::string path = archive_path();
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(archive.data(), static_cast<std::streamsize>(archive.size()));
    file.close();
    if (!file) {
        throw Error(ErrorKind::transient, "cannot write " + path, "Is the file system full?");
    }
    m_phase = CopyPhase::restoring;
    m_detail = "restoring tables";
    m_changed.notify_all();
}

std::optional<std::uint64_t> CopyJob::accept_part(std::size_t ordinal, std::uint64_t part,
                                                  bool last, std::string_view frame) {
    const std::lock_guard load(m_load_mutex);
    {
        const std::lock_guard lock(m_mutex);
        if (m_given_up || m_phase != CopyPhase::data) {
            throw HttpError(409, "out_of_order",
                            std::string("the copy takes no rows now: it is ") + to_string(m_phase));
        }
    }
    try {
        const auto rows = m_loader->part(ordinal, part, last, frame);
        tell(m_loader->current() + ", " + base::human_bytes(m_loader->bytes()) + " in all");
        return rows;
    } catch (const HttpError&) {
        throw;
    } catch (const Error& error) {
        fail(to_failure(error, m_loader->current()), error.kind());
        throw HttpError(409, "out_of_order", error.what());
    }
}

void CopyJob::accept_finish(const protocol::CopyFinish& finish) {
    const std::lock_guard load(m_load_mutex);
    std::string difference;
    {
        const std::lock_guard lock(m_mutex);
        if (m_phase == CopyPhase::finishing || m_phase == CopyPhase::done) {
            return;
        }
        if (m_phase != CopyPhase::data) {
            throw HttpError(409, "out_of_order",
                            std::string("the copy cannot finish: it is ") + to_string(m_phase));
        }
        difference = m_loader->compare(finish.rows);
    }
    if (!difference.empty()) {
        fail({difference, {}, std::nullopt, {}}, ErrorKind::transient);
        throw HttpError(409, "out_of_order", difference);
    }
    enter(CopyPhase::finishing, "");
}

}  // namespace ardent::environment
