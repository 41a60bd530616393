// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "environment/branch/cut.hpp"
#include "environment/config/settings.hpp"
#include "environment/instance/configuration.hpp"
#include "environment/instance/containment.hpp"
#include "environment/instance/hostile_directory.hpp"
#include "environment/instance/instance.hpp"
#include "environment/instance/launcher.hpp"
#include "environment/instance/server_process.hpp"
#include "environment/replica/archive.hpp"
#include "environment/replica/enum_oids.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

using namespace ardent;
using namespace ardent::environment;

namespace {

constexpr const char* k_contents = R"(;
; Archive created at 2026-01-01
;
6; 2615 16385 SCHEMA - sales shop
3; 3079 16386 EXTENSION - citext 
3500; 0 0 COMMENT - EXTENSION citext 
215; 1259 16390 TABLE sales SCHEMA shop
216; 1259 16391 FOREIGN TABLE public far shop
3501; 0 0 ACL - SCHEMA sales shop
3502; 0 0 ACL sales TABLE orders shop
3503; 826 16400 DEFAULT ACL sales DEFAULT PRIVILEGES FOR TABLES shop
3600; 0 16390 TABLE DATA sales orders shop
220; 6104 16410 PUBLICATION - pub shop
221; 6100 16411 SUBSCRIPTION - sub shop
222; 3466 16412 EVENT TRIGGER - capture shop
223; 1417 16413 SERVER - far shop
224; 1418 16414 USER MAPPING - USER MAPPING shop SERVER far shop
3361; 2606 16420 CONSTRAINT sales orders_pkey shop
)";

config::Values values(std::map<std::string, std::string> given) {
    config::Inputs inputs;
    inputs.flags = std::move(given);
    return config::load(options(), inputs);
}

std::string problem_of(const std::map<std::string, std::string>& given) {
    try {
        read_settings(values(given));
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::config);
        return error.what();
    }
    return {};
}

}  // namespace

TEST_CASE("a replica's schema is restored without what must not be in it", "[environment]") {
    const std::string kept = filter_contents(k_contents);
    CHECK(kept ==
          "215; 1259 16390 TABLE sales SCHEMA shop\n"
          "216; 1259 16391 FOREIGN TABLE public far shop\n"
          "3501; 0 0 ACL - SCHEMA sales shop\n"
          "3502; 0 0 ACL sales TABLE orders shop\n"
          "3503; 826 16400 DEFAULT ACL sales DEFAULT PRIVILEGES FOR TABLES shop\n"
          "3361; 2606 16420 CONSTRAINT sales orders_pkey shop\n");
    CHECK(grants_of(kept) ==
          "3501; 0 0 ACL - SCHEMA sales shop\n"
          "3502; 0 0 ACL sales TABLE orders shop\n"
          "3503; 826 16400 DEFAULT ACL sales DEFAULT PRIVILEGES FOR TABLES shop\n");
}

TEST_CASE("types are taken from an archive's contents by oid, whatever they are called",
          "[environment]") {
    const std::string contents =
        "10; 1247 100 TYPE public mood shop\n"
        "11; 1247 101 TYPE public mood TYPE 100 shop\n"
        "12; 1259 102 TABLE public 1247 102 shop\n"
        "13; 0 0 COMMENT public TYPE mood shop\n"
        "14; 1247 103 DOMAIN public d shop\n";
    CHECK(types_of(contents, {100, 102, 103}) == "10; 1247 100 TYPE public mood shop\n");
    CHECK(types_of(contents, {101}) == "11; 1247 101 TYPE public mood TYPE 100 shop\n");
    CHECK(types_of(contents, {}).empty());
}

