// SPDX-License-Identifier: PostgreSQL
// A Channel over a socket. Included by .cpp files only (it brings Asio).
#pragma once

#include "environment/server/channel.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include <memory>
#include <string>

namespace ardent::environment {

/// Without TLS when `tls` is null; it outlives the channel.
std::shared_ptr<Channel> make_channel(boost::asio::ip::tcp::socket socket,
                                      boost::asio::ssl::context* tls);

/// What counts as one address: IPv4 as it is, of IPv6 the network of 64 bits that one host has.
std::string address_of(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace ardent::environment
