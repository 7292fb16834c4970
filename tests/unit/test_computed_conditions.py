"""Parts of conditions that a callable computes, in rounds: `Conditions.match(..., compute=...)`."""

from __future__ import annotations

import time
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rowpattern
from rowpattern import QueryLimitError, SkipError
from rowpattern._core import Conditions

if TYPE_CHECKING:
    from collections.abc import Sequence

CURRENT = (None, False, 0, 0)
LAST_A = (0, False, 0, 0)
NEXT = (None, False, 0, 1)
Asked = tuple[list[pa.Array], int]
# Of combinations of values from 0 to 5: the number of NULL, and how many there are with that of no row.
NULL_NUMBER, NUMBERS = 6, 8


def conditions_of(
    values: Sequence[int | None], part: tuple[Any, ...], pattern: str = "A B+", variable: str = "B"
) -> Conditions:
    """Conditions over a column and one of numbers of its values, with the sets A and B."""
    compiled = rowpattern.compile(pattern)
    column = ("BIGINT", pa.array(values, pa.int64()))
    numbers = ("BIGINT", pa.array([NULL_NUMBER if value is None else value for value in values], pa.int64()))
    return Conditions(compiled, [column, numbers], [["A"], ["B"]], [], {variable: part})


def literal(kind: str, value: object) -> tuple[Any, ...]:
    return ("literal", kind, value)


def computed(*arguments: tuple[Any, ...], result: str = "BOOLEAN", number: int = 0) -> tuple[Any, ...]:
    return ("computed", result, number, arguments)


class AboveA:
    """Computes x > A.x from the numbers of two rows, and notes what it was asked for."""

    def __init__(self, values: Sequence[int | None]) -> None:
        self.values = values
        self.asked: list[Asked] = []

    def __call__(self, number: int, arguments: Sequence[Any], asked: int) -> tuple[Any, Any]:
        assert number == 0
        columns = [pa.array(column) for column in arguments]
        self.asked.append((columns, asked))
        return pa.array(map(self.is_above, *(column.to_pylist() for column in columns)), pa.bool_()), None

    def is_above(self, row: int | None, of_a: int | None) -> bool | None:
        one = None if row is None else self.values[row]
        other = None if of_a is None else self.values[of_a]
        return None if one is None or other is None else one > other


def found(matches: rowpattern.Matches) -> list[tuple[int, ...]]:
    columns = (matches.partition, matches.number, matches.start, matches.end)
    return list(zip(*(column.to_list() for column in columns)))


ABOVE_A = computed(("row", *CURRENT), ("row", *LAST_A))
NATIVE_ABOVE_A = (
    "call",
    "BOOLEAN",
    ">",
    (("read", "BIGINT", 0, *CURRENT), ("read", "BIGINT", 0, *LAST_A)),
)
COMBINED_ABOVE_A = (
    "combined",
    "BOOLEAN",
    pa.array(
        [own > of_a if max(own, of_a) < NULL_NUMBER else None for own in range(NUMBERS) for of_a in range(NUMBERS)]
    ),
    ((1, NUMBERS, *CURRENT), (1, NUMBERS, *LAST_A)),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.none() | st.integers(0, 5), max_size=9), min_size=1, max_size=6),
    st.sampled_from(["past last row", "to next row"]),
    st.sampled_from(["A B+", "A B", "(A B*)+ B", "A+? B+", "A (B | A)* B", "A* B"]),
)
def test_computed_parts_give_what_native_ones_give(partitions: list[list[int | None]], skip: Any, pattern: str) -> None:
    values = [value for partition in partitions for value in partition]
    rows = {"A": [True] * len(values)}
    counts = ("counts", [len(partition) for partition in partitions])
    computing = conditions_of(values, ABOVE_A, pattern)
    native = conditions_of(values, NATIVE_ABOVE_A, pattern)
    expected = native.match(rows, partitions=counts, skip=skip)
    compute = AboveA(values)
    given = computing.match(rows, partitions=counts, skip=skip, compute=compute, threads=4)
    assert found(given) == found(expected)
    assert given.rows.classifier.to_list() == expected.rows.classifier.to_list()
    matches = list(computing.find_iter(rows, partitions=counts, skip=skip, compute=compute))
    assert [(match.partition, match.number, match.start, match.end) for match in matches] == found(expected)
    combined = conditions_of(values, COMBINED_ABOVE_A, pattern).match(rows, partitions=counts, skip=skip)
    assert found(combined) == found(expected)
    assert combined.rows.classifier.to_list() == expected.rows.classifier.to_list()


