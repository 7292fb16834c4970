"""Conditions that depend on the match: the examples' answers by other means, kinds of values, errors and limits."""

from __future__ import annotations

import datetime as dt
import signal
import threading
import time
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

from example_modules import load

EXAMPLE = load("conditions")


def tuples(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    return list(frame.itertuples(index=False, name=None))


def test_v_shapes() -> None:
    prices = EXAMPLE.read_prices()
    close, dates = prices["close"].tolist(), prices["date"].tolist()
    wanted, at = [], 0
    while at < len(close):
        down = at + 1
        while down < len(close) and close[down] < close[down - 1]:
            down += 1
        up = down
        while up < len(close) and close[up - 1] < close[up] < close[at]:
            up += 1
        if down - at > 3 and up < len(close) and close[up] > close[up - 1] and close[up] >= close[at]:
            wanted.append((dates[at], dates[down - 1], dates[up]))
            at = up + 1
        else:
            at += 1
    assert len(wanted) > 20
    assert tuples(match_recognize(EXAMPLE.V_SHAPES, prices)) == wanted


def peaks(close: list[float], at: int, lengths: tuple[int, ...]) -> list[int] | None:
    """The last row of each of several runs that rise and fall in turn from a row on, each as long as it can be."""
    ends, rising = [], True
    for least in lengths:
        end = at
        while end < len(close) and end > 0 and (close[end] > close[end - 1] if rising else close[end] < close[end - 1]):
            end += 1
        if end - at < least:
            return None
        ends.append(end - 1)
        at, rising = end, not rising
    return ends


def test_head_and_shoulders() -> None:
    prices = EXAMPLE.read_prices()
    close, dates = prices["close"].tolist(), prices["date"].tolist()
    wanted, at = [], 1
    while at < len(close):
        found = peaks(close, at, (2, 1, 2, 1, 2, 1))
        if found is not None:
            left, _, head, _, right, _ = found
            level = abs(close[right] - close[left]) < 0.03 * close[left]
            if level and close[head] > close[left] and close[right] < close[head]:
                wanted.append((dates[left], dates[head], dates[right]))
                # DOWN_3 is one row.
                at = right + 2
                continue
        at += 1
    assert len(wanted) > 5
    assert tuples(match_recognize(EXAMPLE.HEAD_AND_SHOULDERS, prices)) == wanted


def test_w_shapes_have_two_lows_alike() -> None:
    answer = match_recognize(EXAMPLE.W_SHAPES, EXAMPLE.read_prices())
    assert len(answer) > 5
    assert (abs(answer["second_low"] - answer["first_low"]) < 0.02 * answer["first_low"]).all()
    # Without the condition there are more.
    loose = EXAMPLE.W_SHAPES.replace("0.02 * LAST", "100 * LAST")
    assert len(match_recognize(loose, EXAMPLE.read_prices())) > len(answer)


def test_sessions() -> None:
    clicks = EXAMPLE.make_clicks()
    wanted: list[tuple[Any, ...]] = []
    for visitor, group in clicks.sort_values(["visitor", "at"], kind="stable").groupby("visitor"):
        session: list[pd.Timestamp] = []
        for at in group["at"]:
            if session and (at - session[-1] >= pd.Timedelta("30min") or at - session[0] >= pd.Timedelta("2h")):
                wanted.append((visitor, session[0], session[-1], len(session)))
                session = []
            session.append(at)
        wanted.append((visitor, session[0], session[-1], len(session)))
    assert tuples(match_recognize(EXAMPLE.SESSIONS, clicks)) == wanted


def test_merged_ranges() -> None:
    ranges = EXAMPLE.make_ranges()
    merged: list[list[int]] = []
    for low, high in sorted(tuples(ranges)):
        if merged and merged[-1][1] >= low:
            merged[-1][1] = max(merged[-1][1], high)
            merged[-1][2] += 1
        else:
            merged.append([low, high, 1])
    assert tuples(match_recognize(EXAMPLE.MERGED_RANGES, ranges)) == [tuple(each) for each in merged]


def test_bins() -> None:
    parcels = EXAMPLE.make_parcels()
    boxes: list[list[int]] = []
    for number, weight in tuples(parcels):
        if not boxes or boxes[-1][3] + weight > 100:
            boxes.append([len(boxes) + 1, number, number, 0])
        boxes[-1][2] = number
        boxes[-1][3] += weight
    assert tuples(match_recognize(EXAMPLE.BINS, parcels)) == [tuple(each) for each in boxes]


def test_failed_logins() -> None:
    logins = EXAMPLE.make_logins()
    wanted = []
    for account, group in logins.sort_values(["account", "at"]).groupby("account"):
        events = list(zip(group["at"], group["event"]))
        at = 0
        while at < len(events):
            end = at
            while end < len(events) and events[end][1] == "failure":
                end += 1
            within = end < len(events) and events[end][0] - events[at][0] <= pd.Timedelta("10min")
            if end - at >= 3 and within:
                wanted.append((account, events[at][0], events[end][0], end - at))
                at = end + 1
            else:
                at += 1
    assert len(wanted) > 3
    assert tuples(match_recognize(EXAMPLE.BREAK_INS, logins)) == wanted


# Kinds of values and operations, each in a condition that holds if it is right.

VALUES = pa.table(
    {
        "o": [1, 2, 3],
        "i": pa.array([3, 7, None], pa.int32()),
        "f": [1.5, float("nan"), -2.5],
        "d": [dt.date(2026, 1, 31), dt.date(2026, 3, 1), dt.date(2026, 3, 2)],
        "t": pa.array([0, 90_000_000, 86_400_000_000], pa.timestamp("us")),
        "z": pa.array([0, 90_000, 86_400_000], pa.timestamp("ms", "Europe/Paris")),
        "s": ["ab", "B", None],
        "c": pa.array(["u", "v", "u"]).dictionary_encode(),
        "b": [True, False, None],
        "n": pa.array([1, 2, 3], pa.int32()).cast(pa.decimal128(14, 2)),
    }
)


@pytest.mark.parametrize(
    "condition",
    [
        "i + A.i = 10 AND i - A.i = 4 AND i * A.i = 21 AND i / A.i > 2.3 AND i // A.i = 2 AND i % A.i = 1 AND -A.i < 0",
        "abs(A.i - i) = 4 AND round(A.f + 0.26, 1) = 1.8 AND greatest(A.i, i, NULL) = 7 AND least(A.i, i) = 3",
        "coalesce(FIRST(i, 5), 9) = 9 AND LAST(i, 1) = 3 AND FIRST(i, 5) IS NULL AND NOT (A.i IS NULL)",
        "CASE WHEN A.i > 5 THEN false WHEN A.i = 3 THEN true END AND CASE A.i WHEN 3 THEN 1 ELSE 2 END = 1",
        "A.i BETWEEN 3 AND i AND A.i IN (1, 3, NULL) AND A.i NOT IN (1, 2) AND (A.i IN (1, NULL)) IS NULL",
        "A.s < s OR A.s = 'ab' AND A.c <> c AND A.c = 'u' AND (A.b AND NOT b) AND A.b IS NOT FALSE",
        "A.d IN (t, DATE '2026-01-31') AND A.d IN (d, NULL, '2026-01-31') AND (A.d IN (t, d, NULL)) IS NULL",
        "upper(A.s) = 'AB' AND length(A.s) = 2 AND A.s LIKE 'a%' AND A.s || '!' = 'ab!'",
        "f > A.f AND f = f AND f > 1e300 AND A.f::DOUBLE = 1.5",  # NaN is above all, and equal to itself
        "d - A.d = 29 AND A.d + 29 = d AND d > '2026-02-01' AND A.d < DATE '2026-02-01' AND d - INTERVAL 1 DAY > A.d",
        "t - A.t = INTERVAL 90 SECONDS AND t - FIRST(t) < INTERVAL '2' MINUTE AND A.t + INTERVAL 1 HOUR > t",
        "z - A.z = INTERVAL 90 SECONDS AND t > A.d - INTERVAL 36500 DAYS AND A.t < d",
        "A.n + n = 3 AND sum(n) = 3 AND A.n < 1.5 AND avg(A.i) = 3.0 AND avg(i) = 5 AND sum(i) = 10",
        "count(*) = 2 AND count(A.*) = 1 AND count(s) = 2 AND min(s) = 'B' AND max(d) = d AND min(A.f) = 1.5",
        "sum(i * 2 + 1) = 22 AND MATCH_NUMBER() = 1 AND LAST(CLASSIFIER(), 1) = 'A' AND CLASSIFIER(A) = 'A'",
        "PREV(A.i) IS NULL AND NEXT(A.i) = 7 AND PREV(LAST(B.i)) = 3 AND NEXT(LAST(B.i), 9) IS NULL",
        "date_trunc('month', A.d) = DATE '2026-01-01' AND i > (A.i + 1) * 1.5 AND RUNNING sum(A.i) = 3",
    ],
)
def test_kinds_and_operations(condition: str) -> None:
    measures = "FIRST(o) AS f, LAST(o) AS l"
    query = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES {measures} PATTERN (^A B) DEFINE B AS {condition})"
    answer = match_recognize(query, VALUES)
    assert answer.to_pydict() == {"f": [1], "l": [2]}
    # The same condition turned around holds nowhere: it was not passed over.
    turned = query.replace(f"B AS {condition}", f"B AS NOT ({condition})")
    assert match_recognize(turned, VALUES).num_rows == 0


