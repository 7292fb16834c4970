"""The tree that DuckDB's parser gives (`json_serialize_sql`) to this package's nodes; what is not known is refused.

Every class, type and key of the parser's tree is looked at: a key with a value that this file does not know makes the
expression unsupported, so that a newer DuckDB cannot add a meaning that nobody has looked at. The file is long because
all kinds of nodes are read in it: only so a reader sees that none is left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from rowpattern.errors import QueryError, QuerySyntaxError, UnsupportedQueryError
from rowpattern.sql.duckdb.functions import (
    AGGREGATES,
    AROUND_CLAUSES,
    CALLS_AGGREGATE,
    LAMBDA_FUNCTIONS,
    NAMES_FIELDS,
    OPERATORS,
    SCALARS,
    WINDOWS,
)
from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.expression import nodes
from rowpattern.sql.expression.fields import Fields
from rowpattern.sql.expression.lambdas import free_names, renamed
from rowpattern.sql.expression.other_functions import INSTEAD_OF_FUNCTIONS
from rowpattern.sql.expression.types import check_collation, check_type
from rowpattern.sql.records import replace
from rowpattern.sql.runtime.no_limit import no_limit
from rowpattern.sql.text.source_location import candidates, error_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.sql.expression.fields import Json
    from rowpattern.sql.text.composed import Composed

__all__ = ["NAVIGATION", "TreeReader"]

_Error = TypeVar("_Error", bound=QueryError)

#: Functions of row patterns (ISO/IEC 19075-5, section 5); some have other meanings in DuckDB outside of a clause.
NAVIGATION = frozenset({"first", "last", "prev", "next", "classifier", "match_number"})

#: Each with the least and the most operands.
_OPERATIONS = {
    "OPERATOR_NOT": ("NOT", 1, 1),
    "OPERATOR_IS_NULL": ("IS_NULL", 1, 1),
    "OPERATOR_IS_NOT_NULL": ("IS_NOT_NULL", 1, 1),
    "COMPARE_IN": ("IN", 2, None),
    "OPERATOR_COALESCE": ("COALESCE", 1, None),
    "OPERATOR_TRY": ("TRY", 1, 1),
    "ARRAY_EXTRACT": ("ARRAY_EXTRACT", 2, 2),
    "ARRAY_SLICE": ("ARRAY_SLICE", 3, 4),
    "STRUCT_EXTRACT": ("STRUCT_EXTRACT", 2, 2),
    "ARRAY_CONSTRUCTOR": ("ARRAY_CONSTRUCTOR", 0, None),
}

# What every call has.
_NO_ORDER = {"type": "ORDER_MODIFIER"}
_DIRECTIONS = frozenset({"ORDER_DEFAULT", "ASCENDING", "DESCENDING"})
_NULL_ORDERS = frozenset({"ORDER_DEFAULT", "NULLS FIRST", "NULLS LAST"})

_LITERALS = {
    "INTEGER": re.compile(r"-?[0-9][0-9_]*"),
    "NUMERIC": re.compile(r"-?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?"),
    "HEX": re.compile(r"(?:[0-9A-Fa-f]{2})*"),
    "BIT": re.compile(r"[01]*"),
    "BOOLEAN": re.compile(r"true|false"),
    "STRING": re.compile(r"[^\0]*"),
    "NULL_LITERAL": re.compile(""),
}

# Schemas in which DuckDB's own functions lie; any other name before a function's is a value: `name.upper()`.
_SCHEMAS = frozenset({"main", "pg_catalog", "system", "temp", "memory", "information_schema", "duckdb"})

_NODES_BETWEEN_LOOKS = 256


# Names that Snowflake has for functions of the clause.
_OTHER_NAMES = {"lag": "prev", "lead": "next", "match_sequence_number": "count_star"}

# What says the same in a clause.
_INSTEAD_OF_WINDOWS = {
    "first_value": "write FIRST(x)",
    "last_value": "write LAST(x)",
    "nth_value": "write FIRST(x, n - 1)",
}


class TreeReader:
    """Reads expressions as they may stand in a MATCH_RECOGNIZE clause."""

    def __init__(self, text: Composed, check: Callable[[], None] = no_limit) -> None:
        """Take the text that was parsed, which knows what of it stands where in the query.

        Args:
            text: the text.
            check: called now and then; it raises an error where time is over.
        """
        self._text = text
        self._check = check
        self._read = 0
        self._readers: dict[str, Callable[[Fields, str], nodes.Node]] = {
            "CONSTANT": self._literal,
            "COLUMN_REF": self._column,
            "FUNCTION": self._call,
            "COMPARISON": self._comparison,
            "CONJUNCTION": self._conjunction,
            "OPERATOR": self._operation,
            "BETWEEN": self._between,
            "CASE": self._case,
            "CAST": self._cast,
            "COLLATE": self._collate,
            "LAMBDA": self._arrow,
            "STAR": self._star,
            "WINDOW": self._window,
            "SUBQUERY": self._subquery,
            "PARAMETER": self._parameter,
            "POSITIONAL_REFERENCE": self._position,
            "DEFAULT": self._default,
        }

    def expression(self, node: Json) -> nodes.Node:
        """Read one expression."""
        self._read += 1
        if not self._read % _NODES_BETWEEN_LOOKS:
            self._check()
        keys = Fields(node, self)
        kind, form = keys.take("class"), keys.take("type")
        read = self._readers.get(kind) if isinstance(kind, str) else None
        if read is None or not isinstance(form, str):
            raise self.unknown(f"an expression of the class {kind}", keys)
        # The alias of an element of a list, which the reader of the list has checked.
        keys.take("alias")
        found = read(keys, form)
        keys.end()
        return found

    # Errors.

    def unknown(self, what: str, keys: Fields) -> UnsupportedQueryError:
        """Make the error for what this reader does not know."""
        return self.refused(f"{what} cannot stand in a query here", keys, UnsupportedQueryError)

    def refused(self, message: str, keys: Fields, kind: type[_Error]) -> _Error:
        """Make an error that shows the place of a node."""
        return error_at(message, self._text.location(keys.location), kind)

    # Nodes.

    def _span(self, keys: Fields) -> tuple[int, int] | None:
        return self._text.span(keys.location, keys.length)

    def _literal(self, keys: Fields, form: str) -> nodes.Node:
        # A copy: a tree may be read twice.
        literal = dict(keys.node("literal"))
        kind, text = literal.pop("kind", None), literal.pop("text", "")
        allowed = _LITERALS.get(kind)
        if form != "VALUE_CONSTANT" or literal or allowed is None or not allowed.fullmatch(text):
            raise self.unknown(f"a constant of the kind {kind}", keys)
        return nodes.Literal(kind, text, span=self._span(keys))

    def _column(self, keys: Fields, _: str) -> nodes.Node:
        names = keys.take("column_names")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise self.unknown("this name", keys)
        span = self._span(keys)
        return nodes.Column(tuple(names), self._text.quoted_names(span, len(names)), span=span)

    def _call(self, keys: Fields, _: str) -> nodes.Node:
        name = keys.take("function_name")
        path = keys.node("qualified_name").get("path")
        keys.take("schema"), keys.take("catalog"), keys.take("is_legacy_function_call")
        arguments = [self._argument(each, name) for each in keys.nodes("arguments")]
        operator = bool(keys.take("is_operator"))
        distinct = bool(keys.take("distinct"))
        where = keys.take("filter")
        order_by = self._order(keys.take("order_bys"), keys)
        filtered = None if where is None else self.expression(where)
        if not isinstance(name, str) or not isinstance(path, list) or path[-1:] != [name]:
            raise self.unknown(f"a function named {name}", keys)
        if len(path) > 1:
            if path[0].lower() in _SCHEMAS:
                raise self.refused(
                    f"{'.'.join(path)}: a function is named without a schema", keys, UnsupportedQueryError
                )
            span = self._span(keys)
            quoted = self._text.quoted_names(span, len(path))[: len(path) - 1]
            arguments = [nodes.Argument(nodes.Column(tuple(path[:-1]), quoted, span=span)), *arguments]
        marks = self._text.semantics_marks
        if name.startswith(self._text.subquery_mark):
            return nodes.SubqueryValue(int(name.removeprefix(self._text.subquery_mark)), span=self._span(keys))
        words: list[str] = []
        while (word := next((word for word, mark in marks.items() if name.startswith(mark)), None)) is not None:
            words.append(word)
            name = name.removeprefix(marks[word])
        name = self._own_name(name, arguments, keys)
        if name in {"count_star", "count"} and (not arguments or arguments == [nodes.Argument(nodes.Star())]):
            name, arguments = "count_star", []
        self._check_function(name, operator, keys)
        if name in NAMES_FIELDS:
            arguments = [self._named_field(each, name, keys) for each in arguments]
        if name in CALLS_AGGREGATE and len(arguments) > 1:
            self._check_aggregate_name(arguments[1].value, name, keys)
        call: nodes.Node = nodes.Call(
            name, tuple(arguments), operator, distinct, filtered, order_by, span=self._span(keys)
        )
        for word in reversed(words):
            call = nodes.Semantics(word, call, span=call.span)
        return call

    def _argument(self, node: Json, function: str) -> nodes.Argument:
        name, value = None, node.get("expression")
        if len(node) != 1 or not isinstance(value, dict):
            keys = Fields(node, self)
            name, value = keys.take("name"), keys.node("expression")
            keys.end()
            if name is not None and not isinstance(name, str):
                raise self.unknown("this argument", keys)
        if value.get("class") == "LAMBDA" and function in LAMBDA_FUNCTIONS:
            return nodes.Argument(self._lambda(value), name or None)
        return nodes.Argument(self.expression(value), name or None)

    def _check_function(self, name: str, operator: bool, keys: Fields) -> None:
        """Refuse a function that may read more than its arguments."""
        if operator:
            known = name in OPERATORS or name in {"like_escape", "ilike_escape"}
        else:
            known = name in SCALARS or name in AGGREGATES or name in self._more_functions()
        if not known:
            if name in AROUND_CLAUSES:
                message = f"{name} cannot stand in MATCH_RECOGNIZE; call it in the query around the clause"
                raise self.refused(message, keys, QueryError)
            if name in WINDOWS:
                instead = _INSTEAD_OF_WINDOWS.get(name, "count(*) numbers the rows of a match")
                message = f"{name} is a window function, which cannot stand in MATCH_RECOGNIZE; {instead}"
                raise self.refused(message, keys, QueryError)
            if name in INSTEAD_OF_FUNCTIONS:
                message = f"there is no function {name} here; write {INSTEAD_OF_FUNCTIONS[name]}"
                raise self.refused(message, keys, QueryError)
            functions = sorted(SCALARS | AGGREGATES | self._more_functions())
            message = f"there is no function {name} here; {candidates(name, functions, 'functions')}"
            if len(message) > 200:  # noqa: PLR2004 - no near name: all of them would not help
                message = f"there is no function {name} here; a query calls DuckDB's that read their arguments only"
            raise self.refused(message, keys, QueryError)

    def _named_field(self, argument: nodes.Argument, function: str, keys: Fields) -> nodes.Argument:
        """Name a field as DuckDB does: what is computed for the argument has another name when it is evaluated."""
        if argument.name is None and isinstance(argument.value, nodes.Column):
            return replace(argument, name=argument.value.names[-1])
        if argument.name is None:
            raise self.refused(f"{function} takes named arguments, as in {function}(a := x)", keys, QueryError)
        return argument

    def _check_aggregate_name(self, node: nodes.Node, function: str, keys: Fields) -> None:
        if not isinstance(node, nodes.Literal) or not node.is_text or node.text.lower() not in AGGREGATES:
            message = f"{function} takes the name of an aggregate, written out, as in {function}(x, 'sum')"
            raise self.refused(message, keys, QueryError)

    def _own_name(self, name: str, arguments: list[nodes.Argument], keys: Fields) -> str:
        """Return what a function of Snowflake's clause is called in the standard's."""
        if name == "match_sequence_number" and arguments:
            raise self.refused("MATCH_SEQUENCE_NUMBER() takes no argument", keys, QueryError)
        return _OTHER_NAMES.get(name, name)

    def _more_functions(self) -> frozenset[str]:
        return NAVIGATION

    def _order(self, node: Any, keys: Fields) -> tuple[nodes.OrderItem, ...]:
        if not node or node == _NO_ORDER:
            return ()
        modifier = Fields(node, self)
        if modifier.take("type") != "ORDER_MODIFIER":
            raise self.unknown("this order", keys)
        found = tuple(self._order_item(each) for each in modifier.nodes("orders"))
        modifier.end()
        return found

    def _order_item(self, node: Json) -> nodes.OrderItem:
        keys = Fields(node, self)
        direction, nulls = keys.take("type"), keys.take("null_order")
        if direction not in _DIRECTIONS or nulls not in _NULL_ORDERS:
            raise self.unknown(f"the order {direction} {nulls}", keys)
        found = nodes.OrderItem(self.expression(keys.node("expression")), direction, nulls)
        keys.end()
        return found

    def _comparison(self, keys: Fields, form: str) -> nodes.Node:
        if form not in nodes.COMPARISON_SIGNS:
            raise self.unknown(f"the comparison {form}", keys)
        left, right = self.expression(keys.node("left")), self.expression(keys.node("right"))
        return nodes.Comparison(nodes.COMPARISON_SIGNS[form], left, right, span=self._span(keys))

    def _conjunction(self, keys: Fields, form: str) -> nodes.Node:
        word = {"CONJUNCTION_AND": "AND", "CONJUNCTION_OR": "OR"}.get(form)
        operands = tuple(self.expression(each) for each in keys.nodes("children"))
        if word is None or len(operands) < 2:  # noqa: PLR2004 - of one there is nothing to join
            raise self.unknown(f"the conjunction {form}", keys)
        return nodes.Conjunction(word, operands, span=self._span(keys))

    def _operation(self, keys: Fields, form: str) -> nodes.Node:
        kind, least, most = _OPERATIONS.get(form, ("", 1, 0))
        operands = tuple(self.expression(each) for each in keys.nodes("children"))
        if len(operands) < least or (most is not None and len(operands) > most):
            raise self.unknown(f"the operation {form.lower().replace('_', ' ')}", keys)
        field = operands[1] if kind == "STRUCT_EXTRACT" else None
        if field is not None and not (isinstance(field, nodes.Literal) and field.is_text):
            raise self.unknown("a computed field name", keys)
        return nodes.Operation(kind, operands, span=self._span(keys))

    def _between(self, keys: Fields, _: str) -> nodes.Node:
        value, low, high = (self.expression(keys.node(name)) for name in ("input", "lower", "upper"))
        return nodes.Between(value, low, high, span=self._span(keys))

    def _case(self, keys: Fields, _: str) -> nodes.Node:
        branches = []
        for each in keys.nodes("case_checks"):
            check = Fields(each, self)
            branches.append(
                nodes.Branch(self.expression(check.node("when_expr")), self.expression(check.node("then_expr")))
            )
            check.end()
        if not branches:
            raise self.unknown("a CASE without WHEN", keys)
        return nodes.Case(tuple(branches), self.expression(keys.node("else_expr")), span=self._span(keys))

    def _cast(self, keys: Fields, form: str) -> nodes.Node:
        value, to, safe = self.expression(keys.node("child")), keys.node("type_expr"), bool(keys.take("try_cast"))
        if form != "OPERATOR_CAST":
            raise self.unknown(f"the cast {form}", keys)
        return nodes.Cast(value, self._type(to), safe, span=self._span(keys))

    def _type(self, node: Json) -> nodes.TypeName:
        keys = Fields(node, self)
        keys.take("alias")
        name, path = keys.take("type_name"), keys.node("qualified_name").get("path")
        keys.take("schema"), keys.take("catalog")
        if keys.take("class") != "TYPE" or keys.take("type") != "TYPE" or not isinstance(name, str):
            raise self.unknown("this type", keys)
        if path != [name]:
            raise self.refused(
                f"{'.'.join(map(str, path or [name]))}: a type is named without a schema", keys, UnsupportedQueryError
            )
        parts: list[tuple[str | None, nodes.Node]] = []
        for each in keys.nodes("children"):
            part = self._type(dict(each)) if each.get("class") == "TYPE" else self.expression(each)
            parts.append((each.get("alias") or None, part))
        keys.end()
        found = nodes.TypeName(name.upper() if name.isascii() else name, tuple(parts), span=self._span(keys))
        wrong = check_type(found)
        if wrong is not None:
            raise self.refused(wrong, keys, QueryError)
        return found

    def _collate(self, keys: Fields, _: str) -> nodes.Node:
        value, collation = self.expression(keys.node("child")), keys.take("collation")
        if not isinstance(collation, str) or not check_collation(collation):
            raise self.refused(f"there is no collation {collation}", keys, QueryError)
        return nodes.Collate(value, collation.lower(), span=self._span(keys))

    def _lambda(self, node: Json) -> nodes.Lambda:
        keys = Fields(node, self)
        keys.take("class"), keys.take("type"), keys.take("alias"), keys.take("syntax_type")
        written = self._parameters(keys.node("lhs"), keys)
        body = self.expression(keys.node("expr"))
        keys.end()
        parameters = free_names(len(written), body)
        return nodes.Lambda(
            parameters, renamed(body, dict(zip(written, parameters, strict=True))), span=self._span(keys)
        )

    def _parameters(self, node: Json, keys: Fields) -> tuple[str, ...]:
        if node.get("class") == "FUNCTION" and node.get("function_name") == "row":
            nodes = [each.get("expression", {}) for each in node.get("arguments", [])]
        else:
            nodes = [node]
        names = [each.get("column_names") for each in nodes]
        if not all(each.get("class") == "COLUMN_REF" for each in nodes) or not all(
            isinstance(name, list) and len(name) == 1 for name in names
        ):
            raise self.refused("the parameters of a lambda are names; write lambda x, y: ...", keys, QuerySyntaxError)
        found = tuple(lowered(str(name)) for (name,) in names)
        if not found or len(set(found)) < len(found):
            message = "a lambda has one parameter or more, each with a name of its own"
            raise self.refused(message, keys, QuerySyntaxError)
        return found

    def _arrow(self, keys: Fields, _: str) -> nodes.Node:
        """Read `->` outside of functions that take lambdas, where it reads a part of JSON."""
        if keys.take("syntax_type") != "SINGLE_ARROW":
            raise self.unknown("a lambda", keys)
        left, right = self.expression(keys.node("lhs")), self.expression(keys.node("expr"))
        return nodes.Call("->", (nodes.Argument(left), nodes.Argument(right)), operator=True, span=self._span(keys))

    def _star(self, keys: Fields, _: str) -> nodes.Node:
        relation = keys.take("relation_name")
        if keys.take("columns"):
            raise self.unknown("COLUMNS(...)", keys)
        span = self._span(keys)
        return nodes.Star(relation, self._text.quoted_names(span, 1) == (True,), span=span)

    # What stands around a clause only.

    def _window(self, keys: Fields, _: str) -> nodes.Node:
        message = "a window function cannot stand in MATCH_RECOGNIZE; PREV and NEXT read other rows"
        raise self.refused(message, keys, QueryError)

    def _subquery(self, keys: Fields, _: str) -> nodes.Node:
        if keys.take("subquery_type", "") == "ANY":
            # Of a list: a query in brackets is found before.
            message = "ANY and ALL of a list cannot stand in MATCH_RECOGNIZE; write IN (...), or list_contains(list, x)"
            raise self.refused(message, Fields(keys.node("child"), self), UnsupportedQueryError)
        message = "a subquery cannot stand in MATCH_RECOGNIZE; join its answer to the table before the clause"
        raise self.refused(message, keys, UnsupportedQueryError)

    def _parameter(self, keys: Fields, _: str) -> nodes.Node:
        # Those without a name have a number among all of the query.
        name = self._text.parameters.get(self._text.origin(keys.location) or 0)
        keys.take("identifier")
        if name is None:
            raise self.refused("a parameter cannot stand here; write its value", keys, QueryError)
        return nodes.Parameter(name, span=self._span(keys))

    def _position(self, keys: Fields, _: str) -> nodes.Node:
        raise self.refused("a number sign names no column here; write the column's name", keys, QueryError)

    def _default(self, keys: Fields, _: str) -> nodes.Node:
        raise self.refused("DEFAULT cannot stand in a query", keys, QueryError)
