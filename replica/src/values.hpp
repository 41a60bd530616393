// SPDX-License-Identifier: PostgreSQL
// Reads a value from the text that the source printed, without judging it: the checks and NOT NULL
// of domains are not evaluated, wherever in the type the domain is. (One exception: the domain
// below a range; see values.cpp.)
#pragma once

#include "replica/src/server.hpp"

namespace ardent::rows {

/// How values of one type are read. Lives in the memory context that it was made in.
struct ValueReader {
    FmgrInfo function;  // the type's input function, or one of ours in its place
    Oid parameter;
    int32 typmod;
    bool as_caller;  // with the rights of the session's user; runs the server's own code only
};

/// Raises a server error for a type that cannot be read.
ValueReader* make_reader(Oid type, int32 typmod);

/// `text` ends with NUL and is in the server's encoding. The value is made in the current memory
/// context. Raises what the type's input function raises.
Datum read_value(ValueReader* reader, char* text);

}  // namespace ardent::rows