@pytest.mark.parametrize(
    ("condition", "kind", "message"),
    [
        (
            "sum(CLASSIFIER()) = 1",
            "QueryError",
            "DEFINE B: there is no sum(VARCHAR); it takes (a number)",
        ),
        ("A.i = A.s", "QueryError", "DEFINE B: Could not convert string 'ab' to INT32"),
        ("A.s", "QueryError", "must be true or false"),
        (
            "abs(A.s) = 1",
            "QueryError",
            "DEFINE B: there is no abs(VARCHAR); it takes (a number); cast what is given, as in CAST(x AS DOUBLE)",
        ),
        ("sum(s) > 1", "QueryError", "there is no sum(VARCHAR); it takes (a number) or (BOOLEAN)"),
        ("CASE WHEN true THEN A.i ELSE A.s END = 1", "QueryError", "Cannot mix values of type VARCHAR and INTEGER"),
        ("A.i % (i - 7) = 1", "QueryError", "DEFINE B: a number is divided by zero; use CASE to pass over it (line 1"),
        ("A.i + 9223372036854775807 > 1", "QueryError", "DEFINE B: a result does not fit into its type"),
        ("A.nothing > 1", "QueryError", "no column nothing"),
        ("A.i = 1 AND FINAL sum(i) > 1", "QueryError", "FINAL cannot stand in DEFINE"),
        ("A.s > INTERVAL 1 DAY", "QueryError", "Cannot compare values of type VARCHAR and type INTERVAL"),
    ],
)
def test_what_cannot_be_computed_is_named(condition: str, kind: str, message: str) -> None:
    query = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES 1 AS x PATTERN (A B) DEFINE B AS {condition})"
    with pytest.raises(rowpattern.RowPatternError) as caught:
        match_recognize(query, VALUES)
    assert type(caught.value).__name__ == kind, caught.value
    assert message in str(caught.value)


