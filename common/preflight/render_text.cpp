// SPDX-License-Identifier: PostgreSQL
#include "common/base/text.hpp"
#include "common/preflight/preflight.hpp"

#include <algorithm>
#include <optional>

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
        product();
        further();
        if (!m_report.source_provider.empty()) {
            add("");
            add((m_report.provider_detected ? "Detected source provider: " : "Source provider: ") +
                m_report.source_provider);
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

    // One element is one line, whatever a name holds, and none drives the terminal that shows it.
    void add(std::string line) {
        std::replace(line.begin(), line.end(), '\n', ' ');
        std::replace(line.begin(), line.end(), '\r', ' ');
        m_lines.push_back(base::printable(line));
    }

    void check(const CheckResult& check) { say(check, check.label); }

    void say(const CheckResult& check, const std::string& label) {
        add(std::string("  ") + mark(check.status) + " " + label +
            (check.shown.empty() ? "" : " (" + check.shown + ")"));
        for (const std::string& detail : check.details) {
            add("      " + detail);
        }
        if (!check.hint.empty()) {
            add(std::string("      ") + (m_unicode ? "→ " : "-> ") + check.hint);
        }
        if (!check.fix_elsewhere && !check.fix.empty()) {
            for (const std::string& line : base::split(base::trim(check.fix), '\n')) {
                add("        " + line);
            }
        }
    }

    void product() {
        for (const CheckResult& result : m_report.checks) {
            if (result.section == Section::connection) {
                check(result);
            }
        }
    }

    bool shows(const CheckResult& result) const noexcept {
        return m_options.verbose || result.status != Status::pass;
    }

    /// Both have nothing to say but the same reason.
    static bool is_same(const CheckResult& one, const CheckResult& other) {
        return one.section == other.section && one.status == other.status &&
               one.details == other.details && one.hint == other.hint && !one.details.empty() &&
               one.shown.empty() && other.shown.empty() && one.fix.empty() && other.fix.empty();
    }

    /// The label, and those of later checks that say the same; nothing for one that an earlier one
    /// has spoken for.
    std::string labels(const CheckResult& result) const {
        std::string all;
        for (const CheckResult& other : m_report.checks) {
            if (&other != &result && (m_options.verbose || !is_same(result, other))) {
                continue;
            }
            if (all.empty() && &other != &result) {
                return {};
            }
            all += (all.empty() ? "" : ", ") + other.label;
        }
        return all;
    }

    void further() {
        std::size_t hidden = 0;
        std::optional<Section> last;
        for (const CheckResult& result : m_report.checks) {
            if (result.section == Section::connection) {
                continue;
            }
            if (!shows(result)) {
                ++hidden;
                continue;
            }
            if (last != result.section) {
                add("");
                add(to_string(result.section) + std::string(":"));
                last = result.section;
            }
            if (const std::string label = labels(result); !label.empty()) {
                say(result, label);
            }
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

    std::size_t count(Status status) const {
        return static_cast<std::size_t>(
            std::count_if(m_report.checks.begin(), m_report.checks.end(),
                          [status](const CheckResult& c) { return c.status == status; }));
    }

    void closing() {
        const std::size_t warnings = count(Status::warn);
        const std::size_t unverified = count(Status::unverified);
        std::string line =
            std::string(mark(m_report.preflight_pass ? Status::pass : Status::fail)) +
            (m_report.preflight_pass
                 ? " Preflight checks passed."
                 : " Preflight checks did NOT pass. Fix the failures above before creating.");
        if (warnings > 0) {
            line += " " + std::to_string(warnings) +
                    (warnings == 1 ? " warning does not block." : " warnings do not block.");
        }
        if (unverified > 0) {
            line += " " + std::to_string(unverified) +
                    " could not be verified from here, which does not block either.";
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
