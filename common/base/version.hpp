// SPDX-License-Identifier: PostgreSQL
#pragma once

namespace ardent::base {

/// The version in ardent.control; all programs and the extension of one build carry the same.
const char* version() noexcept;

}  // namespace ardent::base
