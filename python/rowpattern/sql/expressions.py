"""Expressions of DEFINE and MEASURES: navigation is taken out, names are looked up, the rest stays DuckDB's SQL.

The rules are those of ISO/IEC 19075-5, chapter 5: all columns in one navigation or one aggregate name the same
variable; physical navigation may stand around logical one, not inside; FINAL is for measures only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from rowpattern.errors import QueryError, UnsupportedQueryError
from rowpattern.sql.inputs import Computed, Inputs, Inside, MatchNumber, Navigation, Value
from rowpattern.sql.kernels import kernel_of
from rowpattern.sql.names import fold
from rowpattern.sql.parser import NAVIGATION, Semantics
from rowpattern.sql.problems import problem

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from rowpattern.sql.inputs import Input
    from rowpattern.sql.names import Columns, Variables
    from rowpattern.sql.problems import Place

__all__ = [
    "ExpressionReader",
    "Scope",
    "bare_call",
    "counts_rows",
    "function_name",
    "is_navigation",
    "leaves",
    "replaced",
    "row_expression",
    "sql_of",
    "text_of",
    "with_fields",
]


def function_name(node: exp.Expr) -> str:
    """Return the name of a function that is called, in lower case; an empty text for what is no call."""
    if isinstance(node, (exp.Anonymous, exp.AnonymousAggFunc)):
        return node.name.lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) else ""


def is_navigation(node: exp.Expr | None) -> bool:
    """Say whether a node is FIRST, LAST, PREV, NEXT, CLASSIFIER or MATCH_NUMBER."""
    return isinstance(node, exp.Anonymous) and node.name.upper() in NAVIGATION


def leaves(node: exp.Expr) -> list[exp.Expr]:
    """Return the columns and the navigation in a node."""
    return [each for each in node.walk() if isinstance(each, exp.Column) or is_navigation(each)]


def replaced(root: exp.Expr, node: exp.Expr, new: exp.Expr) -> exp.Expr:
    """Put an expression in the place of a node, and return the root, which may be that node."""
    if node is root:
        return new
    node.replace(new)
    return root


def bare_call(call: exp.Expr) -> exp.Expr:
    """Return an aggregate's call without FILTER, WITHIN GROUP and what is said of NULLs."""
    while isinstance(call, (exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)):
        call = call.this
    return call


def counts_rows(call: exp.Expr) -> bool:
    """Say whether a call is `count(*)` or `count(A.*)`."""
    argument = call.this.this if isinstance(call.this, exp.Column) else call.this
    return isinstance(call, exp.Count) and isinstance(argument, exp.Star)


def quoted(name: str) -> str:
    """Return a name as DuckDB's SQL quotes it."""
    return sql_of(exp.to_identifier(name, quoted=True))


def sql_of(node: exp.Expr) -> str:
    """Write an expression as DuckDB's SQL."""
    return node.sql(dialect="duckdb")


@dataclass(frozen=True)
class Scope:
    """What names mean in the expressions of a clause.

    Attributes:
        aggregates: names of DuckDB's aggregates, in lower case.
        inputs: what the expressions read; they share it.
    """

    columns: Columns
    variables: Variables
    aggregates: AbstractSet[str]
    inputs: Inputs = field(default_factory=Inputs)


