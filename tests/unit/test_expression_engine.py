"""The typed engine of the core (`_core.evaluate`, `_core.is_native`) against DuckDB over the same values."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pyarrow as pa
import pytest

from rowpattern import QueryError, QueryLimitError, RowsError, _core

duckdb = pytest.importorskip("duckdb", minversion="2.0")

Node = tuple[Any, ...]

_DOUBLES = [None, 0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e10, 3.25e18, -1e300, math.inf, -math.inf, math.nan]
_TEXTS = [None, "", "a", "abc", "ab%c", "ß", "éa🦆b", " a ", "A_b", "%"]
_MOMENTS = ["1970-01-01 00:00:00", "2024-02-29 23:59:59.999999", "1969-12-31 12:30:00.5", "0001-01-01 00:00:00"]
_INTERVALS = [
    "1 month",
    "30 days",
    "-1 day",
    "24 hours",
    "1 month -30 days",
    "90 seconds",
    "0 days",
    "13 months 5 days",
]

#: Values of each type, as SQL's literals.
VALUES: dict[str, list[str]] = {
    "BOOLEAN": ["NULL", "true", "false"],
    "TINYINT": ["NULL", "0", "1", "-1", "7", "-128", "127"],
    "SMALLINT": ["NULL", "0", "3", "-7", "-32768", "32767"],
    "INTEGER": ["NULL", "0", "1", "-2", "3", "100", "-2147483648", "2147483647"],
    "BIGINT": ["NULL", "0", "1", "-3", "12345", "-9223372036854775808", "9223372036854775807"],
    "HUGEINT": ["NULL", "0", "-5", "18446744073709551616", "99999999999999999999999999999999999999"],
    "UTINYINT": ["NULL", "0", "5", "255"],
    "USMALLINT": ["NULL", "0", "9", "65535"],
    "UINTEGER": ["NULL", "0", "11", "4294967295"],
    "UBIGINT": ["NULL", "0", "13", "18446744073709551615"],
    "FLOAT": [
        "NULL",
        *(f"'{each}'" for each in _DOUBLES if each is not None and (abs(each) < 1e30 or not math.isfinite(each))),
    ],
    "DOUBLE": ["NULL", *(f"'{each}'" for each in _DOUBLES if each is not None)],
    "DECIMAL(5,2)": ["NULL", "0", "1.5", "-1.5", "2.35", "999.99", "-999.99"],
    "DECIMAL(18,3)": ["NULL", "0", "0.0005", "-2.5", "999999999999999.999"],
    "DECIMAL(38,2)": ["NULL", "0", "-12.34", "999999999999999999999999999999999999.99"],
    "DATE": ["NULL", "'1970-01-01'", "'2024-02-29'", "'1969-12-31'", "'0001-01-01'", "'infinity'"],
    "TIME": ["NULL", "'00:00:00'", "'23:59:59.999999'", "'12:30:15.5'"],
    "TIMESTAMP": ["NULL", *(f"'{each}'" for each in _MOMENTS), "'infinity'"],
    "TIMESTAMP_S": ["NULL", *(f"'{each[:19]}'" for each in _MOMENTS)],
    "TIMESTAMP_MS": ["NULL", *(f"'{each}'" for each in _MOMENTS)],
    "TIMESTAMP_NS": ["NULL", "'1970-01-01 00:00:00.000000001'", "'2024-02-29 23:59:59.999999'"],
    "INTERVAL": ["NULL", *(f"'{each}'" for each in _INTERVALS)],
    "VARCHAR": ["NULL", *("'" + each + "'" for each in _TEXTS if each is not None)],
}
WHOLE = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"]
FLOATING = ["FLOAT", "DOUBLE"]
DECIMALS = ["DECIMAL(5,2)", "DECIMAL(18,3)", "DECIMAL(38,2)"]
NUMBERS = [*WHOLE, *FLOATING]
MOMENTS = ["DATE", "TIMESTAMP"]

#: A call's name and the types of its arguments; its SQL over a, b and c. Its type is DuckDB's.
CALLS: list[tuple[str, tuple[str, ...], str]] = [
    *((sign, (kind, kind), f"a {sign} b") for kind in VALUES for sign in ("=", "<>", "<", "<=", ">", ">=")),
    *((sign, (kind, kind), f"a {sign} b") for kind in VALUES for sign in ("is distinct from", "is not distinct from")),
    *((name, (kind,), f"a {name}") for kind in VALUES for name in ("is null", "is not null")),
    *((name, (kind, kind), f"{name}(a, b)") for kind in VALUES for name in ("greatest", "least", "coalesce")),
    *(("in", (kind, kind, kind), "a IN (b, c)") for kind in VALUES),
    *(("between", (kind, kind, kind), "a BETWEEN b AND c") for kind in VALUES),
    *(("case", ("BOOLEAN", kind, kind), "CASE WHEN a THEN b ELSE c END") for kind in VALUES),
    *((name, ("BOOLEAN", "BOOLEAN", "BOOLEAN"), f"a {name} b {name} c") for name in ("and", "or")),
    ("not", ("BOOLEAN",), "NOT a"),
    *((sign, (kind, kind), f"a {sign} b") for kind in NUMBERS for sign in ("+", "-", "*", "//", "%")),
    *((sign, (kind, kind), f"a {sign} b") for kind in DECIMALS for sign in ("+", "-", "%")),
    *(("/", (kind, kind), "a / b") for kind in FLOATING),
    *(("negate", (kind,), "-a") for kind in [*NUMBERS, *DECIMALS, "INTERVAL"]),
    *((name, (kind,), f"{name}(a)") for kind in [*NUMBERS, *DECIMALS] for name in ("abs", "sign")),
    *((name, (kind,), f"{name}(a)") for kind in [*FLOATING, *DECIMALS] for name in ("floor", "ceil", "round", "trunc")),
    *((name, ("DOUBLE",), f"{name}(a)") for name in ("sqrt", "exp", "ln", "log2", "radians", "isnan", "isinf")),
    ("round", ("DOUBLE", "INTEGER"), "round(a, b)"),
    ("pow", ("DOUBLE", "DOUBLE"), "pow(a, b)"),
    *(
        (cast, (kind, f"-> {to}"), f"{cast}(a AS {to})")
        for cast in ("cast", "try_cast")
        for kind, to in itertools.permutations([*NUMBERS, *DECIMALS, "BOOLEAN"], 2)
    ),
    *(
        ("cast", (kind, f"-> {to}"), f"cast(a AS {to})")
        for kind, to in [
            ("DATE", "TIMESTAMP"),
            ("TIMESTAMP", "DATE"),
            ("TIMESTAMP_S", "TIMESTAMP"),
            ("TIMESTAMP_NS", "DATE"),
        ]
    ),
    *(("+", (kind, "INTERVAL"), "a + b") for kind in [*MOMENTS, "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIME"]),
    *(("-", (kind, "INTERVAL"), "a - b") for kind in [*MOMENTS, "TIMESTAMP_NS"]),
    *(("-", (kind, kind), "a - b") for kind in MOMENTS),
    ("+", ("DATE", "INTEGER"), "a + b"),
    ("*", ("INTERVAL", "BIGINT"), "a * b"),
    *(
        (name, (kind,), f"{name}(a)")
        for kind in MOMENTS
        for name in ("year", "month", "quarter", "week", "yearweek", "epoch")
    ),
    *(
        (name, (kind,), f"{name}(a)")
        for kind in ["TIMESTAMP", "TIME", "INTERVAL"]
        for name in ("hour", "minute", "second")
    ),
    *(
        ("date_trunc", (f"'{part}'", kind), f"date_trunc('{part}', b)")
        for kind in MOMENTS
        for part in ("month", "week", "hour")
    ),
    *(
        ("date_diff", (f"'{part}'", kind, kind), f"date_diff('{part}', b, c)")
        for kind in MOMENTS
        for part in ("day", "month")
    ),
    *(
        ("date_part", (f"'{part}'", kind), f"date_part('{part}', b)")
        for kind in MOMENTS
        for part in ("isodow", "century")
    ),
    *((name, ("VARCHAR",), f"{name}(a)") for name in ("length", "strlen", "trim", "ltrim", "unicode", "ascii")),
    *((name, ("VARCHAR", "VARCHAR"), f"{name}(a, b)") for name in ("starts_with", "ends_with", "contains", "instr")),
    ("||", ("VARCHAR", "VARCHAR"), "a || b"),
    ("like", ("VARCHAR", "VARCHAR"), "a LIKE b"),
    ("substring", ("VARCHAR", "BIGINT", "BIGINT"), "substring(a, b, c)"),
]


@pytest.fixture(scope="module")
def database() -> Any:
    return duckdb.connect()


def _table(database: Any, kinds: tuple[str, ...]) -> Any:
    """All combinations of values of some types, or as many as there are of the first with the others' in turn."""
    pools = [[kind] if kind.startswith("'") else VALUES[kind] for kind in kinds]
    rows = (
        list(itertools.product(*pools))
        if len(pools) < 3
        else list(itertools.islice(itertools.product(*pools), 0, None, 3))
    )
    names = "abc"[: len(kinds)]
    types = ["VARCHAR" if kind.startswith("'") else kind for kind in kinds]
    casts = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in zip(names, types))
    texts = ", ".join(f"({', '.join(_quoted(each) for each in row)})" for row in rows)
    database.sql(f"CREATE OR REPLACE TABLE given AS SELECT {casts} FROM (VALUES {texts}) AS t({', '.join(names)})")
    return database.sql("FROM given").arrow().read_all()


