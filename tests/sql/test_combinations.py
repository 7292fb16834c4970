"""Parts of conditions that DuckDB computes before the search, for all combinations of what their rows have."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rowpattern
from rowpattern import match_recognize
from rowpattern._core import Conditions
from rowpattern.sql.execute import combinations as module
from rowpattern.sql.execute.combinations import number_values
from rowpattern.sql.execute.rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import Callable

QUERY = "SELECT o FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES FIRST(o) AS o PATTERN (A B) DEFINE B AS {})"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which expressions are asked for in rounds, and which for all combinations."""
    made: list[str] = []
    in_round, computed = Rounds.__call__, Rounds.computed

    def noted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*given: Any) -> Any:
            made.append(name)
            return call(*given)

        return noting

    monkeypatch.setattr(Rounds, "__call__", noted("round", in_round))
    monkeypatch.setattr(Rounds, "computed", noted("before", computed))
    return made


def texts(count: int, different: int) -> pa.Table:
    return pa.table({"o": range(count), "s": [f"{number * 7 % different:05}" for number in range(count)]})


@pytest.mark.parametrize(
    ("rows", "different", "ways"),
    [(3, 3, {"before"}), (20_000, 120, {"before"}), (5000, 5000, {"round"}), (200, 200, {"round"})],
)
def test_few_combinations_are_computed_before(rows: int, different: int, ways: set[str], asked: list[str]) -> None:
    """As many as rows, or a thousand, are few; a row can be missing too."""
    table = texts(rows, different)
    found = match_recognize(QUERY.format("levenshtein(A.s, s) < 3"), table)
    assert set(asked) == ways
    connection = duckdb.connect()
    connection.register("t", table)
    holds = connection.sql(
        "SELECT A.o FROM t AS A JOIN t AS B ON B.o = A.o + 1 WHERE levenshtein(A.s, B.s) < 3 ORDER BY ALL"
    ).fetchall()
    # Each match skips past its last row.
    wanted: list[int] = []
    for (begun,) in holds:
        if not wanted or begun > wanted[-1] + 1:
            wanted.append(begun)
    assert found.column("o").to_pylist() == wanted


@pytest.mark.parametrize("condition", ["random() + A.o + o >= 0", "median(A.o) <= o", "A.o + match_number() < 9e9"])
def test_what_is_not_of_rows_alone_is_not_combined(condition: str, asked: list[str]) -> None:
    """Random numbers, aggregates and the match's number."""
    match_recognize(QUERY.format(f"levenshtein(A.s, s) < 9 AND md5(({condition})::VARCHAR || s) > ''"), texts(10, 3))
    assert asked.count("before") == 1
    assert "round" in asked


def test_an_error_of_a_combination_that_no_match_has_is_none(asked: list[str]) -> None:
    table = pa.table({"o": [0, 1, 2, 3], "s": ["1", "2", "no", "x"]})
    query = "SELECT o FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES FIRST(o) AS o PATTERN (^A B) DEFINE B AS {})"
    assert match_recognize(query.format("(A.s || s)::int = 12"), table).column("o").to_pylist() == [0]
    assert asked == ["before", "round"]


@pytest.mark.parametrize(("width", "ways"), [(1, {"before"}), (600, {"before", "round"})])
def test_values_that_take_much_memory_are_asked_for_in_rounds(width: int, ways: set[str], asked: list[str]) -> None:
    """10,000 texts of 6 KB are more than an eighth of the limit."""
    table = texts(10_000, 99)
    query = QUERY.format(f"repeat(A.s || s, {width}) > s").replace("(ORDER", "(PARTITION BY o // 2 ORDER")
    match_recognize(query, table, memory_limit_mb=400)
    assert set(asked) == ways


def test_one_numbering_of_rows_serves_all_expressions(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, ...]] = []
    number_rows = module.number_rows

    def noting(columns: tuple[str, ...], *given: Any) -> Any:
        made.append(columns)
        return number_rows(columns, *given)

    monkeypatch.setattr(module, "number_rows", noting)
    match_recognize(QUERY.format("levenshtein(A.s, s) < 3 AND md5(A.s || s) > '1'"), texts(100, 9))
    assert (asked, made) == (["before"] * 2, [("s",)])


VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.int64(): st.integers(-2, 2),
    pa.bool_(): st.booleans(),
    pa.string(): st.sampled_from(["", "a", "A", "é"]),
    pa.large_string(): st.sampled_from(["", "a"]),
    pa.float64(): st.sampled_from([0.0, -0.0, math.nan, math.inf, 1.5]),
    pa.float32(): st.sampled_from([0.0, -0.0, math.nan]),
    pa.timestamp("us", "UTC"): st.integers(0, 2),
    pa.decimal128(5, 1): st.sampled_from([0, 1, 2]),
    pa.dictionary(pa.int8(), pa.string()): st.sampled_from(["a", "b"]),
    pa.binary(): st.sampled_from([b"", b"\0"]),
}


