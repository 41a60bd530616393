// SPDX-License-Identifier: PostgreSQL
#include "environment/agent_api/agent_routes.hpp"

#include "common/protocol/json_fields.hpp"
#include "common/protocol/messages.hpp"
#include "common/protocol/segment.hpp"

#include <algorithm>
#include <charconv>

namespace ardent::environment {

namespace {

using protocol::json;

constexpr std::uint64_t k_message_limit =
    67108864;  // tables, owners and reports of large databases
constexpr std::uint64_t k_archive_limit = 1073741824;
constexpr std::uint64_t k_part_limit = 268435456;
constexpr std::uint64_t k_longest_wait = 20;
// Of JSON, whose shortest values take most: "[],".
constexpr std::uint64_t k_json_factor = 28;

// What the common rooms call a bug is, in a body that came over the line, a body that cannot be
// read.
template <class Read>
auto read_body(Read&& read) {
    try {
        return read();
    } catch (const HttpError&) {
        throw;
    } catch (const base::Error& error) {
        throw HttpError(422, "malformed", error.what());
    }
}

std::uint64_t read_number(const std::string& text, const std::string& name) {
    std::uint64_t number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code != std::errc() || end != text.data() + text.size() || text.empty()) {
        throw HttpError(422, "malformed", name + " is no number");
    }
    return number;
}

std::chrono::seconds wait_of(const HttpRequest& request) {
    const auto text = request.parameter("wait");
    const std::uint64_t seconds = text ? read_number(*text, "wait") : 0;
    return std::chrono::seconds(std::min(seconds, k_longest_wait));
}

HttpResponse answer(const protocol::Progress& progress) {
    return json_response(200, protocol::to_json(progress));
}

HttpResponse hello(Connector& connector, const HttpRequest& request) {
    const protocol::Hello message = read_body([&] { return protocol::parse_hello(request.body); });
    try {
        return json_response(200, protocol::to_json(connector.hello(message)));
    } catch (const PreflightRefused& refused) {
        json body = {{"detail", refused.what()}, {"code", "preflight"}};
        body["report"] = protocol::parse_json("the report", refused.report());
        return json_response(422, protocol::dump(body));
    }
}

HttpResponse begin_copy(Connector& connector, const HttpRequest& request) {
    const protocol::CopyBegin message =
        read_body([&] { return protocol::parse_copy_begin(request.body); });
    return json_response(200, protocol::dump({{"copy_id", connector.begin_copy(message)}}));
}

HttpResponse copy_state(Connector& connector, const HttpRequest& request) {
    const auto copy = connector.copy(request.argument("copy_id"));
    const std::string known = request.parameter("phase").value_or("");
    return json_response(200, protocol::to_json(copy->state(known, wait_of(request))));
}

HttpResponse copy_schema(Connector& connector, const HttpRequest& request) {
    connector.copy(request.argument("copy_id"))->accept_schema(request.body);
    return json_response(202, "{}");
}

HttpResponse copy_part(Connector& connector, const HttpRequest& request) {
    const auto copy = connector.copy(request.argument("copy_id"));
    const auto rows =
        copy->accept_part(read_number(request.argument("ordinal"), "the table's ordinal"),
                          read_number(request.argument("part"), "the part"),
                          request.parameter("last").value_or("0") == "1", request.body);
    return json_response(200, protocol::dump({{"rows", protocol::nullable(rows)}}));
}

HttpResponse finish_copy(Connector& connector, const HttpRequest& request) {
    const protocol::CopyFinish message =
        read_body([&] { return protocol::parse_copy_finish(request.body); });
    connector.copy(request.argument("copy_id"))->accept_finish(message);
    return json_response(202, "{}");
}

HttpResponse begin_again(Connector& connector, const HttpRequest& request) {
    const protocol::CopyAgainBegin message =
        read_body([&] { return protocol::parse_copy_again_begin(request.body); });
    connector.with_copies(
        [&](apply::IncomingCopies& copies) { copies.begin(request.argument("id"), message); });
    return json_response(200, "{}");
}

HttpResponse part_again(Connector& connector, const HttpRequest& request) {
    const std::uint64_t part = read_number(request.argument("part"), "the part");
    const bool last = request.parameter("last").value_or("0") == "1";
    const auto rows = connector.with_copies([&](apply::IncomingCopies& copies) {
        return copies.part(request.argument("id"), part, last, request.body);
    });
    return json_response(200, protocol::dump({{"rows", protocol::nullable(rows)}}));
}

HttpResponse finish_again(Connector& connector, const HttpRequest& request) {
    const std::uint64_t rows = read_body([&] {
        const protocol::Document body("finish", request.body);
        return body.fields().number<std::uint64_t>("rows");
    });
    connector.with_copies(
        [&](apply::IncomingCopies& copies) { copies.finish(request.argument("id"), rows); });
    return json_response(200, "{}");
}

HttpResponse trouble_again(Connector& connector, const HttpRequest& request) {
    const std::string detail = read_body([&] {
        const protocol::Document body("trouble", request.body);
        return body.fields().text("detail");
    });
    connector.with_copies(
        [&](apply::IncomingCopies& copies) { copies.trouble(request.argument("id"), detail); });
    return json_response(200, "{}");
}

HttpResponse segment(Connector& connector, const HttpRequest& request, std::uint64_t limit) {
    protocol::SegmentHeader header;
    std::string payload = read_body([&] {
        header = protocol::read_header(request.body);
        take_memory(request, std::min(header.raw_bytes, limit));
        return protocol::read_payload(header, request.body, limit);
    });
    return answer(connector.segment(header, std::move(payload)));
}

HttpResponse position(Connector& connector, const HttpRequest& request) {
    const std::string after = request.parameter("after").value_or("0/0");
    const auto lsn = model::parse_lsn(after);
    if (!lsn) {
        throw HttpError(422, "malformed", "after is no LSN");
    }
    const std::string session = request.parameter("session").value_or("");
    read_body([&] { return protocol::parse_session(session); });
    return answer(connector.position(session, lsn, wait_of(request)));
}

HttpResponse schema(Connector& connector, const HttpRequest& request) {
    const protocol::SchemaReport message =
        read_body([&] { return protocol::parse_schema_report(request.body); });
    return answer(connector.schema(message));
}

HttpResponse sequences(Connector& connector, const HttpRequest& request) {
    const protocol::SequenceReport message =
        read_body([&] { return protocol::parse_sequence_report(request.body); });
    return answer(connector.sequences(message));
}

HttpResponse status(Connector& connector, const HttpRequest& request) {
    const protocol::AgentStatus message =
        read_body([&] { return protocol::parse_agent_status(request.body); });
    connector.status(message);
    return json_response(200, "{}");
}

}  // namespace