def _quoted(value: str) -> str:
    return value if value == "NULL" or value.startswith("'") else f"'{value}'"


def _exact(values: pa.ChunkedArray | pa.Array) -> list[str]:
    """Values that differ where bits do, but for those of NaN. Infinite dates and timestamps are none of Python's."""
    if pa.types.is_date(values.type):
        values = values.cast(pa.int32())
    elif pa.types.is_timestamp(values.type) or pa.types.is_time(values.type):
        values = values.cast(pa.int64())
    return [repr(each.as_py()) for each in values]


def _shown(table: pa.Table, row: int) -> list[str]:
    return [_exact(column)[row] for column in table.columns]


def _evaluate(node: Node, columns: list[tuple[str, Any]], rows: int) -> pa.Array:
    return pa.array(_core.evaluate([node], columns, rows)[0])


def _read(kind: str, column: int) -> Node:
    return ("read", kind, column, None, False, 0, 0)


@pytest.mark.parametrize(("name", "kinds", "sql"), CALLS, ids=lambda value: str(value).replace("/", "_div_"))
def test_calls_are_those_of_duckdb(name: str, kinds: tuple[str, ...], sql: str, database: Any) -> None:
    arguments = tuple(kind for kind in kinds if not kind.startswith("-> "))
    table = _table(database, arguments)
    expected = database.sql(f"SELECT TRY({sql}) AS x FROM given")
    result = str(expected.types[0])
    found = expected.arrow().read_all().column(0)
    types = ["VARCHAR" if kind.startswith("'") else kind for kind in arguments]
    assert _core.is_native(name, types, result), (name, types, result)
    reads = tuple(
        ("literal", "VARCHAR", kind[1:-1]) if kind.startswith("'") else _read(kind, at)
        for at, kind in enumerate(arguments)
    )
    node = ("call", result, name, reads)
    columns = list(zip(types, table.columns))
    failing = set()
    for row in range(len(table)):
        one = [(kind, column.slice(row, 1)) for kind, column in columns]
        try:
            value = _evaluate(node, one, 1)
        except QueryError:
            failing.add(row)
            assert not found[row].is_valid, (_shown(table, row), "error", _exact(found)[row])
        else:
            shown = (_shown(table, row), _exact(value)[0], _exact(found)[row])
            assert _exact(value) == _exact(found.slice(row, 1)), shown
            assert value.type == found.type, shown
    kept = [row for row in range(len(table)) if row not in failing]
    whole = [(kind, column.combine_chunks().take(kept)) for kind, column in columns]
    assert _exact(_evaluate(node, whole, len(kept))) == _exact(found.take(kept))
    if failing:
        with pytest.raises(QueryError, match="expression 0: "):
            _evaluate(node, columns, len(table))


