// SPDX-License-Identifier: PostgreSQL
#include "extension/src/capture/values.hpp"

#include "extension/src/pg/compat.hpp"

namespace ardent::ext::capture {

namespace {

/// What makes a value another thing elsewhere.
struct Finding {
    bool own_code = false;  // functions of users count, whatever they call themselves
    const char* why = nullptr;
};

// STABLE functions of the server's own that read nothing but their arguments and settings that the
// message carries (TimeZone, DateStyle, IntervalStyle), or an enum's labels. The input functions of
// dates and times are not among them: they understand 'now'.
constexpr const char* k_steady[] = {"timestamp_timestamptz",
                                    "timestamptz_timestamp",
                                    "date_timestamptz",
                                    "timestamptz_date",
                                    "timestamptz_time",
                                    "timestamptz_timetz",
                                    "timestamptz_pl_interval",
                                    "timestamptz_mi_interval",
                                    "interval_pl_timestamptz",
                                    "timestamp_out",
                                    "timestamptz_out",
                                    "date_out",
                                    "time_out",
                                    "timetz_out",
                                    "interval_out",
                                    "enum_in",
                                    "enum_out"};

bool is_steady_builtin(const FormData_pg_proc* function, HeapTuple tuple) {
    if (function->pronamespace != PG_CATALOG_NAMESPACE || function->prolang != INTERNALlanguageId) {
        return false;
    }
    bool missing = false;
    const Datum source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &missing);
    const char* const name = missing ? "" : TextDatumGetCString(source);
    for (const char* const steady : k_steady) {
        if (std::strcmp(name, steady) == 0) {
            return true;
        }
    }
    return false;
}

// An extension's functions are the same on both sides; what a user wrote may read anything.
bool is_users(Oid function) {
    return function >= FirstNormalObjectId &&
           !OidIsValid(getExtensionOfObject(ProcedureRelationId, function));
}

bool is_unsteady(Oid id, void* argument) {
    auto* const finding = static_cast<Finding*>(argument);
    HeapTuple const tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(id));
    if (!HeapTupleIsValid(tuple)) {
        return true;
    }
    const auto* const function = reinterpret_cast<const FormData_pg_proc*>(GETSTRUCT(tuple));
    const bool steady =
        function->provolatile == PROVOLATILE_IMMUTABLE
            ? !(finding->own_code && is_users(id))
            : function->provolatile == PROVOLATILE_STABLE && is_steady_builtin(function, tuple);
    if (!steady) {
        finding->why = pstrdup(NameStr(function->proname));
    }
    ReleaseSysCache(tuple);
    return !steady;
}

bool is_unsteady_node(Node* node, void* argument) {
    auto* const finding = static_cast<Finding*>(argument);
    if (node == nullptr) {
        return false;
    }
    if (IsA(node, SQLValueFunction)) {
        finding->why = "a keyword that asks the clock or the session";
        return true;
    }
    if (IsA(node, NextValueExpr)) {
        finding->why = "a sequence";
        return true;
    }
    return check_functions_in_node(node, is_unsteady, argument) ||
           expression_tree_walker(node, ARDENT_TREE_WALKER(is_unsteady_node), argument);
}

// With the defaults of the functions' arguments, and with the bodies of those that the planner puts
// in their place.
bool is_other(const Node* expression, Finding& finding) {
    Node* const planned =
        reinterpret_cast<Node*>(expression_planner(static_cast<Expr*>(copyObjectImpl(expression))));
    return is_unsteady_node(planned, &finding);
}

bool has_word(const char* text, const char* word) {
    const std::size_t size = std::strlen(word);
    for (const char* at = text; *at != '\0'; ++at) {
        const bool begins = at == text || !isalpha(static_cast<unsigned char>(at[-1]));
        if (begins && pg_strncasecmp(at, word, size) == 0 &&
            !isalpha(static_cast<unsigned char>(at[size]))) {
            return true;
        }
    }
    return false;
}

// What the input functions of dates and times understand: the parser has made a value of such a
// literal, so that the expression does not show it any more.
bool asks_the_clock(Node* node, void* argument) {
    if (node == nullptr) {
        return false;
    }
    if (!IsA(node, A_Const)) {
        return raw_expression_tree_walker(node, ARDENT_TREE_WALKER(asks_the_clock), argument);
    }
    const char* const text = pg::string_of(castNode(A_Const, node));
    for (const char* const word : {"now", "today", "tomorrow", "yesterday"}) {
        if (text != nullptr && has_word(text, word)) {
            static_cast<Finding*>(argument)->why = "a literal that asks the clock";
            return true;
        }
    }
    return false;
}

