// SPDX-License-Identifier: PostgreSQL
#include "extension/src/pg/boundary.hpp"

#include "common/base/error.hpp"

namespace ardent::ext::pg {

namespace {

// Cut on a character's border, so that the client gets no broken text.
template <std::size_t N>
void put(char (&target)[N], const char* text) noexcept {
    const int length = static_cast<int>(std::strlen(text));
    const int kept = pg_mbcliplen(text, length, static_cast<int>(N) - 1);
    std::memcpy(target, text, static_cast<std::size_t>(kept));
    target[kept] = '\0';
}

int packed(const std::string& sqlstate) noexcept {
    if (sqlstate.size() != 5) {
        return ERRCODE_INTERNAL_ERROR;
    }
    return MAKE_SQLSTATE(sqlstate[0], sqlstate[1], sqlstate[2], sqlstate[3], sqlstate[4]);
}

}  // namespace

void describe_current_exception(Failure& failure) noexcept {
    try {
        throw;
    } catch (const PgError& e) {
        failure.server_error = e.data();
    } catch (const base::Error& e) {
        failure.sqlstate = packed(e.sqlstate());
        put(failure.message, e.what());
        put(failure.hint, e.hint().c_str());
    } catch (const std::bad_alloc&) {
        failure.sqlstate = ERRCODE_OUT_OF_MEMORY;
        put(failure.message, "out of memory");
    } catch (const std::exception& e) {
        put(failure.message, e.what());
    } catch (...) {
        failure.sqlstate = ERRCODE_INTERNAL_ERROR;
    }
}

void warn(const char* message, const char* hint) {
    ereport(WARNING, (errmsg("%s", message), errhint("%s", hint)));
}

void raise(const Failure& failure) {
    if (failure.server_error != nullptr) {
        ReThrowError(failure.server_error);
    }
    ereport(ERROR, (errcode(failure.sqlstate), errmsg("%s", failure.message),
                    failure.hint[0] != '\0' ? errhint("%s", failure.hint) : 0));
    pg_unreachable();
}

}  // namespace ardent::ext::pg
