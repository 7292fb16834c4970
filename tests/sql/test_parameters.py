"""Parameters: a query with values bound to them has the answer of the query that has these values as constants."""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import enum
import math
import uuid
import zoneinfo
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize, recognize
from rowpattern.cache.plans import clear_plan_cache, get_plan_stats
from rowpattern.sql.execute import typed_expressions
from rowpattern.sql.expression.binder import bind_texts
from rowpattern.sql.expression.parameters import ParameterValues

ROWS = pa.table({"o": [1, 2, 3, 4, 5], "x": [10, 20, 15, 5, 30], "s": ["a", "b", None, "a", "b"]})

BERLIN = dt.timezone(dt.timedelta(hours=2))

#: Values, and how DuckDB's SQL writes the same with the same type.
VALUES: list[tuple[Any, str]] = [
    (True, "true"),
    (False, "false"),
    (0, "0"),
    (-7, "-7"),
    ((1 << 31) - 1, "2147483647"),
    (1 << 31, "2147483648"),
    (-(1 << 63), "(-9223372036854775808)::BIGINT"),
    ((1 << 64) - 1, "18446744073709551615::UBIGINT"),
    (-(1 << 127), "'-170141183460469231731687303715884105728'::HUGEINT"),
    ((1 << 128) - 1, "'340282366920938463463374607431768211455'::UHUGEINT"),
    (1.5, "1.5::DOUBLE"),
    (0.1, "0.1::DOUBLE"),
    (1e300, "1e300::DOUBLE"),
    (-0.0, "'-0.0'::DOUBLE"),
    (math.nan, "'nan'::DOUBLE"),
    (-math.inf, "'-inf'::DOUBLE"),
    ("a", "'a'"),
    ('it\'s "quoted" -- ; $x ?', "'it''s \"quoted\" -- ; $x ?'"),
    ("", "''"),
    ("äöü 😀", "'äöü 😀'"),
    (b"\x00\xff'", "'\\x00\\xFF\\x27'::BLOB"),
    (decimal.Decimal("1.23"), "1.23::DECIMAL(3,2)"),
    (decimal.Decimal("-0.001"), "(-0.001)::DECIMAL(4,3)"),
    (decimal.Decimal("1E+3"), "1000::DECIMAL(4,0)"),
    (dt.date(2020, 2, 29), "DATE '2020-02-29'"),
    (dt.date(1, 1, 1), "DATE '0001-01-01'"),
    (dt.time(1, 2, 3, 4), "TIME '01:02:03.000004'"),
    (dt.datetime(2020, 2, 29, 1, 2, 3, 4), "TIMESTAMP '2020-02-29 01:02:03.000004'"),  # noqa: DTZ001 - without a zone
    (dt.datetime(1900, 1, 1), "TIMESTAMP '1900-01-01'"),  # noqa: DTZ001 - without a zone
    (dt.datetime(2020, 2, 29, 1, 2, 3, tzinfo=BERLIN), "TIMESTAMPTZ '2020-02-29 01:02:03+02'"),
    (dt.timedelta(days=1, seconds=2, microseconds=3), "INTERVAL '1 day 2.000003 seconds'"),
    (dt.timedelta(seconds=-90), "INTERVAL '-1 day 86310 seconds'"),
    (uuid.UUID(int=77), "'00000000-0000-0000-0000-00000000004d'::UUID"),
    ([1, 2, None], "[1, 2, NULL]"),
    (["a", "it's"], "['a', 'it''s']"),
    ([1, 1 << 40], "[1, 1099511627776]::BIGINT[]"),
    ([[1], []], "[[1], []]"),
    ({"a": 1, 'b "c"': "x"}, """{'a': 1, 'b "c"': 'x'}"""),
    ({"key": ["a"], "value": [1]}, "MAP {'a': 1}"),
]

