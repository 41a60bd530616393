// SPDX-License-Identifier: PostgreSQL
#include "common/base/error.hpp"
#include "common/config/config.hpp"
#include "common/config/units.hpp"

#include "tests/support/catch.hpp"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

using namespace ardent::config;
using ardent::base::Error;
using ardent::base::ErrorKind;

namespace {

class Folder {
public:
    Folder() {
        std::string pattern = "/tmp/ardent-config-XXXXXX";
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        m_path = pattern;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(m_path, ignored);
    }
    std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
        std::string path = m_path + "/" + name;
        std::ofstream(path) << text;
        REQUIRE(::chmod(path.c_str(), mode) == 0);
        return path;
    }

private:
    std::string m_path;
};

const std::vector<Option> k_options = {
    {.key = "source.host", .help = "Where the server is.", .required = true},
    {.key = "source.port",
     .type = Type::integer,
     .help = "Its port.",
     .default_value = "5432",
     .minimum = 1,
     .maximum = 65535},
    {.key = "source.schemas",
     .type = Type::text_list,
     .help = "What to carry.",
     .default_value = "public"},
    {.key = "source.password_file", .type = Type::secret_file, .help = "Its password."},
    {.key = "limits.segment_bytes",
     .type = Type::bytes,
     .help = "Size.",
     .default_value = "4MB",
     .minimum = 1024},
    {.key = "limits.wait", .type = Type::duration, .help = "Time.", .default_value = "10s"},
    {.key = "log.level",
     .help = "How much to say.",
     .default_value = "info",
     .choices = {"debug", "info"}},
    {.key = "log.color", .type = Type::boolean, .help = "Colours.", .default_value = "false"},
};

std::string refusal(const Inputs& inputs) {
    try {
        load(k_options, inputs);
    } catch (const Error& e) {
        CHECK(e.kind() == ErrorKind::config);
        return e.what();
    }
    return "accepted";
}

}  // namespace

TEST_CASE("flag over environment over file over default", "[config]") {
    const Folder folder;
    const std::string file =
        folder.write("a.toml",
                     "[source]\nhost = \"file\"\nport = 1\nschemas = [\"a\", \"b,c\"]\n"
                     "[limits]\nwait = \"5min\"\n");
    const Values values = load(k_options, {.file = file,
                                           .environment = {{"ARDENT_SOURCE_HOST", "env"},
                                                           {"ARDENT_LOG_LEVEL", "debug"},
                                                           {"ARDENT_LOG_COLOR", ""},
                                                           {"ARDENT_UNRELATED", "x"},
                                                           {"HOME", "/"}},
                                           .flags = {{"source.host", "flag"}}});
    CHECK(values.text("source.host") == "flag");
    CHECK(values.integer("source.port") == 1);
    CHECK(values.text("log.level") == "debug");
    CHECK_FALSE(values.boolean("log.color"));
    CHECK(values.list("source.schemas") == std::vector<std::string>{"a", "b,c"});
    CHECK(values.bytes("limits.segment_bytes") == 4194304);
    CHECK(values.duration("limits.wait") == std::chrono::minutes(5));
    CHECK_FALSE(values.has("source.password_file"));
    CHECK(values.text("source.password_file").empty());
}

TEST_CASE("a list as one text is cut at commas", "[config]") {
    const Values values = load(k_options, {.file = {},
                                           .environment = {{"ARDENT_SOURCE_SCHEMAS", "a, b,"}},
                                           .flags = {{"source.host", "h"}}});
    CHECK(values.list("source.schemas") == std::vector<std::string>{"a", "b"});
    CHECK(load(k_options, {.file = {}, .environment = {}, .flags = {{"source.host", "h"}}})
              .list("source.schemas") == std::vector<std::string>{"public"});
}

