// SPDX-License-Identifier: PostgreSQL
// Runs the environment's apply without agent and HTTP, for tests and measurements:
//   apply_driver init  REPLICA ROLE SYSTEM_IDENTIFIER LSN     the progress row, as superuser
//   apply_driver dump  SOURCE SLOT FILE SEGMENT_BYTES         what a wal2json slot holds, as
//                                                             segments in a file
//   apply_driver apply REPLICA SYSTEM_IDENTIFIER ENCODING FILE [delivered|held]
// `apply` ends with one line: `durable=… seconds=… …`, or `failure: …` and exit 1, or `lost` and
// exit 3; `held`: the worker is then kept until stdin ends.
#include "common/decode/wal2json.hpp"
#include "common/pq/connection.hpp"
#include "environment/apply/progress.hpp"
#include "environment/apply/worker.hpp"
#include "environment/instance/superuser.hpp"
#include "environment/replica/writer_functions.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace ardent;

// Of servers that live for a test; `apply` has no superuser that could give it a new one.
constexpr const char* k_secret = "\\x5365637265742073656372657420736563726574";

pq::ConnectOptions options_of(const std::string& conninfo, const std::string& name) {
    pq::ConnectOptions options;
    options.parameters = {{"dbname", conninfo}};
    options.settings = pq::exact_text_settings();
    options.name = name;
    return options;
}

int init(const std::vector<std::string>& arguments) {
    environment::Superuser connection(options_of(arguments.at(0), "replica"));
    apply::create_progress(connection, arguments.at(1));
    environment::set_writer_secret(connection, k_secret);
    apply::ProgressRow row;
    row.system_identifier = arguments.at(2);
    row.timeline = 1;
    row.durable = model::parse_lsn(arguments.at(3)).value();
    row.slot = "ardent_test";
    apply::write_progress(connection, row);
    return 0;
}

class SegmentFile {
public:
    SegmentFile(const std::string& path, std::size_t limit)
        : m_file(path, std::ios::binary), m_limit(limit) {}

    void add(model::Lsn lsn, std::string_view text, decode::Wal2jsonDecoder& decoder) {
        const char letter = decode::action_letter(text);
        m_open = letter == 'B' || (m_open && letter != 'C');
        m_writer.add(lsn, text);
        if (letter == 'C') {
            m_writer.commit(decoder.decode(lsn, text).commit_end);
        }
        if (m_writer.raw_bytes() >= m_limit) {
            flush();
        }
    }

    void flush() {
        if (m_writer.empty()) {
            return;
        }
        m_writer.open_transaction(m_open);
        protocol::SegmentHeader header = m_writer.header();
        header.sequence = m_sequence++;
        m_file << protocol::encode(header, m_writer.payload(), 0);
        m_writer = {};
    }

private:
    std::ofstream m_file;
    std::size_t m_limit;
    protocol::SegmentWriter m_writer;
    std::uint64_t m_sequence = 0;
    bool m_open = false;
};

int dump(const std::vector<std::string>& arguments) {
    pq::ConnectOptions options = options_of(arguments.at(0), "source");
    options.parameters.emplace_back("client_encoding",
                                    "SQL_ASCII");  // no conversion: the plugin's own bytes
    pq::Connection connection(options);
    decode::Wal2jsonDecoder decoder("SQL_ASCII");
    SegmentFile file(arguments.at(2), std::stoul(arguments.at(3)));
    const std::string sql =
        "SELECT lsn, data FROM pg_catalog.pg_logical_slot_get_changes(" +
        connection.quote_literal(arguments.at(1)) +
        ", NULL, NULL, 'format-version', '2', 'include-lsn', 'true', 'include-xids', 'true', "
        "'include-timestamp', 'true', 'include-transaction', 'true', 'include-types', 'false')";
    PQsendQuery(connection.handle(), sql.c_str());
    PQsetSingleRowMode(connection.handle());
    while (PGresult* const raw = PQgetResult(connection.handle())) {
        const pq::Result result(raw);
        connection.check(result.handle(), sql);
        if (result.rows() == 1) {
            file.add(model::parse_lsn(result.text(0, 0)).value(), result.text(0, 1), decoder);
        }
    }
    file.flush();
    return 0;
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    std::string bytes(static_cast<std::size_t>(file.tellg()), '\0');
    file.seekg(0);
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return bytes;
}