#: Where a value may stand: conditions over rows and over the match, by the engine, over columns and in rounds;
#: measures, aggregates, keys, and around the clause. `z` is a column of the value's type.
PLACES = {
    "condition": "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A+) DEFINE A AS z = {p})",
    "NULL-safe": "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A+) "
    "DEFINE A AS PREV(z) IS DISTINCT FROM {p})",
    "over columns": "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A+) "
    "DEFINE A AS md5(({p})::VARCHAR) <= md5(z::VARCHAR) AND x > 0)",
    "match": "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A B*) "
    "DEFINE B AS A.z IS NOT DISTINCT FROM {p} AND x > 0)",
    "rounds": "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A B*) "
    "DEFINE B AS md5(A.z::VARCHAR || B.x::VARCHAR) <> md5(({p})::VARCHAR || B.x::VARCHAR))",
    "aggregate in rounds": "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A B*) "
    "DEFINE B AS list_contains(array_agg(B.z IS DISTINCT FROM {p}), true))",
    "measure": "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES {p} AS m, LAST(z) IS DISTINCT FROM {p} AS n "
    "PATTERN (A+))",
    "aggregate": "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) FILTER (WHERE z = {p}) AS n, "
    "array_agg({p}) AS every PATTERN (A+))",
    "running aggregate": "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES RUNNING max({p}) AS n "
    "ALL ROWS PER MATCH PATTERN (A+))",
    "key": "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY z = {p} ORDER BY o MEASURES count(*) AS n PATTERN (A+))",
    "around": "SELECT {p} AS p, n FROM (SELECT * FROM t WHERE z = {p}) MATCH_RECOGNIZE ("
    "ORDER BY o MEASURES count(*) AS n PATTERN (A+)) WHERE n > 0 LIMIT 3",
}

#: Where all values are tried, and not some.
EVERY_VALUE = {"condition", "match", "measure"}


def table_with(literal: str) -> pa.Table:
    """Return rows with a column of a value's type: the value in some rows, and NULL in others."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("given", ROWS)
    value = f"CASE WHEN o % 2 = 1 THEN {literal} END"
    return connection.sql(f"SELECT *, {value} AS z FROM given").to_arrow_table()


def canonical(answer: Any) -> Any:
    if isinstance(answer, pa.RecordBatchReader):
        answer = answer.read_all()
    # A key is called as it is written.
    return [repr(column.to_pylist()) for column in answer.columns], answer.schema.types


def outcome(ask: Any) -> Any:
    try:
        return canonical(ask())
    except rowpattern.RowPatternError:
        return "an error"


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"stream": True}, {"isolation": "process"}], ids=str)
@pytest.mark.parametrize("place", PLACES)
def test_a_parameter_is_the_constant_of_its_value(place: str, options: dict[str, Any]) -> None:
    answered = 0
    first = list(PLACES).index(place)
    some = VALUES if place in EVERY_VALUE and not options else VALUES[first % 6 :: 6]
    for value, literal in some:
        table = table_with(literal)
        wanted = outcome(lambda: match_recognize(PLACES[place].format(p=literal), table, **options))  # noqa: B023
        found = outcome(
            lambda: match_recognize(PLACES[place].format(p="$p"), table, parameters={"p": value}, **options)  # noqa: B023
        )
        assert found == wanted, (value, literal)
        answered += wanted != "an error"
    assert answered > len(some) // 3


@pytest.mark.parametrize("place", PLACES)
def test_null_is_a_value(place: str) -> None:
    table = ROWS.append_column("z", pa.array([1, None, 1, 2, None]))
    wanted = outcome(lambda: match_recognize(PLACES[place].format(p="NULL"), table))
    for value in (None, pd.NA, pd.NaT):
        assert (
            outcome(lambda value=value: match_recognize(PLACES[place].format(p="$p"), table, parameters={"p": value}))
            == wanted
        )


def test_types_are_those_that_duckdb_gives() -> None:
    connection = duckdb.connect()
    for value, _ in [*VALUES, (None, "")]:
        kind = ParameterValues({"p": value}).type("p")
        if kind is not None:
            (wanted,) = connection.execute("SELECT typeof($p)", {"p": value}).fetchone() or ()
            assert kind.replace('"NULL"', "NULL") == wanted.replace('"NULL"', "NULL").replace("(a", '("a"'), value


def test_numpy_and_pandas_values_are_those_of_python() -> None:
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES $p AS m PATTERN (A))"
    values = [(np.int64(3), 3), (np.float32(1.5), 1.5), (np.bool_(1), True), (np.str_("a"), "a")]
    midnight = dt.datetime(2020, 1, 1)  # noqa: DTZ001 - without a zone
    values += [(pd.Timestamp(midnight), midnight), (pd.Timedelta("1h"), dt.timedelta(hours=1))]
    values += [((1, 2), [1, 2]), (bytearray(b"x"), b"x")]
    values += [(np.datetime64(midnight, "ns"), midnight), (np.datetime64("2020-01-01"), midnight.date())]
    values += [(np.timedelta64(3000, "ns"), dt.timedelta(microseconds=3)), (np.array(3), 3)]
    for given, plain in values:
        found = match_recognize(sql, ROWS, parameters={"p": given})["m"][0].as_py()
        assert (found, type(found)) == (plain, type(plain))


def derived(plain: Any) -> Any:
    """Return a value of a class that is derived from a value's, and that writes itself as another value."""
    methods = dict.fromkeys(("__str__", "__repr__", "isoformat", "hex"), lambda _: "7")
    kind = type("Derived", (type(plain),), {**methods, "__bytes__": lambda _: b"7", "__format__": lambda *_: "7"})
    if isinstance(plain, dt.date):
        return kind(*plain.timetuple()[: 6 if isinstance(plain, dt.datetime) else 3])
    if isinstance(plain, dt.timedelta):
        return kind(plain.days, plain.seconds)
    return kind(bytes=plain.bytes) if isinstance(plain, uuid.UUID) else kind(plain)