TEST_CASE("labels get their oids without two having one at any time", "[environment]") {
    const auto play = [](const std::set<std::uint32_t>& taken, const std::vector<OidMove>& wanted) {
        const OidPlan plan = plan_moves(taken, wanted);
        std::map<std::uint32_t, std::uint32_t> now;  // where each one is that began somewhere
        for (const std::uint32_t oid : taken) {
            now[oid] = oid;
        }
        for (const auto& moves : {plan.aside, plan.home}) {
            for (const OidMove& move : moves) {
                for (const auto& [began, at] : now) {
                    CHECK(at != move.to);  // free before any of this list went
                }
            }
            for (auto& [began, at] : now) {
                const auto found =
                    std::find_if(moves.begin(), moves.end(),
                                 [&](const OidMove& move) { return move.from == at; });
                at = found == moves.end() ? at : found->to;
            }
        }
        return now;
    };
    using Places = std::map<std::uint32_t, std::uint32_t>;
    CHECK(play({10, 12}, {{10, 20}, {12, 22}}) == Places{{10, 20}, {12, 22}});
    CHECK(play({10, 12}, {{10, 12}, {12, 10}}) == Places{{10, 12}, {12, 10}});
    CHECK(play({10, 12, 14}, {{10, 12}, {12, 14}, {14, 16}}) ==
          Places{{10, 12}, {12, 14}, {14, 16}});
    CHECK(play({10, 12}, {{10, 10}, {12, 11}}) == Places{{10, 10}, {12, 11}});
    // another enum's label in the way goes to a free odd oid and stays there
    CHECK(play({10, 12, 16385}, {{10, 12}}) == Places{{10, 12}, {12, 16387}, {16385, 16385}});
    CHECK(play({10, 12}, {{10, 16385}}) == Places{{10, 16385}, {12, 12}});
    CHECK(plan_moves({10}, {}).aside.empty());
}

TEST_CASE("foreign servers are read as identifiers, quoted or not, once each", "[environment]") {
    const std::string script =
        "CREATE FOREIGN TABLE public.a (\n    x integer\n)\nSERVER far;\n\n"
        "CREATE FOREIGN TABLE public.b (\n    x text DEFAULT 'SERVER no'::text\n)\n"
        "SERVER \"Odd \"\"one\"\"; DROP\"\nOPTIONS (\n    a 'b'\n);\n"
        "CREATE FOREIGN TABLE public.c (\n    x integer\n)\nSERVER far\nOPTIONS (a 'b');\n"
        "SERVER not_a_table;\n";
    CHECK(foreign_servers(script) == std::vector<std::string>{"far", "Odd \"one\"; DROP"});
}

TEST_CASE("grants are given by a member, not by a superuser, and not by psql", "[environment]") {
    CHECK(
        grants_script(
            "\\restrict abc\nSET SESSION AUTHORIZATION 'own er';\nGRANT SELECT ON TABLE a TO b;\n"
            "SET SESSION AUTHORIZATION grantor;\nGRANT SELECT ON TABLE a TO c;\n"
            "RESET SESSION AUTHORIZATION;\nGRANT SELECT ON TABLE a TO d;\n"
            "SET SESSION AUTHORIZATION 'next';\nGRANT SELECT ON TABLE b TO c;\n\\unrestrict abc") ==
        "SET ROLE 'own er';\nGRANT SELECT ON TABLE a TO b;\n"
        "SET ROLE grantor;\nGRANT SELECT ON TABLE a TO c;\n"
        "SET ROLE 'own er';\nGRANT SELECT ON TABLE a TO d;\n"
        "SET ROLE 'next';\nGRANT SELECT ON TABLE b TO c;\n");
}