def test_preferment_goes_back_as_far_as_it_must() -> None:
    table = pa.table({"o": range(8), "x": [5, 1, 1, 1, 1, 1, 9, 1]})
    query = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES array_agg(CLASSIFIER()) AS c, LAST(o) AS l
        PATTERN ({}) DEFINE B AS sum(B.x) <= 3, C AS count(B.*) = 2)"""
    assert match_recognize(query.format("A B* C"), table).to_pylist()[0] == {"c": ["A", "B", "B", "C"], "l": 3}
    assert match_recognize(query.format("A B*? C"), table).to_pylist()[0] == {"c": ["A", "B", "B", "C"], "l": 3}
    assert match_recognize(query.format("(A | B)+ C"), table).to_pylist()[0]["c"][-1] == "C"


NESTED = """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES count(*) AS n
    PATTERN ({}) DEFINE A AS {}, B AS x < LAST(A.x) + 5, C AS {})"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern", ["((A | B)*)* C", "(((A | B)*)*)* C", "(A+ B*)+ C", "(A* B* A*)* C", "(A{2,} | B)* C"]
)
@pytest.mark.parametrize(
    ("a", "c"),
    [
        ("x > FIRST(x) - 100", "x > LAST(A.x) + 1000"),
        ("sum(A.x) > -1000", "avg(x) > 1000"),
        ("x > A.x - 9", "max(x) > 99"),
    ],
)
def test_patterns_that_explode_elsewhere_end(pattern: str, a: str, c: str) -> None:
    """No match exists, and there are exponentially many ways: an answer, or the limit's error, by the limit."""
    table = pa.table({"o": range(10_000), "x": np.random.default_rng(0).normal(size=10_000)})
    begun = time.monotonic()
    try:
        assert match_recognize(NESTED.format(pattern, a, c), table, timeout_seconds=0.5).num_rows == 0
    except rowpattern.QueryLimitError as error:
        assert "longer than its limit" in str(error)
    assert time.monotonic() - begun < 10