def test_values_of_derived_classes_are_what_their_type_holds() -> None:
    class Color(str, enum.Enum):
        RED = "red"

    sql = "SELECT $p AS around, * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES $p AS m PATTERN (A+))"
    plain = [1, 2.5, "a", b"b", decimal.Decimal("1.5"), dt.date(2020, 1, 2), dt.timedelta(3), uuid.UUID(int=5)]
    plain.append(dt.datetime(2020, 1, 2))  # noqa: DTZ001 - without a zone
    for given, wanted in [(Color.RED, "red"), *((derived(each), each) for each in plain)]:
        # The plan of the one before must not answer for the next one.
        for _ in range(3):
            found = match_recognize(sql, ROWS, parameters={"p": given}).to_pylist()
            # Of a UUID DuckDB gives the text.
            shown = str(wanted) if isinstance(wanted, uuid.UUID) else wanted
            assert found == [{"around": shown, "m": shown}], type(wanted)
    assert match_recognize(sql, ROWS, parameters={"p": decimal.Decimal("sNaN")})["m"][0].as_py() != 0


def test_zones_without_an_offset() -> None:
    class Unknown(dt.tzinfo):
        def utcoffset(self, _: dt.datetime | None) -> None:
            return None

        def dst(self, _: dt.datetime | None) -> None:
            return None

        def tzname(self, _: dt.datetime | None) -> str:
            return "unknown"

    sql = "SELECT $p AS around, * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES $p AS m PATTERN (A+))"
    moment = dt.datetime(2020, 1, 1)  # noqa: DTZ001 - without a zone
    # To Python this has no zone.
    found = match_recognize(sql, ROWS, parameters={"p": moment.replace(tzinfo=Unknown())}).to_pylist()
    assert found == [{"around": moment, "m": moment}]
    for zone in (Unknown(), zoneinfo.ZoneInfo("Europe/Paris")):
        with pytest.raises(rowpattern.QueryError, match=r"p is 01:00:00 in the zone .*; give a datetime, or a time"):
            match_recognize(sql, ROWS, parameters={"p": dt.time(1, tzinfo=zone)})


