"""WITHIN behind PATTERN, as Apache Flink has it, over keys of all types that have a distance."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import explain, match_recognize

DAY = dt.datetime.fromisoformat("2024-03-30 12:00")
TICKER = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o {order} MEASURES FIRST(n) AS a, LAST(n) AS z {clause})"


def spans(values: list[Any], kind: pa.DataType, clause: str, order: str = "", **options: Any) -> list[tuple[int, int]]:
    """Return the first and the last row of each match; rows are numbered as they are given."""
    table = pa.table({"n": range(len(values)), "o": pa.array(values, kind)})
    found = match_recognize(TICKER.format(order=order, clause=clause), table, **options)
    return list(zip(found["a"].to_pylist(), found["z"].to_pylist()))


def after(**length: float) -> dt.datetime:
    return DAY + dt.timedelta(**length)


HOURS = [after(hours=each) for each in (0, 1, 2, 3, 5)]


@pytest.mark.parametrize(
    ("values", "kind", "length"),
    [
        ([1, 2, 3, 4, 6], pa.int64(), "2"),
        ([1, 2, 3, 4, 6], pa.int8(), "2"),
        ([1, 2, 3, 4, 6], pa.uint64(), "2"),
        ([1, 2, 3, 4, 6], pa.int32(), "2.5"),
        ([0.5, 1.5, 2.5, 3.5, 5.5], pa.float64(), "2"),
        ([0.5, 1.5, 2.5, 3.5, 5.5], pa.float32(), "2.0"),
        ([decimal.Decimal(each) for each in ("0.1", "0.2", "0.3", "0.4", "0.6")], pa.decimal128(9, 1), "0.2"),
        (HOURS, pa.timestamp("s"), "INTERVAL 2 HOUR"),
        (HOURS, pa.timestamp("us"), "INTERVAL '2' HOUR"),
        (HOURS, pa.timestamp("ns"), "INTERVAL '02:00:00'"),
        (HOURS, pa.timestamp("us", "Europe/Berlin"), "INTERVAL 120 MINUTES"),
        (HOURS, pa.timestamp("ms", "UTC"), "to_hours(2)"),
        ([each.time() for each in HOURS], pa.time64("us"), "INTERVAL 2 HOUR"),
        ([each.time() for each in HOURS], pa.time32("s"), "INTERVAL 2 HOUR"),
        ([each - DAY for each in HOURS], pa.duration("ms"), "INTERVAL 2 HOUR"),
        ([(DAY + dt.timedelta(days=each)).date() for each in (0, 1, 2, 3, 5)], pa.date32(), "INTERVAL 2 DAY"),
        ([(DAY + dt.timedelta(days=each)).date() for each in (0, 1, 2, 3, 5)], pa.date64(), "INTERVAL '2 days'"),
        ([dt.date(2024, each, 1) for each in (1, 2, 3, 4, 6)], pa.date32(), "INTERVAL 2 MONTH"),
        (
            [dt.datetime.fromisoformat(f"2024-0{each}-01 07:00") for each in (1, 2, 3, 4, 6)],
            pa.timestamp("us"),
            "INTERVAL '2' MONTHS",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, pa.DataType) else value if isinstance(value, str) else "",
)
def test_keys_of_all_types(values: list[Any], kind: pa.DataType, length: str) -> None:
    """The last row may be as far away as the length says, and no further; in both orders, and with conditions."""
    assert spans(values, kind, f"PATTERN (A+) WITHIN {length}") == [(0, 2), (3, 4)]
    assert spans(values, kind, f"PATTERN (A+) WITHIN {length} DEFINE A AS n >= FIRST(n)") == [(0, 2), (3, 4)]
    assert spans(values, kind, f"PATTERN (A+) WITHIN {length}", "DESC") == [(4, 3), (2, 0)]
    assert spans(values, kind, f"PATTERN (A+? $) WITHIN {length}") == [(3, 4)]
    for order in ("", "NULLS FIRST", "DESC", "DESC NULLS FIRST"):
        with_nulls = spans([None, *values, None], kind, f"PATTERN (A+) WITHIN {length}", order)
        assert with_nulls == ([(5, 4), (3, 1)] if "DESC" in order else [(1, 3), (4, 5)])


def test_greedy_loops_give_back_what_is_too_far() -> None:
    """A match that is too long is no match, and the most preferred of the others is taken."""
    values = [0, 1, 2, 3, 4, 5]
    assert spans(values, pa.int64(), "PATTERN (A+ B) WITHIN 3 DEFINE B AS n % 2 = 0") == [(0, 2), (3, 4)]
    assert spans(values, pa.int64(), "PATTERN (A+ B) WITHIN 3 DEFINE B AS n % 2 = 0 AND n > FIRST(n)") == [
        (0, 2),
        (3, 4),
    ]
    assert spans(values, pa.int64(), "PATTERN (A B C D E | A B) WITHIN 3") == [(0, 1), (2, 3), (4, 5)]
    assert spans(values, pa.int64(), "AFTER MATCH SKIP TO NEXT ROW PATTERN (A+ B) WITHIN 1") == [
        (n, n + 1) for n in range(5)
    ]
    # No match reaches B, wherever it begins.
    assert spans(values, pa.int64(), "PATTERN (A+ B) WITHIN 1 DEFINE A AS n < 3, B AS n = 5") == []


def test_partitions_and_empty_matches() -> None:
    table = pa.table({"k": ["a", "a", "b", "b"], "o": [1, 2, 2, 9]})
    query = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY o MEASURES count(*) AS rows
        PATTERN (A A | ()) WITHIN 3)"""
    assert match_recognize(query, table)["rows"].to_pylist() == [2, 0, 0]