def test_many_partitions_are_asked_for_together() -> None:
    values = [0, 1, 2] * 1000
    compute = AboveA(values)
    counts = ("counts", [3] * 1000)
    matches = conditions_of(values, ABOVE_A).match({"A": [True] * 3000}, partitions=counts, compute=compute)
    assert len(matches) == 1000
    # Some hundreds of partitions wait at once.
    assert len(compute.asked) <= 5
    columns, asked = compute.asked[0]
    assert asked > 100
    assert columns[0].to_pylist()[:3] == [1, 4, 7]
    assert columns[1].to_pylist()[:3] == [0, 3, 6]


def test_arguments_are_arrow_arrays() -> None:
    values = [3, 1, 2, 2]
    asked: list[Asked] = []

    def compute(_: int, arguments: Sequence[Any], wanted: int) -> tuple[Any, Any]:
        columns = [pa.array(column) for column in arguments]
        asked.append((columns, wanted))
        return pa.array([True] * len(columns[0]), pa.bool_()), None

    # Of every kind of value that is held in its own way.
    constants = [
        ("NULL", None, pa.null()),
        ("BOOLEAN", True, pa.bool_()),
        ("TINYINT", 7, pa.int8()),
        ("UBIGINT", 2**64 - 1, pa.uint64()),
        ("DECIMAL(4,2)", 125, pa.decimal128(4, 2)),
        ("DECIMAL(30,1)", 125, pa.decimal128(30, 1)),
        ("DATE", 3, pa.date32()),
        ("TIMESTAMP", 5, pa.timestamp("us")),
        ("FLOAT", 0.5, pa.float32()),
        ("DOUBLE", 0.5, pa.float64()),
        ("INTERVAL", (1, 2, 3), pa.month_day_nano_interval()),
        ("VARCHAR", "ü", pa.string()),
    ]
    part = computed(
        ("row", *NEXT),
        ("rows", None),
        ("rows", 0),
        ("classifier", "VARCHAR", *LAST_A),
        ("match number", "BIGINT"),
        *(literal(kind, value) for kind, value, _ in constants),
    )
    matches = conditions_of(values, part).match({"A": [True] * 4}, compute=compute)
    assert found(matches) == [(0, 1, 0, 4)]
    types = [column.type for column in asked[0][0]]
    lists = pa.list_(pa.field("item", pa.int64()))
    assert types[:5] == [pa.int64(), lists, lists, types[3], pa.int64()]
    assert types[3] in {pa.string(), pa.large_string()}
    expected = [kind for _, _, kind in constants]
    assert types[5:-1] == expected[:-1]
    first = [column[0].as_py() for column in asked[0][0]]
    assert first[:5] == [2, [0, 1], [0], "A", 1]
    assert first[5:] == [
        None,
        True,
        7,
        2**64 - 1,
        Decimal("1.25"),
        Decimal("12.5"),
        date(1970, 1, 4),
        datetime.fromisoformat("1970-01-01T00:00:00.000005"),
        0.5,
        0.5,
        pa.MonthDayNano((1, 2, 3000)),
        "ü",
    ]
    # Behind the last row there is none.
    assert [column[0].as_py() for column in asked[-1][0]][:5] == [None, [0, 1, 2, 3], [0], "A", 1]


