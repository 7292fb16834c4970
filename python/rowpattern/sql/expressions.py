"""Expressions of DEFINE and MEASURES: navigation is taken out, names are looked up, the rest stays DuckDB's SQL.

The rules are those of ISO/IEC 19075-5, chapter 5: all columns in one navigation or one aggregate name the same
variable; physical navigation may stand around logical one, not inside; FINAL is for measures only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from rowpattern.errors import QueryError, UnsupportedQueryError
from rowpattern.sql.inputs import (
    Aggregate,
    Computed,
    Inputs,
    Inside,
    Label,
    MatchNumber,
    Navigation,
    RowLabel,
    RunningAggregate,
    Value,
)
from rowpattern.sql.kernels import kernel_of
from rowpattern.sql.names import fold
from rowpattern.sql.parser import FINAL, NAVIGATION, Semantics
from rowpattern.sql.problems import problem

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from rowpattern.errors import RowPatternError
    from rowpattern.sql.inputs import Input, RowValue
    from rowpattern.sql.names import Columns, Variables
    from rowpattern.sql.problems import Place

__all__ = ["ConditionReader", "MeasureReader", "row_expression", "sql_of"]

# Their answer depends on the order of rows, which is the match's unless the call says otherwise.
_ORDERED_AGGREGATES = {"array_agg", "list", "string_agg", "group_concat", "listagg", "any_value", "arbitrary"}


# Aggregates that are kept while matching.
_RUNNING: dict[type[exp.Expr], str] = {
    exp.Count: "count",
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
}


def _function_name(node: exp.Expr) -> str:
    if isinstance(node, (exp.Anonymous, exp.AnonymousAggFunc)):
        return node.name.lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) else ""


def _is_navigation(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.upper() in NAVIGATION


def sql_of(node: exp.Expr) -> str:
    """Write an expression as DuckDB's SQL."""
    return node.sql(dialect="duckdb")