def test_texts_become_what_they_stand_beside() -> None:
    table = ROWS.append_column("d", pa.array([dt.date(2020, 1, day) for day in range(1, 6)]))
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN (A+) DEFINE A AS d > {p})"
    wanted = match_recognize(sql.format(p="'2020-01-02'"), table)
    assert match_recognize(sql.format(p="$p"), table, parameters={"p": "2020-01-02"}) == wanted
    with pytest.raises(rowpattern.QueryError, match="DEFINE A"):
        match_recognize(sql.format(p="$p"), table, parameters={"p": "no day"})


def test_texts_are_categories_beside_ordered_ones() -> None:
    frame = pd.DataFrame(
        {"o": [1, 2, 3], "c": pd.Categorical(["high", "low", "mid"], ["low", "mid", "high"], ordered=True)}
    )
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES FIRST(o) AS f PATTERN (A+) DEFINE A AS c >= {p})"
    for label in ("low", "mid", "high"):
        wanted = match_recognize(sql.format(p=f"'{label}'"), frame)
        pd.testing.assert_frame_equal(match_recognize(sql.format(p="$p"), frame, parameters={"p": label}), wanted)


def test_arguments_of_aggregates_that_must_be_constants() -> None:
    """DuckDB wants a constant there, and is given one, in conditions and in measures."""
    table = pa.table({"i": [1, 2, 3], "s": ["a", "b", "c"]})
    query = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i
        MEASURES string_agg(s, $sign) AS joined, quantile_cont(i, $part) AS q PATTERN (A+)
        DEFINE A AS string_agg(s, $sign) <> 'a-b-c' AND quantile_cont(i, $part) < 9)"""
    for sign, joined in (("-", ["a-b", "c"]), ("+", ["a+b+c"])):
        found = match_recognize(query, table, parameters={"sign": sign, "part": 0.5})
        assert found["joined"].to_pylist() == joined


def test_values_may_be_nested() -> None:
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES $p AS m PATTERN (A))"
    for value in (nested(20), {"a": [{"b": [1, None]}, {"b": []}]}, [dt.date(2020, 1, 1)] * 5000):
        assert match_recognize(sql, ROWS, parameters={"p": value})["m"][4].as_py() == value


def test_zones_are_those_of_constants() -> None:
    start = pd.Timestamp("2024-03-30 20:00", tz="Europe/Berlin")
    frame = pd.DataFrame({"at": pd.date_range(start, periods=10, freq="h")})
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY at MEASURES {m} AS m PATTERN (A+) DEFINE A AS {c})"
    instant = dt.datetime(2024, 3, 31, 0, 30, tzinfo=dt.timezone.utc)
    pairs = [("at > {p}", "2024-03-31 01:30", "'2024-03-31 01:30'"), ("at > {p}", instant, f"'{instant}'::TIMESTAMPTZ")]
    pairs += [("at - {p} > INTERVAL 1 HOUR", instant, f"'{instant}'::TIMESTAMPTZ")]
    pairs += [("at + {p} > FIRST(at)", dt.timedelta(days=1), "INTERVAL 1 DAY")]
    for condition, value, literal in pairs:
        wanted = match_recognize(sql.format(m="FIRST(at)", c=condition.format(p=literal)), frame)
        found = match_recognize(sql.format(m="FIRST(at)", c=condition.format(p="$p")), frame, parameters={"p": value})
        pd.testing.assert_frame_equal(found, wanted)


def test_bounds_and_offsets() -> None:
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n PATTERN ({pattern}) DEFINE B AS x > {c})"
    for pattern, values in [
        ("B{{{}}}", [2]),
        ("B{{{},}}?", [3]),
        ("A B{{,{}}}", [2]),
        ("(A | B){{ {} , {} }}", [1, 3]),
    ]:
        for condition, more in [("0", []), ("PREV(x, {})", [2]), ("FIRST(x, {}) + {}", [1, -10])]:
            given = [*values, *more]
            text = sql.format(pattern=pattern, c=condition)
            wanted = match_recognize(text.format(*given), ROWS)
            assert match_recognize(text.format(*"?" * len(given)), ROWS, parameters=given) == wanted
            numbered = [f"${at}" for at in range(1, len(given) + 1)]
            assert match_recognize(text.format(*numbered), ROWS, parameters=given) == wanted
            named = [f"$name_{at}" for at in range(len(given))]
            mapping = {f"name_{at}": value for at, value in enumerate(given)}
            assert match_recognize(text.format(*named), ROWS, parameters=mapping) == wanted


def test_what_looks_like_a_parameter_of_a_pattern_and_is_none() -> None:
    sql = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n
        PATTERN ("{$n}"?? /* {?} */ A{1,2}? {- B? -} A -- {$n}
        ) DEFINE A AS s = '$n' OR s = $$ ?$$ OR x > ?)"""
    assert match_recognize(sql, ROWS, parameters=[0]).num_rows == 2


