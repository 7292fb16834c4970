"""Nodes to DuckDB's SQL: every name is quoted, every literal is written anew, and every operation has its parentheses.

Reading what was written gives the same tree (`tests/sql/test_sql_expression_tree.py` checks it on generated trees), so
what DuckDB executes is what was checked.
"""

from __future__ import annotations

from rowpattern.sql.duckdb.names import quoted
from rowpattern.sql.expression import nodes

__all__ = ["quoted", "sql_of"]

_PREFIX_WORDS = {"NOT": "NOT "}
_SUFFIX_WORDS = {"IS_NULL": " IS NULL", "IS_NOT_NULL": " IS NOT NULL"}
_ESCAPES = {"like_escape": "LIKE", "ilike_escape": "ILIKE"}
_DIRECTIONS = {"ORDER_DEFAULT": "", "ASCENDING": " ASC", "DESCENDING": " DESC"}
_NULL_ORDERS = {"ORDER_DEFAULT": "", "NULLS FIRST": " NULLS FIRST", "NULLS LAST": " NULLS LAST"}


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def sql_of(node: nodes.Node) -> str:
    """Write an expression. Takes time linear in its size."""
    if isinstance(node, nodes.Column):
        return ".".join(map(quoted, node.names))
    if isinstance(node, nodes.Literal):
        return _literal(node)
    if isinstance(node, nodes.Call):
        return _call(node)
    if isinstance(node, nodes.Comparison):
        return f"({sql_of(node.left)} {node.sign} {sql_of(node.right)})"
    if isinstance(node, nodes.Conjunction):
        return "(" + f" {node.word} ".join(map(sql_of, node.operands)) + ")"
    if isinstance(node, nodes.Operation):
        return _operation(node)
    if isinstance(node, nodes.Between):
        return f"({sql_of(node.value)} BETWEEN {sql_of(node.low)} AND {sql_of(node.high)})"
    if isinstance(node, nodes.Case):
        branches = " ".join(f"WHEN {sql_of(each.condition)} THEN {sql_of(each.value)}" for each in node.branches)
        return f"CASE {branches} ELSE {sql_of(node.otherwise)} END"
    if isinstance(node, nodes.Cast):
        return f"{'TRY_CAST' if node.safe else 'CAST'}({sql_of(node.value)} AS {_type(node.to)})"
    if isinstance(node, nodes.Collate):
        return f"({sql_of(node.value)} COLLATE {quoted(node.collation)})"
    if isinstance(node, nodes.Lambda):
        return f"(lambda {', '.join(map(quoted, node.parameters))}: {sql_of(node.body)})"
    if isinstance(node, nodes.Parameter):
        return quoted(node.column)
    if isinstance(node, nodes.Star):
        return "*" if node.relation is None else f"{quoted(node.relation)}.*"
    raise AssertionError(f"{type(node).__name__} is not written to DuckDB")


def _literal(node: nodes.Literal) -> str:
    if node.kind == "STRING":
        return _text(node.text)
    if node.kind in {"HEX", "BIT"}:
        return f"{'x' if node.kind == 'HEX' else 'b'}'{node.text}'"
    if node.kind == "NULL_LITERAL":
        return "NULL"
    # `1 - -1`: two signs beside each other would begin a comment.
    return f"({node.text})" if node.text.startswith("-") else node.text


def _call(node: nodes.Call) -> str:
    if node.operator:
        values = [sql_of(each) for each in node.values]
        if node.name in _ESCAPES:
            return f"({values[0]} {_ESCAPES[node.name]} {values[1]} ESCAPE {values[2]})"
        if len(values) == 1:
            return f"({node.name} {values[0]})"
        return f"({values[0]} {node.name} {values[1]})"
    arguments = ", ".join(map(_argument, node.arguments))
    distinct = "DISTINCT " if node.distinct else ""
    order = f" ORDER BY {', '.join(map(_order_item, node.order_by))}" if node.order_by else ""
    # FILTER is no part of the parentheses.
    where = "" if node.filter is None else f" FILTER (WHERE {sql_of(node.filter)})"
    return f"{quoted(node.name)}({distinct}{arguments}{order}){where}"


def _argument(argument: nodes.Argument) -> str:
    name = "" if argument.name is None else f"{quoted(argument.name)} := "
    return name + sql_of(argument.value)


def _order_item(item: nodes.OrderItem) -> str:
    return sql_of(item.value) + _DIRECTIONS[item.direction] + _NULL_ORDERS[item.nulls]


def _operation(node: nodes.Operation) -> str:
    operands = [sql_of(each) for each in node.operands]
    if node.kind in _PREFIX_WORDS:
        return f"({_PREFIX_WORDS[node.kind]}{operands[0]})"
    if node.kind in _SUFFIX_WORDS:
        return f"({operands[0]}{_SUFFIX_WORDS[node.kind]})"
    if node.kind == "IN":
        return f"({operands[0]} IN ({', '.join(operands[1:])}))"
    if node.kind in {"COALESCE", "TRY"}:
        return f"{node.kind}({', '.join(operands)})"
    if node.kind == "ARRAY_CONSTRUCTOR":
        return f"ARRAY[{', '.join(operands)}]"
    if node.kind == "ARRAY_EXTRACT":
        return f"({operands[0]})[{operands[1]}]"
    if node.kind == "ARRAY_SLICE":
        return f"({operands[0]})[{_slice(node)}]"
    assert node.kind == "STRUCT_EXTRACT"  # noqa: S101 - the reader knows no other
    field = node.operands[1]
    assert isinstance(field, nodes.Literal)  # noqa: S101 - the reader takes no other
    return f"({operands[0]}).{quoted(field.text)}"


def _slice(node: nodes.Operation) -> str:
    # The parser puts an empty list where a bound is left out.
    bounds = ["" if bound == nodes.Call("list_value") else sql_of(bound) for bound in node.operands[1:]]
    if len(bounds) == 3 and not bounds[1]:  # noqa: PLR2004 - a bound is left out before a step
        bounds[1] = "-"
    return ":".join(bounds)


def _type(kind: nodes.TypeName) -> str:
    parts = [part for _, part in kind.parts]
    types = [_type(part) if isinstance(part, nodes.TypeName) else sql_of(part) for part in parts]
    if kind.name == "LIST":
        return f"{types[0]}[]"
    if kind.name == "ARRAY":
        return f"{types[0]}[{types[1]}]"
    if not types:
        return kind.name
    inside = [
        part if field is None else f"{quoted(field)} {part}" for (field, _), part in zip(kind.parts, types, strict=True)
    ]
    return f"{kind.name}({', '.join(inside)})"