@st.composite
def columns(draw: st.DrawFn) -> list[tuple[pa.DataType, list[Any]]]:
    count = draw(st.integers(0, 12))
    kinds = draw(st.lists(st.sampled_from(list(VALUES)), min_size=0, max_size=3))
    return [(kind, draw(st.lists(st.none() | VALUES[kind], min_size=count, max_size=count))) for kind in kinds]


def bits(value: Any) -> Any:
    return struct.pack("d", value) if isinstance(value, float) else value


@settings(deadline=None)
@given(columns(), st.data())
def test_rows_with_one_number_have_the_same(
    given_columns: list[tuple[pa.DataType, list[Any]]], data: st.DataObject
) -> None:
    """Bit by bit: -0.0 is not 0.0, as their texts differ; in one chunk or several."""
    count = len(given_columns[0][1]) if given_columns else data.draw(st.integers(0, 5))
    cut = data.draw(st.integers(0, count))
    chunked = [
        pa.chunked_array([array(values[:cut], kind), array(values[cut:], kind)]) for kind, values in given_columns
    ]
    found = number_values(chunked, count, 1000)
    assert found is not None
    rows = [tuple(bits(values[row]) for _, values in given_columns) for row in range(count)]
    pairs = set(zip(found.numbers.tolist(), rows))
    assert len(pairs) == len(set(rows)) == len({number for number, _ in pairs}) == len(found.first)
    assert sorted(number for number, _ in pairs) == list(range(len(pairs)))
    assert {(number, rows[row]) for number, row in enumerate(found.first.tolist())} == pairs
    if len(found.first) > 1:
        assert number_values(chunked, count, len(found.first) - 1) is None


def array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    return pa.array(values, kind)


def test_types_of_which_nothing_is_known_have_no_numbers() -> None:
    assert number_values([pa.chunked_array([pa.array([[1]])])], 1, 9) is None


CURRENT, OF_A = (None, False, 0, 0), (0, False, 0, 0)


def found_by(rows: tuple[Any, ...], values: Any, kind: str = "BOOLEAN") -> list[int]:
    compiled = rowpattern.compile("A B | B")
    numbers = ("BIGINT", pa.array([0, 1, 1, 0]))
    conditions = Conditions(compiled, [numbers], [["A"]], [], {"B": ("combined", kind, values, rows)})
    return conditions.match({"A": [True] * 4, "B": [True] * 4}).start.to_list()


def test_the_core_looks_combinations_up() -> None:
    """By (number of A's row, own number), each 0, 1 or none: the last one changes first."""
    rows = ((0, 3, *OF_A), (0, 3, *CURRENT))
    wanted = {(0, 1), (2, 0)}
    values = pa.array([(of_a, own) in wanted for of_a in range(3) for own in range(3)])
    # Rows 0 and 1 are such a pair; rows 2 and 3 are not, and row 3 alone is one without a row of A.
    assert found_by(rows, values) == [0, 3]
    assert found_by(rows, pa.array([None] * 9, pa.bool_())) == []


@pytest.mark.parametrize(
    ("rows", "values", "message"),
    [
        (((0, 3, *CURRENT),), pa.array([True]), "not as many values"),
        (((0, 2**40, *CURRENT), (0, 2**40, *CURRENT)), pa.array([True]), "not as many values"),
        (((7, 1, *CURRENT),), pa.array([True]), "no column 7"),
        (((0, 1, 5, False, 0, 0),), pa.array([True]), "no set 5"),
        (((0, 1, *CURRENT),), 5, "must be an Arrow array"),
        (5, pa.array([True]), "another form"),
    ],
)
def test_combinations_that_are_none_are_refused(rows: Any, values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        found_by(rows, values)


def test_numbers_that_there_are_not_are_null() -> None:
    """A column whose numbers are past the last one, or below 0."""
    compiled = rowpattern.compile("B")
    for numbers in ([5, 0, -1, 1], [None, 0, None, 1]):
        rows = ((0, 2, *CURRENT),)
        node = ("combined", "BOOLEAN", pa.array([True, True]), rows)
        conditions = Conditions(compiled, [("BIGINT", pa.array(numbers))], [], [], {"B": node})
        assert conditions.match({"B": [True] * 4}).start.to_list() == [1, 3]
