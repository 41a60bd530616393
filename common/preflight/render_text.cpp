// SPDX-License-Identifier: PostgreSQL
#include "common/base/text.hpp"
#include "common/preflight/preflight.hpp"

#include <algorithm>

namespace ardent::preflight {

namespace {

class TextReport {
public:
    TextReport(const Report& report, const TextOptions& options)
        : m_report(report), m_options(options), m_unicode(options.letters == Letters::unicode) {}

    std::vector<std::string> write() {
        add("Running preflight against " + m_report.target + (m_unicode ? "…" : "..."));
        add("");
        add("Connection checks:");
        section(Section::connection);
        further();
        if (!m_report.source_provider.empty()) {
            add("");
            add("Detected source provider: " + m_report.source_provider);
        }
        scripts();
        add("");
        closing();
        return std::move(m_lines);
    }

private:
    const char* mark(Status status) const noexcept {
        switch (status) {
        case Status::pass:
            return m_unicode ? "✓" : "[ok]";
        case Status::fail:
            return m_unicode ? "✗" : "[FAIL]";
        case Status::warn:
            return m_unicode ? "⚠" : "[warn]";
        case Status::unverified:
            return m_unicode ? "?" : "[?]";
        case Status::info:
            return m_unicode ? "i" : "[i]";
        }
        return "[?]";
    }

    // One element is one line, whatever a name holds.
    void add(std::string line) {
        std::replace(line.begin(), line.end(), '\n', ' ');
        std::replace(line.begin(), line.end(), '\r', ' ');
        m_lines.push_back(std::move(line));
    }

    void check(const CheckResult& check) {
        add(std::string("  ") + mark(check.status) + " " + check.label +
            (check.shown.empty() ? "" : " (" + check.shown + ")"));
        for (const std::string& detail : check.details) {
            add("      " + detail);
        }
        if (!check.hint.empty()) {
            add(std::string("      ") + (m_unicode ? "→ " : "-> ") + check.hint);
        }
    }

    void section(Section which) {
        for (const CheckResult& result : m_report.checks) {
            if (result.section == which && shows(result)) {
                check(result);
            }
        }
    }

    bool shows(const CheckResult& result) const noexcept {
        return result.section == Section::connection || m_options.verbose ||
               result.status != Status::pass;
    }

    void further() {
        std::size_t shown = 0;
        std::size_t hidden = 0;
        for (const CheckResult& result : m_report.checks) {
            if (result.section != Section::connection) {
                ++(shows(result) ? shown : hidden);
            }
        }
        if (shown > 0) {
            add("");
            add("Further checks:");
            section(Section::further);
        }
        if (hidden > 0) {
            add("");
            add(std::to_string(hidden) + (hidden == 1 ? " further check" : " further checks") +
                " passed");
        }
    }

    void script(const char* title, const std::string& text) {
        add("");
        add(std::string("--- ") + title + " ---");
        for (std::string& line : base::split(text, '\n')) {
            add(std::move(line));
        }
        while (!m_lines.empty() && m_lines.back().empty()) {
            m_lines.pop_back();
        }
    }

    void scripts() {
        if (!m_report.settings_script.empty() && (m_report.settings_needed || m_options.verbose)) {
            script("Settings script", m_report.settings_script);
        }
        if (m_report.grant_script.empty()) {
            return;
        }
        script("Grant script", m_report.nothing_to_grant && !m_options.verbose
                                   ? "-- nothing to grant: the role has what it needs"
                                   : m_report.grant_script);
    }

    void closing() {
        const auto unverified = static_cast<std::size_t>(
            std::count_if(m_report.checks.begin(), m_report.checks.end(),
                          [](const CheckResult& c) { return c.status == Status::unverified; }));
        std::string line =
            std::string(mark(m_report.preflight_pass ? Status::pass : Status::fail)) +
            (m_report.preflight_pass
                 ? " Preflight checks passed."
                 : " Preflight checks did NOT pass. Fix the failures above before creating.");
        if (unverified > 0) {
            line += " " + std::to_string(unverified) +
                    " could not be verified from here; creating the slot proves it.";
        }
        add(std::move(line));
    }

    const Report& m_report;
    const TextOptions& m_options;
    bool m_unicode;
    std::vector<std::string> m_lines;
};

}  // namespace

std::vector<std::string> to_text(const Report& report, const TextOptions& options) {
    return TextReport(report, options).write();
}

}  // namespace ardent::preflight
