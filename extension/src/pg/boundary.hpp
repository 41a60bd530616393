// SPDX-License-Identifier: PostgreSQL
// The border between the server's long jumps and C++. Three laws:
// 1. no C++ exception reaches a C frame: every SQL function is
//    `return enter([&]() -> Datum { … });`
// 2. no server error jumps over a frame with something to destroy: every call that can raise stands
//    inside call(), and nothing with a destructor lives inside that lambda;
// 3. ereport(ERROR) is raised in one place, the end of enter(), when every catch block is closed.
#pragma once

#include "extension/src/pg/prelude.hpp"

namespace ardent::ext::pg {

/// One server error as a C++ exception. The data lies in the memory context that was current at
/// call().
class PgError final : public std::exception {
public:
    explicit PgError(ErrorData* data) noexcept : m_data(data) {}
    const char* what() const noexcept override {
        return m_data->message != nullptr ? m_data->message : "";
    }
    ErrorData* data() const noexcept { return m_data; }
    std::string sqlstate() const { return unpack_sql_state(m_data->sqlerrcode); }

private:
    ErrorData* m_data;
};

class ErrorStackScope {
public:
    ErrorStackScope() noexcept : m_stack(PG_exception_stack), m_context(error_context_stack) {}
    ~ErrorStackScope() {
        PG_exception_stack = m_stack;
        error_context_stack = m_context;
    }
    ErrorStackScope(const ErrorStackScope&) = delete;
    ErrorStackScope& operator=(const ErrorStackScope&) = delete;

private:
    sigjmp_buf* m_stack;
    ErrorContextCallback* m_context;
};

/// Calls into the server; a server error becomes a PgError.
template <class F>
auto call(F&& f) -> std::invoke_result_t<F&> {
    using Result = std::invoke_result_t<F&>;
    static_assert(std::is_void_v<Result> || std::is_trivially_destructible_v<Result>);
    MemoryContext const memory = CurrentMemoryContext;
    {
        const ErrorStackScope scope;
        sigjmp_buf here;
        if (sigsetjmp(here, 0) == 0) {
            PG_exception_stack = &here;
            return f();
        }
    }
    MemoryContextSwitchTo(memory);
    ErrorData* const error = CopyErrorData();
    FlushErrorState();
    throw PgError(error);
}

/// call() inside a sub-transaction: only here a server error may be swallowed, because what the
/// failed command held is given back. Memory context, resource owner and user are those from
/// before.
template <class F>
auto subtransaction(F&& f) -> std::invoke_result_t<F&> {
    MemoryContext const memory = CurrentMemoryContext;
    ResourceOwner const owner = CurrentResourceOwner;
    call([&] {
        BeginInternalSubTransaction(nullptr);
        MemoryContextSwitchTo(memory);
    });
    try {
        auto result = call(f);
        call([&] {
            ReleaseCurrentSubTransaction();
            MemoryContextSwitchTo(memory);
            CurrentResourceOwner = owner;
        });
        return result;
    } catch (const PgError&) {
        call([&] {
            RollbackAndReleaseCurrentSubTransaction();
            MemoryContextSwitchTo(memory);
            CurrentResourceOwner = owner;
        });
        throw;
    }
}

/// False when a server error ended it; the error is still the server's current one.
template <class F>
[[gnu::noinline]] bool finished(F& f) {
    const ErrorStackScope scope;
    sigjmp_buf here;
    if (sigsetjmp(here, 0) == 0) {
        PG_exception_stack = &here;
        f();
        return true;
    }
    return false;
}

/// Runs `body`, which may raise, then `cleanup` whatever happened; a server error goes on. Neither
/// may hold anything to destroy. For hooks, which the server's errors cross.
template <class Body, class Cleanup>
void with_cleanup(Body&& body, Cleanup&& cleanup) {
    static_assert(std::is_trivially_destructible_v<std::remove_reference_t<Body>>);
    const bool done = finished(body);
    cleanup();
    if (!done) {
        pg_re_throw();
    }
}

/// A WARNING to the client and the log.
void warn(const char* message, const char* hint);

/// What enter() caught, without anything to destroy.
struct Failure {
    ErrorData* server_error = nullptr;
    int sqlstate = ERRCODE_INTERNAL_ERROR;
    char message[1024] = "unknown C++ exception";
    char hint[512] = "";
};

/// Describes the exception that is being handled; for the catch block of enter().
void describe_current_exception(Failure& failure) noexcept;
[[noreturn]] void raise(const Failure& failure);

/// The body of an SQL function: C++ exceptions become server errors, base::Error with its SQLSTATE
/// and hint, PgError unchanged. The raise jumps over this frame, so it may hold nothing to destroy.
template <class F>
Datum enter(F&& body) {
    static_assert(std::is_trivially_destructible_v<std::remove_reference_t<F>>);
    Failure failure;
    try {
        return body();
    } catch (...) {
        describe_current_exception(failure);
    }
    raise(failure);
}

}  // namespace ardent::ext::pg