def test_values_of_every_kind() -> None:
    for result, values, wanted in [
        ("BIGINT", pa.array([5, 7]), 7),
        ("UTINYINT", pa.array([5, 255], pa.uint8()), 255),
        ("DOUBLE", pa.array([0.5, 1.5]), 1.5),
        ("DECIMAL(4,2)", pa.array([Decimal("0.5"), Decimal("1.5")], pa.decimal128(4, 2)), 150),
        ("DATE", pa.array([date(1970, 1, 1), date(1970, 1, 3)]), 2),
        ("VARCHAR", pa.array(["x", "ü"]), "ü"),
        ("VARCHAR", pa.array(["x", "ü"]).dictionary_encode(), "ü"),
        ("BOOLEAN", pa.array([None, True]), True),
    ]:

        def compute(_: int, arguments: Sequence[Any], __: int, values: pa.Array = values) -> tuple[Any, Any]:
            rows = pa.array(arguments[0])
            return values.take(rows), pa.array([True] * len(rows))

        part = ("call", "BOOLEAN", "=", (computed(("row", *CURRENT), result=result), literal(result, wanted)))
        matches = conditions_of([0, 0], part, "A | B", "A").match({"B": [False, False]}, compute=compute)
        assert found(matches) == [(0, 1, 1, 2)], result


def test_values_that_nobody_waits_for_may_be_left_out() -> None:
    values = [0, 1, 2, 0, 5] * 20
    above = AboveA(values)

    def compute(number: int, arguments: Sequence[Any], asked: int) -> tuple[Any, Any]:
        given, _ = above(number, arguments, asked)
        return given, pa.array([at < asked for at in range(len(given))])

    computing, native = conditions_of(values, ABOVE_A), conditions_of(values, NATIVE_ABOVE_A)
    rows = {"A": [True] * 100}
    assert found(computing.match(rows, compute=compute)) == found(native.match(rows))


class FailedError(Exception):
    pass


@pytest.mark.parametrize("error", [FailedError("why"), KeyboardInterrupt(), SystemExit(3)])
def test_what_the_callable_raises_comes_out_as_it_is(error: BaseException) -> None:
    def compute(*_: object) -> Any:
        raise error

    for call in (Conditions.match, Conditions.find_iter):
        with pytest.raises(type(error)) as raised:
            call(conditions_of([1, 2], ABOVE_A), {"A": [True, True]}, compute=compute)
        assert raised.value is error


