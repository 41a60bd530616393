// SPDX-License-Identifier: PostgreSQL
#include "cli/attempt.hpp"

#include <libpq-fe.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <poll.h>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace ardent::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds k_patience{10};

struct Free {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
    void operator()(X509_STORE* store) const noexcept { X509_STORE_free(store); }
    void operator()(X509_STORE_CTX* context) const noexcept { X509_STORE_CTX_free(context); }
    void operator()(BIO* memory) const noexcept { BIO_free(memory); }
};

using Handle = std::unique_ptr<PGconn, Free>;
using Parameters = std::vector<std::pair<const char*, const char*>>;

bool wait_for_socket(PGconn* connection, bool reading, Clock::time_point deadline) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd socket{PQsocket(connection), static_cast<short>(reading ? POLLIN : POLLOUT), 0};
    return left > 0 && ::poll(&socket, 1, static_cast<int>(left)) > 0;
}

/// Goes on until the connection stands, has failed, took too long, or shows what was wanted.
Handle connect_until(const Parameters& parameters, const std::function<bool(PGconn*)>& shows_it) {
    std::vector<const char*> names;
    std::vector<const char*> values;
    for (const auto& [name, value] : parameters) {
        names.push_back(name);
        values.push_back(value);
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    Handle connection(PQconnectStartParams(names.data(), values.data(), 1));
    if (!connection) {
        return connection;
    }
    PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
    const auto deadline = Clock::now() + k_patience;
    bool reading = false;
    while (PQstatus(connection.get()) != CONNECTION_BAD && !shows_it(connection.get())) {
        if (!wait_for_socket(connection.get(), reading, deadline)) {
            break;
        }
        const PostgresPollingStatusType step = PQconnectPoll(connection.get());
        if (step == PGRES_POLLING_OK || step == PGRES_POLLING_FAILED) {
            break;
        }
        reading = step == PGRES_POLLING_READING;
    }
    return connection;
}

std::string read_memory(const std::unique_ptr<BIO, Free>& memory) {
    char* text = nullptr;
    const long length = BIO_get_mem_data(memory.get(), &text);
    return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

std::string print_time(const ASN1_TIME* time) {
    const std::unique_ptr<BIO, Free> memory(BIO_new(BIO_s_mem()));
    ASN1_TIME_print(memory.get(), time);
    return read_memory(memory);
}

std::string print_name(const X509_NAME* name) {
    const std::unique_ptr<BIO, Free> memory(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(memory.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    return read_memory(memory);
}

CertificateTrouble describe(int problem, const X509* certificate, const SourceUrl& url) {
    const std::string subject =
        "The certificate of " + print_name(X509_get_subject_name(certificate));
    const std::string issuer = print_name(X509_get_issuer_name(certificate));
    switch (problem) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return {
            subject + " expired on " + print_time(X509_get0_notAfter(certificate)) + ".",
            "Renew the certificate at the server (ssl_cert_file), then SELECT pg_reload_conf()."};
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return {
            subject + " is valid only from " + print_time(X509_get0_notBefore(certificate)) + ".",
            "Check the clocks of this machine and of the one that issued the certificate."};
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return {
            subject + " was issued by " + issuer + ", an authority that " + url.authority_file +
                " does not hold.",
            "Name the file with the authority's certificate in the URL: sslrootcert=. Providers "
            "offer theirs for download."};
    default:
        return {subject + ": " + X509_verify_cert_error_string(problem) + ".",
                "Give the server a certificate that verifies, or name the right authority with "
                "sslrootcert=."};
    }
}

/// nullptr before the handshake is done.
SSL* session_of(PGconn* connection) {
    auto* const session = PQsslInUse(connection) == 0
                              ? nullptr
                              : static_cast<SSL*>(PQsslStruct(connection, "OpenSSL"));
    return session != nullptr && SSL_is_init_finished(session) == 1 ? session : nullptr;
}

std::optional<CertificateTrouble> verify(SSL* session, const SourceUrl& url) {
    STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(session);
    const std::unique_ptr<X509_STORE, Free> store(X509_STORE_new());
    const std::unique_ptr<X509_STORE_CTX, Free> context(X509_STORE_CTX_new());
    if (chain == nullptr || sk_X509_num(chain) == 0 || !store || !context ||
        X509_STORE_load_locations(store.get(), url.authority_file.c_str(), nullptr) != 1 ||
        X509_STORE_CTX_init(context.get(), store.get(), sk_X509_value(chain, 0), chain) != 1) {
        return std::nullopt;
    }
    X509_STORE_CTX_set_default(context.get(), "ssl_server");
    if (X509_verify_cert(context.get()) == 1) {
        return std::nullopt;
    }
    const X509* const at = X509_STORE_CTX_get_current_cert(context.get());
    return describe(X509_STORE_CTX_get_error(context.get()),
                    at != nullptr ? at : sk_X509_value(chain, 0), url);
}

}  // namespace

std::vector<ServerWords> ask_for_words(const SourceUrl& url) {
    const Handle connection = connect_until({{"dbname", url.text.c_str()},
                                             {"application_name", "ardent preflight"},
                                             {"options", "-c client_min_messages=warning"}},
                                            [](PGconn*) { return false; });
    return connection && PQstatus(connection.get()) != CONNECTION_OK
               ? parse_verbose(PQerrorMessage(connection.get()))
               : std::vector<ServerWords>();
}

std::optional<CertificateTrouble> look_at_certificate(const SourceUrl& url) {
    // with "require" and without the file libpq verifies nothing
    const Handle connection = connect_until({{"dbname", url.text.c_str()},
                                             {"sslmode", "require"},
                                             {"sslrootcert", "/dev/null/none"},
                                             {"gssencmode", "disable"}},
                                            [](PGconn* at) { return session_of(at) != nullptr; });
    SSL* const session = connection ? session_of(connection.get()) : nullptr;
    return session == nullptr ? std::nullopt : verify(session, url);
}

}  // namespace ardent::cli
