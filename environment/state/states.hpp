// SPDX-License-Identifier: PostgreSQL
// The states of a connector, in one place. A phase says how far it got; a failure stands beside the
// phase, so that mending it goes on where it stopped. Pure.
//
//   phase      event         next
//   pending    copy_begun    copying
//   copying    copy_begun    copying      (interrupted, begun again)
//   copying    copy_done     streaming
//   streaming  resync        pending      (the replica stays readable until the copy begins)
//   copying    resync        pending
//   pending    resync        pending
//   any        removal       deleting
//
// Anything else is refused.
#pragma once

#include <optional>
#include <string_view>

namespace ardent::environment {

enum class Phase { pending, copying, streaming, deleting };
enum class Event { copy_begun, copy_done, resync, removal };

std::optional<Phase> next_phase(Phase phase, Event event) noexcept;

const char* to_string(Phase phase) noexcept;
/// Throws base::Error (bug) for another word.
Phase parse_phase(std::string_view word);

/// The word in a connector's `status`: the phase, or "failed", or "degraded" while it streams with
/// warnings.
const char* status_word(Phase phase, bool failed, bool warned) noexcept;

}  // namespace ardent::environment
