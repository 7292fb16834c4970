"""Columns of pandas that have Python's objects: many are converted piece by piece, as all of them together would be."""

from __future__ import annotations

import datetime as dt
import functools
import time
import uuid
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize
from rowpattern.sql.tables import pandas_values
from rowpattern.sql.tables.pandas_values import from_pandas

from interruption import interrupted_after

if TYPE_CHECKING:
    from collections.abc import Callable

QUERY = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES count(*) AS n PATTERN (A+) DEFINE A AS {} > 1000000)"
MANY = 1_500_000
NAN = float("nan")


def objects(*pieces: list[Any]) -> pd.Series[Any]:
    found = np.empty(sum(map(len, pieces)), dtype=object)
    found[:] = [each for piece in pieces for each in piece]
    return pd.Series(found, dtype=object)


@functools.cache
def decimals() -> pd.DataFrame:
    values = [Decimal("1.25"), Decimal(2), Decimal("1e5"), Decimal("-0.001"), None, NAN]
    return pd.DataFrame({"i": np.arange(MANY), "x": objects(values * (MANY // 6))})


ONE = Decimal("1.5")
CASES: dict[str, list[list[Any]]] = {
    "decimals of other precisions": [[Decimal("1.25"), ONE], [Decimal("1e30"), None], [Decimal("0.00001"), NAN]],
    "decimals of 256 bits": [[Decimal("1e37"), ONE], [Decimal("0.01"), ONE]],
    "too many digits": [[Decimal("1e75"), ONE], [Decimal("0.01"), ONE]],
    "missing pieces": [[ONE, ONE], [None, None], [NAN, pd.NA], [ONE, None]],
    "whole numbers and decimals": [[ONE, 1], [12, 1], [None, 123456], [ONE, ONE]],
    "whole numbers that fit": [[ONE, 1], [2, 3], [Decimal("123.45"), 12], [None, 4]],
    "whole numbers that fit into others' type": [[ONE, 12], [2, 3], [Decimal("123.45"), 12]],
    "whole numbers first": [[1, 20], [ONE, Decimal("0.01")]],
    "doubles and decimals": [[ONE, ONE], [1.5, 2.5]],
    "decimals that are no numbers": [[ONE, Decimal("NaN")], [Decimal("NaN"), Decimal("NaN")]],
    "truth values and decimals": [[ONE, ONE], [True, False]],
    "text and decimals": [[ONE, ONE], ["a", "b"]],
    "lists of numbers": [[[1], [2]], [[3], None]],
    "lists of other types": [[[1], [2]], [[3.5], None]],
    "lists of decimals": [[[ONE], [ONE]], [[Decimal("0.01")], None]],
    "records": [[{"a": 1}, {"a": 2}], [{"b": 1}, {"a": 3}]],
    "records and others": [[{"a": 1}, {"a": 2}], [1, 2]],
    "dates": [[dt.date(2020, 1, 1), None], [dt.date(2020, 1, 2), None]],
    "dates and times": [[dt.date(2020, 1, 1), None], [dt.datetime(2020, 1, 2, 3), None]],  # noqa: DTZ001
    "bytes": [[b"a", b"b"], [b"c", None]],
    "too large": [[1, 2], [2**64, 3]],
    "whole numbers and doubles": [[1, 2], [2.5, 3], [None, 4], [NAN, 2]],
    "whole numbers that no double holds": [[2**53 + 1, 1], [2.5, 3]],
    "doubles and truth values": [[1.5, 2.5], [True, False]],
    "numbers of numpy": [[np.int32(1), np.int32(2)], [3, 4]],
    "empty lists first": [[[], [None]], [["a"], []], [None, None]],
    "lists of lists": [[[[1]], [[]]], [[[2.5]], [None]]],
    "lists and arrays": [[[1], [2]], [np.array([3.5]), (4,)]],
    "records in records": [[{"b": {"x": 1}}, {"b": None}], [{"a": [1], "b": {"y": "z", "x": 2.5}}, None]],
    "records without anything": [[{}, {}], [{"a": 1}, {}]],
    "records of unlike values": [[{"a": 1}, {"a": 2}], [{"a": "b"}, {"a": "c"}]],
    "nothing but missing": [[None, NAN], [pd.NA, None]],
    "times of several zones": [
        [pd.Timestamp("2020-01-01", tz="UTC"), None],
        [pd.Timestamp("2020-01-01", tz="Asia/Tokyo"), None],
    ],
    "UUIDs behind missing ones": [[None, NAN], [uuid.UUID(int=1), None], [None, None]],
    "text and bytes": [["a", "b"], [b"c", b"d"]],
}


def converted(convert: Callable[[], Any]) -> Any:
    try:
        return convert()
    except (pa.ArrowException, OverflowError, rowpattern.QueryError):
        return "refused"


@pytest.fixture
def pieces_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_FEW", "_FIRST_PIECE", "_LEAST_PIECE", "_LARGEST_PIECE"):
        monkeypatch.setattr(pandas_values, name, 2)


@pytest.mark.usefixtures("pieces_of_two")
@pytest.mark.parametrize("name", CASES)
def test_pieces_give_what_the_whole_gives(name: str) -> None:
    check_pieces(objects(*CASES[name]))


LEAVES: list[list[Any]] = [[None], [NAN], [1, 7], [0.5], [Decimal("1.25"), Decimal(3)], ["a"], [True]]


def random_values(random: Random, depth: int) -> list[Any]:
    """Return what a column of one kind may have: of one leaf or two, lists of such, or records of such."""
    kind = random.randrange(3) if depth else 0
    if kind == 0:
        return [None, *(value for leaf in random.sample(LEAVES, 2) for value in leaf)]
    inner = random_values(random, depth - 1)
    if kind == 1:
        return [None, [], *([value] for value in inner)]
    return [None, {}, *({random.choice("abc"): value} for value in inner)]


@pytest.mark.usefixtures("pieces_of_two")
def test_pieces_of_random_kinds_give_what_the_whole_gives() -> None:
    random = Random(7)
    for _ in range(300):
        values = random_values(random, depth=2)
        check_pieces(objects([random.choice(values) for _ in range(7)]))


@pytest.mark.usefixtures("pieces_of_two")
@pytest.mark.parametrize("codes", [[4, -1, 0, 2, 4], [3], []], ids=str)
def test_categories_in_pieces(codes: list[int]) -> None:
    labels = pd.Index([Decimal("1.5"), Decimal(20), Decimal("0.25"), Decimal(3), Decimal(7)], dtype=object)
    series = pd.Series(pd.Categorical.from_codes(codes, categories=labels))
    pieces = from_pandas(series, "x")
    assert pieces == pa.chunked_array([pa.array(series)])
    assert pieces.to_pylist() == [None if code < 0 else labels[code] for code in codes]


def check_pieces(series: pd.Series[Any]) -> None:
    whole = converted(lambda: pa.chunked_array([pa.array(series, from_pandas=True)]))
    pieces = converted(lambda: from_pandas(series, "x"))
    assert pieces == whole
    assert getattr(pieces, "type", None) == getattr(whole, "type", None)


@pytest.mark.parametrize("isolation", [None, "process"])
def test_time_limits_hold_while_decimals_are_converted(isolation: Any) -> None:
    frame = decimals()
    # What starts at the first query does not count.
    assert len(match_recognize(QUERY.format("i"), frame, isolation=isolation)) == 1
    begun = time.perf_counter()
    with pytest.raises(rowpattern.QueryLimitError, match=r"limit of 0.15 s"):
        match_recognize(QUERY.format("x"), frame, timeout_seconds=0.15, isolation=isolation)
    assert time.perf_counter() - begun < 0.15 + 0.2 * 2


def test_ctrl_c_while_decimals_are_converted() -> None:
    frame = decimals()

    begun = time.perf_counter()
    with interrupted_after(0.15, KeyboardInterrupt):
        match_recognize(QUERY.format("x"), frame)
    assert time.perf_counter() - begun < 0.15 + 0.2 * 2
