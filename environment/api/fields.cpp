// SPDX-License-Identifier: PostgreSQL
#include "environment/api/fields.hpp"

#include "common/protocol/json_fields.hpp"

namespace ardent::environment {

using protocol::json;

json read_object(const HttpRequest& request) {
    if (request.body.empty()) {
        return json::object();
    }
    json body = protocol::try_json(request.body);
    if (!body.is_object()) {
        throw HttpError(422, "malformed", "The body is no JSON object");
    }
    return body;
}

std::string text_field(const json& body, const char* name, const std::string& otherwise) {
    const auto found = body.find(name);
    if (found == body.end() || found->is_null()) {
        return otherwise;
    }
    if (!found->is_string()) {
        throw HttpError(422, "malformed", std::string(name) + " is no text");
    }
    return found->get<std::string>();
}

bool flag_field(const json& body, const char* name) {
    const auto found = body.find(name);
    if (found == body.end() || found->is_null()) {
        return false;
    }
    if (!found->is_boolean()) {
        throw HttpError(422, "malformed", std::string(name) + " is neither true nor false");
    }
    return found->get<bool>();
}

HttpResponse answer(int status, const json& body) {
    return json_response(status, protocol::dump(body));
}

}  // namespace ardent::environment
