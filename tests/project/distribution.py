"""What Citus asks of a statement, read from its text: see docs/decisions/0022-citus.md."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cache
from typing import Any

import pglast
from pglast import enums, parse_sql

from lernbatch.database.distribution import DISTRIBUTION, Placement

ast: Any = pglast.ast  # by its types every attribute may be absent; by the grammar those used here are there
KEY = "user_id"
_WRITES = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)
_SCOPES = (ast.SelectStmt, *_WRITES)


@cache
def tree(text: str) -> Any:
    (statement,) = parse_sql(text)
    return statement.stmt


def nodes(root: Any, *, into: Callable[[Any], bool] = lambda _: True) -> Iterator[Any]:
    """Every node below `root` and itself; of a node of which `into` says no, itself alone."""
    if isinstance(root, tuple):
        for each in root:
            yield from nodes(each, into=into)
    elif isinstance(root, ast.Node):
        yield root
        if into(root):
            for name in root:
                yield from nodes(getattr(root, name), into=into)


def scopes(text: str) -> Iterator[Any]:
    """Every SELECT, INSERT, UPDATE and DELETE of a statement, each without those inside it."""
    return (node for node in nodes(tree(text)) if isinstance(node, _SCOPES))


def _own(scope: Any) -> Iterator[Any]:
    """What belongs to a scope itself, and not to one inside it."""
    for name in scope:
        yield from nodes(getattr(scope, name), into=lambda node: not isinstance(node, _SCOPES))


def _name(table: Any) -> str:
    return f"{table.schemaname}.{table.relname}" if table.schemaname else str(table.relname)


def is_kept(table: Any, *kinds: Placement) -> bool:
    return DISTRIBUTION.get(_name(table)) in kinds


def _alias(table: Any) -> str:
    return str(table.alias.aliasname if table.alias else table.relname)


def _names(column: object, alias: str) -> bool:
    """Whether `column` is the key of the table `alias`; without a table's name it may be that of any."""
    if not isinstance(column, ast.ColumnRef):
        return False
    words = [getattr(field, "sval", None) for field in column.fields]
    return words in ([alias, KEY], [KEY])


def _is_given(value: object) -> bool:
    """Whether `value` is a parameter, as it is or cast."""
    return isinstance(value.arg if isinstance(value, ast.TypeCast) else value, ast.ParamRef)


def finds_shards(quals: object, alias: str, *, of_many: bool = True) -> bool:
    """Whether a condition says whose rows of `alias` are meant: `user_id = :x`; for `of_many` also `= ANY(:xs)`."""
    kinds = {enums.A_Expr_Kind.AEXPR_OP, *([enums.A_Expr_Kind.AEXPR_OP_ANY] if of_many else [])}
    return any(
        isinstance(node, ast.A_Expr)
        and node.kind in kinds
        and [word.sval for word in node.name] == ["="]
        and _names(node.lexpr, alias)
        and _is_given(node.rexpr)
        for node in nodes(quals, into=lambda node: not isinstance(node, _SCOPES))
    )


def _quals(scope: Any) -> list[object]:
    """The conditions of a scope: WHERE, and ON of its joins."""
    return [
        getattr(scope, "whereClause", None),
        *(node.quals for node in _own(scope) if isinstance(node, ast.JoinExpr)),
    ]


def _tables(scope: Any) -> list[Any]:
    """The distributed tables that a scope reads, or changes by a condition."""
    written = scope.relation if isinstance(scope, ast.InsertStmt) else None
    return [
        node
        for node in _own(scope)
        if isinstance(node, ast.RangeVar) and node is not written and is_kept(node, Placement.DISTRIBUTED)
    ]


def asks_all_shards(text: str) -> bool:
    """Whether a distributed table is named without whose rows are meant."""
    return any(
        not any(finds_shards(quals, _alias(table)) for quals in _quals(scope))
        for scope in scopes(text)
        for table in _tables(scope)
    )


def fetches_whole(text: str) -> list[str]:
    """Distributed tables at the optional side of a join with what is no distributed one: fetched with no filter."""
    joins = [node for node in nodes(tree(text)) if isinstance(node, ast.JoinExpr)]
    outer = [join for join in joins if join.jointype is not enums.JoinType.JOIN_INNER]
    sides = [(join, join.rarg, join.larg) for join in outer] + [
        (join, join.larg, join.rarg) for join in outer if join.jointype is not enums.JoinType.JOIN_LEFT
    ]
    return [
        _name(optional)
        for join, optional, other in sides
        if isinstance(optional, ast.RangeVar)
        and is_kept(optional, Placement.DISTRIBUTED)
        and not any(isinstance(node, ast.RangeVar) and is_kept(node, Placement.DISTRIBUTED) for node in nodes(other))
        and not finds_shards(join.quals, _alias(optional))
    ]


