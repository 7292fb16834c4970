"""Conditions that depend on the match, to programs that the core runs while it matches (`rowpattern._core.Conditions`).

The core computes with four kinds of values: whole numbers of 64 bits, doubles, booleans and text. Dates are days,
timestamps and intervals microseconds there (nanoseconds where a column has them), ordered categories their places among
those; decimals become doubles. What it has no operation for is computed before, by DuckDB over whole columns, where it
reads one row only; the rest is refused by name.

The file is longer than others: all rules of how kinds meet stand together, until typed expressions replace it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rowpattern.errors import QueryError, UnsupportedQueryError
from rowpattern.patterns import Conditions
from rowpattern.sql.arrow.casting import has_intervals, with_durations
from rowpattern.sql.arrow.categories import is_ordered, labels_of, ranks
from rowpattern.sql.bind.expressions import columns_in
from rowpattern.sql.bind.references import Classifier, MatchNumber, Navigation, RowExists, RunningAggregate, Value
from rowpattern.sql.execute.time_zones import check_one_zone, column_zones, in_columns_zone
from rowpattern.sql.execute.typed_nodes import TypedNodes, column_type
from rowpattern.sql.expression import nodes
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rowpattern.patterns import Pattern
    from rowpattern.sql.bind.bound import Condition
    from rowpattern.sql.duckdb.connection import Database
    from rowpattern.sql.execute.sort import OrderedPartitions
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = ["dependent_conditions"]

Program = tuple[Any, ...]
#: A program and the kind of its values: int, float, real (of 32 bits), decimal (as it was written), bool, text, date,
#: timestamp, timestamptz, interval, calendar and months (intervals with days or months), null, category and its number.
Typed = tuple[Program, str]

_DAY = 86_400_000_000

_SIGNS = frozenset({"=", "<>", "<", "<=", ">", ">="})
_ARITHMETIC = frozenset({"+", "-", "*", "/", "//", "%"})
_NUMBERS = frozenset({"int", "float", "real", "decimal"})
_TIMES = frozenset({"date", "timestamp", "timestamptz", "interval"})


def dependent_conditions(
    pattern: Pattern, conditions: list[Condition], rows: OrderedPartitions, database: Database
) -> Conditions:
    """Compile conditions over the columns of a table. Takes time linear in the rows for each column that they read.

    Raises:
        UnsupportedQueryError: a part cannot be computed while matching; it is named.
        QueryError: kinds do not fit.
    """
    compiler = _Compiler(rows, database, _unit(conditions, rows))
    programs: dict[str, Program] = {}
    for condition in conditions:
        programs[condition.variable] = compiler.compile(condition)
    types = [column_type(each) for each in compiler.columns]
    results = [
        _aggregate_type(function, None if column is None else types[column])
        for function, column, _ in compiler.aggregates
    ]
    typed = TypedNodes(types, results)
    aggregates = [(*each, result) for each, result in zip(compiler.aggregates, results)]
    typed_conditions = {variable: typed.node(program) for variable, program in programs.items()}
    return Conditions(pattern, list(zip(types, compiler.columns)), compiler.sets, aggregates, typed_conditions)


def _aggregate_type(function: str, argument: str | None) -> str:
    if function == "count" or argument is None:
        return "BIGINT"
    if function == "avg":
        return "DOUBLE"
    return "HUGEINT" if (function, argument) == ("sum", "BIGINT") else argument


def _unit(conditions: list[Condition], rows: OrderedPartitions) -> str:
    """Return the unit of times: nanoseconds where a column has them."""
    reads = [item for condition in conditions for _, item in condition.expression.reads]
    kinds = [rows.column(name).type for name in _columns_of(reads)]
    return "ns" if any(isinstance(kind, pa.TimestampType) and kind.unit == "ns" for kind in kinds) else "us"


class _Compiler:
    """Compiles the conditions of one pattern; they share columns, sets and aggregates."""

    def __init__(self, rows: OrderedPartitions, database: Database, unit: str) -> None:
        self._rows = rows
        self._database = database
        self._time_unit = unit
        # Of a microsecond.
        self._per_microsecond = 1000 if unit == "ns" else 1
        self._day = _DAY * self._per_microsecond
        self._categories: list[list[str]] = []
        self._kinds: list[str] = []
        self._column_numbers: dict[object, int] = {}
        self._set_numbers: dict[tuple[str, ...], int] = {}
        self._aggregate_numbers: dict[RunningAggregate, int] = {}
        self._references: dict[str, Any] = {}
        self._location: SourceLocation | None = None
        self._text = ""
        self.columns: list[pa.ChunkedArray] = []
        self.sets: list[tuple[str, ...]] = []
        self.aggregates: list[tuple[str, int | None, int | None]] = []

    def compile(self, condition: Condition) -> Program:
        expression = condition.expression
        self._references, self._location, self._text = dict(expression.reads), condition.location, expression.text
        assert expression.node is not None  # noqa: S101 - conditions that depend have one
        types = {
            name: self._rows.column(item.column).type for name, item in expression.reads if isinstance(item, Value)
        }
        check_one_zone(expression.node, types, self._database, lambda text: self._wrong(f"{self._text}: {text}"))
        program, kind = self._typed(expression.node)
        if kind not in {"bool", "null"}:
            message = f"the condition of {condition.variable} is of the kind {kind}; it must be true or false"
            raise error_at(message, condition.location, QueryError)
        return program

    # Expressions.

    def _typed(self, node: nodes.Node) -> Typed:
        if isinstance(node, nodes.Column) and len(node.names) == 1 and node.names[0] in self._references:
            return self._reference(self._references[node.names[0]])
        if isinstance(node, nodes.Literal):
            return self._literal(node)
        if not columns_in(node):
            return self._constant(node)
        if isinstance(node, nodes.Comparison):
            return self._comparison(node)
        if isinstance(node, nodes.Conjunction):
            parts = [self._boolean(each) for each in node.operands]
            word = node.word.lower()
            return nodes.balanced(lambda one, other: (word, one, other), parts), "bool"
        if isinstance(node, nodes.Between):
            value = self._typed(node.value)
            low = self._compare(">=", value, self._typed(node.low))[0]
            return ("and", low, self._compare("<=", value, self._typed(node.high))[0]), "bool"
        if isinstance(node, nodes.Case):
            branches = [(self._boolean(each.condition), each.value) for each in node.branches]
            return self._case(branches, node.otherwise)
        if isinstance(node, nodes.Operation):
            found = self._operation(node)
        elif isinstance(node, nodes.Cast):
            found = self._cast(node)
        else:
            found = self._call(node) if isinstance(node, nodes.Call) else None
        return self._before(node) if found is None else found

    def _literal(self, node: nodes.Literal) -> Typed:
        if node.is_null:
            return ("null",), "null"
        if node.kind == "BOOLEAN":
            return ("bool", node.text == "true"), "bool"
        if node.is_text:
            return ("text", node.text), "text"
        if node.integer is not None and abs(node.integer) < 1 << 63:
            return ("int", node.integer), "int"
        if node.kind != "NUMERIC":
            return self._constant(node)
        return ("float", float(node.text)), "float" if "e" in node.text.lower() else "decimal"

    def _comparison(self, node: nodes.Comparison) -> Typed:
        left, right = self._typed(node.left), self._typed(node.right)
        if {left[1], right[1]} in ({"timestamptz", "timestamp"}, {"timestamptz", "date"}):
            # Midnight, and every other time of a day, is one of the column's time zone.
            return self._before(node)
        if node.sign in _SIGNS:
            return self._compare(node.sign, left, right)
        # Not distinct: equal, or both NULL where one of them is.
        equal = self._compare("=", left, right)[0]
        same: Program = ("coalesce", (equal, ("and", ("is null", left[0]), ("is null", right[0]))))
        return (same if node.sign == "IS NOT DISTINCT FROM" else ("not", same)), "bool"

    def _operation(self, node: nodes.Operation) -> Typed | None:
        first = node.operands[0] if node.operands else node
        if node.kind == "NOT":
            return ("not", self._boolean(first)), "bool"
        if node.kind == "IS_NULL":
            return ("is null", self._typed(first)[0]), "bool"
        if node.kind == "IS_NOT_NULL":
            return ("not", ("is null", self._typed(first)[0])), "bool"
        if node.kind == "IN":
            return self._in(self._typed(first), list(node.operands[1:]))
        if node.kind == "COALESCE":
            return self._together("coalesce", list(node.operands))
        return None

    def _cast(self, node: nodes.Cast) -> Typed | None:
        if node.safe or node.to.parts or node.to.name not in {"DOUBLE", "FLOAT8", "BOOLEAN"}:
            return None
        inner, kind = self._typed(node.value)
        if node.to.name == "BOOLEAN":
            return (inner, kind) if kind in {"bool", "null"} else None
        return (("to float", inner), "float") if kind in _NUMBERS else None

    def _call(self, node: nodes.Call) -> Typed | None:
        values = node.values
        if node.operator and node.name in _ARITHMETIC and len(values) == 2:  # noqa: PLR2004 - between two values
            return self._arithmetic(node.name, node)
        if node.operator and node.name == "-" and len(values) == 1:
            return self._number("negate", values[0])
        if node.operator or any(argument.name for argument in node.arguments):
            return None
        if node.name in {"greatest", "least"}:
            return self._together(node.name, list(values))
        if node.name == "ifnull" and len(values) == 2:  # noqa: PLR2004 - two values
            return self._together("coalesce", list(values))
        if node.name == "abs" and len(values) == 1:
            return self._number("abs", values[0])
        if node.name == "if" and len(values) == 3:  # noqa: PLR2004 - a condition and two values
            return self._case([(self._boolean(values[0]), values[1])], values[2])
        if node.name == "nullif" and len(values) == 2:  # noqa: PLR2004 - two values
            equal = self._compare("=", self._typed(values[0]), self._typed(values[1]))[0]
            return self._case([(equal, nodes.Literal("NULL_LITERAL"))], values[0])
        digits = self._round_digits(node)
        if digits is not None:
            inner, kind = self._numeric(values[0])
            return ("round", inner, digits), kind
        return None

    def _boolean(self, node: nodes.Node) -> Program:
        program, kind = self._typed(node)
        if kind not in {"bool", "null"}:
            raise self._wrong(f"{self._shown(node)} is of the kind {kind}; it must be true or false")
        return program

    def _numeric(self, node: nodes.Node) -> Typed:
        program, kind = self._typed(node)
        if kind not in _NUMBERS | {"null"}:
            raise self._wrong(f"{self._shown(node)} is of the kind {kind}; it must be a number")
        return program, kind

    def _number(self, name: str, node: nodes.Node) -> Typed:
        program, kind = self._numeric(node)
        return (name, program), kind

    @staticmethod
    def _round_digits(node: nodes.Call) -> int | None:
        if node.name != "round" or len(node.values) not in {1, 2}:
            return None
        digits = nodes.Literal("INTEGER", "0") if len(node.values) == 1 else node.values[1]
        found = digits.integer if isinstance(digits, nodes.Literal) else None
        return found if found is not None and found >= 0 else None

    def _case(self, checks: list[tuple[Program, nodes.Node]], otherwise: nodes.Node) -> Typed:
        typed = [self._typed(value) for _, value in checks]
        programs, kind = self._one_kind([*typed, self._typed(otherwise)], checks[0][1])
        branches = tuple((condition, program) for (condition, _), program in zip(checks, programs, strict=False))
        return ("case", branches, programs[-1]), kind

    def _in(self, value: Typed, items: list[nodes.Node]) -> Typed:
        # A date is compared as a timestamp with some and as it is with others: IN of the ones OR IN of the others.
        by_value: dict[Program, list[Program]] = {}
        for each in items:
            (_, left, right), _kind = self._compare("=", value, self._typed(each))
            by_value.setdefault(left, []).append(right)
        parts: list[Program] = [("in", left, tuple(rights)) for left, rights in by_value.items()]
        return nodes.balanced(lambda one, other: ("or", one, other), parts), "bool"

    def _together(self, name: str, nodes: list[nodes.Node]) -> Typed:
        programs, kind = self._one_kind([self._typed(node) for node in nodes], nodes[0])
        return (name, tuple(programs)), kind

    def _one_kind(self, typed: list[Typed], node: nodes.Node) -> tuple[list[Program], str]:
        typed = [(program, _plainer(kind)) for program, kind in typed]
        kinds = {kind for _, kind in typed} - {"null"}
        if kinds == {"int", "float"}:
            return [program if kind == "float" else ("to float", program) for program, kind in typed], "float"
        if len(kinds) > 1:
            raise self._wrong(f"{self._shown(node)} has values of the kinds {' and '.join(sorted(kinds))}")
        return [program for program, _ in typed], kinds.pop() if kinds else "null"

    def _compare(self, sign: str, left: Typed, right: Typed) -> Typed:
        left, right = self._as_compared(left, right), self._as_compared(right, left)
        (one, one_kind), (other, other_kind) = ((program, _plainer(kind)) for program, kind in (left, right))
        fits = one_kind == other_kind or {one_kind, other_kind} <= _NUMBERS or "null" in {one_kind, other_kind}
        if not fits:
            raise self._wrong(f"a value of the kind {one_kind} cannot be compared with one of the kind {other_kind}")
        if one_kind.startswith("category") and ("int", -1) in {one, other} and sign not in {"=", "<>"}:
            raise self._wrong(f"{self._text} compares with a text that is none of the categories")
        return (sign, one, other), "bool"

    def _as_compared(self, typed: Typed, other: Typed) -> Typed:
        """Read a literal as what it is compared with, and a date as a timestamp."""
        program, kind = typed
        wanted = _plainer(other[1]) if other[1] != "real" else "real"
        if kind == "text" and program[0] == "text":
            if wanted in _TIMES:
                return self._constant(nodes.Cast(nodes.Literal("STRING", program[1]), nodes.TypeName(wanted.upper())))
            if wanted.startswith("category "):
                labels = self._categories[int(wanted.split()[1])]
                return ("int", labels.index(program[1]) if program[1] in labels else -1), wanted
        if wanted == "real" and kind in {"int", "decimal"} and program[0] in {"int", "float"}:
            # DuckDB gives the literal the column's type.
            return ("float", float(np.float32(program[1]))), "float"
        if kind == "date" and wanted == "timestamp":
            return ("*", program, ("int", self._day)), "timestamp"
        return typed

    def _arithmetic(self, sign: str, node: nodes.Call) -> Typed:
        (left, one), (right, other) = (self._typed(each) for each in node.values)
        if "months" in {one, other} or ("timestamptz" in {one, other} and "calendar" in {one, other}):
            # Months are those of the calendar, and days those of the column's time zone.
            return self._before(node)
        one, other = _plainer(one), _plainer(other)
        kinds = (one, sign, other)
        if {one, other} <= _NUMBERS | {"null"}:
            kind = "float" if sign == "/" or "float" in {one, other} else "int"
            return (sign, left, right), kind

        def microseconds(program: Program, kind: str) -> Program:
            return ("*", program, ("int", self._day)) if kind == "date" else program

        if kinds == ("date", "-", "date"):
            return (sign, left, right), "int"
        if kinds in {("date", "+", "int"), ("date", "-", "int")}:
            return (sign, left, right), "date"
        if (one, other) == ("timestamptz", "timestamptz") and sign == "-":
            return (sign, left, right), "interval"
        if one == "timestamptz" and other == "interval" and sign in "+-" and not columns_in(node.values[1]):
            return (sign, left, right), "timestamptz"
        if {one, other} <= {"date", "timestamp"} and sign == "-":
            return (sign, microseconds(left, one), microseconds(right, other)), "interval"
        if one in {"date", "timestamp"} and other == "interval" and sign in "+-":
            return (sign, microseconds(left, one), right), "timestamp"
        if (one, other) == ("interval", "interval") and sign in "+-":
            return (sign, left, right), "interval"
        if kinds in {("interval", "*", "int"), ("int", "*", "interval")}:
            return (sign, left, right), "interval"
        return self._before(node)

    # Inputs.

    def _at(self, at: Navigation) -> tuple[int | None, bool, int, int]:
        return (self._set(at.variables), at.first, at.offset, at.rows)

    def _set(self, variables: tuple[str, ...] | None) -> int | None:
        if variables is None:
            return None
        if variables not in self._set_numbers:
            self._set_numbers[variables] = len(self.sets)
            self.sets.append(variables)
        return self._set_numbers[variables]

    def _reference(self, item: Any) -> Typed:
        if isinstance(item, Value):
            number, kind = self._column(item.column, lambda: self._rows.column(item.column))
            return ("read", number, *self._at(item.at)), kind
        if isinstance(item, RowExists):
            number, _ = self._column(RowExists, lambda: pa.chunked_array([np.arange(self._rows.count)]))
            return ("not", ("is null", ("read", number, *self._at(item.at)))), "bool"
        if isinstance(item, Classifier):
            return ("label", *self._at(item.at)), "text"
        if isinstance(item, MatchNumber):
            return ("match number",), "int"
        return self._aggregate(item)

    def _aggregate(self, item: RunningAggregate) -> Typed:
        kind = "int"
        column = None
        if item.argument is not None:
            key = (item.argument, item.reads)
            column, kind = self._column(key, lambda: self._computed(item.argument or "", dict(item.reads), item.tree))
            if item.function in {"sum", "avg"} and kind not in _NUMBERS | {"null"}:
                raise self._wrong(f"{item.function} takes numbers, not values of the kind {kind}")
        if item not in self._aggregate_numbers:
            self._aggregate_numbers[item] = len(self.aggregates)
            self.aggregates.append((item.function, column, self._set(item.variables)))
        if item.function == "sum":
            kind = _plainer(kind)
        kind = {"count": "int", "avg": "float"}.get(item.function, kind)
        return ("aggregate", self._aggregate_numbers[item]), kind

    def _column(self, key: object, make: Any) -> tuple[int, str]:
        number = self._column_numbers.get(key)
        if number is None:
            values, kind = self._plain(make())
            number = self._column_numbers[key] = len(self.columns)
            self.columns.append(values)
            self._kinds.append(kind)
        return number, self._kinds[number]

    def _plain(self, values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str]:
        """Return values in one of the core's kinds, and what they mean."""
        kind = values.type
        if is_ordered(kind):
            labels = labels_of(values)
            if labels not in self._categories:
                self._categories.append(labels)
            return ranks(values).cast(pa.int64()), f"category {self._categories.index(labels)}"
        if pa.types.is_dictionary(kind):
            values, kind = values.cast(kind.value_type), kind.value_type
        if pa.types.is_boolean(kind):
            return values, "bool"
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return values, "text"
        try:
            if pa.types.is_integer(kind):
                return values.cast(pa.int64()), "int"
            if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
                return values.cast(pa.float64()), "real" if pa.types.is_float32(kind) else "float"
            if pa.types.is_date(kind):
                return values.cast(pa.date32()).cast(pa.int32()).cast(pa.int64()), "date"
            if pa.types.is_timestamp(kind):
                same = values.cast(pa.timestamp(self._time_unit, kind.tz), safe=self._time_unit == "ns")
                return same.cast(pa.int64()), "timestamp" if kind.tz is None else "timestamptz"
            if has_intervals(kind):
                values, kind = with_durations(values, self._text), pa.duration("us")
            if pa.types.is_duration(kind):
                # DuckDB's intervals have microseconds.
                microseconds = values.cast(pa.duration("us"), safe=False)
                return microseconds.cast(pa.duration(self._time_unit)).cast(pa.int64()), "interval"
            if pa.types.is_null(kind):
                return values.cast(pa.int64()), "null"
        except pa.ArrowInvalid as error:
            raise self._wrong(f"a column is out of range: {error}") from None
        message = f"{self._text} reads values of the type {kind}, which cannot be read while matching"
        raise error_at(message, self._location, UnsupportedQueryError)

    def _in_zone(self) -> Database:
        """Return the connection for constants: they are written in the time zone of the condition's columns."""
        zoned = column_zones({name: self._rows.column(name).type for name in _columns_of(self._references.values())})
        if not zoned or self._database.zone_given:
            return self._database
        every = sorted(set().union(*zoned.values()))
        if len(every) > 1:
            message = f"it may need a time zone, and its columns have {' and '.join(every)}; name the one to compute in"
            raise self._wrong(f"{self._text}: {message}, as in time_zone={every[0]!r}")
        return self._database.in_zone(every[0])

    # What DuckDB computes before.

    def _computed(self, sql: str, columns: dict[str, str], tree: nodes.Node | None) -> pa.ChunkedArray:
        if len(columns) == 1 and sql == f'"{next(iter(columns))}"':
            return self._rows.column(next(iter(columns.values())))
        # An aggregate of a constant reads no column, and each row all the same.
        nothing = {"none": pa.nulls(self._rows.count)}
        return self._projected(
            sql, tree, pa.table({name: self._rows.column(column) for name, column in columns.items()} or nothing)
        )

    def _projected(self, sql: str, tree: nodes.Node | None, table: pa.Table) -> pa.ChunkedArray:
        computed = in_columns_zone(sql, tree, table, self._database, self._wrong)
        return computed.named(computed.database.project(f"({computed.sql})", table).column(0))

    def _constant(self, node: nodes.Node) -> Typed:
        """Have DuckDB compute what reads no row."""
        sql = sql_of(node)
        try:
            found = self._in_zone().project(f"({sql})", pa.table({"none": pa.nulls(1)})).column(0)
        except QueryError as error:
            raise self._wrong(str(error)) from None
        if pa.types.is_interval(found.type):
            interval = found[0].as_py()
            if interval is None:
                return ("null",), "null"
            # DuckDB compares intervals as if a month had 30 days; where one is added, it goes by the calendar.
            days = interval.months * 30 + interval.days
            length = days * self._day + interval.nanoseconds // 1000 * self._per_microsecond
            return ("int", length), "months" if interval.months else "calendar" if interval.days else "interval"
        values, kind = self._plain(found)
        value = values[0].as_py()
        if value is None:
            return ("null",), "null"
        return ({"float": "float", "bool": "bool", "text": "text"}.get(kind, "int"), value), kind

    def _before(self, node: nodes.Node) -> Typed:
        """Have DuckDB compute over whole columns what reads one row only, and read the answer at that row."""
        reads = {name: self._references[name] for name in columns_in(node)}
        values = {name: item for name, item in reads.items() if isinstance(item, Value)}
        places = {item.at for item in values.values()}
        if len(values) < len(reads) or len(places) != 1:
            fixed = all(at == Navigation(rows=at.rows) for at in places)
            if len(values) < len(reads) or not fixed:
                message = f"{self._shown(node)} cannot be computed while matching: it reads several rows of the match"
                raise error_at(message, self._location, UnsupportedQueryError)
            return self._before_shifted(node, values)
        (at,) = places
        sql = sql_of(node)
        columns = {name: item.column for name, item in values.items()}
        number, kind = self._column(
            (sql, tuple(columns.items())), lambda: self._try(node, lambda: self._computed(sql, columns, node))
        )
        return ("read", number, *self._at(at)), kind

    def _before_shifted(self, node: nodes.Node, values: dict[str, Value]) -> Typed:
        sql = sql_of(node)

        def compute() -> pa.ChunkedArray:
            table = pa.table({name: self._rows.shifted(item.column, item.at.rows) for name, item in values.items()})
            return self._projected(sql, node, table)

        number, kind = self._column((sql, tuple(values.items())), lambda: self._try(node, compute))
        return ("read", number, *self._at(Navigation())), kind

    def _try(self, node: nodes.Node, compute: Any) -> pa.ChunkedArray:
        try:
            return compute()
        except QueryError as error:
            raise self._wrong(f"{self._shown(node)}: {error}") from None

    def _shown(self, node: nodes.Node) -> str:
        """Return a part as the query has it; the whole condition where it is not known which part it is."""
        spans = [each.span for each in nodes.walk(node) if each.span is not None]
        if not spans or self._location is None:
            return self._text
        return " ".join(self._location.sql[min(spans)[0] : max(end for _, end in spans)].split())

    def _wrong(self, message: str) -> QueryError:
        return error_at(message, self._location, QueryError)


def _columns_of(references: Iterable[Any]) -> set[str]:
    """Return the table's columns that references read."""
    found = {item.column for item in references if isinstance(item, Value)}
    return found.union(*({name for _, name in item.reads} for item in references if isinstance(item, RunningAggregate)))


def _plainer(kind: str) -> str:
    """Return the kind that a value is computed as."""
    return {"real": "float", "decimal": "float", "calendar": "interval", "months": "interval"}.get(kind, kind)