def test_calendar_days_of_a_zone() -> None:
    """A day is one of the zone's calendar: the night in which clocks go forward in Berlin has 23 hours."""
    berlin = dt.timezone(dt.timedelta(hours=1))
    begun = dt.datetime(2024, 3, 30, 12, tzinfo=berlin)
    values = [begun, begun + dt.timedelta(hours=23), begun + dt.timedelta(hours=24)]
    assert spans(values, pa.timestamp("us", "Europe/Berlin"), "PATTERN (A+) WITHIN INTERVAL 1 DAY") == [(0, 1), (2, 2)]
    assert spans(values, pa.timestamp("us", "Europe/Berlin"), "PATTERN (A+) WITHIN INTERVAL 24 HOUR") == [(0, 2)]
    assert spans(values, pa.timestamp("us", "UTC"), "PATTERN (A+) WITHIN INTERVAL 1 DAY") == [(0, 2)]


def test_nanoseconds_are_exact() -> None:
    values = [0, 3_600_000_000_000, 3_600_000_000_001]
    assert spans(values, pa.timestamp("ns"), "PATTERN (A+) WITHIN INTERVAL 1 HOUR") == [(0, 1), (2, 2)]


def test_extreme_keys() -> None:
    values = [-(2**63), -(2**63) + 1, 2**63 - 2, 2**63 - 1]
    assert spans(values, pa.int64(), "PATTERN (A+) WITHIN 1") == [(0, 1), (2, 3)]
    assert spans(values, pa.int64(), "PATTERN (A+) WITHIN 9223372036854775807", "DESC") == [(3, 2), (1, 0)]
    assert spans([float("nan"), float("nan"), 1.0], pa.float64(), "PATTERN (A+) WITHIN 1") == [(2, 2), (0, 1)]


