// SPDX-License-Identifier: PostgreSQL
#include "environment/branch/authority.hpp"

#include "common/base/error.hpp"
#include "common/base/fd.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ardent::environment {

namespace {

using base::Error;
using base::ErrorKind;

constexpr long k_day = 86400;
constexpr int k_years = 20;
constexpr int k_serial_bits = 159;  // RFC 5280: at most 20 octets, and positive
constexpr std::size_t k_common_name = 64;
constexpr const char* k_authority_name = "Ardent branches";

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* value) const noexcept {
        Free(value);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;
using X509Pointer = std::unique_ptr<X509, Freer<X509_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Number = std::unique_ptr<BIGNUM, Freer<BN_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;

void require(bool done, const char* what) {
    if (!done) {
        const unsigned long code = ERR_get_error();
        const char* const reason = ERR_reason_error_string(code);
        throw Error(ErrorKind::bug, std::string("cannot ") + what + ": " +
                                        (reason == nullptr ? "OpenSSL says no more" : reason));
    }
}

// By way of a context, which OpenSSL 1.1 and 3 both have.
Key make_key() {
    const KeyContext context(EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nullptr));
    EVP_PKEY* key = nullptr;
    require(context && EVP_PKEY_keygen_init(context.get()) == 1 &&
                EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context.get(), NID_X9_62_prime256v1) == 1 &&
                EVP_PKEY_keygen(context.get(), &key) == 1,
            "make a key");
    return Key(key);
}

std::string text_of(const Bio& bio) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

Certificate to_pem(X509* certificate, EVP_PKEY* key) {
    const Bio first(BIO_new(BIO_s_mem()));
    const Bio second(BIO_new(BIO_s_mem()));
    require(
        first && second && PEM_write_bio_X509(first.get(), certificate) == 1 &&
            PEM_write_bio_PrivateKey(second.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
        "write a certificate");
    return {text_of(first), text_of(second)};
}

X509Pointer read_certificate(const std::string& pem) {
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return X509Pointer(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

Key read_key(const std::string& pem) {
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context{};
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    require(extension && X509_add_ext(certificate, extension.get(), -1) == 1,
            "add to a certificate");
}

void set_common_name(X509_NAME* name, const std::string& text) {
    // RFC 5280 bounds it; clients of today look at the alternative names.
    const std::string fits = text.substr(0, k_common_name);
    require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                       reinterpret_cast<const unsigned char*>(fits.data()),
                                       static_cast<int>(fits.size()), -1, 0) == 1,
            "name a certificate");
}

X509Pointer begin_certificate(EVP_PKEY* key, const std::string& name) {
    X509Pointer certificate(X509_new());
    const Number serial(BN_new());
    require(
        certificate && serial && X509_set_version(certificate.get(), 2) == 1 &&
            BN_rand(serial.get(), k_serial_bits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
            BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get())) != nullptr &&
            X509_set_pubkey(certificate.get(), key) == 1 &&
            X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -k_day) != nullptr,
        "begin a certificate");
    set_common_name(X509_get_subject_name(certificate.get()), name);
    return certificate;
}

void sign(X509* certificate, EVP_PKEY* key) {
    require(X509_sign(certificate, key, EVP_sha256()) > 0, "sign a certificate");
}

Certificate make_authority() {
    const Key key = make_key();
    const X509Pointer own = begin_certificate(key.get(), k_authority_name);
    require(X509_gmtime_adj(X509_getm_notAfter(own.get()), k_day * 365 * k_years) != nullptr &&
                X509_set_issuer_name(own.get(), X509_get_subject_name(own.get())) == 1,
            "make an authority");
    add_extension(own.get(), own.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(own.get(), own.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(own.get(), own.get(), NID_subject_key_identifier, "hash");
    sign(own.get(), key.get());
    return to_pem(own.get(), key.get());
}

bool is_address(const std::string& host) {
    in6_addr bytes{};
    return ::inet_pton(AF_INET, host.c_str(), &bytes) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), &bytes) == 1;
}

