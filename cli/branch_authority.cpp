// SPDX-License-Identifier: PostgreSQL
#include "cli/branch_authority.hpp"

#include "cli/conninfo.hpp"
#include "cli/failure.hpp"
#include "common/base/text.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <vector>

namespace ardent::cli {

using nlohmann::json;

namespace {

constexpr long k_not_found = 404;
constexpr std::size_t k_largest = 65536;

struct FreeBio {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};

struct FreeCertificate {
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};

bool is_certificate(const std::string& pem) {
    const std::unique_ptr<BIO, FreeBio> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return bio && std::unique_ptr<X509, FreeCertificate>(
                      PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) != nullptr;
}

std::string encode_path(const std::string& path) {
    std::vector<std::string> parts;
    for (const std::string& part : base::split(path, '/')) {
        parts.push_back(http::encode_component(part));
    }
    return base::join(parts, "/");
}

}  // namespace

std::string fetch_branch_authority(Api& api) {
    json answer;
    try {
        answer = api.call("GET", "/v1/branch-authority");
    } catch (const ApiRefusal& refusal) {
        if (refusal.answer().status == k_not_found) {
            return {};
        }
        throw;
    }
    const auto at = answer.is_object() ? answer.find("certificate") : answer.end();
    std::string pem = answer.is_object() && at != answer.end() && at->is_string()
                          ? at->get<std::string>()
                          : std::string();
    if (pem.size() > k_largest || !is_certificate(pem)) {
        throw Failure("api_error", "the environment's branch authority is no certificate",
                      k_which_environment);
    }
    return pem;
}

std::string with_authority(Api& api, const Variables& environment, const std::string& url) {
    const Conninfo info(PQconninfoParse(url.c_str(), nullptr));
    const std::string mode = value_of(info, "sslmode");
    if ((mode != "verify-full" && mode != "verify-ca") || !value_of(info, "sslrootcert").empty()) {
        return url;
    }
    std::string pem = selections_at(read_config(environment), api.url()).branch_authority;
    if (pem.empty()) {
        pem = fetch_branch_authority(api);
        if (pem.empty()) {
            return url;
        }
        change_config(environment, [&](Config& config) {
            config.selections = selections_at(config, api.url());
            config.selections.branch_authority = pem;
        });
    }
    return url + "&sslrootcert=" + encode_path(authority_file(environment, pem));
}

}  // namespace ardent::cli
