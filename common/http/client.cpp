// SPDX-License-Identifier: PostgreSQL
#include "common/http/client.hpp"

#include "common/base/address.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace ardent::http {

namespace {

struct EasyDelete {
    void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};

struct UrlDelete {
    void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};

struct ListDelete {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

constexpr std::size_t k_header_bytes = 64U << 10U;  // of all header lines

/// Where an answer goes, and how much of it may come.
struct Sink {
    Response& response;
    const std::size_t body_bytes;
    std::size_t header_bytes = 0;  // so far
    std::string too_large;         // which limit was passed
};

// libcurl calls these from C: they must not throw, so they say "failed" by their result.
std::size_t take_body(const char* bytes, std::size_t size, std::size_t count,
                      void* target) noexcept {
    try {
        Sink& sink = *static_cast<Sink*>(target);
        if (size * count > sink.body_bytes - sink.response.body.size()) {
            sink.too_large = "its body has more than " + base::human_bytes(sink.body_bytes);
            return 0;
        }
        sink.response.body.append(bytes, size * count);
        return size * count;
    } catch (...) {
        return 0;
    }
}

std::size_t take_header(const char* bytes, std::size_t size, std::size_t count,
                        void* target) noexcept {
    try {
        Sink& sink = *static_cast<Sink*>(target);
        const std::string_view line(bytes, size * count);
        sink.header_bytes += line.size();
        if (sink.header_bytes > k_header_bytes) {
            sink.too_large = "its headers have more than " + base::human_bytes(k_header_bytes);
            return 0;
        }
        if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
            sink.response.headers[lower(line.substr(0, colon))] =
                std::string(base::trim(line.substr(colon + 1)));
        }
        return size * count;
    } catch (...) {
        return 0;
    }
}

int ask(void* interrupt, curl_off_t /*dltotal*/, curl_off_t /*dlnow*/, curl_off_t /*ultotal*/,
        curl_off_t /*ulnow*/) noexcept {
    const auto& interrupted = *static_cast<const Interrupt*>(interrupt);
    return interrupted && interrupted() ? 1 : 0;
}

bool is_loopback(std::string_view host) {
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    return base::is_loopback(bracketed ? host.substr(1, host.size() - 2) : host);
}

bool is_certificate_problem(CURLcode code) {
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_ISSUER_ERROR;
}

std::string url_part(CURLU* url, CURLUPart part) {
    char* text = nullptr;
    if (curl_url_get(url, part, &text, 0) != CURLUE_OK) {
        return {};
    }
    const std::unique_ptr<char, void (*)(void*)> owner(text, curl_free);
    return text;
}

/// The host; throws for a URL that may not be used.
std::string check_url(const std::string& text) {
    const std::unique_ptr<CURLU, UrlDelete> url(curl_url());
    if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
        throw base::Error(base::ErrorKind::config, "\"" + text + "\" is no URL",
                          "Write it as https://host:port");
    }
    const std::string scheme = url_part(url.get(), CURLUPART_SCHEME);
    std::string host = url_part(url.get(), CURLUPART_HOST);
    if (scheme != "https" && !(scheme == "http" && is_loopback(host))) {
        throw base::Error(base::ErrorKind::config,
                          "\"" + scheme + "://" + host + "\" is not allowed",
                          "Use https:// (plain http:// only to a loopback address)");
    }
    return host;
}

}  // namespace

struct Client::Handle {
    std::unique_ptr<CURL, EasyDelete> easy{curl_easy_init()};
    std::array<char, CURL_ERROR_SIZE> error{};
};

Client::Client(const ClientOptions& options)
    : m_handle(std::make_unique<Handle>()), m_options(options) {
    while (!m_options.base_url.empty() && m_options.base_url.back() == '/') {
        m_options.base_url.pop_back();
    }
    m_local = is_loopback(check_url(m_options.base_url));
}

Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Response Client::send(const Request& request, const Interrupt& interrupted) {
    CURL* const easy = m_handle->easy.get();
    curl_easy_reset(easy);
    m_handle->error.fill('\0');
    Response response;
    Sink sink{response, m_options.answer_bytes, 0, {}};
    std::unique_ptr<curl_slist, ListDelete> headers;
    const auto add_header = [&headers](const std::string& line) {
        headers.reset(curl_slist_append(headers.release(), line.c_str()));
    };
    add_header("Content-Type: " + request.content_type);
    add_header("Expect:");  // no 100-continue: it costs a round trip for each body
    if (!m_options.token.empty()) {
        add_header("Authorization: Bearer " + m_options.token);
    }
    for (const auto& [name, value] : request.headers) {
        add_header(name + ": " + value);
    }
    curl_easy_setopt(easy, CURLOPT_URL, (m_options.base_url + request.path).c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    // Whatever an answer says: where the token goes is the operator's choice.
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    if (m_local) {
        // A proxy would look for the server on its own host, and could read the token.
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    }
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, m_options.user_agent.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(m_options.connect_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, m_handle->error.data());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &sink);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &sink);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, ask);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, const_cast<Interrupt*>(&interrupted));
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    if (!m_options.ca_file.empty()) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, m_options.ca_file.c_str());
    }
    if (request.method != "GET" || !request.body.empty()) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                         request.body.data() == nullptr ? "" : request.body.data());
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         static_cast<curl_off_t>(request.body.size()));
    }
    const CURLcode code = curl_easy_perform(easy);
    if (!sink.too_large.empty()) {
        throw base::Error(base::ErrorKind::transient,
                          request.method + " " + m_options.base_url + request.path +
                              ": the answer is too large: " + sink.too_large);
    }
    if (code != CURLE_OK) {
        const char* const detail =
            m_handle->error[0] != '\0' ? m_handle->error.data() : curl_easy_strerror(code);
        throw base::Error(
            is_certificate_problem(code) ? base::ErrorKind::config : base::ErrorKind::transient,
            request.method + " " + m_options.base_url + request.path + ": " + detail);
    }
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &response.status);
    return response;
}

std::string encode_component(std::string_view text) {
    constexpr std::string_view k_safe =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    constexpr std::string_view k_digits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        if (k_safe.find(c) != std::string_view::npos) {
            encoded += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded += '%';
            encoded += k_digits[byte >> 4U];
            encoded += k_digits[byte & 15U];
        }
    }
    return encoded;
}

bool is_retryable(long status) noexcept {
    return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

void init_library() {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        throw base::Error(base::ErrorKind::bug, "libcurl cannot be initialised");
    }
}

}  // namespace ardent::http