TEST_CASE("every problem is told at once, with its line", "[config]") {
    const Folder folder;
    const std::string open = folder.write("password", "x\n", 0644);
    const std::string file = folder.write("a.toml",
                                          "stray = 1\n"
                                          "[source]\n"
                                          "prot = 3\n"
                                          "port = 70000\n"
                                          "schemas = \"public\"\n"
                                          "password_file = \"" +
                                              open +
                                              "\"\n"
                                              "[limits]\n"
                                              "wait = \"5 parsecs\"\n"
                                              "segment_bytes = 12\n"
                                              "[log]\nlevel = \"loud\"\n");
    const std::string text = refusal({.file = file,
                                      .environment = {{"ARDENT_SOURCE_PROT", "1"}},
                                      .flags = {{"source.prot", "1"}}});
    CAPTURE(text);
    CHECK_THAT(text, Catch::Contains(file + ":1: \"stray\" stands outside"));
    CHECK_THAT(text, Catch::Contains(file + ":3: there is no setting \"source.prot\""));
    CHECK_THAT(text,
               Catch::Contains(file + ":4: source.port: 70000 is above the largest value, 65535"));
    CHECK_THAT(text, Catch::Contains(file + ":5: source.schemas must be a list"));
    CHECK_THAT(text, Catch::Contains(file + ":6: source.password_file: may be read by others"));
    CHECK_THAT(text, Catch::Contains(file + ":8: limits.wait: \"5 parsecs\" is not a time"));
    CHECK_THAT(text, Catch::Contains(file + ":9: limits.segment_bytes: 12 is below"));
    CHECK_THAT(text, Catch::Contains(file + ":11: log.level: \"loud\" is none of: debug, info"));
    CHECK_THAT(text, Catch::Contains("environment variable ARDENT_SOURCE_PROT: there is no such"));
    CHECK_THAT(text, Catch::Contains("flag --source-prot: there is no such"));
    CHECK_THAT(text, Catch::Contains(file + ": source.host is required"));
}

TEST_CASE("a file that is no TOML or is not there names the place", "[config]") {
    const Folder folder;
    const std::string file = folder.write("a.toml", "[source]\nhost = \n");
    CHECK_THAT(refusal({.file = file, .environment = {}, .flags = {}}),
               Catch::Contains(file + ":2: "));
    CHECK_THAT(refusal({.file = "/no/such.toml", .environment = {}, .flags = {}}),
               Catch::Contains("/no/such.toml: cannot be read: No such file"));
    const std::string nested = folder.write("b.toml", "[source.more]\nx = 1\n");
    CHECK_THAT(refusal({.file = nested, .environment = {}, .flags = {}}),
               Catch::Contains("there is no setting \"source.more\""));
}

TEST_CASE("a secret is read without its line end and refused when others may read it", "[config]") {
    const Folder folder;
    CHECK(read_secret(folder.write("a", "pass word \r\n\n")) == "pass word ");
    CHECK(read_secret(folder.write("b", "x", 0400)) == "x");
    CHECK_THROWS_AS(read_secret(folder.write("c", "x", 0604)), Error);
    CHECK_THROWS_AS(read_secret(folder.write("d", "\n")), Error);
    CHECK_THROWS_AS(read_secret("/no/such/file"), Error);
    CHECK_THROWS_AS(read_secret("/tmp"), Error);
    try {
        read_secret(folder.write("e", "hunter2", 0644));
        FAIL("accepted");
    } catch (const Error& e) {
        CHECK_THAT(e.what(), !Catch::Contains("hunter2"));
    }
}

TEST_CASE("the example file is accepted once its required values stand", "[config]") {
    const Folder folder;
    const std::string example = example_file(k_options);
    const std::string empty = folder.write("a.toml", example);
    CHECK_THAT(refusal({.file = empty, .environment = {}, .flags = {}}),
               Catch::Contains(empty + ":3: source.host is required"));
    CHECK_NOTHROW(
        load(k_options, {.file = empty, .environment = {}, .flags = {{"source.host", "h"}}}));

    std::string all;  // with every line that is a setting brought to life
    for (std::size_t at = 0; at < example.size();) {
        const std::size_t end = example.find('\n', at);
        std::string line = example.substr(at, end - at);
        if (line.starts_with("#") && !line.starts_with("# ")) {
            line.erase(0, 1);
        }
        all += line + "\n";
        at = end + 1;
    }
    const Values values = load(
        k_options,
        {.file = folder.write("b.toml", all), .environment = {}, .flags = {{"source.host", "h"}}});
    CHECK(values.integer("source.port") == 5432);
    CHECK(values.list("source.schemas") == std::vector<std::string>{"public"});
}

TEST_CASE("sizes and times", "[config]") {
    CHECK(parse_bytes("64MB") == 67108864U);
    CHECK(parse_bytes(" 1 gb ") == 1073741824U);
    CHECK(parse_bytes("12") == 12U);
    CHECK_FALSE(parse_bytes("-1"));
    CHECK_FALSE(parse_bytes("9000000000TB"));
    CHECK_FALSE(parse_bytes("MB"));
    CHECK_FALSE(parse_bytes("1.5GB"));
    CHECK(parse_duration("500ms") == std::chrono::milliseconds(500));
    CHECK(parse_duration("1h") == std::chrono::hours(1));
    CHECK(parse_duration("0") == std::chrono::milliseconds(0));
    CHECK_FALSE(parse_duration("10"));
    CHECK_FALSE(parse_duration(""));
    CHECK(parse_boolean("On") == true);
    CHECK_FALSE(parse_boolean("perhaps").has_value());
}