/// The last position that the segments reach.
model::Lsn submit_all(apply::Worker& worker, const std::string& bytes,
                      std::chrono::steady_clock::time_point deadline) {
    model::Lsn last;
    std::string_view rest = bytes;
    while (!rest.empty()) {
        const std::uint64_t stored = [&] {
            std::uint64_t value = 0;
            for (int i = 7; i >= 0; --i) {
                value = value << 8U |
                        static_cast<unsigned char>(rest[static_cast<std::size_t>(72 + i)]);
            }
            return value;
        }();
        const std::string_view body = rest.substr(0, protocol::k_segment_header_bytes + stored);
        const protocol::SegmentHeader header = protocol::read_header(body);
        worker.submit(header, protocol::read_payload(header, body, std::uint64_t{2} << 30U),
                      deadline);
        last = std::max({last, header.last_commit_end, header.advance_to});
        rest.remove_prefix(body.size());
    }
    return last;
}

int finish(const apply::Worker& worker, double seconds) {
    if (worker.session_lost()) {
        std::cout << "lost\n";
        return 3;
    }
    if (const auto failure = worker.failure()) {
        std::cout << "failure: " << failure->message
                  << (failure->row.empty() ? "" : ", row " + failure->row)
                  << "\nhint: " << failure->hint << "\ntable: " << failure->table
                  << "\nlsn: " << (failure->lsn ? model::to_string(*failure->lsn) : "") << "\n";
        return 1;
    }
    const apply::Counters counters = worker.counters();
    std::cout << "durable=" << model::to_string(worker.durable()) << " seconds=" << seconds
              << " transactions=" << counters.transactions
              << " target_transactions=" << counters.target_transactions
              << " inserted=" << counters.inserted << " updated=" << counters.updated
              << " deleted=" << counters.deleted << " truncated=" << counters.truncated
              << " skipped=" << counters.skipped_transactions
              << " ignored=" << counters.ignored_messages << " bytes=" << counters.bytes << "\n";
    return 0;
}

int apply_file(const std::vector<std::string>& arguments) {
    apply::WorkerOptions options;
    options.replica = options_of(arguments.at(0), "replica");
    options.secret = k_secret;
    options.system_identifier = arguments.at(1);
    options.server_encoding = arguments.at(2);
    const std::string how = arguments.size() > 4 ? arguments[4] : "";
    options.delivered_only = how == "delivered";
    const std::string bytes = read_file(arguments.at(3));
    apply::Worker worker(options);
    const auto begin = std::chrono::steady_clock::now();
    try {
        const auto deadline = begin + std::chrono::minutes(10);
        const model::Lsn last = submit_all(worker, bytes, deadline);
        if (last.valid() && !worker.wait_durable(model::Lsn{last.value - 1}, deadline)) {
            std::cout << "deadline\n";
            return 4;
        }
    } catch (const base::Error& error) {
        std::cerr << error.what() << "\n";
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    const int code = finish(worker, took.count());
    if (how == "held") {
        std::cout.flush();
        std::cin.ignore(std::numeric_limits<std::streamsize>::max());
    }
    worker.stop();
    return code;
}

}  // namespace

int main(int count, char** arguments) {
    const std::vector<std::string> rest(arguments + (count > 1 ? 2 : 1), arguments + count);
    const std::string_view mode = count > 1 ? arguments[1] : "";
    try {
        if (mode == "init") {
            return init(rest);
        }
        if (mode == "dump") {
            return dump(rest);
        }
        if (mode == "apply") {
            return apply_file(rest);
        }
        std::cerr << "usage: apply_driver init|dump|apply ...\n";
    } catch (const std::exception& error) {
        std::cerr << "apply_driver: " << error.what() << "\n";
    }
    return 2;
}
