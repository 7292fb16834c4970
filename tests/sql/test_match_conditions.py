"""Conditions that read the match, whichever way they are computed: by the engine, over columns, or in rounds."""

from __future__ import annotations

import decimal
import random
import uuid
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import QueryError, match_recognize
from rowpattern.sql.execute import condition_parts


def rows(count: int, seed: int = 0) -> pa.Table:
    rng = random.Random(seed)

    def values(draw: Any) -> list[Any]:
        return [None if rng.random() < 0.1 else draw() for _ in range(count)]

    return pa.table(
        {
            "o": range(count),
            "i": pa.array(values(lambda: rng.randint(-3, 9)), pa.int32()),
            "x": pa.array(values(lambda: rng.choice([0.0, 1.5, -2.0, 7.25])), pa.float64()),
            "s": pa.array(values(lambda: rng.choice(["a", "b", "ab", "", "7", "12", "é"])), pa.string()),
            "d": pa.array(values(lambda: rng.randint(0, 60)), pa.int32()).cast(pa.date32()),
            "l": pa.array(values(lambda: [rng.randint(0, 3) for _ in range(rng.randint(0, 3))]), pa.list_(pa.int32())),
            "p": pa.array([{"u": rng.randint(0, 3), "v": rng.choice("ab")} for _ in range(count)]),
            "e": pa.array(values(lambda: rng.choice(["low", "mid", "high"]))).dictionary_encode(),
        }
    )


TABLE = rows(120)

#: Over the row before, `A.`, and the row itself; the way that `explain` says, where it is not the engine's alone.
CONDITIONS = [
    ("A.i < i", None),
    ("A.i + i > 4 AND x <> A.x", None),
    ("coalesce(A.i, i) BETWEEN 1 AND 5", None),
    ("A.i IS DISTINCT FROM i", None),
    ("A.s = s OR A.s IS NULL", None),
    ("md5(A.s) < md5(s)", "columns"),
    ("lower(A.s) = 'a' AND i > 2", "columns"),
    ("A.l[1] = i", "columns"),
    ("A.p.u < p.u", "columns"),
    ("list_sum(A.l) > list_sum(l)", "columns"),
    ("A.l IS NULL", "columns"),
    ("reverse(A.s) = s AND A.i > 0", "columns"),
    ("strftime(A.d, '%m') = strftime(d, '%m')", "columns"),
    ("concat(A.s, 'x') = 'x' OR A.i > 5", "columns"),
    ("md5(A.s || s) < '8'", "rounds"),
    ("list_contains(A.l, i)", "rounds"),
    ("A.l = l", "rounds"),
    ("levenshtein(A.s, s) <= 1", "rounds"),
    ("A.p = p OR A.p.v || p.v = 'ba'", None),
    ("(A.i, A.s) < (i, s)", "rounds"),
    ("struct_pack(a := A.i).a = i", "columns"),
    ("list_transform(l, lambda q: q + A.i)[1] > 3", "rounds"),
    ("x > A.x AND md5(A.s || s) < '8' AND lower(A.s) <> lower(s)", "rounds"),
    # A CASE, AND or OR keeps errors away.
    ("CASE WHEN A.s SIMILAR TO '[0-9]+' THEN A.s::int > i END", None),
    ("CASE WHEN A.s SIMILAR TO '[0-9]+' AND s SIMILAR TO '[0-9]+' THEN (A.s || s)::int > 100 END", None),
    ("CASE WHEN i <> 0 THEN A.i // i > 1 ELSE true END", None),
    ("TRY(CAST(A.s || '1' AS int)) > 10", None),
    ("e = 'low' AND A.e <> e", None),
]


def shown(condition: str) -> str:
    query = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES A.o AS o PATTERN (A B) DEFINE B AS {condition})"
    return str(rowpattern.explain(query, TABLE))