def test_failures_are_remembered() -> None:
    """Each of 200 rows can be A or B: two to the 200th ways, which would never end."""
    table = pa.table({"o": range(200), "x": [1.0] * 200})
    answer = match_recognize(NESTED.format("((A | B)*)* C", "x > FIRST(x) - 1", "x > FIRST(x) + 1"), table)
    assert answer.num_rows == 0


def test_interrupting() -> None:
    table = pa.table({"o": range(20_000), "x": np.random.default_rng(0).normal(size=20_000)})
    threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,)).start()
    with pytest.raises(KeyboardInterrupt):
        match_recognize(NESTED.format("((A | B)*)* C", "sum(A.x) > -1000", "avg(x) > 1000"), table, timeout_seconds=60)


# Worked examples of other systems that need such conditions.

ORDERS = pa.table(
    {
        "custkey": ["cust_1", "cust_1", "cust_2", "cust_1", "cust_2", "cust_1", "cust_1", "cust_2"],
        "orderdate": [11, 12, 13, 14, 15, 16, 17, 18],
        "totalprice": [100, 200, 8, 100, 4, 50, 100, 6],
    }
)


def test_trino_orders_that_fall_and_rise_past_where_they_began() -> None:
    """Trino's documentation, the first example: C up to the starting price, D past it."""
    query = """SELECT * FROM orders MATCH_RECOGNIZE(
         PARTITION BY custkey ORDER BY orderdate
         MEASURES A.totalprice AS starting_price, LAST(B.totalprice) AS bottom_price, LAST(U.totalprice) AS top_price
         ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW
         PATTERN (A B+ C+ D+) SUBSET U = (C, D)
         DEFINE B AS totalprice < PREV(totalprice),
                C AS totalprice > PREV(totalprice) AND totalprice <= A.totalprice,
                D AS totalprice > PREV(totalprice))"""
    table = pa.table({"custkey": ["c"] * 6, "orderdate": range(6), "totalprice": [100, 60, 40, 80, 100, 130]})
    assert match_recognize(query, table).to_pylist() == [
        {"custkey": "c", "starting_price": 100, "bottom_price": 40, "top_price": 130}
    ]
    assert match_recognize(query, ORDERS).num_rows == 0


# Without SQL.


def test_conditions_over_named_columns() -> None:
    pattern = rowpattern.compile("A B+ C", subset={"U": ["A", "B"]})
    frame = pd.DataFrame({"price": [10.0, 12.0, 13.0, 11.0, 9.0, 20.0]})
    conditions = {"B": "B.price > A.price", "c": "C.price < AVG(B.price) AND count(U.*) = 4"}
    (found,) = pattern.find_iter(frame, conditions=conditions)
    assert (found.start, found.end, found.labels) == (0, 5, ("A", "B", "B", "B", "C"))
    local = rowpattern.compile("UP+").find_iter(frame, conditions={"UP": "price > PREV(price)"})
    assert [(each.start, each.end) for each in local] == [(1, 3), (5, 6)]
    table = pa.table({"x": [1, 2, 1, 2, 3]})
    for partitions in (("counts", [2, 3]), ("starts", [0, 2])):
        found_in = rowpattern.compile("A B").find_iter(table, partitions=partitions, conditions={"B": "x > A.x"})
        assert [(each.partition, each.start) for each in found_in] == [(0, 0), (1, 2)]
    assert list(pattern.find_iter(frame.head(0), conditions=conditions)) == []
    quoted = rowpattern.compile('"a" A').find_iter(table, conditions={"a": "x = 2", "A": 'x < "a".x'})
    assert [each.labels for each in quoted] == [("a", "A")]
    # A skip that has nowhere to go comes after the matches before it.
    steps = rowpattern.compile("A B?").find_iter(table, skip=("to first", "B"), conditions={"B": "x > A.x"})
    assert next(steps).labels == ("A", "B")
    with pytest.raises(rowpattern.SkipError):
        list(steps)


