// SPDX-License-Identifier: PostgreSQL
// The environment's agent endpoints (docs/protocol.md) as functions. An object has one HTTP
// connection and belongs to one thread; the token is read from its file when the object is made.
//
// Every call throws base::Error: transient for the network, 5xx, "later" (408, 425, 429) and an
// answer that cannot be read, that is above 4 MB or nested deeper than 64 (something else answers,
// or means harm: no reason to leave the source alone with its slot); replica for a connector that
// stopped (409 failed); source for a body that is too large (413); config for a token or connector
// that the environment does not know, for another protocol version and for every other refusal, a
// redirect among them. A refusal by status is an EnvironmentRefusal. A session that is not the
// newest one any more is no error but an empty answer: say hello again.
#pragma once

#include "agent/config/settings.hpp"
#include "common/base/error.hpp"
#include "common/http/client.hpp"
#include "common/protocol/messages.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ardent::agent {

class EnvironmentRefusal : public base::Error {
public:
    EnvironmentRefusal(base::ErrorKind kind, const std::string& message, const std::string& hint,
                       long status)
        : base::Error(kind, message, hint), m_status(status) {}
    long status() const noexcept { return m_status; }

private:
    long m_status;
};

/// What an answer means that is neither success nor one of the empty answers; docs/protocol.md,
/// "Errors".
EnvironmentRefusal refusal_of(const std::string& call, long status,
                              const protocol::ErrorBody& error);

struct HelloAnswer {
    std::optional<protocol::Welcome> welcome;
    std::string refusal;  // without a welcome: why (the preflight report has failures)
};

struct PartAnswer {
    std::optional<std::uint64_t> rows;  // with the last part
};

class EnvironmentApi {
public:
    /// An interrupted call throws a transient error.
    explicit EnvironmentApi(const EnvironmentSettings& settings, http::Interrupt interrupted = {});

    HelloAnswer hello(const protocol::Hello& hello);

    std::optional<protocol::Progress> segment(std::string_view body);
    std::optional<protocol::Progress> position(const std::string& session, model::Lsn after,
                                               std::chrono::seconds wait);
    std::optional<protocol::Progress> schema(const protocol::SchemaReport& report);
    std::optional<protocol::Progress> sequences(const protocol::SequenceReport& report);
    /// False: the session is not the newest one.
    bool status(const protocol::AgentStatus& status);

    /// The copy's id.
    std::optional<std::string> begin_copy(const protocol::CopyBegin& begin);
    std::optional<protocol::CopyState> copy_state(const std::string& copy_id,
                                                  const std::string& phase,
                                                  std::chrono::seconds wait);
    bool put_schema(const std::string& copy_id, std::string_view archive);
    std::optional<PartAnswer> put_part(const std::string& copy_id, std::size_t table,
                                       std::uint64_t part, bool last, std::string_view frame);
    bool finish_copy(const std::string& copy_id, const protocol::CopyFinish& finish);

    /// A table that is copied again; false and nullopt: this copy is not wanted any more.
    bool begin_again(const std::string& id, const protocol::CopyAgainBegin& begin);
    std::optional<PartAnswer> put_part_again(const std::string& id, std::uint64_t part, bool last,
                                             std::string_view frame);
    bool finish_again(const std::string& id, std::uint64_t rows);
    bool trouble_again(const std::string& id, const std::string& detail);

    /// Asks something that changes nothing: throws when the environment, the connector or the token
    /// is not what they should be. Ends no other agent's session.
    void probe();

private:
    /// nullopt: session_unknown or out_of_order.
    std::optional<http::Response> call(http::Request request);
    std::optional<PartAnswer> put_rows(const std::string& path, bool last, std::string_view frame);
    std::optional<http::Response> post_json(const std::string& path, const std::string& body,
                                            std::chrono::milliseconds timeout);

    std::string m_base;
    http::Client m_client;
    http::Interrupt m_interrupted;
};

}  // namespace ardent::agent
