// SPDX-License-Identifier: PostgreSQL
#include "common/base/address.hpp"

#include <arpa/inet.h>
#include <strings.h>

#include <string>

namespace ardent::base {

namespace {

constexpr unsigned k_loopback_net = 127;
constexpr std::size_t k_mapped_at = 12;  // where an IPv4 address stands in an IPv6 one

}  // namespace

bool is_loopback(std::string_view host) {
    const std::string text(host);
    in_addr four{};
    in6_addr six{};
    if (inet_pton(AF_INET, text.c_str(), &four) == 1) {
        return ntohl(four.s_addr) >> 24U == k_loopback_net;
    }
    if (inet_pton(AF_INET6, text.c_str(), &six) == 1) {
        return IN6_IS_ADDR_LOOPBACK(&six) != 0 ||
               (IN6_IS_ADDR_V4MAPPED(&six) != 0 && six.s6_addr[k_mapped_at] == k_loopback_net);
    }
    return strcasecmp(text.c_str(), "localhost") == 0;
}

}  // namespace ardent::base
