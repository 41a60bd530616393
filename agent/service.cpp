// SPDX-License-Identifier: PostgreSQL
#include "agent/service.hpp"

#include "agent/copy/again_copier.hpp"
#include "agent/copy/copier.hpp"
#include "agent/report/preflight_watch.hpp"
#include "agent/report/reporter.hpp"
#include "agent/report/sequence_watch.hpp"
#include "agent/report/source_watch.hpp"
#include "agent/send/courier.hpp"
#include "agent/source/ddl_keys.hpp"
#include "agent/source/failover.hpp"
#include "agent/source/identity.hpp"
#include "agent/source/plugin.hpp"
#include "agent/source/search_paths.hpp"
#include "agent/source/slot.hpp"
#include "common/base/version.hpp"
#include "common/ddl/envelope.hpp"
#include "common/decode/ddl_message.hpp"
#include "common/http/client.hpp"
#include "common/process/log.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <poll.h>
#include <random>

namespace ardent::agent {

namespace {

using base::Error;
using base::ErrorKind;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds k_first_wait{250};
constexpr milliseconds k_longest_wait{10'000};
constexpr milliseconds k_slot_patience{5000};
constexpr milliseconds k_soon{10'000};   // first asks again after a failure
constexpr milliseconds k_later{30'000};  // and then
constexpr unsigned k_soon_turns = 6;
constexpr std::uint64_t k_least_segment = 4096;  // whatever the environment asks for
constexpr auto k_told_again = std::chrono::minutes(1);
// Whoever ended our walsender means to use the slot; a server that restarts needs a moment as well.
constexpr milliseconds k_after_eviction{3000};
constexpr const char* k_admin_shutdown = "57P01";

}  // namespace

Service::Service(Settings settings)
    : m_settings(std::move(settings)),
      m_name(make_agent_name(m_settings.slot.name)),
      m_stop_flag(m_signals.fd()),
      m_backoff(k_first_wait, k_longest_wait, std::random_device{}()) {}

int Service::run() {
    process::log_info("ardent-agent starts",
                      {{"version", base::version()},
                       {"connector", m_settings.environment.connector},
                       {"source", m_settings.source.host + ":" + m_settings.source.port + "/" +
                                      m_settings.source.database},
                       {"slot", m_settings.slot.name}});
    try {
        http::init_library();
        while (!m_stopped && !m_signals.requested()) {
            try {
                turn();
            } catch (const Error& e) {
                if (m_signals.requested()) {
                    break;
                }
                if (e.kind() != ErrorKind::transient && e.kind() != ErrorKind::replica) {
                    throw;
                }
                complain(e);
                const milliseconds pause = m_backoff.next();
                wait(e.sqlstate() == k_admin_shutdown ? std::max(pause, k_after_eviction) : pause);
            }
        }
    } catch (const Error& e) {
        return end_with(e, e.kind() == ErrorKind::config   ? k_exit_config
                           : e.kind() == ErrorKind::source ? k_exit_source
                                                           : k_exit_bug);
    } catch (const std::exception& e) {
        return end_with(Error(ErrorKind::bug, e.what()), k_exit_bug);
    }
    m_notifier.stopping();
    process::log_info("ardent-agent ends");
    return k_exit_clean;
}

int Service::end_with(const Error& error, int code) {
    process::log_error(error.what(), {{"kind", base::to_string(error.kind())},
                                      {"hint", error.hint()},
                                      {"sqlstate", error.sqlstate()},
                                      {"exit", code}});
    m_notifier.status(std::string("ended: ") + error.what());
    if (code == k_exit_source) {
        tell_environment(error);
    }
    return code;
}

EnvironmentApi Service::environment() const {
    return EnvironmentApi(m_settings.environment, http::when_set(*m_stop_flag.get()));
}

void Service::tell_environment(const Error& error) noexcept {
    if (m_session.empty()) {
        return;
    }
    try {
        protocol::AgentStatus status;
        status.session = m_session;
        status.warnings = {std::string("the agent ended: ") + error.what() + " " + error.hint()};
        environment().status(status);
    } catch (const std::exception& e) {
        process::log_debug("the environment could not be told", {{"why", e.what()}});
    }
}

void Service::complain(const Error& error) {
    const auto now = Clock::now();
    if (m_complained == error.what() && now - m_complained_at < k_told_again) {
        return;
    }
    m_complained = error.what();
    m_complained_at = now;
    m_notifier.status("waiting: " + m_complained);
    process::log_warning(error.what(), {{"hint", error.hint()}, {"then", "trying again"}});
}

void Service::turn() {
    m_notifier.alive();
    Source source = connect();
    if (const auto other = younger_agent(source.sql, m_name)) {
        { const Source done = std::move(source); }  // so that the other one does not meet us
        give_way(*other);
        return;
    }
    m_other.clear();
    const preflight::Report report = run_preflight(source.sql, m_settings);
    const HelloAnswer answer = greet(source, report);
    if (!answer.welcome) {
        refused(answer.refusal, report);
        return;
    }
    const protocol::Welcome& welcome = *answer.welcome;
    process::log_info("the environment says hello",
                      {{"state", protocol::to_string(welcome.state)},
                       {"durable", welcome.durable ? model::to_string(*welcome.durable) : "none"},
                       {"environment", welcome.environment_version}});
    switch (welcome.state) {
    case protocol::ConnectorState::copy:
        if (m_copied) {  // and yet it asks again: no faster and faster
            wait(m_backoff.next());
        }
        copy(std::move(source), welcome);
        m_copied = true;
        return;
    case protocol::ConnectorState::streaming:
        log_changes(m_failing_checks, report);
        stream(std::move(source), welcome);
        return;
    case protocol::ConnectorState::failed:
        rest(welcome);
        return;
    }
}

Service::Source Service::connect() {
    m_notifier.status("connecting to the source");
    pq::Connection replication = connect_replication(m_settings.source, application_name(m_name));
    pq::Connection sql = connect_sql(at_server_of(m_settings.source, replication), "control");
    protocol::SourceIdentity identity = read_identity(replication, sql);
    SlotFacts slot = read_slot(sql, m_settings.slot.name);
    m_notifier.alive();
    return {std::move(replication), std::move(sql), std::move(identity), std::move(slot), {}};
}

// A slot that holds back too much goes whatever the environment says, or does not say; only a copy
// begins with a new one anyway.
HelloAnswer Service::greet(Source& source, const preflight::Report& report) {
    const auto too_much = excess(read_figures(source.sql, m_settings.slot.name),
                                 m_settings.slot.name, m_settings.limits.max_retained_wal);
    HelloAnswer answer;
    try {
        answer = environment().hello(make_hello(source, report));
    } catch (const Error& e) {
        if (too_much && e.kind() != ErrorKind::config && !m_signals.requested()) {
            give_slot_up(*too_much);
        }
        throw;
    }
    m_notifier.alive();
    if (answer.welcome) {
        m_session = answer.welcome->session;
    }
    if (too_much && !(answer.welcome && answer.welcome->state == protocol::ConnectorState::copy)) {
        give_slot_up(*too_much);
    }
    return answer;
}

void Service::give_way(const std::string& other) {
    const std::string what = "another agent with the same connector is running: " + other;
    m_notifier.status("waiting: " + what);
    // another walsender of the same agent is no news
    const std::string agent = other.substr(0, other.find(','));
    if (std::exchange(m_other, agent) != agent) {
        process::log_error(what, {{"slot", m_settings.slot.name},
                                  {"then", "this one leaves the source to it and looks again"},
                                  {"hint", "Stop one of the two."}});
    }
    wait(k_later);
}

protocol::Hello Service::make_hello(Source& source, const preflight::Report& report) {
    protocol::Hello hello;
    hello.agent_version = base::version();
    hello.source = source.identity;
    hello.slot.name = m_settings.slot.name;
    hello.slot.plugin = m_settings.slot.plugin;
    hello.slot.plugin_options = plugin_options(m_settings.source, false);
    hello.slot.exists = source.slot.exists;
    hello.slot.confirmed_flush = source.slot.confirmed_flush;
    hello.slot.wal_status = source.slot.wal_status;
    hello.schemas = m_settings.source.schemas;
    hello.excluded = m_settings.source.excluded;
    hello.preflight = preflight_json(report);
    hello.ddl = read_ddl_source(source.sql);
    source.capture = {decode::prefixes_of(hello.ddl->keys), hello.ddl->not_capturing.empty()};
    hello.search_paths = read_search_paths(at_server_of(m_settings.source, source.sql));
    return hello;
}

void Service::refused(const std::string& why, const preflight::Report& report) {
    const std::string failing = failing_checks(report);
    const std::string what = failing.empty() ? why : why + ": " + failing;
    m_notifier.status("waiting: " + what);
    if (std::exchange(m_failure, what) != what) {
        m_failed_turns = 0;
        process::log_error("the environment waits for the source to be ready: " + what,
                           {{"hint", "ardent-agent check shows the whole report and the scripts"}});
    }
    wait(patience_of_failed());
}

milliseconds Service::patience_of_failed() {
    return m_failed_turns++ < k_soon_turns ? k_soon : k_later;
}

void Service::copy(Source source, const protocol::Welcome& welcome) {
    process::log_info("the initial copy begins", {{"slot", m_settings.slot.name}});
    m_notifier.status("initial copy: dropping the slot of an earlier attempt");
    // Before the reporter looks: what the old slot holds back does not count.
    drop_slot(source.sql, m_settings.slot.name, m_settings.slot.plugin, m_settings.source.database,
              m_name);
    const protocol::SourceIdentity identity = source.identity;
    { const Source done = std::move(source); }  // the copier has its own connections
    Link link(model::Lsn{});
    const Reporter reporter(m_settings, welcome.session, Reporter::Mode::status_only, link);
    EnvironmentApi api = environment();
    Copier copier({m_settings, api, m_signals, m_notifier, link, m_name}, identity,
                  welcome.session);
    try {
        copier.run();
    } catch (const Error&) {
        const Link::State state = link.state();
        if (state.give_up_slot) {
            give_slot_up(*state.give_up_slot);
        }
        if (state.error) {
            throw Error(*state.error);
        }
        throw;
    }
    if (!m_copied) {
        m_backoff.reset();
    }
}

bool Service::may_resume(Source& source, const protocol::Welcome& welcome) {
    const SlotFacts seen = read_slot(source.sql, m_settings.slot.name);
    if (source.slot.active || seen.active) {
        free_slot(source.sql, m_settings.slot.name, m_name, k_slot_patience);
        return false;  // who had it may have confirmed more than this hello knows
    }
    if (!timeline_is_final(source.identity, seen, source.replication, source.sql)) {
        return false;
    }
    ResumeFacts facts;
    facts.system_identifier = source.identity.system_identifier;
    facts.timeline = source.identity.timeline;
    facts.wal_end = read_wal_end(source.replication);
    facts.database = source.identity.database;
    facts.slot = read_slot(source.sql, m_settings.slot.name);
    facts.history = read_timeline_history(source.replication, source.identity.timeline);
    facts.replica_system_identifier = welcome.system_identifier;
    facts.replica_timeline = welcome.timeline;
    facts.durable = welcome.durable;
    facts.plugin = m_settings.slot.plugin;
    const auto refusal = refuse_to_resume(facts);
    if (refusal && std::exchange(m_refused_before, true)) {
        throw Error(ErrorKind::source, refusal->message, refusal->hint);
    }
    if (!refusal) {
        offer_failover(source.replication, source.sql, facts.slot,
                       [this] { return !m_signals.requested(); });
    }
    return !refusal;
}

bool Service::report_schema(Source& source, const std::string& session, Link& link) {
    EnvironmentApi api = environment();
    const auto progress = api.schema(read_schema_report(
        source.sql, session, m_settings.source.schemas, m_settings.source.excluded));
    if (progress) {
        link.progress(*progress);
    }
    return progress.has_value() && progress->state == protocol::ConnectorState::streaming;
}

bool Service::is_unfollowed(const std::string& table) {
    pq::Connection connection = connect_sql(m_settings.source, "control");
    const auto relations = read_unfollowed(connection, m_settings.source.schemas);
    return std::any_of(relations.begin(), relations.end(),
                       [&](const model::RelationName& relation) {
                           return table == "\"" + relation.schema + "\".\"" + relation.name +
                                               "\"";  // as wal2json prints it
                       });
}

// Once the stream has begun, and before anything is confirmed: agent/source/ddl_keys.hpp says why.
bool Service::asks_for_all_keys(pq::Connection sql, const std::set<std::string>& prefixes) {
    switch (look_at_keys(sql, prefixes)) {
    case KeyLook::known:
        return true;
    case KeyLook::more:
        process::log_info("DDL capture has a new key: beginning anew");
        return false;
    case KeyLook::changing:
        break;
    }
    throw Error(
        ErrorKind::transient, "DDL capture is being switched on at the source",
        "Streaming goes on when the transaction that called ardent_ddl_capture() has ended.");
}

void Service::stream(Source source, const protocol::Welcome& welcome) {
    if (!may_resume(source, welcome)) {
        return;
    }
    m_refused_before = false;
    m_failure.clear();
    Link link(*welcome.durable);
    if (!report_schema(source, welcome.session, link)) {
        wait(m_backoff.next());
        return;  // hello says why
    }
    const auto sender_timeout = wal_sender_timeout(source.sql);
    const auto unfollowed = read_unfollowed(source.sql, m_settings.source.schemas);
    // Keys that are forgotten at the source, too: what is still in the WAL may be signed with them.
    std::copy_if(welcome.ddl_prefixes.begin(), welcome.ddl_prefixes.end(),
                 std::inserter(source.capture.prefixes, source.capture.prefixes.end()),
                 ddl::is_message_prefix);
    const auto command = [&](bool exact_numbers) {
        return start_replication_command(
            m_settings.slot.name, *welcome.durable,
            plugin_options(m_settings.source, exact_numbers, unfollowed), source.capture.prefixes);
    };

    const std::uint64_t segment_bytes = std::max(
        k_least_segment, std::min(m_settings.limits.segment_bytes, welcome.limits.segment_bytes));
    const unsigned in_flight =
        std::max(1U, std::min(m_settings.limits.in_flight, welcome.limits.in_flight));
    const Clock::time_point started = Clock::now();
    StreamEnd end = StreamEnd::hello_again;
    {
        PreflightWatch watch(m_settings, m_failing_checks);
        const Reporter reporter(m_settings, welcome.session, Reporter::Mode::streaming, link,
                                &watch, source.capture);
        const SequenceWatch sequences(m_settings, welcome.session, link);
        const AgainCopier again(m_settings, welcome.session, source.identity.server_encoding, link);
        Courier courier(
            m_settings.environment,
            {welcome.session, in_flight, segment_bytes * in_flight, m_settings.limits.compression},
            link);
        StreamLoop loop({link, courier, m_signals, m_notifier,
                         [this](const std::string& table) { return is_unfollowed(table); }},
                        std::move(source.replication), {command(true), command(false)},
                        *welcome.durable, segment_bytes, sender_timeout, m_settings.limits.drain);
        if (!asks_for_all_keys(std::move(source.sql), source.capture.prefixes)) {
            return;  // a new hello tells them
        }
        process::log_info("streaming", {{"from", model::to_string(*welcome.durable)},
                                        {"slot", m_settings.slot.name}});
        try {
            end = loop.run();
        } catch (const Error& error) {
            if (!may_decode_again(error, link.durable())) {
                throw;
            }
            end = StreamEnd::decode_again;
        }
    }
    m_copied = false;
    if (Clock::now() - started > k_longest_wait) {
        m_backoff.reset();
    }
    after_stream(end, link);
}

bool Service::may_decode_again(const Error& error, model::Lsn durable) {
    if (!is_decoding_error(error) || durable <= std::exchange(m_undecoded, durable)) {
        return false;
    }
    process::log_warning(
        "the source could not decode on, and is asked again from behind what it could",
        {{"error", error.what()}, {"durable", model::to_string(durable)}});
    return true;
}

void Service::after_stream(StreamEnd end, const Link& link) {
    switch (end) {
    case StreamEnd::stopped:
        m_stopped = true;
        return;
    case StreamEnd::hello_again:
        process::log_info("the environment does not know the session any more: saying hello again");
        wait(m_backoff.next());  // each hello is a whole preflight at the source
        return;
    // hello says how it failed; should it know of nothing, the same may come again
    case StreamEnd::connector_failed:
    case StreamEnd::source_stops:
    case StreamEnd::decode_again:
        wait(m_backoff.next());
        return;
    case StreamEnd::slot_given_up:
        give_slot_up(link.state().give_up_slot.value_or(""));
    }
}

void Service::give_slot_up(const std::string& why) {
    pq::Connection sql = connect_sql(m_settings.source, "control");
    drop_slot(sql, m_settings.slot.name, m_settings.slot.plugin, m_settings.source.database,
              m_name);
    throw Error(ErrorKind::source, why,
                "Find out why the environment did not keep up, then make the replica anew: ardent "
                "connector "
                "retry-setup --resync, or delete the connector and create it again.");
}

void Service::rest(const protocol::Welcome& welcome) {
    const protocol::Failure failure = welcome.failure.value_or(protocol::Failure{});
    if (m_failure != failure.message) {
        m_failure = failure.message;
        m_failed_turns = 0;
        process::log_error("the connector is stopped at the environment: " + failure.message,
                           {{"hint", failure.hint},
                            {"lsn", failure.lsn ? model::to_string(*failure.lsn) : ""},
                            {"table", failure.table}});
    }
    m_notifier.status("stopped at the environment: " + failure.message);
    Link link(welcome.durable.value_or(model::Lsn{}));
    const Reporter reporter(m_settings, welcome.session, Reporter::Mode::status_only, link);
    wait(patience_of_failed());
}

void Service::wait(milliseconds time) {
    const auto until = Clock::now() + time;
    while (!m_signals.requested()) {
        const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
        if (left.count() <= 0) {
            return;
        }
        m_notifier.alive();
        pollfd signal{m_signals.fd(), POLLIN, 0};
        ::poll(&signal, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 1000)));
    }
}

}  // namespace ardent::agent