def test_computed_keys_and_lengths() -> None:
    values = [1, 2, 3, 4, 6]
    assert spans(values, pa.int64(), "PATTERN (A+) WITHIN 1 + 1") == [(0, 2), (3, 4)]
    table = pa.table({"n": [0, 1, 2, 3], "o": [10, 20, 30, 50]})
    query = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o / 10, n MEASURES FIRST(n) AS a, LAST(n) AS z
        PATTERN (A+) WITHIN 1)"""
    assert match_recognize(query, table).to_pylist() == [{"a": 0, "z": 1}, {"a": 2, "z": 2}, {"a": 3, "z": 3}]


def test_streams() -> None:
    table = pa.table({"k": [at // 5 for at in range(50)], "n": range(50), "o": [at % 5 for at in range(50)]})
    query = """SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY o MEASURES FIRST(n) AS a, count(*) AS rows
        PATTERN (A+) WITHIN 2)"""
    assert match_recognize(query, table, stream=True).read_all() == match_recognize(query, table)


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        ("PATTERN (A+) WITHIN INTERVAL '1' HOUR", "is no length for a key of the type int64; write a number"),
        ("PATTERN (A+) WITHIN o", "WITHIN takes one length for all rows"),
        ("PATTERN (A+) WITHIN count(*)", "WITHIN takes expressions over one row"),
        ("PATTERN (A+) WITHIN NULL", "the length is NULL"),
        ("PATTERN (A+) WITHIN -1", "the length is negative"),
        ("PATTERN (A+) WITHIN 'nan'::DOUBLE", "the length is NaN"),
        ("PATTERN (A+) WITHIN 10 SECONDS", "write INTERVAL 10 SECONDS"),
        ("PATTERN (A+) WITHIN", "expected a length, as INTERVAL 1 HOUR"),
        ("PATTERN (A+) DEFINE A AS TRUE WITHIN 5", "WITHIN cannot stand here; the order is PARTITION BY"),
        ("PATTERN (A+) INTERVAL 10 SECONDS", "write WITHIN INTERVAL ..."),
    ],
)
def test_errors(clause: str, message: str) -> None:
    with pytest.raises(rowpattern.QueryError) as raised:
        spans([1, 2], pa.int64(), clause)
    assert message in str(raised.value)
    assert raised.value.line == 1


def test_interval_of_text_keys() -> None:
    with pytest.raises(rowpattern.QueryError, match="WITHIN: "):
        spans(["a"], pa.string(), "PATTERN (A+) WITHIN INTERVAL 1 DAY")


def test_no_order() -> None:
    with pytest.raises(rowpattern.QueryError, match="WITHIN measures in the first key of ORDER BY, and there is none"):
        match_recognize("SELECT * FROM t MATCH_RECOGNIZE (MEASURES 1 AS a PATTERN (A) WITHIN 5)", pa.table({"n": [1]}))


def test_explain_says_it() -> None:
    table = pa.table({"n": [1], "o": [1]})
    text = str(explain(TICKER.format(order="", clause="PATTERN (A+) WITHIN 5"), table))
    assert "WITHIN 5: a match's last row is at most that far from its first, in o" in text
    assert "a backward pass over 1 row, one for the earliest ends of matches, one forward" in text


def test_parameters_and_arguments() -> None:
    values = [1, 2, 3, 4, 6]
    table = pa.table({"n": range(5), "o": values})
    query = TICKER.format(order="", clause="PATTERN (A+) WITHIN $length")
    for length, wanted in ((2, [0, 3]), (1, [0, 2, 4]), (2, [0, 3])):
        assert match_recognize(query, table, parameters={"length": length})["a"].to_pylist() == wanted
    days = pa.table({"n": range(3), "o": [DAY, after(hours=1), after(hours=3)]})
    answered = match_recognize(query, days, parameters={"length": dt.timedelta(hours=1)})
    assert answered["a"].to_pylist() == [0, 2]
    lengths: list[tuple[pa.Table, Any, list[int]]] = [
        *((table, within, [0, 3]) for within in ("2", 2, 2.0, 2.5)),
        *((days, dt.timedelta(hours=hours), wanted) for hours, wanted in ((1, [0, 2]), (0, [0, 1, 2]), (3, [0]))),
        (days, dt.timedelta(days=-1, hours=26, microseconds=1), [0, 2]),
    ]
    for rows, within, wanted in lengths:
        found = rowpattern.recognize(rows, pattern="A+", order_by="o", measures={"a": "FIRST(n)"}, within=within)
        assert found["a"].to_pylist() == wanted, within
    found = rowpattern.recognize(
        table,
        pattern="A | A A",
        order_by="o",
        measures={"a": "FIRST(n)"},
        within="$w",
        prefer="longest",
        parameters={"w": 1},
    )
    assert found["a"].to_pylist() == [0, 2, 4]
    with pytest.raises(rowpattern.QueryError, match="within"):
        rowpattern.recognize(table, pattern="A+", order_by="o", measures={"a": "FIRST(n)"}, within="n")
    with pytest.raises(TypeError, match="a timedelta or a number, not list"):
        rowpattern.recognize(table, pattern="A+", order_by="o", within=[2])  # type: ignore[call-overload]


@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.timestamp("ms", "UTC"), pa.date32(), pa.int64()], ids=str)
@pytest.mark.parametrize("stream", [False, True])
def test_a_table_without_rows_and_without_a_chunk(kind: pa.DataType, stream: bool) -> None:
    length = "3" if pa.types.is_integer(kind) else "INTERVAL 3 DAYS"
    sql = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY at MEASURES COUNT(*) AS n PATTERN (A+) WITHIN {length})"
    answer = match_recognize(sql, pa.Table.from_batches([], pa.schema({"at": kind})), stream=stream)
    found: Any = answer
    assert (found.read_all() if stream else found).num_rows == 0
