// SPDX-License-Identifier: PostgreSQL
#include "agent/send/environment_api.hpp"

#include "common/base/error.hpp"
#include "common/base/json_depth.hpp"
#include "common/base/text.hpp"
#include "common/base/version.hpp"
#include "common/protocol/json_fields.hpp"

namespace ardent::agent {

namespace {

using base::Error;
using base::ErrorKind;
using protocol::Progress;
using std::chrono::milliseconds;

// Long enough for an environment that slows us down by answering late, short enough for a dead
// peer.
constexpr milliseconds k_upload{120'000};
constexpr milliseconds k_short{30'000};
// hello ends an older session first, which may have a transaction to roll back.
constexpr milliseconds k_hello{60'000};

// The longest honest answer names every table that is to be copied again.
constexpr std::size_t k_answer_bytes = 4U << 20U;
constexpr std::size_t k_failure_bytes = 8000;
constexpr std::size_t k_detail_bytes = 2000;
constexpr std::size_t k_name_bytes = 200;
constexpr std::size_t k_code_bytes = 64;
constexpr std::size_t k_session_digits = 32;

http::ClientOptions client_options(const EnvironmentSettings& settings) {
    http::ClientOptions options;
    options.base_url = settings.url;
    while (options.base_url.ends_with('/')) {
        options.base_url.pop_back();
    }
    options.ca_file = settings.ca_file;
    options.token = current_secret(settings.token_file);
    options.answer_bytes = k_answer_bytes;
    options.user_agent = std::string("ardent-agent/") + base::version();
    return options;
}

constexpr long k_request_timeout = 408;
constexpr long k_too_large = 413;
constexpr long k_too_early = 425;

bool is_later(long status) noexcept {
    return status >= 500 || status == k_request_timeout || status == k_too_early ||
           http::is_retryable(status);
}

[[noreturn]] void refuse(const http::Request& request, long status,
                         const protocol::ErrorBody& error) {
    throw refusal_of(request.method + " " + request.path, status, error);
}

Error unreadable(const std::string& why) {
    return {ErrorKind::transient, "the environment's answer cannot be read: " + why,
            "Look at what stands between agent and environment."};
}

/// `parse` of the body; what it cannot read is the other end's doing, and no bug of this program.
template <class Parse>
auto read_answer(const http::Response& response, Parse&& parse) {
    try {
        return parse(response.body);
    } catch (const Error& e) {
        throw unreadable(base::clip_utf8(e.what(), k_detail_bytes));
    }
}

protocol::ErrorBody read_error(const http::Response& response) {
    if (!base::json_depth_within(response.body, base::k_json_depth)) {
        return {base::clip_utf8(response.body, k_code_bytes), ""};
    }
    const protocol::ErrorBody error = protocol::parse_error_body(response.body);
    return {base::clip_utf8(error.detail, k_detail_bytes),
            base::clip_utf8(error.code, k_code_bytes)};
}

// What is for people goes into the log and the service manager's status.
void shorten(std::optional<protocol::Failure>& failure) {
    if (failure) {
        failure->message = base::clip_utf8(failure->message, k_failure_bytes);
        failure->hint = base::clip_utf8(failure->hint, k_failure_bytes);
        failure->table = base::clip_utf8(failure->table, k_detail_bytes);
    }
}

// What goes back into the path of the next call.
const std::string& require_short(const std::string& name, const char* what) {
    if (name.size() > k_name_bytes) {
        throw unreadable(std::string(what) + " is longer than " + std::to_string(k_name_bytes));
    }
    return name;
}

std::optional<Progress> progress_of(const std::optional<http::Response>& response) {
    if (!response) {
        return std::nullopt;
    }
    return read_answer(*response, [](std::string_view body) {
        Progress progress = protocol::parse_progress(body);
        shorten(progress.failure);
        for (const protocol::CopyAgain& wanted : progress.copy_again) {
            require_short(wanted.id, "the id of a copy");
        }
        return progress;
    });
}

protocol::CopyState read_copy_state(std::string_view body) {
    protocol::CopyState state = protocol::parse_copy_state(body);
    shorten(state.failure);
    require_short(state.phase, "the phase of the copy");
    state.detail = base::clip_utf8(state.detail, k_detail_bytes);
    return state;
}

// The session goes into paths, and as bytes into segments.
protocol::Welcome read_welcome(std::string_view body) {
    protocol::Welcome welcome = protocol::parse_welcome(body);
    shorten(welcome.failure);
    welcome.environment_version = base::clip_utf8(welcome.environment_version, k_name_bytes);
    if (welcome.session.size() != k_session_digits ||
        welcome.session.find_first_not_of("0123456789abcdef") != std::string::npos) {
        throw unreadable("its session is not 32 hex digits");
    }
    return welcome;
}

}  // namespace

EnvironmentRefusal refusal_of(const std::string& call, long status,
                              const protocol::ErrorBody& error) {
    const std::string what = "environment: " + call + " answered " + std::to_string(status) +
                             (error.code.empty() ? "" : " " + error.code) + ": " + error.detail;
    const auto refusal = [&](ErrorKind kind, const char* hint) {
        return EnvironmentRefusal(kind, what, hint, status);
    };
    if (status == 401 || status == 403) {
        return refusal(ErrorKind::config,
                       "Look at environment.connector and environment.token_file.");
    }
    if (status == 404 && error.code == "not_found") {
        return refusal(ErrorKind::config, "Look at environment.url and environment.connector.");
    }
    if (status == 409 && error.code == "protocol_version") {
        return refusal(ErrorKind::config, "Install agent and environment of one version.");
    }
    if (status == 409 && error.code == "failed") {
        return refusal(ErrorKind::replica,
                       "Mend it at the environment, then: ardent connector retry-setup.");
    }
    if (status == k_too_large) {
        return refusal(ErrorKind::source,
                       "Raise the limit of the environment, or of a proxy before it.");
    }
    if (is_later(status)) {
        return refusal(ErrorKind::transient, "");
    }
    return refusal(ErrorKind::config,
                   "Look at environment.url, at what stands between agent and environment, and "
                   "that both are of one version.");
}

EnvironmentApi::EnvironmentApi(const EnvironmentSettings& settings, http::Interrupt interrupted)
    : m_base("/v1/connectors/" + http::encode_component(settings.connector) + "/agent/"),
      m_client(client_options(settings)),
      m_interrupted(std::move(interrupted)) {}

std::optional<http::Response> EnvironmentApi::call(http::Request request) {
    request.path = m_base + request.path;
    http::Response response = m_client.send(request, m_interrupted);
    if (response.status >= 200 && response.status < 300) {
        return response;
    }
    const protocol::ErrorBody error = read_error(response);
    if (response.status == 409 &&
        (error.code == "session_unknown" || error.code == "out_of_order")) {
        return std::nullopt;
    }
    refuse(request, response.status, error);
}

std::optional<http::Response> EnvironmentApi::post_json(const std::string& path,
                                                        const std::string& body,
                                                        milliseconds timeout) {
    return call({.method = "POST", .path = path, .body = body, .timeout = timeout});
}

HelloAnswer EnvironmentApi::hello(const protocol::Hello& hello) {
    const std::string body = protocol::to_json(hello);
    const http::Request request{
        .method = "POST", .path = m_base + "hello", .body = body, .timeout = k_hello};
    const http::Response response = m_client.send(request, m_interrupted);
    if (response.status == 200) {
        protocol::Welcome welcome = read_answer(response, read_welcome);
        if (welcome.protocol != protocol::k_protocol_version) {
            throw Error(ErrorKind::config,
                        "the environment speaks protocol " + std::to_string(welcome.protocol) +
                            ", this agent " + std::to_string(protocol::k_protocol_version),
                        "Install agent and environment of one version.");
        }
        return {std::move(welcome), {}};
    }
    const protocol::ErrorBody error = read_error(response);
    if (response.status == 422 && error.code == "preflight") {
        return {std::nullopt, error.detail};
    }
    refuse(request, response.status, error);
}

std::optional<Progress> EnvironmentApi::segment(std::string_view body) {
    return progress_of(call({.method = "POST",
                             .path = "segments",
                             .body = body,
                             .content_type = "application/vnd.ardent.segment",
                             .timeout = k_upload}));
}

std::optional<Progress> EnvironmentApi::position(const std::string& session, model::Lsn after,
                                                 std::chrono::seconds wait) {
    return progress_of(call({.path = "position?session=" + session +
                                     "&after=" + http::encode_component(model::to_string(after)) +
                                     "&wait=" + std::to_string(wait.count()),
                             .timeout = wait + k_short}));
}

std::optional<Progress> EnvironmentApi::schema(const protocol::SchemaReport& report) {
    return progress_of(post_json("schema", protocol::to_json(report), k_short));
}

std::optional<Progress> EnvironmentApi::sequences(const protocol::SequenceReport& report) {
    return progress_of(post_json("sequences", protocol::to_json(report), k_short));
}

bool EnvironmentApi::status(const protocol::AgentStatus& status) {
    return post_json("status", protocol::to_json(status), k_short).has_value();
}

std::optional<std::string> EnvironmentApi::begin_copy(const protocol::CopyBegin& begin) {
    const auto response = post_json("copy", protocol::to_json(begin), k_upload);
    if (!response) {
        return std::nullopt;
    }
    return read_answer(*response, [](std::string_view body) {
        const protocol::Document answer("the answer to copy", body);
        return std::string(require_short(answer.fields().text("copy_id"), "the id of the copy"));
    });
}

std::optional<protocol::CopyState> EnvironmentApi::copy_state(const std::string& copy_id,
                                                              const std::string& phase,
                                                              std::chrono::seconds wait) {
    const auto response = call({.path = "copy/" + http::encode_component(copy_id) +
                                        "?wait=" + std::to_string(wait.count()) +
                                        "&phase=" + http::encode_component(phase),
                                .timeout = wait + k_short});
    return response ? std::optional(read_answer(*response, read_copy_state)) : std::nullopt;
}

bool EnvironmentApi::put_schema(const std::string& copy_id, std::string_view archive) {
    return call({.method = "PUT",
                 .path = "copy/" + http::encode_component(copy_id) + "/schema",
                 .body = archive,
                 .content_type = "application/octet-stream",
                 .timeout = k_upload})
        .has_value();
}

std::optional<PartAnswer> EnvironmentApi::put_rows(const std::string& path, bool last,
                                                   std::string_view frame) {
    const auto response = call({.method = "PUT",
                                .path = path + (last ? "?last=1" : "?last=0"),
                                .body = frame,
                                .content_type = "application/octet-stream",
                                .timeout = k_upload});
    if (!response) {
        return std::nullopt;
    }
    return read_answer(*response, [](std::string_view body) {
        const protocol::Document answer("the answer to a part", body);
        return PartAnswer{answer.fields().maybe_number<std::uint64_t>("rows")};
    });
}

std::optional<PartAnswer> EnvironmentApi::put_part(const std::string& copy_id, std::size_t table,
                                                   std::uint64_t part, bool last,
                                                   std::string_view frame) {
    return put_rows("copy/" + http::encode_component(copy_id) + "/tables/" + std::to_string(table) +
                        "/parts/" + std::to_string(part),
                    last, frame);
}

bool EnvironmentApi::begin_again(const std::string& id, const protocol::CopyAgainBegin& begin) {
    return post_json("again/" + http::encode_component(id), protocol::to_json(begin), k_short)
        .has_value();
}

std::optional<PartAnswer> EnvironmentApi::put_part_again(const std::string& id, std::uint64_t part,
                                                         bool last, std::string_view frame) {
    return put_rows("again/" + http::encode_component(id) + "/parts/" + std::to_string(part), last,
                    frame);
}

bool EnvironmentApi::finish_again(const std::string& id, std::uint64_t rows) {
    return post_json("again/" + http::encode_component(id) + "/finish",
                     protocol::dump({{"rows", rows}}), k_short)
        .has_value();
}

bool EnvironmentApi::trouble_again(const std::string& id, const std::string& detail) {
    return post_json("again/" + http::encode_component(id) + "/trouble",
                     protocol::dump({{"detail", detail}}), k_short)
        .has_value();
}

bool EnvironmentApi::finish_copy(const std::string& copy_id, const protocol::CopyFinish& finish) {
    return post_json("copy/" + http::encode_component(copy_id) + "/finish",
                     protocol::to_json(finish), k_short)
        .has_value();
}

void EnvironmentApi::probe() {
    position(std::string(32, '0'), model::Lsn{}, std::chrono::seconds(0));
}

}  // namespace ardent::agent