CLAUSE = (
    "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o\nMEASURES count(*) AS n PATTERN (A{1,$most})\nDEFINE A AS x > $low)"
)


def nested(depth: int) -> list[Any]:
    """Return lists in lists."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


ERRORS: list[tuple[str, Any, type[Exception], str]] = [
    (CLAUSE, {"low": 1}, rowpattern.QueryError, r"no value for the parameter \$most; .* (?s:.)*line 2, column 37"),
    (CLAUSE, {"most": 1}, rowpattern.QueryError, r"no value for the parameter \$low; .* (?s:.)*line 3, column 17"),
    (CLAUSE, {"most": 1, "lows": 1}, rowpattern.QueryError, r"parameter \$low; did you mean lows\?"),
    (
        CLAUSE,
        {"most": 1, "low": 1, "hih": 1},
        rowpattern.QueryError,
        "has no parameter hih; the parameters of the query",
    ),
    (CLAUSE, None, rowpattern.QueryError, "there are no parameters given"),
    (CLAUSE, [1, 2], rowpattern.QueryError, r"no value for the parameter \$most; the parameters given are 1, 2"),
    (CLAUSE, {"most": 1, "low": 1, "LOW": 2}, TypeError, "low and LOW have one name"),
    (CLAUSE, {1: 1}, TypeError, "the name of a parameter must be a text, not int"),
    (CLAUSE, "low", TypeError, "parameters must be a mapping of names to values, or a list of values, not str"),
    (CLAUSE, {"most": 1, "low": ROWS}, TypeError, "the parameter low is of the type Table; allowed are None, bool"),
    (CLAUSE, {"most": 1, "low": [object()]}, TypeError, "the parameter low is of the type object"),
    (CLAUSE, {"most": 1, "low": 1 << 128}, rowpattern.QueryError, "low is a whole number that 128 bits do not hold"),
    (CLAUSE, {"most": 1, "low": decimal.Decimal("1" * 39)}, rowpattern.QueryError, "low has more than 38 digits"),
    (CLAUSE, {"most": 1, "low": [[0] * 1000] * 1000}, rowpattern.QueryError, "low has more than 100,000 values in it"),
    (CLAUSE, {"most": 1, "low": nested(100_000)}, rowpattern.QueryError, "low is nested too deeply"),
    (CLAUSE, {"most": 1, "low": {"a": (nested(33),)}}, rowpattern.QueryError, "low is nested too deeply"),
    (CLAUSE, {"most": 1, "low": "a\0b"}, rowpattern.QueryError, "low has a NUL character"),
    (CLAUSE, {"most": 1, "low": "\ud800"}, rowpattern.QueryError, "low has half of a surrogate pair"),
    (CLAUSE, {"most": 1, "low": pd.Timestamp(1)}, rowpattern.QueryError, "a datetime has no nanoseconds"),
    (CLAUSE, {"most": 1, "low": pd.Timedelta(1)}, rowpattern.QueryError, "a timedelta has no nanoseconds"),
    (CLAUSE, {"most": 1, "low": np.datetime64(1, "ns")}, rowpattern.QueryError, "which no datetime is; round it"),
    (CLAUSE, {"most": 1, "low": np.timedelta64(10**15, "D")}, rowpattern.QueryError, "which no timedelta is"),
    (CLAUSE, {"most": 1, "low": np.timedelta64(3, "M")}, rowpattern.QueryError, "a number of months, as a timedelta64"),
    (CLAUSE, {"most": 1, "low": np.timedelta64(3)}, rowpattern.QueryError, "a plain number, as a timedelta64"),
    (CLAUSE, {"most": -1, "low": 1}, rowpattern.QueryError, r"whole number from 0 on, and \$most is -1 \(line 2"),
    (CLAUSE, {"most": True, "low": 1}, rowpattern.QueryError, r"\$most is True"),
    (CLAUSE, {"most": "1} B{1", "low": 1}, rowpattern.QueryError, r"\$most is '1} B{1'"),
    (CLAUSE, {"most": 0, "low": 1}, rowpattern.PatternSyntaxError, r"\(line 2, column 34\)"),
    (CLAUSE, {"most": 1, "low": [1]}, rowpattern.QueryError, r"DEFINE A: .*(?s:.)*\(line 3, column 8\)"),
    (CLAUSE.replace("$low", "?"), [1, 2], rowpattern.QuerySyntaxError, r"names \(\$low\) or without \(\?\), not both"),
    (
        CLAUSE.replace("$low", "?").replace("$most", "?"),
        [1],
        rowpattern.QueryError,
        r"2 parameters \?, .* has 1 value ",
    ),
    (CLAUSE.replace("$low", "0").replace("$most", "2"), [1], rowpattern.QueryError, "has no parameter, .* has 1 value"),
    (
        CLAUSE.replace("$low", "0").replace("$most", "2"),
        {"a": 1},
        rowpattern.QueryError,
        "no parameter a; there are no",
    ),
]


@pytest.mark.parametrize("options", [{}, {"stream": True}, {"isolation": "process"}], ids=str)
@pytest.mark.parametrize(("sql", "parameters", "kind", "message"), ERRORS, ids=map(str, range(len(ERRORS))))
def test_errors(sql: str, parameters: Any, kind: type[Exception], message: str, options: dict[str, Any]) -> None:
    with pytest.raises(kind, match=message):
        match_recognize(sql, ROWS, parameters=parameters, **options)


def test_a_query_without_values_keeps_its_plans_apart() -> None:
    for _ in range(2):
        with pytest.raises(rowpattern.QueryError, match="no value"):
            match_recognize(CLAUSE, ROWS)
        assert match_recognize(CLAUSE, ROWS, parameters={"low": 5, "most": 2}).num_rows == 3


def test_plans_are_kept_without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(*arguments: Any) -> Any:
        asked.append(arguments[0])
        return bind_texts(*arguments)

    monkeypatch.setattr(typed_expressions, "bind_texts", counted)
    sql = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) + $more AS n PATTERN (A{1,$most} B?)
        DEFINE A AS x > $low AND length(s) < $long, B AS x < FIRST(x) + $more)"""
    first = {"more": 1, "most": 2, "low": 3, "long": 9}
    clear_plan_cache()
    match_recognize(sql, ROWS, parameters=first)
    before, questions = get_plan_stats(), len(asked)
    assert questions > 0
    for value in range(20):
        parameters = first | {"low": value, "more": -value, "long": value + 1}
        text = sql
        for name, each in parameters.items():
            text = text.replace(f"${name}", str(each))
        found = match_recognize(sql, ROWS, parameters=parameters)
        assert (get_plan_stats()["misses"], len(asked)) == (before["misses"], questions)
        assert found == match_recognize(text, ROWS)
        before, questions = get_plan_stats(), len(asked)
    # Another type, or another bound, has another plan of the clause; the query is read once.
    for changed in ({"low": 1.5}, {"low": 1 << 40}, {"low": None}, {"most": 3}):
        match_recognize(sql, ROWS, parameters=first | changed)
        assert get_plan_stats()["misses"] == before["misses"] + 1
        match_recognize(sql, ROWS, parameters=first | changed)
        assert get_plan_stats()["misses"] == before["misses"] + 1
        before = get_plan_stats()