AGGREGATES = [
    *(("sum", kind) for kind in [*WHOLE, *FLOATING, *DECIMALS, "BOOLEAN"]),
    *(("avg", kind) for kind in ["SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DOUBLE", *DECIMALS]),
    *((name, kind) for kind in VALUES for name in ("min", "max", "count")),
    *((name, "BOOLEAN") for name in ("bool_and", "bool_or")),
]


def _literal(value: pa.Scalar) -> Any:
    """A value as literals have it."""
    if not value.is_valid:
        return None
    kind = value.type
    if pa.types.is_decimal(kind):
        return int(value.as_py().scaleb(kind.scale))
    if pa.types.is_date(kind):
        return value.cast(pa.int32()).as_py()
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        return value.cast(pa.int64()).as_py()
    if pa.types.is_interval(kind):
        months, days, nanos = value.as_py()
        return (months, days, nanos // 1000)
    return value.as_py()


@pytest.mark.parametrize(("name", "kind"), AGGREGATES)
def test_aggregates_are_those_of_duckdb(name: str, kind: str, database: Any) -> None:
    """A match has all rows only if the aggregate over them is DuckDB's, bit for bit where it is a double."""
    chosen, compared = random.Random(f"{name} {kind}"), 0
    for count in (1, 2, 3, 7, 20):
        given = [chosen.choice(VALUES[kind][: chosen.choice([2, 100])]) for _ in range(count)]
        if kind in WHOLE or kind in DECIMALS:
            digits = chosen.randrange(1, 5) if kind.startswith("DECIMAL(5") or kind == "SMALLINT" else 15
            if kind not in ("TINYINT", "UTINYINT", "SMALLINT", "USMALLINT", "UINTEGER", "INTEGER"):
                given = [str(chosen.randrange(1, 10**digits) // (1000 if kind == "DECIMAL(5,2)" else 1)) for _ in given]
        rows = ", ".join(f"({at}, CAST({_quoted(value)} AS {kind}))" for at, value in enumerate(given))
        # In order, as the match has its rows.
        database.sql(f"CREATE OR REPLACE TABLE given AS SELECT * FROM (VALUES {rows}) AS t(i, a)")
        try:
            found = database.sql(f"SELECT {name}(a ORDER BY i) AS x FROM given")
            value, result = found.arrow().read_all().column(0)[0], str(found.types[0])
        except duckdb.Error:
            continue
        assert _core.is_native(name, [kind], result)
        column = database.sql("SELECT a FROM given ORDER BY i").arrow().read_all().column(0)
        pattern = _core.compile(f"^ A{{{count - 1}}} B $" if count > 1 else "^ B $")
        expected = ("literal", result, _literal(value))
        node = ("call", "BOOLEAN", "is not distinct from", (("aggregate", result, 0), expected))
        conditions = _core.Conditions(pattern, [(kind, column)], [], [(name, 0, None, result, None)], {"B": node})
        matches = conditions.match({variable: [True] * count for variable in pattern.variables})
        assert len(matches) == 1, (given, value)
        compared += 1
    assert compared > 1


def _shifted(kind: str, rows: int) -> Node:
    return ("read", kind, 0, None, False, 0, rows)


def test_reads_stay_in_their_partition() -> None:
    column = pa.array([1, 2, 3, None, 5, 6], pa.int64())
    partitions = ("starts", [0, 2, 2, 5])

    def read(rows: int) -> list[Any]:
        found = _core.evaluate([_shifted("BIGINT", rows)], [("BIGINT", column)], 6, partitions=partitions)
        values: list[Any] = pa.array(found[0]).to_pylist()
        return values

    assert read(0) == [1, 2, 3, None, 5, 6]
    assert read(-1) == [None, 1, None, 3, None, None]
    assert read(1) == [2, None, None, 5, None, None]
    assert read(2) == [None, None, 5, None, None, None]
    for far in (2**63 - 1, -(2**63), 10, -10):
        assert read(far) == [None] * 6


def test_what_is_not_needed_has_no_error() -> None:
    column = pa.array([0, 1, 2], pa.int64())
    zero, one = ("literal", "BIGINT", 0), ("literal", "BIGINT", 1)
    read = _read("BIGINT", 0)
    divided = ("call", "BIGINT", "//", (one, read))
    is_one = ("call", "BOOLEAN", "=", (divided, one))
    not_zero = ("call", "BOOLEAN", "<>", (read, zero))
    columns = [("BIGINT", column)]
    assert _evaluate(("call", "BOOLEAN", "and", (not_zero, is_one)), columns, 3).to_pylist() == [False, True, False]
    case = ("call", "BIGINT", "case", (not_zero, divided, ("literal", "BIGINT", None)))
    assert _evaluate(case, columns, 3).to_pylist() == [None, 1, 0]
    with pytest.raises(QueryError, match="divided by zero"):
        _evaluate(is_one, columns, 3)


def test_columns_from_every_arrow_type() -> None:
    """What Arrow has of another unit, width or encoding is read as the type that is asked for."""
    numbers = [1, None, 3]
    arrays = {
        "BIGINT": [pa.array(numbers, kind) for kind in (pa.int8(), pa.uint64(), pa.int64())]
        + [pa.array(numbers, pa.int64()).dictionary_encode(), pa.chunked_array([[1, None], [3]], pa.int16())],
        "DOUBLE": [pa.array(numbers, pa.float64())],
        "FLOAT": [pa.array(numbers, pa.float32()), pa.array(numbers, pa.float32()).cast(pa.float16())],
        "DECIMAL(9,2)": [pa.array(numbers, pa.decimal128(9, 2)), pa.array(numbers, pa.decimal128(38, 2))],
        "TIMESTAMP": [
            pa.array([each and each * 10**6 for each in numbers], pa.timestamp("us", "UTC")),
            pa.array(numbers, pa.timestamp("s")),
            pa.array([each and each * 10**9 for each in numbers], pa.timestamp("ns")),
        ],
        "VARCHAR": [pa.array(["1", None, "3"], kind) for kind in (pa.string(), pa.large_string(), pa.string_view())]
        + [pa.array(["x", "1", None, "3"]).slice(1), pa.array(["1", None, "3"]).dictionary_encode()],
    }
    for kind, given in arrays.items():
        for array in given:
            found = [
                None if each is None else each for each in _evaluate(_read(kind, 0), [(kind, array)], 3).to_pylist()
            ]
            assert found[1] is None
            assert [str(found[0]), str(found[2])] == [
                str(each) for each in _evaluate(_read(kind, 0), [(kind, given[0])], 3).to_pylist()[::2]
            ]
    for kind in arrays:
        assert _evaluate(_read(kind, 0), [(kind, pa.nulls(3))], 3).null_count == 3


@pytest.mark.parametrize(
    ("kind", "array"),
    [
        ("TINYINT", pa.array([300])),
        ("BIGINT", pa.array([1.5])),
        ("DECIMAL(3,1)", pa.array([1], pa.decimal128(9, 2))),
        ("DATE", pa.array([1])),
        ("VARCHAR", pa.array([b"a"])),
        ("BIGINT", pa.array([1, 2])),
        ("BIGINT", pa.array([[1]])),
    ],
)
def test_columns_that_do_not_fit_are_refused(kind: str, array: pa.Array) -> None:
    with pytest.raises(RowsError):
        _core.evaluate([_read(kind, 0)], [(kind, array)], 1)


@pytest.mark.parametrize(
    "node",
    [
        ("literal", "BIGINT", "a"),
        ("literal", "BIGINT", 1 << 64),
        ("literal", "INTERVAL", (1, 2)),
        ("literal", "BLOB", None),
        ("read", "BIGINT", 1, None, False, 0, 0),
        ("read", "DOUBLE", 0, None, False, 0, 0),
        ("read", "BIGINT", 0, 0, False, 0, 0),
        ("read", "BIGINT", 0, None, True, 0, 0),
        ("read", "BIGINT"),
        ("aggregate", "BIGINT", 0),
        ("match number", "BIGINT"),
        ("classifier", "VARCHAR", None, False, 0, 0),
        ("call", "BIGINT", "+", ()),
        ("call", "BIGINT", "+", 1),
        ("call", "BIGINT", "nothing", (("literal", "BIGINT", 1),)),
        ("computed", "BIGINT", 0, ()),
        ("something", "BIGINT"),
        (),
        1,
        None,
        "literal",
    ],
)
def test_nodes_that_are_none_are_refused(node: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has a message of its own
        _core.evaluate([node], [("BIGINT", pa.array([1]))], 1)


def test_nodes_nest_only_so_deep() -> None:
    node: Node = ("literal", "BIGINT", 1)
    for _ in range(999):
        node = ("call", "BIGINT", "negate", (node,))
    assert _evaluate(node, [], 1).to_pylist() == [-1]
    with pytest.raises(QueryError, match="nests more than"):
        _evaluate(("call", "BIGINT", "negate", (node,)), [], 1)


def test_limits_hold() -> None:
    column = pa.array(range(1_000_000))
    node = ("call", "BIGINT", "+", (_read("BIGINT", 0), ("literal", "BIGINT", 1)))
    with pytest.raises(QueryLimitError, match="memory"):
        _core.evaluate([node], [("BIGINT", column)], len(column), memory_limit_mb=1)
    with pytest.raises(QueryLimitError, match="longer"):
        _core.evaluate([node], [("BIGINT", column)], len(column), timeout_seconds=0)
    found = _core.evaluate([node], [("BIGINT", column)], len(column), threads=3)
    assert pa.array(found[0]).equals(pa.array(range(1, 1_000_001)))


def test_is_native() -> None:
    assert _core.is_native("+", ["BIGINT", "BIGINT"], "BIGINT")
    assert not _core.is_native("+", ["BIGINT", "DOUBLE"], "DOUBLE")
    assert not _core.is_native("nothing", [], "BIGINT")
    assert not _core.is_native("=", ["BLOB", "BLOB"], "BOOLEAN")
    assert _core.is_native("count", [], "BIGINT")