TEST_CASE("plain HTTP is for loopback only, TLS files go together", "[environment]") {
    CHECK(read_settings(values({{"environment.listen", "127.0.0.1:0"}})).listen_port == 0);
    CHECK(read_settings(values({{"environment.listen", "[::1]:8765"}})).listen_host == "::1");
    CHECK(read_settings(values({{"environment.listen", "[::1]:8765"}})).public_url ==
          "http://[::1]:8765");
    CHECK_THAT(problem_of({{"environment.listen", "0.0.0.0:8765"}}),
               Catch::Contains("no TLS certificate"));
    CHECK_THAT(problem_of({{"environment.listen", "128.0.0.1:8765"}}),
               Catch::Contains("no TLS certificate"));
    CHECK_THAT(problem_of({{"environment.listen", "127.0.0.1"}}),
               Catch::Contains("no address and port"));
    CHECK_THAT(problem_of({{"environment.listen", "127.0.0.1:70000"}}), Catch::Contains("65535"));
    CHECK_THAT(problem_of({{"environment.listen", "127.0.0.1:80x"}}), Catch::Contains("65535"));
    CHECK_THAT(problem_of({{"environment.tls_certificate", "/dev/null"}}),
               Catch::Contains("go together"));
}

TEST_CASE("a socket's path that would be too long is refused before anything starts",
          "[environment]") {
    const std::string fits(107 - 1 - 12 - 19, 'x');
    CHECK_NOTHROW(check_socket_directory("/" + fits.substr(1)));
    CHECK_THROWS_AS(check_socket_directory("/" + fits), base::Error);
    CHECK_THAT(problem_of({{"environment.data_dir", "/" + std::string(100, 'd')}}),
               Catch::Contains("107"));
    CHECK_THAT(problem_of({{"environment.data_dir", "relative"}}), Catch::Contains("absolute"));
    CHECK(socket_directory("/run/a", "0123456789abcdef") == "/run/a/0123456789ab");
}

TEST_CASE("a major that is not installed is refused by its package's name", "[environment]") {
    const std::string root = std::filesystem::temp_directory_path() / "ardent-binaries-test";
    std::filesystem::remove_all(root);
    std::filesystem::create_directories(root + "/9/bin");
    std::filesystem::create_directories(root + "/16/bin");
    std::ofstream(root + "/16/bin/postgres") << "";
    CHECK(installed_majors(root) == std::vector<int>{16});
    CHECK(find_binaries(root, 16) == root + "/16/bin");
    try {
        find_binaries(root, 17);
        FAIL("17 is not installed");
    } catch (const base::Error& error) {
        CHECK_THAT(error.hint(), Catch::Contains("postgresql-17"));
    }
    std::filesystem::remove_all(root);
}

TEST_CASE("a server is known by its pid and when it began", "[environment]") {
    const std::string record = std::filesystem::temp_directory_path() / "ardent-server-test";
    std::filesystem::remove(record);
    CHECK_FALSE(ServerProcess::find(record));
    const auto self = ServerProcess::open(::getpid());
    REQUIRE(self);
    CHECK(self->alive());
    self->save(record);
    CHECK(ServerProcess::find(record));
    std::ofstream(record) << ::getpid() << " 1\n";  // a pid that was given away anew
    CHECK_FALSE(ServerProcess::find(record));
    std::filesystem::remove(record);
}

TEST_CASE("one server a lock, until its last process has ended", "[environment]") {
    const std::string file = std::filesystem::temp_directory_path() / "ardent-lock-test";
    base::Fd first = try_lock(file);
    REQUIRE(first.valid());
    CHECK_FALSE(try_lock(file).valid());
    const base::Fd inherited(::dup(first.get()));
    first.close();
    CHECK_FALSE(try_lock(file).valid());
    std::filesystem::remove(file);
}

TEST_CASE("a folder that a server writes is read without following what it planted",
          "[environment]") {
    const std::string root = std::filesystem::temp_directory_path() / "ardent-planted-test";
    std::filesystem::remove_all(root);
    std::filesystem::create_directories(root + "/data/log");
    std::ofstream(root + "/secret") << "secret";
    std::filesystem::create_symlink(root + "/secret", root + "/data/log/a.log");
    REQUIRE(::mkfifo((root + "/data/log/b.log").c_str(), 0600) == 0);
    CHECK(read_latest(root + "/data", "log", 100).empty());
    std::ofstream(root + "/data/log/c.log") << "0123456789";
    CHECK(read_latest(root + "/data", "log", 4) == "6789");
    std::filesystem::rename(root + "/data/log", root + "/other");
    std::filesystem::create_symlink(root + "/other", root + "/data/log");
    CHECK(read_latest(root + "/data", "log", 100).empty());
    remove_planted(root + "/data");
    CHECK(std::filesystem::exists(root + "/other/c.log"));
    std::filesystem::remove_all(root);
}