class _Reader:
    """What conditions and measures have in common."""

    def __init__(
        self, columns: Columns, variables: Variables, aggregates: AbstractSet[str], inputs: Inputs, place: Place
    ) -> None:
        self._columns = columns
        self._variables = variables
        self._aggregates = aggregates
        self._inputs = inputs
        self._place = place
        self._text = ""
        self._final = False
        self._rewritten: exp.Expr = exp.null()

    def read(self, expression: exp.Expr) -> Computed:
        """Take the navigation out of an expression."""
        self._text = _text(expression)
        rewritten = self._rewritten = self._rewrite(expression.copy())
        sql = sql_of(rewritten)
        names = {column.name for column in rewritten.find_all(exp.Column)}
        reads = tuple((name, item) for item, name in self._inputs.names.items() if name in names)
        return Computed(sql, self._text, reads, kernel_of(rewritten))

    def _fail(self, message: str, node: exp.Expr | None = None) -> RowPatternError:
        return problem(message, self._near(node), QueryError)

    def _near(self, node: exp.Expr | None) -> Place:
        for each in () if node is None else node.find_all(exp.Identifier):
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
        if _is_navigation(node):
            return self._navigation(node)
        if self._is_aggregate(node):
            return self._aggregate(node)
        if isinstance(node, exp.Window):
            raise self._fail("a window function cannot stand in MATCH_RECOGNIZE; PREV and NEXT read other rows", node)
        if isinstance(node, (exp.Query, exp.Exists)):
            raise problem(
                "a subquery cannot stand in MATCH_RECOGNIZE; join its answer to the table before the clause",
                self._near(node),
                UnsupportedQueryError,
            )
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
        if not any(_is_navigation(each) or self._is_aggregate(each) for each in inner.find_all(exp.Func, exp.Filter)):
            raise self._fail(f"{node.args['kind']} stands before FIRST, LAST or an aggregate only", inner)
        before, self._final = self._final, self._is_final(node.args["kind"], inner)
        try:
            return self._rewrite(inner)
        finally:
            self._final = before

    def _is_final(self, kind: str, node: exp.Expr) -> bool:
        raise NotImplementedError

    def _is_aggregate(self, node: exp.Expr) -> bool:
        if isinstance(node, (exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)):
            return self._is_aggregate(node.this)
        return not _is_navigation(node) and (
            isinstance(node, exp.AggFunc) or (isinstance(node, exp.Func) and _function_name(node) in self._aggregates)
        )

    # Navigation.

    def _navigation(self, node: exp.Expr) -> exp.Expr:
        name, arguments = node.name.upper(), node.expressions
        if name == "MATCH_NUMBER":
            if arguments:
                raise self._fail("MATCH_NUMBER() takes no argument", node)
            return self._match_number(node)
        if name == "CLASSIFIER":
            return self._navigate(node, node, Navigation(final=self._final))
        if name in {"FIRST", "LAST"}:
            inner, offset = self._operand(node, 0)
            self._refuse_navigation(inner, name, ("FIRST", "LAST", "PREV", "NEXT"))
            return self._navigate(node, inner, Navigation(first=name == "FIRST", offset=offset, final=self._final))
        inner, offset = self._operand(node, 1)
        rows = offset if name == "NEXT" else -offset
        if isinstance(inner, Semantics):
            self._semantics(inner.copy())
            final = self._is_final(inner.args["kind"], inner)
            inner = inner.this
        else:
            final = self._final
        if _is_navigation(inner) and inner.name.upper() in {"FIRST", "LAST"}:
            logical = inner
            inner, offset = self._operand(logical, 0)
            self._refuse_navigation(inner, logical.name.upper(), ("FIRST", "LAST", "PREV", "NEXT"))
            at = Navigation(first=logical.name.upper() == "FIRST", offset=offset, rows=rows, final=final)
            return self._navigate(node, inner, at)
        self._refuse_navigation(inner, name, ("FIRST", "LAST", "PREV", "NEXT"))
        return self._navigate(node, inner, Navigation(rows=rows, final=final))

    def _refuse_navigation(self, inner: exp.Expr, outer: str, refused: tuple[str, ...]) -> None:
        for each in inner.walk():
            if _is_navigation(each) and each.name.upper() in refused:
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
        leaves = [each for each in inner.walk() if isinstance(each, exp.Column) or _is_navigation(each)]
        found: list[tuple[exp.Expr, str | None, exp.Expr | None]] = []
        for leaf in leaves:
            if leaf.parent is not None and leaf.find_ancestor(exp.Anonymous) in leaves:
                # The variable in CLASSIFIER(A).
                continue
            if isinstance(leaf, exp.Column):
                variables, column, fields = self._column(leaf)
                found.append((leaf, column, fields))
            elif leaf.name.upper() == "CLASSIFIER":
                variables = self._classifier_variables(leaf)
                found.append((leaf, None, None))
            else:
                found.append((leaf, None, self._match_number(leaf)))
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
                    read = _with_fields(read, fields)
            if leaf is inner:
                result = read
            else:
                leaf.replace(read)
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
        parts = [part for part in (node.args.get(name) for name in ("catalog", "db", "table", "this")) if part]
        members = None
        if len(parts) > 1:
            members = self._variables.members(fold(parts[0]))
            if members is not None:
                parts = parts[1:]
            elif self._columns.find(parts[0]) is None:
                raise self._variables.unknown(fold(parts[0]), self._columns.place(parts[0]))
        column = self._columns.find(parts[0])
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

    def _match_number(self, node: exp.Expr) -> exp.Expr:
        raise NotImplementedError

    def _aggregate(self, node: exp.Expr) -> exp.Expr:
        raise NotImplementedError

    def _aggregated_variables(self, call: exp.Expr) -> tuple[str, ...] | None:
        inner = call
        while isinstance(inner, (exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)):
            inner = inner.this
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
                if not _is_navigation(each.parent) if each.parent is not None else True:
                    found.add(self._column(each)[0])
            elif _is_navigation(each):
                name = each.name.upper()
                if name not in {"CLASSIFIER", "MATCH_NUMBER"}:
                    raise self._fail(f"{name} cannot stand inside an aggregate", each)
                if name == "CLASSIFIER":
                    found.add(self._classifier_variables(each))
        if len(found) > 1:
            raise self._fail("all columns in one navigation or aggregate must be of the same variable", call)
        return next(iter(found), None)


def _with_fields(read: exp.Expr, path: exp.Expr) -> exp.Expr:
    """Put a column's placeholder in the place of its name in `column.field.field`."""
    first = path
    while isinstance(first, exp.Dot):
        first = first.this
    first.replace(read)
    return path