@pytest.mark.parametrize("computed", ["in rounds", "for all combinations"])
@pytest.mark.parametrize(("condition", "way"), CONDITIONS)
def test_two_rows_as_duckdb_joins_them(
    condition: str, way: str | None, computed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if computed == "in rounds":
        monkeypatch.setattr(condition_parts, "combinations", lambda *_: None)
    query = f"""SELECT o FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES A.o AS o
        AFTER MATCH SKIP TO NEXT ROW PATTERN (A B) DEFINE B AS {condition})"""
    found = match_recognize(query, TABLE).column("o").to_pylist()
    connection = duckdb.connect()
    connection.register("t", TABLE)
    columns = [name for name in TABLE.column_names if name != "o"]
    own = ", ".join(f"B.{name} AS {name}" for name in columns)
    both = f"SELECT A, A.o AS begun, {own} FROM t AS A, t AS B WHERE B.o = A.o + 1"
    sql = f"SELECT begun FROM ({both}) WHERE {condition} ORDER BY begun"
    assert found == [begun for (begun,) in connection.sql(sql).fetchall()]
    text = shown(condition)
    assert ("in rounds" in text) >= (way == "rounds"), text
    assert ("over whole columns before" in text) >= (way == "columns"), text


#: Over three rows mapped to A; braces are around columns of the row behind them.
AGGREGATES = [
    "sum(A.i) > {i}",
    "avg(A.x) <= {x}",
    "count(A.s) = 2",
    "min(A.s) < {s} OR max(A.d) >= {d}",
    "median(A.i) > {i}",
    "count(DISTINCT A.i) = 2",
    "string_agg(A.s, '-') < 'a-b'",
    "string_agg(A.s, '-' ORDER BY A.i) < 'ab'",
    "sum(A.i) FILTER (WHERE A.x > 0) > 2",
    "array_agg(A.i)[1] >= {i}",
    "len(array_agg(A.i)) > 2 AND max(A.i) > {i}",
    "arg_max(A.s, A.i) < {s}",
    "quantile_cont(A.x, 0.3) < {x}",
    "md5(string_agg(A.s, ',')) < '8' AND sum(A.i) > 3",
    "sum(A.i * 2 + 1) > 9 AND sum(length(md5(A.s))) > 40",
    "bool_and(A.i > 0)",
    "stddev(A.x) > {x}",
    "max(A.e) = 'mid'",
]


@pytest.mark.slow
@pytest.mark.parametrize("condition", AGGREGATES)
def test_aggregates_of_three_rows_as_duckdb_computes_them(condition: str) -> None:
    columns = {name: name for name in TABLE.column_names}
    query = f"""SELECT o FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES FIRST(o) AS o
        AFTER MATCH SKIP TO NEXT ROW PATTERN (A A A B) DEFINE B AS {condition.format(**columns)})"""
    found = match_recognize(query, TABLE).column("o").to_pylist()
    connection = duckdb.connect()
    connection.register("t", TABLE)
    wanted = []
    for at in range(TABLE.num_rows - 3):
        of_row = {name: f"(SELECT {name} FROM t WHERE o = {at + 3})" for name in TABLE.column_names}
        rows_of_a = f"(SELECT * FROM t WHERE o BETWEEN {at} AND {at + 2} ORDER BY o) AS A"
        holds = connection.sql(f"SELECT {condition.format(**of_row)} FROM {rows_of_a}").fetchall()
        wanted += [at] if holds[0][0] else []
    assert found == wanted
    assert 0 < len(wanted) < TABLE.num_rows - 3


@pytest.mark.parametrize(
    "value", ["max((A.v, A.i))", "min({'v': A.v})", "list([A.v])", "max(A.v)", "max((year(A.v), A.i))"]
)
def test_what_an_aggregate_puts_together_has_its_columns_zone(value: str) -> None:
    """Its text is that of the zone, and of a row without names for its fields."""
    moments = pa.array([None, None, 0, 10**15], pa.timestamp("us", "America/New_York"))
    table = pa.table({"p": [0, 0, 1, 1], "i": [0, 1, 0, 1], "v": moments})
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'America/New_York'")
    connection.register("t", table)
    texts = connection.sql(f"SELECT ({value})::VARCHAR FROM t AS A WHERE i = 0 GROUP BY p ORDER BY p").fetchall()
    for partition, (text,) in enumerate(texts):
        shown = "NULL" if text is None else "'" + text.replace("'", "''") + "'"
        query = f"""SELECT p FROM t MATCH_RECOGNIZE (PARTITION BY p ORDER BY i MEASURES 1 AS m PATTERN (A B)
            DEFINE B AS ({value})::VARCHAR IS NOT DISTINCT FROM {shown})"""
        assert partition in match_recognize(query, table).column("p").to_pylist(), (text, value)


def test_where_navigation_leads_nowhere() -> None:
    """What an expression makes of NULLs where there is no such row, also where DuckDB computes it over a column."""
    query = """SELECT o FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES FIRST(o) AS o PATTERN (A? B) DEFINE A AS false,
        B AS {})"""
    for condition in (
        "concat(A.s, 'x') = 'x'",
        "A.l IS NULL",
        "concat(A.s, s) = s",
        "concat(A.s, LAST(A.s, 9), s) = s",
    ):
        found = match_recognize(query.format(condition), TABLE).column("o").to_pylist()
        wanted = [
            at for at, s in enumerate(TABLE.column("s").to_pylist()) if s is not None or "s) = s" not in condition
        ]
        assert found == wanted, condition


def test_errors_of_what_is_wanted_only() -> None:
    """An error counts where its value is wanted: not behind a CASE, and not in rows that the search does not read."""
    table = pa.table({"o": [0, 1, 2, 3], "s": ["1", "2", "no", "4"], "k": [1, 1, 0, 1]})
    query = "SELECT o FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES FIRST(o) AS o PATTERN (A B) DEFINE B AS {})"
    guarded = query.format("CASE WHEN k = 1 AND A.k = 1 THEN (A.s || s)::int > 1 END")
    assert match_recognize(guarded, table).column("o").to_pylist() == [0]
    with pytest.raises(rowpattern.QueryError, match=r"DEFINE B: .*convert string '2no'.*\(line 1, column"):
        match_recognize(query.format("(A.s || s)::int > 12"), table)
    first = "SELECT o FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES FIRST(o) AS o PATTERN (^A B) DEFINE B AS {})"
    assert match_recognize(first.format("(A.s || s)::int = 12"), table).column("o").to_pylist() == [0]


def test_many_partitions_in_one_round() -> None:
    """What is asked for in all partitions together is as it is in each alone."""
    count = 3000
    rng = random.Random(1)
    table = pa.table(
        {"k": [at // 6 for at in range(count)], "o": range(count), "s": [rng.choice("abc") for _ in range(count)]}
    )
    query = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY o MEASURES FIRST(o) AS f, LAST(o) AS l
        PATTERN (A+ B) DEFINE A AS s = 'a' OR levenshtein(FIRST(A.s), s) = 1, B AS md5(A.s || s) < 'a')"""
    found = match_recognize(query, table)
    parts = [match_recognize(query, table.slice(at, 6)).to_pylist() for at in range(0, 600, 6)]
    assert found.slice(0, sum(map(len, parts))).to_pylist() == [row for part in parts for row in part]
    assert found.num_rows > 200


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("A.i || 'x'", "must be true or false"),
        ("nosuch(A.i) = 1", "there is no function nosuch"),
        ("abs(A.d) = 1", "DEFINE B: "),
        ("sum(A.s) > 1", "DEFINE B: "),
        ("A.l > A.i", "DEFINE B: "),
        ("sum(CLASSIFIER()) = 1", "there is no sum(VARCHAR); it takes (a number)"),
        ("i // (i - i) = A.i", "divided by zero"),
    ],
)
def test_what_duckdb_refuses_is_named(condition: str, message: str) -> None:
    query = f"SELECT o FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES A.o AS o PATTERN (A B) DEFINE B AS {condition})"
    with pytest.raises(rowpattern.QueryError, match=r"\(line 1, column") as caught:
        match_recognize(query, TABLE)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "define",
    [
        "B AS FIRST(i) < 0",
        "B AS FIRST(i) < 0 AND i > A.i",
        "A AS FIRST(i) > 2, B AS i > FIRST(i) AND NEXT(FIRST(i)) > 1",
        "B AS FIRST(s) = 'ab' OR FIRST(i) > 5",
        "A AS PREV(FIRST(i)) > 0 AND FIRST(x) = 1.5, B AS FIRST(i // (i - 1)) > 1",
    ],
)
@pytest.mark.parametrize("pattern", ["A+ B", "A* B?", "(A | B)+", "A? B+ A"])
def test_what_the_first_row_decides(define: str, pattern: str) -> None:
    """The same as where it is looked at in each row."""
    query = f"""SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES FIRST(o) AS f, LAST(o) AS l, count(*) AS n
        PATTERN ({pattern}) DEFINE {define})"""
    assert "decided once" in str(rowpattern.explain(query, TABLE))
    for at in range(0, 100, 7):
        table = TABLE.slice(at, 9)
        assert outcome(query, table) == outcome_of_first(define, pattern, table), at


def outcome(query: str, table: pa.Table) -> Any:
    try:
        return match_recognize(query, table).to_pylist()
    except rowpattern.QueryError:
        return "error"


def outcome_of_first(define: str, pattern: str, table: pa.Table) -> Any:
    """Answer it with FIRST in a form that is not known to be the same in all rows."""
    kept = define.replace("FIRST(i // (i - 1)) > 1", "(FIRST(i) // (FIRST(i) - 1) > 1 AND count(*) > 0)")
    for column in ("i", "s", "x"):
        kept = kept.replace(f"FIRST({column})", f"coalesce(FIRST({column}), LAST({column}, 99))")
    kept = kept.replace("NEXT(coalesce(FIRST(i), LAST(i, 99)))", "coalesce(NEXT(FIRST(i)), LAST(i, 99))")
    kept = kept.replace("PREV(coalesce(FIRST(i), LAST(i, 99)))", "coalesce(PREV(FIRST(i)), LAST(i, 99))")
    query = f"""SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES FIRST(o) AS f, LAST(o) AS l, count(*) AS n
        PATTERN ({pattern}) DEFINE {kept})"""
    assert "decided once" not in str(rowpattern.explain(query, TABLE))
    return outcome(query, table)


def first_of(condition: str, table: pa.Table, measure: str = "A.o") -> list[Any]:
    query = (
        f"SELECT m FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES {measure} AS m PATTERN (A B) DEFINE B AS {condition})"
    )
    return list(match_recognize(query, table).column("m").to_pylist())


@pytest.mark.parametrize(
    "condition",
    [
        "list(hour(v)) = [1, 2]",
        "string_agg(v::VARCHAR, ',') LIKE '%+01'",
        "list(v)[1]::VARCHAR LIKE '%+01'",
        "count(DISTINCT hour(v)) = 2 AND median(hour(v)) = 1.5",
        "max(v) >= '1970-01-01 02:00'",
    ],
)
def test_aggregates_in_the_columns_zone(condition: str) -> None:
    table = pa.table({"o": [0, 1], "v": pa.array([0, 3600], pa.timestamp("s", "Europe/Berlin"))})
    assert first_of(condition, table) == [0]


def test_an_aggregates_argument_is_of_its_variables_rows() -> None:
    table = pa.table({"o": [0, 1], "v": ["12", "x"]})
    assert first_of("max(A.v::INTEGER) = 12", table) == [0]
    with pytest.raises(rowpattern.QueryError, match="DEFINE B: Could not convert string 'x'"):
        first_of("max(v::INTEGER) = 12", table)


def test_what_has_no_type_of_arrows_keeps_its_own_between_two_steps() -> None:
    one, two = uuid.UUID(int=1), uuid.UUID(int=2)
    storage = pa.array([one.bytes, two.bytes], pa.binary(16))
    table = pa.table({"o": [0, 1], "v": pa.ExtensionArray.from_storage(pa.uuid(), storage)})
    assert first_of(f"min(v) < '{two}'::UUID", table) == [0]
    assert first_of("true", table, "min(v)::BLOB") == [one.bytes]
    table = pa.table({"o": [0, 1], "v": [0, 1], "e": ["(1, 1)", "(1, 1)"]})
    assert first_of("(max((v, v)))::VARCHAR = e", table) == [0]


def test_aggregates_of_ordered_categories_are_categories() -> None:
    values = pa.DictionaryArray.from_arrays(pa.array([0, 2]), pa.array(["low", "mid", "high"]), ordered=True)
    table = pa.table({"o": [0, 1], "v": values})
    assert first_of("min(v) < 'mid'", table) == [0]
    assert first_of("max(v) < 'mid'", table) == []
    assert first_of("[A.v] < [v]", table) == [0]


def test_constants_that_json_has_not() -> None:
    table = pa.table({"o": [0, 1], "v": [1.0, 5.0]})
    assert first_of("v > ('nan')::DOUBLE / 2 OR A.v < 5", table) == [0]
    assert first_of("v > ('nan')::DOUBLE / 2", table) == []


def test_the_type_of_null_alone() -> None:
    table = pa.table({"o": [0, 1], "v": pa.nulls(2), "e": pa.array([None, None], pa.string())})
    assert first_of("ifnull(A.v, NULL)::VARCHAR IS NOT DISTINCT FROM e", table) == [0]
    query = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o
        MEASURES nullif(FIRST(v), NULL) AS a, greatest(min(v), max(v)) AS b PATTERN (A B))"""
    assert match_recognize(query, table).schema.types == [pa.null(), pa.null()]


