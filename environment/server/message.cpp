// SPDX-License-Identifier: PostgreSQL
#include "environment/server/message.hpp"

#include "common/base/text.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <iterator>
#include <limits>

namespace ardent::environment {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::string_view k_bearer = "Bearer ";
constexpr std::string_view k_end = "\r\n\r\n";

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_control(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

std::optional<std::string> decoded(std::string_view text, bool plus_is_space) {
    std::string result;
    result.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return std::nullopt;
            }
            c = static_cast<char>(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (is_control(c)) {
            return std::nullopt;
        }
        result += c;
    }
    return result;
}

std::string_view view(beast::string_view text) noexcept {
    return {text.data(), text.size()};
}

template <class Fields>
void read_fields(const Fields& fields, RequestHead& head) {
    if (static_cast<std::size_t>(std::distance(fields.begin(), fields.end())) > k_head_fields) {
        throw HttpError(431, "too_large",
                        "The request has more than " + std::to_string(k_head_fields) + " headers");
    }
    const std::string_view authorization = view(fields[http::field::authorization]);
    if (authorization.starts_with(k_bearer)) {
        head.request.bearer = base::trim(authorization.substr(k_bearer.size()));
    }
    for (const std::string_view name : k_handler_headers) {
        const auto [first, last] = fields.equal_range(beast::string_view(name.data(), name.size()));
        if (first == last) {
            continue;
        }
        // A proxy may have looked at the other one.
        if (std::next(first) != last) {
            throw HttpError(400, "malformed", "Header " + std::string(name) + " comes twice");
        }
        head.request.headers.emplace(name, view(first->value()));
    }
    head.expects_continue = beast::iequals(fields[http::field::expect], "100-continue");
    head.transfer_encoding = fields.count(http::field::transfer_encoding) > 0;
    head.content_encoding = fields.count(http::field::content_encoding) > 0;
}

}  // namespace

std::optional<Target> parse_target(std::string_view text) {
    if (text.empty() || text.front() != '/') {
        return std::nullopt;
    }
    const std::size_t mark = std::min(text.find('?'), text.size());
    auto path = decoded(text.substr(0, mark), false);
    if (!path) {
        return std::nullopt;
    }
    Target target{std::move(*path), {}};
    if (mark == text.size()) {
        return target;
    }
    for (const std::string& pair : base::split(text.substr(mark + 1), '&')) {
        const std::size_t equals = std::min(pair.find('='), pair.size());
        auto name = decoded(std::string_view(pair).substr(0, equals), true);
        auto value = decoded(
            equals < pair.size() ? std::string_view(pair).substr(equals + 1) : std::string_view(),
            true);
        if (!name || !value) {
            return std::nullopt;
        }
        if (!name->empty()) {
            target.query.emplace(std::move(*name), std::move(*value));
        }
    }
    return target;
}

std::size_t find_head_end(std::string_view bytes, std::size_t from) noexcept {
    const std::size_t begin = from < k_end.size() ? 0 : from - (k_end.size() - 1);
    const std::size_t at = bytes.find(k_end, begin);
    return at == std::string_view::npos ? at : at + k_end.size();
}

RequestHead parse_head(std::string_view bytes) {
    // Beast joins a folded line with the one before, a proxy may read it as a header of its own
    // (RFC 9112, 5.2).
    if (bytes.find("\r\n ") != std::string_view::npos ||
        bytes.find("\r\n\t") != std::string_view::npos) {
        throw HttpError(400, "malformed", "A header line begins with a space");
    }
    http::request_parser<http::empty_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(k_head_bytes));
    // each route has its own limit; Boost 1.74 takes boost::none for 0
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    beast::error_code error;
    parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
    if (error == http::error::header_limit) {
        throw HttpError(431, "too_large", "The request's headers are too long");
    }
    if (!parser.is_header_done()) {
        throw HttpError(400, "malformed", "The request is no HTTP/1.1: " + error.message());
    }
    const auto& message = parser.get();
    const std::string_view target_text = view(message.target());
    auto target = parse_target(target_text);
    if (!target) {
        throw HttpError(400, "malformed",
                        "The request's target is no path that begins with / and decodes to text");
    }
    RequestHead head;
    head.request.method = std::string(view(message.method_string()));
    head.without_body = head.request.method == "HEAD";
    if (head.without_body) {
        head.request.method = "GET";
    }
    head.request.path = std::move(target->path);
    head.request.query = std::move(target->query);
    head.request.content_length = parser.content_length().value_or(0);
    head.keep_alive = parser.keep_alive();
    read_fields(message, head);
    return head;
}

std::string to_bytes(const HttpResponse& response, std::string_view server, bool keep_alive,
                     bool without_body) {
    const auto reason =
        http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.status)));
    std::string bytes;
    bytes.reserve(256 + (without_body ? 0 : response.body.size()));
    bytes.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
    bytes.append(view(reason)).append("\r\nServer: ").append(server);
    for (const auto& [name, value] : response.headers) {
        bytes.append("\r\n").append(name).append(": ").append(value);
    }
    bytes.append("\r\nContent-Type: ").append(response.content_type);
    bytes.append("\r\nContent-Length: ").append(std::to_string(response.body.size()));
    bytes.append(keep_alive ? "\r\nConnection: keep-alive\r\n\r\n"
                            : "\r\nConnection: close\r\n\r\n");
    if (!without_body) {
        bytes.append(response.body);
    }
    return bytes;
}

}  // namespace ardent::environment