void add_agent_routes(Router& router, const Settings& settings, Registry& registry) {
    using Call = std::function<HttpResponse(Connector&, const HttpRequest&)>;
    const auto add = [&](const char* method, const char* path, std::uint64_t body_limit,
                         Call call) {
        router.add({method, std::string("/v1/connectors/{connector_id}/agent/") + path,
                    Access::agent, body_limit,
                    [&registry, call = std::move(call)](const HttpRequest& request) {
                        return call(*registry.find(request.argument("connector_id")), request);
                    },
                    body_limit == k_message_limit ? k_json_factor : 1});
    };
    const std::uint64_t payload_limit =
        std::max(settings.segment_bytes, settings.message_bytes) + protocol::k_message_header_bytes;
    add("POST", "hello", k_message_limit, hello);
    add("POST", "copy", k_message_limit, begin_copy);
    add("GET", "copy/{copy_id}", 0, copy_state);
    add("PUT", "copy/{copy_id}/schema", k_archive_limit, copy_schema);
    add("PUT", "copy/{copy_id}/tables/{ordinal}/parts/{part}", k_part_limit, copy_part);
    add("POST", "copy/{copy_id}/finish", k_message_limit, finish_copy);
    add("POST", "again/{id}", k_message_limit, begin_again);
    add("PUT", "again/{id}/parts/{part}", k_part_limit, part_again);
    add("POST", "again/{id}/finish", k_message_limit, finish_again);
    add("POST", "again/{id}/trouble", k_message_limit, trouble_again);
    add("POST", "segments", payload_limit + protocol::k_segment_header_bytes,
        [payload_limit](Connector& connector, const HttpRequest& request) {
            return segment(connector, request, payload_limit);
        });
    add("GET", "position", 0, position);
    add("POST", "schema", k_message_limit, schema);
    add("POST", "sequences", k_message_limit, sequences);
    add("POST", "status", k_message_limit, status);
}

}  // namespace ardent::environment
