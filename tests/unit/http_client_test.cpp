// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.hpp"
#include "common/http/client.hpp"

#include "tests/support/catch.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <thread>

using namespace ardent::http;
using ardent::base::Error;
using ardent::base::ErrorKind;

namespace {

ErrorKind refusal_of(const std::string& url) {
    try {
        ClientOptions options;
        options.base_url = url;
        const Client client(options);
    } catch (const Error& e) {
        return e.kind();
    }
    return ErrorKind::bug;
}

/// A variable of the environment for as long as it lives.
class Variable {
public:
    Variable(const char* name, const char* value) : m_name(name) {
        if (const char* const before = std::getenv(name)) {
            m_before = before;
        }
        if (value == nullptr) {
            ::unsetenv(name);
        } else {
            ::setenv(name, value, 1);
        }
    }
    ~Variable() {
        if (m_before) {
            ::setenv(m_name, m_before->c_str(), 1);
        } else {
            ::unsetenv(m_name);
        }
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

private:
    const char* m_name;
    std::optional<std::string> m_before;
};

constexpr const char* k_no_content = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

/// Gives every request on a free port of an address the same answer; not there when the system has
/// no such address.
class LocalServer {
public:
    explicit LocalServer(const std::string& address, std::string answer = k_no_content)
        : m_answer(std::move(answer)) {
        const tcp::endpoint endpoint(boost::asio::ip::make_address(address), 0);
        boost::system::error_code error;
        m_acceptor.open(endpoint.protocol(), error);
        if (!error) {
            m_acceptor.bind(endpoint, error);
        }
        if (!error) {
            m_acceptor.listen();
            m_port = m_acceptor.local_endpoint().port();
            m_thread = std::thread([this] { serve(); });
        }
    }
    ~LocalServer() {
        if (m_thread.joinable()) {
            m_stop = true;
            boost::system::error_code ignored;
            tcp::socket knock(m_loop);  // the thread waits in accept
            knock.connect(m_acceptor.local_endpoint(), ignored);
            knock.close(ignored);  // nor does it wait for a request
            m_thread.join();
        }
    }
    LocalServer(const LocalServer&) = delete;
    LocalServer& operator=(const LocalServer&) = delete;

    int port() const noexcept { return m_port; }
    int requests() const noexcept { return m_requests; }

private:
    using tcp = boost::asio::ip::tcp;

    void serve() {
        while (!m_stop) {
            boost::system::error_code error;
            tcp::socket socket(m_loop);
            m_acceptor.accept(socket, error);
            std::string request;
            boost::asio::read_until(socket, boost::asio::dynamic_buffer(request), "\r\n\r\n",
                                    error);
            if (!error) {
                ++m_requests;
                boost::asio::write(socket, boost::asio::buffer(m_answer), error);
            }
        }
    }