def test_values_do_not_stay() -> None:
    """What depends on a value is found anew in each query, in every place."""
    table = table_with("1")
    for place, text in PLACES.items():
        for value in (1, 2, 1, 3):
            wanted = outcome(lambda text=text, value=value: match_recognize(text.format(p=value), table))
            found = outcome(
                lambda text=text, value=value: match_recognize(text.format(p="$p"), table, parameters={"p": value})
            )
            assert found == wanted, (place, value)


def test_explain_takes_parameters() -> None:
    found = rowpattern.explain(CLAUSE, ROWS, parameters={"low": 1, "most": 2})
    assert "A AS x > $low: by the engine, over whole columns" in str(found)
    assert "steps" in str(rowpattern.explain(CLAUSE, ROWS, parameters={"low": 1, "most": 2}, analyze=True))


def test_without_sql_text() -> None:
    arguments: dict[str, Any] = {
        "order_by": "o * $sign",
        "pattern": "A{1,$most}",
        "define": {"A": "x > $low"},
        "measures": {"n": "count(*) + $low"},
    }
    wanted = recognize(ROWS, order_by="o * -1", pattern="A{1,2}", define={"A": "x > 5"}, measures={"n": "count(*) + 5"})
    ways: list[dict[str, Any]] = [{}, {"stream": True}, {"isolation": "process"}]
    for options in ways:
        found = recognize(ROWS, **arguments, parameters={"sign": -1, "most": 2, "low": 5}, **options)
        assert canonical(found) == canonical(wanted)
    with pytest.raises(rowpattern.QueryError, match=r'no value for the parameter \$low; .*define\["A"\]|measures'):
        recognize(ROWS, **arguments, parameters={"sign": -1, "most": 2})
    with pytest.raises(rowpattern.QueryError, match=r"\$most is -2 \(pattern, line 1, column 5\)"):
        recognize(ROWS, **arguments, parameters={"sign": -1, "most": -2, "low": 5})
    with pytest.raises(
        rowpattern.QuerySyntaxError, match=r'\? has no number here.*\(define\["A"\], line 1, column 5\)'
    ):
        recognize(ROWS, **arguments | {"define": {"A": "x > ?"}}, parameters=[1])