TRUE = pa.array([True])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (TRUE, r"must give \(values, known\)"),
        ((TRUE,), r"must give \(values, known\)"),
        (None, r"must give \(values, known\)"),
        ((pa.array([True, False]), None), "have 2 rows; asked for: 1"),
        ((pa.array([], pa.bool_()), None), "have 0 rows; asked for: 1"),
        ((pa.array([1]), None), "is of the type BOOLEAN, which the Arrow type Int64 is not read as"),
        ((pa.array(["x"]), None), "which the Arrow type Utf8 is not read as"),
        ((pa.array([b"x"]), None), "which the Arrow type Binary is not read as"),
        (([True], None), "must be an Arrow array"),
        ((TRUE, pa.array([True, True])), "have 2 rows; asked for: 1"),
        ((TRUE, pa.array([1])), "expected booleans"),
        ((TRUE, [True]), "must be an Arrow array of booleans, or None"),
        ((TRUE, pa.array([False])), "the first 1 are needed"),
        ((TRUE, pa.array([None], pa.bool_())), "the first 1 are needed"),
    ],
)
def test_what_is_no_answer_is_refused(answer: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        conditions_of([1, 2], ABOVE_A).match({"A": [True, True]}, compute=lambda *_: answer)


def test_a_callable_is_needed_where_something_is_computed_and_not_called_elsewhere() -> None:
    with pytest.raises(ValueError, match="give compute="):
        conditions_of([1, 2], ABOVE_A).match({"A": [True, True]})

    def never(*_: object) -> Any:
        pytest.fail("nothing is computed")

    native = conditions_of([1, 2], NATIVE_ABOVE_A)
    assert found(native.match({"A": [True, True]}, compute=never)) == [(0, 1, 0, 2)]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (computed(("row", *CURRENT), result="GEOMETRY"), "GEOMETRY"),
        (computed(("rows", 7)), "there is no set 7"),
        (computed(("row", 7, False, 0, 0)), "there is no set 7"),
        (
            ("call", "BOOLEAN", "and", (computed(("rows", None)), computed(literal("BIGINT", 1)))),
            "has two types",
        ),
    ],
)
def test_parts_that_are_not_as_they_should_be(part: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        conditions_of([1, 2], part)


def test_a_skip_that_fails_comes_after_the_matches_before_it() -> None:
    values = [0, 1, 0, 1]
    matches = conditions_of(values, ABOVE_A).find_iter(
        {"A": [True] * 4}, partitions=("counts", [2, 2]), skip=("to first", "A"), compute=AboveA(values)
    )
    assert next(matches).start == 0
    with pytest.raises(SkipError):
        next(matches)


def test_limits_hold_between_and_in_rounds() -> None:
    values = [row % 70 for row in range(100_000)]
    above, rows = AboveA(values), {"A": [True] * len(values)}
    calls = 0

    def slow(number: int, arguments: Sequence[Any], asked: int) -> tuple[Any, Any]:
        nonlocal calls
        calls += 1
        time.sleep(0.03)
        return above(number, arguments, asked)

    with pytest.raises(QueryLimitError, match="longer than its limit"):
        conditions_of(values, ABOVE_A).match(rows, compute=slow, timeout_seconds=0.2)
    assert 0 < calls < 100
    with pytest.raises(QueryLimitError, match="more memory than its limit"):
        conditions_of(values, ABOVE_A).match(rows, compute=above, memory_limit_mb=0.5)


def test_starts_decide_which_variables_matches_can_have() -> None:
    # PATTERN (A+ B) DEFINE B AS FIRST(x) < 0: no row of a match that begins elsewhere is B.
    compiled = rowpattern.compile("A+ B")
    values = [1, -1, 2, 3, 4, -2, 5]
    conditions = Conditions(compiled, [], [], [], {}, {"B": pa.array([value < 0 for value in values])})
    rows = {"A": [True] * 7}
    assert found(conditions.match(rows)) == [(0, 1, 1, 7)]
    split = conditions.match(rows, partitions=("counts", [4, 3]), skip="to next row")
    assert found(split) == [(0, 1, 1, 4), (1, 1, 5, 7)]
    # With a part that is computed, which holds for rows above A.
    above = AboveA(values)
    both = Conditions(
        compiled,
        [("BIGINT", pa.array(values))],
        [["A"]],
        [],
        {"B": computed(("row", *CURRENT), ("row", *LAST_A))},
        {"B": pa.array([None if value == 1 else value < 0 for value in values])},
    )
    assert found(both.match(rows, compute=above)) == [(0, 1, 1, 7)]
    assert all(row > 1 for columns, _ in above.asked for row in columns[0].to_pylist())


@pytest.mark.parametrize(
    ("starts", "message"),
    [
        ({"B": pa.array([True])}, "different numbers of rows"),
        ({"C": pa.array([True, True])}, "no primary variable"),
        ({"B": pa.array([1, 1])}, "is of the type BOOLEAN, which the Arrow type Int64 is not read as"),
        ({"B": [True, True]}, "must be Arrow's"),
    ],
)
def test_starts_that_are_not_as_they_should_be(starts: dict[str, Any], message: str) -> None:
    compiled = rowpattern.compile("A B")
    with pytest.raises(ValueError, match=message):
        Conditions(compiled, [("BIGINT", pa.array([1, 2]))], [], [], {}, starts)
    with pytest.raises(ValueError, match="there are 3 rows, but the columns of conditions have 2"):
        Conditions(compiled, [], [], [], {}, {"B": pa.array([True, True])}).match({"A": [True] * 3})


def test_starts_where_no_match_is_possible_take_no_time() -> None:
    # PATTERN (A+ B) DEFINE B AS FIRST(x) < 0. Where each start is searched, this takes some 15 minutes.
    compiled = rowpattern.compile("A+ B")
    count = 300_000
    starts = [False] * count
    rows = {"A": [True] * count}
    conditions = Conditions(compiled, [], [], [], {}, {"B": pa.array(starts)})
    assert len(conditions.match(rows, timeout_seconds=60)) == 0
    starts[count // 2] = True
    conditions = Conditions(compiled, [], [], [], {}, {"B": pa.array(starts)})
    assert found(conditions.match(rows, timeout_seconds=60)) == [(0, 1, count // 2, count)]