    boost::asio::io_context m_loop;
    tcp::acceptor m_acceptor{m_loop};
    std::string m_answer;
    int m_port = -1;
    std::atomic<int> m_requests{0};
    std::atomic<bool> m_stop{false};
    std::thread m_thread;
};

constexpr const char* k_dead_proxy = "http://127.0.0.1:1";

}  // namespace

TEST_CASE("a proxy of the environment is not asked for a loopback address", "[http]") {
    const Variable lower("http_proxy", k_dead_proxy);
    const Variable all("ALL_PROXY", k_dead_proxy);
    const Variable none("no_proxy", nullptr);
    const Variable none_either("NO_PROXY", nullptr);
    const LocalServer four("127.0.0.1");
    REQUIRE(four.port() > 0);
    const std::string port = std::to_string(four.port());
    for (const std::string host : {"127.0.0.1", "localhost", "LocalHost"}) {
        INFO(host);
        ClientOptions options;
        options.base_url = "http://" + host + ":" + port;
        CHECK(Client(options).send({.path = "/healthz"}).status == 204);
    }
    const LocalServer six("::1");
    if (six.port() > 0) {
        ClientOptions options;
        options.base_url = "http://[::1]:" + std::to_string(six.port());
        CHECK(Client(options).send({.path = "/healthz"}).status == 204);
    }
}

TEST_CASE("a proxy of the environment is asked for every other address", "[http]") {
    const Variable proxy("https_proxy", k_dead_proxy);
    const Variable none("no_proxy", nullptr);
    const Variable none_either("NO_PROXY", nullptr);
    ClientOptions options;
    options.base_url = "https://env.example.invalid:8443";
    Client client(options);
    try {
        client.send({.path = "/healthz"});
        FAIL("nobody listens on port 1");
    } catch (const Error& e) {
        CHECK(e.kind() == ErrorKind::transient);
        CHECK_THAT(e.what(), Catch::Contains("127.0.0.1 port 1"));
    }
}

TEST_CASE("plain HTTP goes to loopback addresses only", "[http]") {
    CHECK(refusal_of("http://127.0.0.1:8080") == ErrorKind::bug);
    CHECK(refusal_of("http://localhost") == ErrorKind::bug);
    CHECK(refusal_of("http://[::1]:80/") == ErrorKind::bug);
    CHECK(refusal_of("https://env.example.com:8443") == ErrorKind::bug);
    CHECK(refusal_of("http://env.example.com") == ErrorKind::config);
    CHECK(refusal_of("http://127.0.0.1.example.com") == ErrorKind::config);
    CHECK(refusal_of("ftp://127.0.0.1") == ErrorKind::config);
    CHECK(refusal_of("") == ErrorKind::config);
}

TEST_CASE("a refused connection is transient and says where", "[http]") {
    ClientOptions options;
    options.base_url = "http://127.0.0.1:1";
    options.token = "secret-token";
    Client client(options);
    try {
        client.send({.path = "/healthz"});
        FAIL("nobody listens on port 1");
    } catch (const Error& e) {
        CHECK(e.kind() == ErrorKind::transient);
        CHECK_THAT(e.what(), Catch::Contains("http://127.0.0.1:1/healthz"));
        CHECK_THAT(e.what(), !Catch::Contains("secret-token"));
    }
}

TEST_CASE("path parts are percent-encoded", "[http]") {
    CHECK(encode_component("a b/c?d=\xC3\xA9") == "a%20b%2Fc%3Fd%3D%C3%A9");
    CHECK(encode_component("safe-_.~") == "safe-_.~");
}

TEST_CASE("an answer has an end, and where it points is not gone to", "[http]") {
    const std::string head = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
    const LocalServer elsewhere("127.0.0.1");
    const LocalServer large("127.0.0.1", head + "\r\n" + std::string(3000, 'x'));
    std::string many = head;
    for (int i = 0; i < 2000; ++i) {
        many += "X-" + std::to_string(i) + ": " + std::string(60, 'x') + "\r\n";
    }
    const LocalServer headers("127.0.0.1", many + "\r\n");
    const LocalServer moved("127.0.0.1",
                            "HTTP/1.1 307 Temporary Redirect\r\nConnection: close\r\nLocation: "
                            "http://127.0.0.1:" +
                                std::to_string(elsewhere.port()) + "/\r\n\r\n");
    ClientOptions options;
    options.token = "secret";
    const auto send_to = [&](const LocalServer& server) {
        options.base_url = "http://127.0.0.1:" + std::to_string(server.port());
        return Client(options).send({.path = "/"});
    };
    const auto refused = [&](const LocalServer& server) {
        try {
            static_cast<void>(send_to(server));
        } catch (const Error& e) {
            CHECK(e.kind() == ErrorKind::transient);
            return std::string(e.what());
        }
        return std::string("answered");
    };
    options.answer_bytes = 3000;
    CHECK(refused(large) == "answered");
    options.answer_bytes = 2999;
    CHECK_THAT(refused(large), Catch::Contains("the answer is too large: its body"));
    CHECK_THAT(refused(headers), Catch::Contains("the answer is too large: its headers"));
    CHECK(send_to(moved).status == 307);
    CHECK(elsewhere.requests() == 0);
}