def depends_on_functions(text: str) -> list[str]:
    """Distributed tables in a LATERAL or a correlated subquery beside a function's rows, for all shards."""
    return [
        _name(table)
        for scope in scopes(text)
        if any(isinstance(node, ast.RangeFunction) for node in _own(scope)) and not _tables(scope)
        for inner in _inner(scope)
        for each in nodes(inner)
        if isinstance(each, _SCOPES) and any(isinstance(node, ast.ColumnRef) for node in nodes(tuple(_quals(each))))
        for table in _tables(each)
        if not any(finds_shards(quals, _alias(table)) for quals in _quals(each))
    ]


def _inner(scope: Any) -> Iterator[Any]:
    for node in _own(scope):
        if isinstance(node, ast.RangeSubselect) and node.lateral:
            yield node.subquery
        if isinstance(node, ast.SubLink):
            yield node.subselect


def locks_many(text: str) -> list[str]:
    """Distributed tables whose rows are locked by reading them, of more than one learner."""
    return [
        _name(table)
        for scope in scopes(text)
        if isinstance(scope, ast.SelectStmt) and scope.lockingClause
        for table in _tables(scope)
        if not any(finds_shards(quals, _alias(table), of_many=False) for quals in _quals(scope))
    ]


def broadcasts(text: str) -> list[str]:
    """What makes a node that is away stop the writes of all: a WITH that writes, a table filled by a SELECT."""
    written = [node for node in nodes(tree(text)) if isinstance(node, _WRITES)]
    told = ["it writes more than one table"] if len(written) > 1 else []
    told += ["a WITH writes" for node in nodes(tree(text)) if isinstance(node, ast.CommonTableExpr) and _writes(node)]
    return told + [
        "INSERT … SELECT" for node in written if isinstance(node, ast.InsertStmt) and not node.selectStmt.valuesLists
    ]


def _writes(expression: Any) -> bool:
    return isinstance(expression.ctequery, _WRITES)


def reckons_by_node(text: str, changing: Collection[str]) -> list[str]:
    """What may not stand in the SET of a table that several nodes or shards write: its key, functions of `changing`.

    A function that is given nothing of the row is evaluated once, before; ON CONFLICT takes not even that.
    """
    told: list[str] = []
    for node in nodes(tree(text)):
        is_update = isinstance(node, ast.UpdateStmt)
        clause: Any = node if is_update else getattr(node, "onConflictClause", None)
        table: Any = getattr(node, "relation", None)
        if clause is None or table is None or not is_kept(table, Placement.DISTRIBUTED, Placement.REFERENCE):
            continue
        for each in nodes(clause.targetList):
            if isinstance(each, ast.ResTarget) and each.name == KEY and is_kept(table, Placement.DISTRIBUTED):
                told.append("the key")
            if isinstance(each, ast.FuncCall) and (name := function(each)) in changing:
                of_row = any(isinstance(given, ast.ColumnRef) for given in nodes(each.args))
                told += [name] if of_row or not is_update else []
    return told


def function(call: Any) -> str:
    return str(call.funcname[-1].sval)


_ALTERATIONS = {
    "AT_AddColumn",
    "AT_AddConstraint",
    "AT_AlterColumnType",
    "AT_ColumnDefault",
    "AT_DropColumn",
    "AT_DropConstraint",
    "AT_DropNotNull",
    "AT_ResetRelOptions",
    "AT_SetNotNull",
    "AT_SetRelOptions",
    "AT_ValidateConstraint",
}


def alters_badly(text: str) -> list[str]:
    """Tables of several nodes of which one ALTER TABLE changes several things, or one that Citus does not change."""
    return [
        _name(statement.stmt.relation)
        for statement in parse_sql(text)
        if isinstance(statement.stmt, ast.AlterTableStmt)
        and is_kept(statement.stmt.relation, Placement.DISTRIBUTED, Placement.REFERENCE)
        and (len(statement.stmt.cmds) > 1 or statement.stmt.cmds[0].subtype.name not in _ALTERATIONS)
    ]