class ExpressionReader:
    """What conditions and measures have in common."""

    def __init__(self, scope: Scope, place: Place) -> None:
        self._columns = scope.columns
        self._variables = scope.variables
        self._aggregates = scope.aggregates
        self._inputs = scope.inputs
        self._place = place
        self._text = ""
        self._final = False
        self._rewritten: exp.Expr = exp.null()

    def read(self, expression: exp.Expr) -> Computed:
        """Take the navigation out of an expression."""
        self._text = text_of(expression)
        rewritten = self._rewritten = self._rewrite(expression.copy())
        sql = sql_of(rewritten)
        names = {column.name for column in rewritten.find_all(exp.Column)}
        reads = tuple((name, item) for item, name in self._inputs.names.items() if name in names)
        return Computed(sql, self._text, reads, kernel_of(rewritten))

    def _fail(self, message: str, node: exp.Expr, kind: type[QueryError] = QueryError) -> QueryError:
        return problem(message, self._near(node), kind)

    def _near(self, node: exp.Expr) -> Place:
        for each in node.find_all(exp.Identifier):
            if (place := self._columns.place(each)) is not None:
                return place
        return self._place

    def _input(self, item: Input) -> exp.Expr:
        return exp.column(self._inputs.name(item), quoted=True)

    def _rewrite(self, node: exp.Expr) -> exp.Expr:
        if isinstance(node, Semantics):
            return self._semantics(node)
        if isinstance(node, exp.Column):
            return self._navigate(node, node, Navigation())
        if is_navigation(node):
            return self._navigation(node)
        if self._is_aggregate(node):
            return self._aggregate(node)
        if isinstance(node, exp.Window):
            raise self._fail("a window function cannot stand in MATCH_RECOGNIZE; PREV and NEXT read other rows", node)
        if isinstance(node, (exp.Query, exp.Exists)):
            message = "a subquery cannot stand in MATCH_RECOGNIZE; join its answer to the table before the clause"
            raise self._fail(message, node, UnsupportedQueryError)
        if isinstance(node, (exp.Star, exp.Columns)):
            raise self._fail("* can only stand in count(*) and count(A.*)", node)
        if isinstance(node, (exp.Placeholder, exp.Parameter)):
            raise self._fail("a parameter cannot stand in MATCH_RECOGNIZE; write its value", node)
        return self._rewrite_inside(node)

    def _rewrite_inside(self, node: exp.Expr) -> exp.Expr:
        for child in list(node.iter_expressions()):
            rewritten = self._rewrite(child)
            if rewritten is not child:
                child.replace(rewritten)
        return node

    def _semantics(self, node: exp.Expr) -> exp.Expr:
        inner: exp.Expr = node.this
        if not any(is_navigation(each) or self._is_aggregate(each) for each in inner.find_all(exp.Func, exp.Filter)):
            raise self._fail(f"{node.args['kind']} stands before FIRST, LAST or an aggregate only", inner)
        before, self._final = self._final, self._is_final(node.args["kind"], inner)
        try:
            return self._rewrite(inner)
        finally:
            self._final = before

    def _is_final(self, kind: str, node: exp.Expr) -> bool:
        raise NotImplementedError

    def _is_aggregate(self, node: exp.Expr) -> bool:
        node = bare_call(node)
        return not is_navigation(node) and (
            isinstance(node, exp.AggFunc) or (isinstance(node, exp.Func) and function_name(node) in self._aggregates)
        )

    # Navigation.

    def _navigation(self, node: exp.Expr) -> exp.Expr:
        name, arguments = node.name.upper(), node.expressions
        if name == "MATCH_NUMBER":
            if arguments:
                raise self._fail("MATCH_NUMBER() takes no argument", node)
            return self._input(MatchNumber())
        if name == "CLASSIFIER":
            return self._navigate(node, node, Navigation(final=self._final))
        if name in {"FIRST", "LAST"}:
            inner, offset = self._operand(node, 0)
            self._refuse_navigation(inner, name)
            return self._navigate(node, inner, Navigation(first=name == "FIRST", offset=offset, final=self._final))
        inner, offset = self._operand(node, 1)
        rows = offset if name == "NEXT" else -offset
        if isinstance(inner, Semantics):
            self._semantics(inner.copy())
            final = self._is_final(inner.args["kind"], inner)
            inner = inner.this
        else:
            final = self._final
        if is_navigation(inner) and inner.name.upper() in {"FIRST", "LAST"}:
            logical = inner
            inner, offset = self._operand(logical, 0)
            self._refuse_navigation(inner, logical.name.upper())
            at = Navigation(first=logical.name.upper() == "FIRST", offset=offset, rows=rows, final=final)
            return self._navigate(node, inner, at)
        self._refuse_navigation(inner, name)
        return self._navigate(node, inner, Navigation(rows=rows, final=final))

    def _refuse_navigation(self, inner: exp.Expr, outer: str) -> None:
        for each in inner.walk():
            if is_navigation(each) and each.name.upper() in {"FIRST", "LAST", "PREV", "NEXT"}:
                raise self._fail(
                    f"{each.name.upper()} cannot stand inside {outer}; PREV or NEXT may stand around FIRST or LAST",
                    each,
                )
            if self._is_aggregate(each):
                raise self._fail(f"an aggregate cannot stand inside {outer}", each)
            if isinstance(each, Semantics):
                raise self._fail(f"{each.args['kind']} cannot stand inside {outer}; write it before {outer}", each)

    def _operand(self, node: exp.Expr, default: int) -> tuple[exp.Expr, int]:
        name, arguments = node.name.upper(), node.expressions
        if len(arguments) not in {1, 2}:
            raise self._fail(f"{name} takes an expression and, if need be, an offset", node)
        if len(arguments) == 1:
            return arguments[0], default
        offset = arguments[1]
        if not (isinstance(offset, exp.Literal) and not offset.is_string and offset.name.isdecimal()):
            raise self._fail(f"the offset of {name} must be a whole number from 0 on, written out", node)
        # More rows than any table has.
        return arguments[0], min(int(offset.name), 1 << 48)

    def _navigate(self, whole: exp.Expr, inner: exp.Expr, at: Navigation) -> exp.Expr:
        """Read all of `inner` at one row."""
        qualifiers: set[tuple[str, ...] | None] = set()
        read_here = leaves(inner)
        found: list[tuple[exp.Expr, str | None, exp.Expr | None]] = []
        for leaf in read_here:
            if leaf.parent is not None and leaf.find_ancestor(exp.Anonymous) in read_here:
                # The variable in CLASSIFIER(A).
                continue
            if isinstance(leaf, exp.Column):
                variables, column, fields = self._column(leaf)
                found.append((leaf, column, fields))
            elif leaf.name.upper() == "CLASSIFIER":
                variables = self._classifier_variables(leaf)
                found.append((leaf, None, None))
            else:
                found.append((leaf, None, self._input(MatchNumber())))
                continue
            qualifiers.add(variables)
        if len(qualifiers) > 1:
            raise self._fail("all columns in one navigation or aggregate must be of the same variable", whole)
        at = replace(at, variables=next(iter(qualifiers), None))
        at = self._placed(at, whole)
        result = inner
        for leaf, name, fields in found:
            if name is None:
                read: exp.Expr = self._label(at) if fields is None else fields
            else:
                read = self._input(Value(name, at))
                if fields is not None:
                    read = with_fields(read, fields)
            result = replaced(result, leaf, read)
        bare = len(found) == 1 and found[0][0] is inner
        if bare or not self._may_lead_outside(at):
            return result if bare else exp.paren(result, copy=False)
        # Where navigation leads nowhere the answer is NULL, whatever the expression makes of NULLs.
        inside = self._input(Inside(at))
        return exp.paren(exp.Case(ifs=[exp.If(this=inside, true=result)]), copy=False)

    def _may_lead_outside(self, at: Navigation) -> bool:
        raise NotImplementedError

    def _column(self, node: exp.Column) -> tuple[tuple[str, ...] | None, str, exp.Expr | None]:
        """Return the variable's members, the column, and the fields of it that are asked for."""
        if isinstance(node.this, exp.Star):
            raise self._fail("* can only stand in count(*) and count(A.*)", node)
        parts = node.parts
        members = None
        if len(parts) > 1:
            members = self._variables.members(fold(parts[0]))
            if members is not None:
                parts = parts[1:]
            elif self._columns.find(parts[0]) is None:
                raise self._variables.unknown(fold(parts[0]), self._columns.place(parts[0]))
        column = self._columns.find(parts[0])
        if column is None and members is None and self._variables.members(fold(parts[0])) is not None:
            name = parts[0].name
            raise self._fail(
                f"{name} is a variable, not a column; write {name} with a column behind it, as {name}.x", node
            )
        if column is None:
            raise self._columns.unknown(parts[0])
        fields = exp.Dot.build([part.copy() for part in parts]) if len(parts) > 1 else None
        return members, column, fields

    def _classifier_variables(self, node: exp.Expr) -> tuple[str, ...] | None:
        if not node.expressions:
            return None
        (argument, *more) = node.expressions
        if more or not isinstance(argument, exp.Column) or argument.table:
            raise self._fail("CLASSIFIER takes one variable or nothing", node)
        members = self._variables.members(fold(argument.this))
        if members is None:
            raise self._variables.unknown(fold(argument.this), self._columns.place(argument.this))
        return members

    def _placed(self, at: Navigation, whole: exp.Expr) -> Navigation:
        raise NotImplementedError

    def _label(self, at: Navigation) -> exp.Expr:
        raise NotImplementedError

    def _aggregate(self, node: exp.Expr) -> exp.Expr:
        raise NotImplementedError

    def _aggregated_variables(self, call: exp.Expr) -> tuple[str, ...] | None:
        inner = bare_call(call)
        found: set[tuple[str, ...] | None] = set()
        for each in call.walk():
            around = each in {call, inner} or each.parent is None
            if not around and self._is_aggregate(each) and not isinstance(each.parent, exp.Filter):
                raise self._fail("an aggregate cannot stand inside an aggregate", each)
            if isinstance(each, Semantics):
                raise self._fail(f"{each.args['kind']} cannot stand inside an aggregate; write it before", each)
            if isinstance(each, (exp.Query, exp.Window)):
                raise self._fail("neither a subquery nor a window can stand inside an aggregate", each)
            if isinstance(each, exp.Column) and isinstance(each.this, exp.Star):
                members = self._variables.members(fold(each.args["table"]))
                if members is None:
                    raise self._variables.unknown(fold(each.args["table"]), self._columns.place(each.args["table"]))
                found.add(members)
            elif isinstance(each, exp.Column):
                if not is_navigation(each.parent):
                    found.add(self._column(each)[0])
            elif is_navigation(each):
                name = each.name.upper()
                if name not in {"CLASSIFIER", "MATCH_NUMBER"}:
                    raise self._fail(f"{name} cannot stand inside an aggregate", each)
                if name == "CLASSIFIER":
                    found.add(self._classifier_variables(each))
        if len(found) > 1:
            raise self._fail("all columns in one navigation or aggregate must be of the same variable", call)
        return next(iter(found), None)


