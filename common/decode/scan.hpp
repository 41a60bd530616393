// SPDX-License-Identifier: PostgreSQL
// The short way through a message: wal2json writes the same few shapes without white space, and
// most values have nothing to unescape. Reads those in one pass, without a copy; everything else is
// left to the JSON reader, which also tells what is wrong. Pure; any thread.
#pragma once

#include "common/model/change.hpp"

#include <string_view>

namespace ardent::decode {

/// True when the whole message was read; the views in `change` then point into it. False says
/// nothing about the message, and `change` holds rubbish. Fields are cleared by the caller. With
/// `ascii` a byte above 0x7F is left to the JSON reader, which checks UTF-8.
bool scan(std::string_view message, bool ascii, model::Change& change);

}  // namespace ardent::decode