def matches_two_rows(condition: str, table: pa.Table) -> bool:
    sql = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (A B) DEFINE B AS {condition})"
    return bool(match_recognize(sql, table).num_rows)


PAIR = pa.table({"i": [1, 2], "x": [7, 4], "s": ["1", "b"], "b": [True, False]})


@pytest.mark.parametrize(
    "condition",
    [
        # Sums of whole numbers are whole numbers.
        "sum(x) // A.x BETWEEN 1 AND 1",
        "(sum(x) // 2)::VARCHAR = '5'",
        "(sum(x) // count(*)) || '' = '5'",
        "format('{}', sum(x)) = '11'",
        "bit_count(sum(x)) = 3",
        "greatest(sum(x), 1.5)::VARCHAR = '11.0'",
        # A constant that is refused stands in a branch that is not taken.
        "CASE WHEN A.x = 8 THEN CAST('a' AS INT) = 1 ELSE true END",
        "if(A.x = 7, 1, 1 // 0) = 1",
        "coalesce(A.x = 7, CAST('a' AS BOOLEAN))",
        "CASE WHEN A.x = 7 THEN true ELSE error('boom') END",
        "CASE WHEN A.x = 7 THEN true ELSE (9223372036854775807 + 1) > A.x END",
        "list_transform([1], lambda z: z + 1)[1] = 2 AND A.x = 7",
    ],
)
def test_conditions_in_rounds_hold(condition: str) -> None:
    assert matches_two_rows(condition, PAIR)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("CASE WHEN A.x = 7 THEN CAST('a' AS INT) = 1 ELSE true END", "Could not convert string 'a'"),
        ("A.x > CAST('a' AS INT)", "Could not convert string 'a'"),
        ("error('boom')", "boom"),
        ("error(A.s) IS NULL", "DEFINE B: 1"),
        ("sum(d) IS NOT NULL", "does not fit into its type"),
        ("sum(d)::VARCHAR > ''", "does not fit into its type|Overflow"),
    ],
)
def test_an_error_that_is_wanted_is_raised(condition: str, message: str) -> None:
    large = pa.array([decimal.Decimal(10**38 - 1), decimal.Decimal(2)], pa.decimal128(38, 0))
    with pytest.raises(QueryError, match=message):
        matches_two_rows(condition, PAIR.append_column("d", large))


@pytest.mark.parametrize("kind", [pa.binary(2), pa.binary(), pa.large_binary()])
def test_binary_values_of_every_arrow_type_are_blobs(kind: pa.DataType) -> None:
    """An aggregate that is computed beside a row's value has the text that DuckDB gives it."""
    table = pa.table({"o": [1, 2], "v": pa.array([b"aa", None], kind), "e": ["(aa, aa)"] * 2})
    query = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A B)
        DEFINE B AS (max((A.v, A.v)))::VARCHAR IS NOT DISTINCT FROM e)"""
    assert match_recognize(query, table)["n"].to_pylist() == [2]