def _text(expression: exp.Expr) -> str:
    """Write an expression nearly as it stood in the query."""
    shown = expression.copy()
    for each in list(shown.find_all(Semantics)):
        call = exp.Anonymous(this=each.args["kind"], expressions=[each.this])
        if each is shown:
            shown = call
        else:
            each.replace(call)
    return sql_of(shown)


class ConditionReader(_Reader):
    """Reads the condition of one variable: RUNNING, and the current row counts as mapped to the variable."""

    def __init__(  # noqa: PLR0917 - as the class above, and the variable
        self,
        columns: Columns,
        variables: Variables,
        aggregates: AbstractSet[str],
        inputs: Inputs,
        place: Place,
        variable: str,
    ) -> None:
        """Prepare to read the condition of `variable`."""
        super().__init__(columns, variables, aggregates, inputs, place)
        self._variable = variable

    def _is_final(self, kind: str, node: exp.Expr) -> bool:
        if kind == FINAL:
            raise self._fail("FINAL cannot stand in DEFINE: the match is not known yet", node)
        return False

    def read(self, expression: exp.Expr) -> Computed:
        """Take the navigation out of a condition."""
        found = super().read(expression)
        return replace(found, kernel=None, node=self._rewritten) if found.depends else found

    def _placed(self, at: Navigation, whole: exp.Expr) -> Navigation:  # noqa: ARG002 - nothing to refuse
        """Bring a navigation to so many rows from the current one, which counts as mapped, where it is that."""
        current = at.variables is None or self._variable in at.variables
        return replace(at, final=False) if at.first or at.offset or not current else Navigation(rows=at.rows)

    def _may_lead_outside(self, at: Navigation) -> bool:
        return at != Navigation()

    def _label(self, at: Navigation) -> exp.Expr:
        return exp.Literal.string(self._variable) if at == Navigation() else self._input(Label(at))

    def _match_number(self, node: exp.Expr) -> exp.Expr:  # noqa: ARG002 - it is always known
        return self._input(MatchNumber())

    def _aggregate(self, node: exp.Expr) -> exp.Expr:
        function = _RUNNING.get(type(node))
        argument = node.this
        if function is None or isinstance(argument, (exp.Distinct, exp.Order)):
            message = f"{_text(node)} cannot be kept while matching; count, sum, avg, min and max of rows can"
            raise problem(message, self._near(node), UnsupportedQueryError)
        variables = self._aggregated_variables(node)
        if isinstance(argument, exp.Star) or (isinstance(argument, exp.Column) and isinstance(argument.this, exp.Star)):
            return self._input(RunningAggregate("count", None, (), variables))
        names: dict[str, str] = {}
        rewritten = argument.copy()
        for leaf in [each for each in rewritten.walk() if isinstance(each, exp.Column) or _is_navigation(each)]:
            if not isinstance(leaf, exp.Column):
                message = f"{_text(leaf)} cannot be aggregated while matching"
                raise problem(message, self._near(node), UnsupportedQueryError)
            _, column, fields = self._column(leaf)
            read: exp.Expr = exp.column(names.setdefault(column, f"r{len(names)}"), quoted=True)
            read = read if fields is None else _with_fields(read, fields)
            if leaf is rewritten:
                rewritten = read
            else:
                leaf.replace(read)
        reads = tuple((name, column) for column, name in names.items())
        return self._input(RunningAggregate(function, sql_of(rewritten), reads, variables))


