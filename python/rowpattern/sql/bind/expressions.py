"""Expressions of DEFINE and MEASURES: navigation is taken out, names are looked up, the rest stays an expression.

The rules are those of ISO/IEC 19075-5, chapter 5: all columns in one navigation or one aggregate name the same
variable; physical navigation may stand around logical one, not inside; FINAL is for measures only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.errors import QueryError
from rowpattern.sql.bind.aggregate_calls import counts_star, in_row_order, is_aggregate
from rowpattern.sql.bind.aggregate_macros import macro_body
from rowpattern.sql.bind.keywords import with_calls
from rowpattern.sql.bind.leaves import columns_in, is_navigation, leaves
from rowpattern.sql.bind.references import (
    BoundExpression,
    MatchNumber,
    Navigation,
    RowClassifier,
    RowExists,
    Value,
    column_away,
    computed_source,
)
from rowpattern.sql.bind.row_expression import with_fields
from rowpattern.sql.bind.scope import folded
from rowpattern.sql.expression.nodes import (
    Argument,
    Branch,
    Call,
    Case,
    Column,
    Lambda,
    Literal,
    Node,
    Operation,
    Semantics,
    Star,
    children,
    map_children,
    replaced,
    span_of,
    text_of,
    walk,
)
from rowpattern.sql.expression.read import NAVIGATION
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.records import replace
from rowpattern.sql.text.composed import IGNORE_NULLS
from rowpattern.sql.text.source_location import SourceLocation, error_at

if TYPE_CHECKING:
    from typing import TypeGuard

    from rowpattern.sql.bind.references import Reference, RowValue
    from rowpattern.sql.bind.scope import Scope
    from rowpattern.sql.parse.clause import ExpressionSource

__all__ = ["ExpressionReader"]

_NULL = Literal("NULL_LITERAL")

# What PREV and NEXT may be called.
_OTHER_NAMES = {"PREV": ("LAG",), "NEXT": ("LEAD",)}

# More rows than any table has.
_FARTHEST = 1 << 48
# Navigation in the other direction.
_OTHER_WAY = {"PREV": "NEXT", "NEXT": "PREV", "LAG": "LEAD", "LEAD": "LAG"}

_NODES_BETWEEN_LOOKS = 256


class ExpressionReader:
    """What conditions and measures have in common."""

    def __init__(self, scope: Scope, location: SourceLocation) -> None:
        self._columns = scope.columns
        self._variables = scope.variables
        self._references = scope.references
        self._check = scope.check
        self._order = scope.order
        self._looked_up = 0
        self._location = location
        self._final = False
        # The parameters of the lambdas around what is being read.
        self._bound: frozenset[str] = frozenset()

    def read(self, written: ExpressionSource, node: Node | None = None) -> BoundExpression:
        """Take the navigation out of an expression; `node` is what it means, where that is more than was written."""
        rewritten = self._rewrite(with_calls(written.node if node is None else node, self._columns))
        reads = self._references.named(columns_in(rewritten))
        return BoundExpression(sql_of(rewritten), written.text, reads, rewritten)

    def _fail(self, message: str, node: Node, kind: type[QueryError] = QueryError) -> QueryError:
        return error_at(message, self._near(node), kind)

    def _near(self, node: Node) -> SourceLocation:
        span = span_of(node)
        return self._location if span is None else SourceLocation(self._location.sql, span[0])

    def _text(self, node: Node) -> str:
        """Return an expression as the query has it."""
        return text_of(node, self._location.sql)

    def _reference(self, item: Reference, written: Node) -> Node:
        """Return a reference in the place of what the query has for it."""
        return Column((self._references.name(item),), span=span_of(written))

    def _rewrite(self, node: Node) -> Node:
        self._looked_up += 1
        if not self._looked_up % _NODES_BETWEEN_LOOKS:
            self._check()
        if isinstance(node, Semantics):
            return self._semantics(node)
        if isinstance(node, Column):
            return node if node.names[0] in self._bound else self._navigate(node, node, Navigation())
        if isinstance(node, Call) and node.name in NAVIGATION:
            return self._navigation(node)
        if isinstance(node, Call) and (body := macro_body(node)) is not None:
            return self._rewrite(replace(body, span=node.span))
        if isinstance(node, Call) and is_aggregate(node):
            return self._aggregate(node)
        if isinstance(node, Star):
            raise self._fail("* can only stand in count(*) and count(A.*)", node)
        if isinstance(node, Lambda):
            return self._lambda(node)
        return map_children(node, self._rewrite)

    def _lambda(self, node: Lambda) -> Node:
        before = self._bound
        self._bound = before | set(node.parameters)
        try:
            return map_children(node, self._rewrite)
        finally:
            self._bound = before

    def _semantics(self, node: Semantics) -> Node:
        call = node.call
        if node.word == IGNORE_NULLS:
            return self._navigation_over_values(node)
        if isinstance(call, Semantics) and call.word == IGNORE_NULLS:
            call = call.call
        physical = isinstance(call, Call) and call.name in {"prev", "next"}
        if physical or not (is_aggregate(call) or is_navigation(call)):
            raise self._fail(f"{node.word} stands before FIRST, LAST or an aggregate only", node)
        before, self._final = self._final, self._is_final(node.word, call)
        try:
            return self._rewrite(node.call)
        finally:
            self._final = before

    def _navigation_over_values(self, node: Semantics) -> Node:
        """Read FIRST or LAST with IGNORE NULLS: over rows where the expression is not NULL, which is an aggregate."""
        call = node.call
        assert isinstance(call, Call)  # noqa: S101 - the parser marks calls only
        name = self._called(call)
        if call.distinct or call.filter is not None or call.order_by:
            raise self._fail(f"{name} takes an expression and, if need be, an offset", node)
        physical = call.name in {"prev", "next"}
        inner, offset = self._operand(call, 1 if physical else 0)
        self._refuse_navigation(inner, name)
        if physical:
            return self._value_away(node, inner, offset if call.name == "next" else -offset)
        first = call.name == "first"
        if first and not offset:
            return self._aggregate(Call("any_value", (Argument(inner),), span=node.span))
        if not offset and isinstance(inner, Column):
            return self._aggregate(Call("arg_max", (Argument(inner),), span=node.span), by_row=True)
        # Of the first or last few rows with a value, by their places: DuckDB keeps so many however long the match is.
        function = "arg_min" if first else "arg_max"
        count = Argument(Literal("INTEGER", str(offset + 1)))
        values = self._aggregate(Call(function, (Argument(inner), count), span=node.span), by_row=True)
        return Operation("ARRAY_EXTRACT", (values, count.value), span=node.span)

    def _value_away(self, node: Semantics, inner: Node, distance: int) -> Node:
        """Read PREV or NEXT with IGNORE NULLS: the value so many values away from the row is a column of its own."""
        name = self._called(node.call)
        if not distance:
            raise self._fail(f"{name} with IGNORE NULLS takes an offset above 0", node)
        qualifiers: set[tuple[str, ...] | None] = set()
        new: dict[int, Node] = {}
        for leaf in leaves(inner, self._bound):
            if not isinstance(leaf, Column):
                raise self._fail(f"{name} with IGNORE NULLS takes an expression over columns", leaf)
            variables, column, fields = self._column(leaf)
            if column not in self._columns.outer:
                qualifiers.add(variables)
            new[id(leaf)] = with_fields(Column((column,)), fields)
        if not new:
            raise self._fail(f"{name} with IGNORE NULLS takes an expression over columns", node)
        if len(qualifiers) > 1:
            raise self._fail("all columns in one navigation or aggregate must be of the same variable", node)
        value = replaced(inner, new)
        if isinstance(value, Column):
            (source,) = value.names
        else:
            source = computed_source(sql_of(value))
            self._references.computed[source] = value
        variables = next(iter(qualifiers), None)
        at = self._normalized(Navigation(variables=variables, final=self._final), node)
        return self._reference(Value(column_away(source, distance), at), node)

    def _called(self, node: Node) -> str:
        """Return what the query calls a function: PREV may stand there as LAG."""
        written = self._text(node).partition("(")[0].strip().upper()
        own = node.name.upper() if isinstance(node, Call) else ""
        return written if written in _OTHER_NAMES.get(own, ()) else own

    def _is_final(self, word: str, node: Node) -> bool:
        raise NotImplementedError

    # Navigation.

    def _navigation(self, node: Call) -> Node:
        name = self._called(node)
        if node.order_by and name in {"FIRST", "LAST"}:
            other = "arg_min" if name == "FIRST" else "arg_max"
            message = f"{name} reads rows in the order of the clause's ORDER BY; for another one write {other}(x, key)"
            raise self._fail(message, node)
        if node.distinct or node.filter is not None or node.order_by:
            raise self._fail(f"{name} takes an expression and, if need be, an offset", node)
        if name == "MATCH_NUMBER":
            if node.arguments:
                raise self._fail("MATCH_NUMBER() takes no argument", node)
            return self._reference(MatchNumber(), node)
        if name == "CLASSIFIER":
            return self._navigate(node, node, Navigation(final=self._final))
        if name in {"FIRST", "LAST"}:
            inner, offset = self._operand(node, 0)
            self._refuse_navigation(inner, name)
            return self._navigate(node, inner, Navigation(first=name == "FIRST", offset=offset, final=self._final))
        inner, offset = self._operand(node, 1)
        rows = offset if node.name == "next" else -offset
        final = self._final
        if isinstance(inner, Semantics):
            self._refuse_passing_over_nulls(inner, name)
            final = self._is_final(inner.word, inner)
            inner = inner.call
            if not (isinstance(inner, Call) and inner.name in {"first", "last"}):
                raise self._fail(f"inside {name}, RUNNING and FINAL stand before FIRST or LAST only", node)
        if isinstance(inner, Call) and inner.name in {"first", "last"}:
            logical = inner
            inner, offset = self._operand(logical, 0)
            self._refuse_navigation(inner, logical.name.upper())
            at = Navigation(first=logical.name == "first", offset=offset, rows=rows, final=final)
            return self._navigate(node, inner, at)
        self._refuse_navigation(inner, name)
        return self._navigate(node, inner, Navigation(rows=rows, final=final))

    def _refuse_navigation(self, inner: Node, outer: str) -> None:
        for each in walk(inner):
            if isinstance(each, Call) and each.name in {"first", "last", "prev", "next"}:
                around = "LAG or LEAD" if outer in {"LAG", "LEAD"} else "PREV or NEXT"
                message = f"{self._called(each)} cannot stand inside {outer}; {around} may stand around FIRST or LAST"
                raise self._fail(message, each)
            if is_aggregate(each):
                raise self._fail(f"an aggregate cannot stand inside {outer}", each)
            if isinstance(each, Semantics):
                self._refuse_passing_over_nulls(each, outer)
                raise self._fail(f"{each.word} cannot stand inside {outer}; write it before {outer}", each)

    def _refuse_passing_over_nulls(self, node: Semantics, outer: str) -> None:
        if IGNORE_NULLS in {node.word, getattr(node.call, "word", None)}:
            raise self._fail(f"a call with IGNORE NULLS cannot stand inside {outer}", node)

    def _operand(self, node: Call, default: int) -> tuple[Node, int]:
        name, arguments = self._called(node), node.values
        if len(arguments) not in {1, 2} or any(each.name for each in node.arguments):
            raise self._fail(f"{name} takes an expression and, if need be, an offset", node)
        if len(arguments) == 1:
            return arguments[0], default
        offset = arguments[1].integer if isinstance(arguments[1], Literal) else None
        if offset is None or offset < 0:
            other = _OTHER_WAY.get(name)
            message = f"the offset of {name} must be a whole number from 0 on, written out"
            if (variable := next(filter(self._is_variable, arguments), None)) is not None:
                message = f"{name} takes the rows of a variable by its columns; write {name}({variable.names[0]}.x)"
            elif other is not None:
                message += f"; {other} reads in the other direction"
            raise self._fail(message, node)
        return arguments[0], min(offset, _FARTHEST)

    def _is_variable(self, node: Node) -> TypeGuard[Column]:
        return isinstance(node, Column) and len(node.names) == 1 and self._variables.members(folded(node)) is not None

    def _navigate(self, whole: Node, inner: Node, at: Navigation) -> Node:
        """Read all of `inner` at one row."""
        if isinstance(inner, Literal) and inner.is_text and self._columns.find(Column((inner.text,))) is not None:
            message = f"'{inner.text}' is a text; write {inner.text} without quotes for the column"
            raise self._fail(message, inner)
        qualifiers: set[tuple[str, ...] | None] = set()
        columns: list[tuple[Column, str, tuple[str, ...]]] = []
        classifiers: list[Call] = []
        new: dict[int, Node] = {}
        for leaf in leaves(inner, self._bound):
            if isinstance(leaf, Star):
                raise self._fail("* can only stand in count(*) and count(A.*)", leaf)
            if isinstance(leaf, Column):
                variables, column, fields = self._column(leaf)
                columns.append((leaf, column, fields))
                if column not in self._columns.outer:
                    qualifiers.add(variables)
            elif isinstance(leaf, Call) and leaf.name == "classifier":
                classifiers.append(leaf)
                qualifiers.add(self._classifier_variables(leaf))
            elif isinstance(leaf, Call):
                if leaf.arguments:
                    raise self._fail("MATCH_NUMBER() takes no argument", leaf)
                new[id(leaf)] = self._reference(MatchNumber(), leaf)
        if len(qualifiers) > 1:
            raise self._fail("all columns in one navigation or aggregate must be of the same variable", whole)
        at = replace(at, variables=next(iter(qualifiers), None))
        at = self._normalized(at, whole)
        for leaf, column, fields in columns:
            new[id(leaf)] = with_fields(self._reference(Value(column, at), whole if leaf is inner else leaf), fields)
        for call in classifiers:
            new[id(call)] = self._classifier(at, whole if call is inner else call)
        result = replaced(inner, new)
        # A column and a classifier are NULL where there is no row; the match's number is not.
        read_there = isinstance(inner, Column) or (isinstance(inner, Call) and inner.name == "classifier")
        if read_there or not self._may_lead_outside(at):
            return result
        # Where navigation leads nowhere the answer is NULL, whatever the expression makes of NULLs.
        return Case((Branch(Column((self._references.name(RowExists(at)),)), result),), _NULL, span=span_of(whole))

    def _may_lead_outside(self, at: Navigation) -> bool:
        raise NotImplementedError

    def _column(self, node: Column) -> tuple[tuple[str, ...] | None, str, tuple[str, ...]]:
        """Return the variable's members, the column, and the fields of it that are asked for."""
        alone = len(node.names) == 1 and self._columns.find(node) is None
        if alone and self._variables.members(folded(node)) is not None:
            name = node.names[0]
            raise self._fail(
                f"{name} is a variable, not a column; write {name} with a column behind it, as {name}.x", node
            )
        return self._columns.resolve(node, self._variables)

    def _variable(self, node: Column) -> tuple[str, ...]:
        members = self._variables.members(folded(node))
        if members is None:
            raise self._variables.unknown(folded(node), self._columns.location(node))
        return members

    def _classifier_variables(self, node: Call) -> tuple[str, ...] | None:
        if not node.arguments:
            return None
        (argument, *more) = node.values
        if more or not isinstance(argument, Column) or len(argument.names) > 1:
            raise self._fail("CLASSIFIER takes one variable or nothing", node)
        return self._variable(argument)

    def _normalized(self, at: Navigation, whole: Node) -> Navigation:
        raise NotImplementedError

    def _classifier(self, at: Navigation, written: Node) -> Node:
        raise NotImplementedError

    def _aggregate(self, node: Call, *, by_row: bool = False) -> Node:
        """Read an aggregate; with `by_row` it is given the place of each row behind its first argument."""
        raise NotImplementedError

    def _aggregate_call(self, node: Call, *, by_row: bool) -> tuple[Call, tuple[tuple[str, RowValue], ...]]:
        """Return an aggregate over what rows give to it, and that by its names there."""
        names: dict[RowValue, str] = {}
        new: dict[int, Node] = {}

        def row_value(item: RowValue) -> Node:
            names[item] = self._references.row_name(item)
            return Column((names[item],))

        call = replace(node, name="count_star", arguments=()) if counts_star(node) else node
        for leaf in leaves(call, self._bound):
            if isinstance(leaf, Column):
                _, column, fields = self._column(leaf)
                new[id(leaf)] = with_fields(row_value(column), fields)
            elif isinstance(leaf, Call):
                new[id(leaf)] = row_value(RowClassifier() if leaf.name == "classifier" else MatchNumber())
        over_references = replaced(call, new)
        assert isinstance(over_references, Call)  # noqa: S101 - a call with other arguments
        if by_row:
            value, *more = over_references.arguments
            over_references = replace(over_references, arguments=(value, Argument(Column(("row",))), *more))
        reads = tuple((name, item) for item, name in names.items())
        return in_row_order(over_references, dict(reads), self._order), reads

    def _aggregated_variables(self, call: Call) -> tuple[str, ...] | None:
        for each in (inside for child in children(call) for inside in walk(child)):
            if is_aggregate(each):
                raise self._fail("an aggregate cannot stand inside an aggregate", each)
            if isinstance(each, Semantics):
                raise self._fail(f"{each.word} cannot stand inside an aggregate; write it before", each)
        found: set[tuple[str, ...] | None] = set()
        for each in (leaf for child in children(call) for leaf in leaves(child, self._bound)):
            if isinstance(each, Star):
                if call.name != "count" or each is not call.values[0] or each.relation is None:
                    raise self._fail("* can only stand in count(*) and count(A.*)", each)
                named = Column((each.relation,), (each.quoted,), span=each.span)
                is_table = self._variables.members(folded(named)) is None and self._columns.is_table(each.relation)
                found.add(None if is_table else self._variable(named))
            elif isinstance(each, Column):
                variables, column, _ = self._column(each)
                if column not in self._columns.outer:
                    found.add(variables)
            elif isinstance(each, Call) and each.name == "classifier":
                found.add(self._classifier_variables(each))
            elif isinstance(each, Call) and each.name != "match_number":
                raise self._fail(f"{each.name.upper()} cannot stand inside an aggregate", each)
        if len(found) > 1:
            raise self._fail("all columns in one navigation or aggregate must be of the same variable", call)
        return next(iter(found), None)