TEST_CASE("a containment has namespaces, a filter and only what a server reads", "[environment]") {
    Containment containment;
    containment.works = true;
    containment.sized = true;
    containment.readable = {"/opt/data"};
    const ServerFiles files{"/usr/lib/postgresql/15/bin",
                            "/usr/local/lib/ardent/15",
                            {"/srv/data", "/srv/socket", "/srv/configuration"}};
    const std::string argv =
        base::join(containment_argv(containment, files,
                                    {.filter = 7, .users = 8, .information = 10, .status = 9}),
                   " ");
    for (const char* const part :
         {"--unshare-user --unshare-pid --unshare-net --unshare-ipc --unshare-uts", "--as-pid-1",
          "--cap-drop ALL", "--seccomp 7", "--ro-bind-data 8 /etc/passwd", "--json-status-fd 9",
          "--info-fd 10", "--ro-bind-try /opt/data /opt/data",
          "--bind /srv/data /data --bind /srv/socket /socket",
          "--ro-bind /srv/configuration /configuration", "--size 1073741824 --tmpfs /dev/shm"}) {
        CHECK_THAT(argv, Catch::Contains(part));
    }
    CHECK_THAT(argv, Catch::EndsWith("--remount-ro / --"));
    CHECK_THAT(argv, !Catch::Contains("--ro-bind-try /usr /usr") && !Catch::Contains("/bin /") &&
                         !Catch::Contains("--proc"));
}

TEST_CASE("an instance has no network port, keeps what it confirms, and logs no rows",
          "[environment]") {
    InstanceSpec spec;
    spec.settings = {{"shared_buffers", "1GB"}};
    const std::string text = configuration_text(spec, {"/data", "/run/it's", "/configuration"});
    CHECK_THAT(text, Catch::Contains("listen_addresses = ''\n") &&
                         Catch::Contains("unix_socket_directories = '/run/it''s'\n") &&
                         Catch::Contains("shared_buffers = '1GB'\n") &&
                         Catch::Contains("log_min_error_statement = 'panic'\n") &&
                         !Catch::Contains("fsync") && !Catch::Contains("synchronous_commit"));
    const std::vector<std::string> peers = environment::InstanceSpec().peers;
    CHECK(hba_text(peers) == "local all ardent_admin,ardent_apply,ardent_reader peer map=ardent\n");
    CHECK_THAT(text, Catch::Contains("hba_file = '/configuration/pg_hba.conf'\n"));
    CHECK_THAT(ident_text(peers),
               Catch::EndsWith("ardent_reader\n") && !Catch::Contains("ardent root"));
}

TEST_CASE("a branch starts without opening every file, without flushing, with little WAL",
          "[environment]") {
    CHECK(settings_of_major(18).at("recovery_init_sync_method") == "syncfs");
    CHECK(settings_of_major(14).at("recovery_init_sync_method") == "syncfs");
    CHECK(settings_of_major(13).count("recovery_init_sync_method") == 0);
    const std::map<std::string, std::string> branch = settings_of_branch();
    CHECK(branch.at("fsync") == "off");
    CHECK(branch.at("min_wal_size") == "32MB");
    CHECK(branch.at("max_wal_size") == "256MB");
    CHECK(branch.at("wal_recycle") == "off");
    CHECK(branch.at("wal_init_zero") == "off");
    CHECK(branch.at("archive_mode") == "off");
}