class MeasureReader(_Reader):
    """Reads measures."""

    def __init__(  # noqa: PLR0917 - as the class above, and the kind of rows
        self,
        columns: Columns,
        variables: Variables,
        aggregates: AbstractSet[str],
        inputs: Inputs,
        place: Place,
        one_row: bool,
    ) -> None:
        """Prepare to read measures of ONE ROW PER MATCH, where RUNNING and FINAL are the same, or of ALL ROWS."""
        super().__init__(columns, variables, aggregates, inputs, place)
        self._one_row = self._final = one_row

    def _is_final(self, kind: str, node: exp.Expr) -> bool:  # noqa: ARG002 - nothing to refuse
        return kind == FINAL or self._one_row

    def _placed(self, at: Navigation, whole: exp.Expr) -> Navigation:  # noqa: ARG002 - nothing to refuse
        return replace(at, final=at.final or self._one_row)

    def _may_lead_outside(self, at: Navigation) -> bool:  # noqa: ARG002 - a match may be empty
        return True

    def _label(self, at: Navigation) -> exp.Expr:
        return self._input(Label(at))

    def _match_number(self, node: exp.Expr) -> exp.Expr:  # noqa: ARG002 - it is always known
        return self._input(MatchNumber())

    def _aggregate(self, node: exp.Expr) -> exp.Expr:
        call = node.copy()
        variables = self._aggregated_variables(call)
        counts = isinstance(node, exp.Count) and (
            isinstance(node.this, exp.Star)
            or (isinstance(node.this, exp.Column) and isinstance(node.this.this, exp.Star))
        )
        names: dict[RowValue, str] = {}

        def row_value(item: RowValue) -> exp.Expr:
            names[item] = self._inputs.row_name(item)
            return exp.column(names[item], quoted=True)

        for leaf in [each for each in call.walk() if isinstance(each, exp.Column) or _is_navigation(each)]:
            if isinstance(leaf, exp.Column) and isinstance(leaf.this, exp.Star):
                leaf.replace(exp.Star())
            elif isinstance(leaf, exp.Column):
                if _is_navigation(leaf.parent) if leaf.parent is not None else False:
                    continue
                _, column, fields = self._column(leaf)
                read = row_value(column)
                leaf.replace(read if fields is None else _with_fields(read, fields))
            else:
                leaf.replace(row_value(RowLabel() if leaf.name.upper() == "CLASSIFIER" else MatchNumber()))
        reads = tuple((name, item) for item, name in names.items())
        call = self._filtered(_in_row_order(call), variables)
        counted = (self._variables.primary if variables is None else variables) if counts else None
        return self._input(Aggregate(sql_of(call), reads, self._final, counted))

    def _filtered(self, call: exp.Expr, variables: tuple[str, ...] | None) -> exp.Expr:
        """Leave out rows that are mapped to other variables."""
        if variables is None:
            return call
        places = [exp.Literal.number(self._variables.primary.index(name)) for name in variables]
        mapped: exp.Expr = exp.In(this=exp.column("label", quoted=True), expressions=places)
        if isinstance(call, exp.Filter):
            mapped = exp.and_(mapped, call.expression.this)
            call = call.this
        return exp.Filter(this=call, expression=exp.Where(this=mapped))


def _in_row_order(call: exp.Expr) -> exp.Expr:
    """Have an aggregate that depends on the order of rows see them in the match's, unless it says otherwise."""
    inner = call
    while isinstance(inner, (exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)):
        if isinstance(inner, exp.WithinGroup):
            return call
        inner = inner.this
    argument = inner.this if isinstance(inner, exp.AggFunc) else (inner.expressions or [None])[0]
    names = {_function_name(inner), *(name.lower() for name in getattr(type(inner), "_sql_names", []))}
    if not names & _ORDERED_AGGREGATES or not isinstance(argument, exp.Expr):
        return call
    if isinstance(argument, (exp.Order, exp.Distinct)):
        return call
    by = exp.Ordered(this=exp.column("row", quoted=True), nulls_first=False)
    argument.replace(exp.Order(this=argument.copy(), expressions=[by]))
    return call


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
        if isinstance(node, (exp.Query, exp.Window, exp.AggFunc, exp.Star)) or _is_navigation(node):
            message = f"{what} takes expressions over one row; {_text(node)} is not"
            raise problem(message, place, QueryError)
        if isinstance(node, exp.Column):
            first = next(part for part in (node.args.get(name) for name in ("catalog", "db", "table", "this")) if part)
            name = columns.find(first)
            last = node.this
            if name is None and first is not last:
                # Qualified by the table's name.
                name, first = columns.find(last), last
            if name is None:
                raise columns.unknown(last)
            names[name] = None
            found: exp.Expr = exp.column(name, quoted=True)
            if first is not last:
                found = exp.Dot.build([found, last.copy()])
            if node is rewritten:
                rewritten = found
            else:
                node.replace(found)
    return sql_of(rewritten), tuple(names)