def with_fields(read: exp.Expr, path: exp.Expr) -> exp.Expr:
    """Put a column's placeholder in the place of its name in `column.field.field`."""
    first = path
    while isinstance(first, exp.Dot):
        first = first.this
    first.replace(read)
    return path


def text_of(expression: exp.Expr) -> str:
    """Write an expression nearly as it stood in the query."""
    shown = expression.copy()
    for each in list(shown.find_all(Semantics)):
        call = exp.Anonymous(this=each.args["kind"], expressions=[each.this])
        shown = replaced(shown, each, call)
    return sql_of(shown)


def row_expression(expression: exp.Expr, columns: Columns, place: Place, what: str) -> tuple[str, tuple[str, ...]]:
    """Look up the columns of an expression of PARTITION BY or ORDER BY.

    Returns:
        DuckDB's SQL over the columns' own names, and those names.

    Raises:
        QueryError: a column does not exist, or the expression reads more than one row.
    """
    rewritten = expression.copy()
    names: dict[str, None] = {}
    for node in list(rewritten.walk()):
        if isinstance(node, (exp.Query, exp.Window, exp.AggFunc, exp.Star)) or is_navigation(node):
            message = f"{what} takes expressions over one row; {text_of(node)} is not"
            raise problem(message, place, QueryError)
        if isinstance(node, exp.Column):
            first, last = node.parts[0], node.this
            name = columns.find(first)
            if name is None and first is not last:
                # Qualified by the table's name.
                name, first = columns.find(last), last
            if name is None:
                raise columns.unknown(last)
            names[name] = None
            found: exp.Expr = exp.column(name, quoted=True)
            if first is not last:
                found = exp.Dot.build([found, last.copy()])
            rewritten = replaced(rewritten, node, found)
    return sql_of(rewritten), tuple(names)