// "DNS:a,IP:127.0.0.1". A comma or line break in a name would begin another entry of OpenSSL's
// small language.
std::string alternative_names(const std::vector<std::string>& hosts) {
    std::string names;
    for (const std::string& host : hosts) {
        if (host.empty() ||
            host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                                   "WXYZ0123456789.-_:") != std::string::npos) {
            throw Error(ErrorKind::config, "\"" + host + "\" is no name of a host",
                        "A certificate of branches is for host names and IP addresses.");
        }
        names += std::string(names.empty() ? "" : ",") + (is_address(host) ? "IP:" : "DNS:") + host;
        // libpq before 15 compares an address with names alone (tried with 13.16)
        if (is_address(host) && host.find(':') == std::string::npos) {
            names += ",DNS:" + host;
        }
    }
    return names;
}

// Renamed into place once it is on disk: half a key would be refused for ever.
void write_file(const std::string& path, const std::string& text) {
    const std::string part = path + ".part";
    ::unlink(part.c_str());
    const base::Fd file(
        ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file.valid() ||
        ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fsync(file.get()) != 0 || ::rename(part.c_str(), path.c_str()) != 0) {
        throw Error(ErrorKind::config, "cannot write " + path + ": " + std::strerror(errno));
    }
}

}  // namespace

BranchAuthority BranchAuthority::open(const std::string& file) {
    if (!std::filesystem::exists(file)) {
        const Certificate made = make_authority();
        write_file(file, made.certificate + made.key);
    }
    std::ifstream stream(file);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    const X509Pointer certificate = read_certificate(text);
    const Key key = read_key(text);
    if (!certificate || !key || X509_check_private_key(certificate.get(), key.get()) != 1) {
        throw Error(ErrorKind::config, file + " holds no certificate with its key",
                    "Put the file back from a backup. Or remove it: a new authority is made, and "
                    "everybody who uses branches runs ardent login again.");
    }
    return BranchAuthority(to_pem(certificate.get(), key.get()));
}

Certificate BranchAuthority::issue(const std::vector<std::string>& hosts) const {
    if (hosts.empty()) {
        throw Error(ErrorKind::bug, "a certificate for no host");
    }
    const std::string names = alternative_names(hosts);
    const X509Pointer issuer = read_certificate(m_own.certificate);
    const Key issuer_key = read_key(m_own.key);
    const Key key = make_key();
    const X509Pointer leaf = begin_certificate(key.get(), hosts.front());
    require(issuer && issuer_key &&
                X509_set1_notAfter(leaf.get(), X509_get0_notAfter(issuer.get())) == 1 &&
                X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer.get())) == 1,
            "issue a certificate");
    add_extension(leaf.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
    add_extension(leaf.get(), issuer.get(), NID_key_usage, "critical,digitalSignature");
    add_extension(leaf.get(), issuer.get(), NID_ext_key_usage, "serverAuth");
    add_extension(leaf.get(), issuer.get(), NID_subject_alt_name, names);
    // Strict verification (Python from 3.13 on) wants both.
    add_extension(leaf.get(), issuer.get(), NID_subject_key_identifier, "hash");
    add_extension(leaf.get(), issuer.get(), NID_authority_key_identifier, "keyid:always");
    sign(leaf.get(), issuer_key.get());
    return to_pem(leaf.get(), key.get());
}

void check_certificate(const Certificate& pem, const std::string& host) {
    const X509Pointer certificate = read_certificate(pem.certificate);
    const Key key = read_key(pem.key);
    if (!certificate || !key || X509_check_private_key(certificate.get(), key.get()) != 1) {
        throw Error(ErrorKind::config,
                    "branch.tls_certificate and branch.tls_key are no certificate with its key",
                    "Both are PEM, and the key is not encrypted.");
    }
    const bool fits = host.empty() ||
                      (is_address(host) ? X509_check_ip_asc(certificate.get(), host.c_str(), 0) == 1
                                        : X509_check_host(certificate.get(), host.c_str(),
                                                          host.size(), 0, nullptr) == 1);
    if (!fits) {
        throw Error(ErrorKind::config,
                    "branch.tls_certificate is not for branch.public_host, which is " + host,
                    "Set branch.public_host to a name of the certificate.");
    }
}

}  // namespace ardent::environment