@pytest.mark.parametrize(
    ("conditions", "kind", "message"),
    [
        ({"B": "B.price >"}, "QuerySyntaxError", "the expression is not complete (line 1, column 9)"),
        ({"B": "B.price > 'one"}, "QuerySyntaxError", "quote or a comment that begins here is not closed (line 1"),
        ({"B": "B.price > 1 nonsense"}, "QuerySyntaxError", 'near "nonsense" (line 1, column 13)'),
        ({"B": "B.price > 1, true"}, "QuerySyntaxError", "expected the end of the condition"),
        ({"Q": "price > 1"}, "UnknownVariableError", "no variable Q"),
        ({"B": "B.prise > 1"}, "QueryError", "did you mean price?"),
        ({"B": "1 < (SELECT 2)"}, "UnsupportedQueryError", "a subquery cannot stand"),
    ],
)
def test_wrong_conditions_over_named_columns(conditions: dict[str, str], kind: str, message: str) -> None:
    with pytest.raises(rowpattern.RowPatternError) as caught:
        rowpattern.compile("A B").find_iter(pa.table({"price": [1.0]}), conditions=conditions)
    assert type(caught.value).__name__ == kind
    assert message in str(caught.value)
    with pytest.raises(rowpattern.RowsError, match="partitions must be"):
        rowpattern.compile("A").find_iter(pa.table({"x": [1]}), partitions=[1], conditions={"A": "x > 0"})


def test_conditions_of_odd_types_over_named_columns() -> None:
    pattern, table = rowpattern.compile("A"), pa.table({"x": [1]})
    for wrong in ("x > 0", [], ["x > 0"], b"A", {1: "x > 0"}, {None: "x > 0"}):
        with pytest.raises(TypeError, match="conditions"):
            pattern.find_iter(table, conditions=wrong)  # type: ignore[arg-type]
    with pytest.raises(rowpattern.RowsError, match="larger than there can be rows"):
        pattern.find_iter(table, partitions=("counts", [2**70]), conditions={"A": "x > 0"})


@pytest.mark.parametrize("up", ["price > PREV(price)", "price > PREV(price) AND price > FIRST(DOWN.price) - 3"])
@pytest.mark.parametrize("skip", ["past last row", "to next row"])
def test_all_methods_take_conditions(up: str, skip: Any) -> None:
    """What depends on the match is searched match by match; the answers are those of `find_iter`."""
    random = np.random.default_rng(4)
    table = pa.table({"price": random.integers(0, 9, 300)})
    pattern = rowpattern.compile("DOWN+ UP+")
    options: dict[str, Any] = {
        "conditions": {"DOWN": "price < PREV(price)", "UP": up},
        "partitions": ("counts", [100, 0, 200]),
        "skip": skip,
    }
    wanted = [(each.partition, each.number, each.start, each.end) for each in pattern.find_iter(table, **options)]
    assert len(wanted) > 20
    for found in (pattern.match(table, **options, threads=2), pattern.spans(table, **options)):
        columns = (found.partition, found.number, found.start, found.end)
        assert list(zip(*(each.to_list() for each in columns))) == wanted
    assert pattern.count(table, **options) == len(wanted)
    labels = [label for each in pattern.find_iter(table, **options) for label in each.labels]
    assert pattern.match(table, **options).rows.classifier.to_list() == labels


def test_methods_with_conditions_have_the_limits_and_errors_of_queries() -> None:
    table = pa.table({"price": [1, 2, 3]})
    pattern = rowpattern.compile("A B*")
    for method in (pattern.match, pattern.spans, pattern.count, pattern.find_iter):
        ask: Any = method
        with pytest.raises(rowpattern.QueryError, match="there is no column x"):
            ask(table, conditions={"A": "x > 1"})
        with pytest.raises(rowpattern.UnknownVariableError, match="no variable C"):
            ask(table, conditions={"C": "price > 1"})
        with pytest.raises(rowpattern.ConfigurationError, match="timeout_seconds is -1"):
            ask(table, conditions={"A": "price > 1"}, timeout_seconds=-1)
    longest = pattern.match(table, conditions={"B": "price > 1"}, prefer="longest")
    assert longest.end.to_list() == [3]
    with pytest.raises(ValueError, match="latest_ends is for rows without conditions"):
        pattern.match(table, conditions={"B": "price > 1"}, latest_ends=[3, 3, 3])