/// The value of one column in its new type; nullptr: there is no such column.
Node* converted(Relation relation, const AlterTableCmd* command) {
    const AttrNumber number = get_attnum(RelationGetRelid(relation), command->name);
    if (number <= 0) {
        return nullptr;
    }
    const auto* const wanted = castNode(ColumnDef, command->def);
    ParseState* const state = make_parsestate(nullptr);
    ParseNamespaceItem* const item =
        addRangeTableEntryForRelation(state, relation, AccessShareLock, nullptr, false, true);
    addNSItemToQuery(state, item, false, true, true);
    Node* value = nullptr;
    if (wanted->raw_default != nullptr) {
        value = transformExpr(state, static_cast<Node*>(copyObjectImpl(wanted->raw_default)),
                              EXPR_KIND_ALTER_COL_TRANSFORM);
    } else {
        const FormData_pg_attribute* const column =
            TupleDescAttr(RelationGetDescr(relation), number - 1);
        value = reinterpret_cast<Node*>(
            makeVar(1, number, column->atttypid, column->atttypmod, column->attcollation, 0));
    }
    Oid type = InvalidOid;
    std::int32_t modifier = -1;
    typenameTypeIdAndMod(state, wanted->typeName, &type, &modifier);
    value = coerce_to_target_type(state, value, exprType(value), type, modifier,
                                  COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
    free_parsestate(state);
    return value;
}

Values judge(Relation relation, const AlterTableCmd* command, Finding& finding) {
    Node* const value = converted(relation, command);
    if (value == nullptr) {
        return Values::unknown;
    }
    const auto* const wanted = castNode(ColumnDef, command->def);
    return is_other(value, finding) || asks_the_clock(wanted->raw_default, &finding) ? Values::other
                                                                                     : Values::same;
}

bool changes_type(const AlterTableCmd* command) {
    return command->subtype == AT_AlterColumnType;
}

const AlterTableStmt* altered_table(const Node* tree) {
    return tree != nullptr && IsA(tree, AlterTableStmt) ? castNode(AlterTableStmt, tree) : nullptr;
}

Values judge_all(const AlterTableStmt* altered, Relation relation, Finding& finding) {
    Values all = Values::same;
    ListCell* cell = nullptr;
    foreach (cell, altered->cmds) {
        const auto* const command = static_cast<const AlterTableCmd*>(lfirst(cell));
        if (!changes_type(command)) {
            continue;
        }
        const Values one = judge(relation, command, finding);
        if (one == Values::other) {
            return one;
        }
        all = one == Values::unknown ? one : all;
    }
    return all;
}

/// The definition in ALTER TABLE … ADD COLUMN; nullptr: it adds none of this name.
const ColumnDef* added_column(const Node* tree, const char* name) {
    const AlterTableStmt* const altered = altered_table(tree);
    ListCell* cell = nullptr;
    foreach (cell, altered == nullptr ? NIL : altered->cmds) {
        const auto* const command = static_cast<const AlterTableCmd*>(lfirst(cell));
        if (command->subtype == AT_AddColumn && command->def != nullptr &&
            IsA(command->def, ColumnDef) &&
            std::strcmp(castNode(ColumnDef, command->def)->colname, name) == 0) {
            return castNode(ColumnDef, command->def);
        }
    }
    return nullptr;
}

bool default_asks_the_clock(const ColumnDef* added, Finding& finding) {
    ListCell* cell = nullptr;
    foreach (cell, added->constraints) {
        const auto* const constraint = static_cast<const Constraint*>(lfirst(cell));
        if (constraint->contype == CONSTR_DEFAULT &&
            asks_the_clock(constraint->raw_expr, &finding)) {
            return true;
        }
    }
    return asks_the_clock(added->raw_default, &finding);
}

}  // namespace

bool converts(const Node* tree) {
    const AlterTableStmt* const altered = altered_table(tree);
    ListCell* cell = nullptr;
    foreach (cell, altered == nullptr ? NIL : altered->cmds) {
        if (changes_type(static_cast<const AlterTableCmd*>(lfirst(cell)))) {
            return true;
        }
    }
    return false;
}

void judge_conversions(Statement* statement) {
    const AlterTableStmt* const altered = castNode(AlterTableStmt, statement->tree);
    const Oid oid = RangeVarGetRelid(altered->relation, NoLock, true);
    if (!OidIsValid(oid) || !ConditionalLockRelationOid(oid, AccessShareLock)) {
        return;
    }
    if (Relation const relation = try_relation_open(oid, NoLock); relation != nullptr) {
        Finding finding;
        statement->conversions = judge_all(altered, relation, finding);
        if (finding.why != nullptr) {
            strlcpy(statement->conversions_why, finding.why, sizeof statement->conversions_why);
        }
        relation_close(relation, NoLock);
    }
    // Given back before the statement takes its own: two sessions that both hold this one would
    // wait for each other.
    UnlockRelationOid(oid, AccessShareLock);
}

Filling filling_of(const Node* tree, Relation relation, const FormData_pg_attribute* column) {
    const ColumnDef* const added = added_column(tree, NameStr(column->attname));
    if (added == nullptr) {
        return {};
    }
    // also of an identity, and of a domain
    Node* const expression = build_column_default(relation, column->attnum);
    if (expression == nullptr) {
        return {Filling::Kind::null, nullptr};
    }
    Finding finding;
    finding.own_code = column->attgenerated != '\0';
    if (is_other(expression, finding) || default_asks_the_clock(added, finding)) {
        return {Filling::Kind::other, finding.why};
    }
    return {Filling::Kind::same, nullptr};
}

}  // namespace ardent::ext::capture