def test_async() -> None:
    async def many() -> list[Any]:
        parameters = [{"low": low, "most": 2} for low in range(20)]
        return await asyncio.gather(
            *(rowpattern.match_recognize_async(CLAUSE, ROWS, parameters=each) for each in parameters)
        )

    wanted = [match_recognize(CLAUSE.replace("$low", str(low)).replace("$most", "2"), ROWS) for low in range(20)]
    assert asyncio.run(many()) == wanted


def test_memory_that_a_value_asks_for_is_limited() -> None:
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES length(repeat('x', $n)) AS m PATTERN (A))"
    assert match_recognize(sql, ROWS, parameters={"n": 10})["m"].to_pylist() == [10] * 5
    with pytest.raises(rowpattern.QueryLimitError, match="memory"):
        match_recognize(sql, ROWS, parameters={"n": 1 << 40}, memory_limit_mb=64)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))), "0001-01-01 00:00:00+01"),
        (dt.datetime(9999, 12, 31, 23, 59, tzinfo=dt.timezone(-dt.timedelta(hours=23))), "9999-12-31 23:59:00-23"),
        (dt.datetime(1880, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")), "1880-07-01 11:06:32+00"),
    ],
)
def test_times_whose_instant_python_does_not_know(value: dt.datetime, written: str) -> None:
    sql = f"SELECT x = TIMESTAMPTZ '{written}' AS same FROM t MATCH_RECOGNIZE (MEASURES $x AS x PATTERN (A))"
    for isolation in (None, "process"):
        answer = match_recognize(sql, pa.table({"i": [1]}), parameters={"x": value}, isolation=isolation)
        assert answer.to_pydict() == {"same": [True]}
