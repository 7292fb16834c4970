"""Nothing that DuckDB computes over two rows is refused in DEFINE: every function, with arguments that it takes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest

from rowpattern import match_recognize
from rowpattern.sql.duckdb.functions import AROUND_CLAUSES, LAMBDA_FUNCTIONS, NAMES_FIELDS, SCALARS

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = pa.table(
    {
        "o": [1, 2],
        "i": pa.array([3, 5], pa.int32()),
        "d": [1.5, 2.5],
        "s": ["abc", "b-c"],
        "ts": pa.array([0, 10**12], pa.timestamp("us")),
        "l": [[1, 2], [3]],
        "b": [True, False],
        "day": pa.array([1, 400], pa.date32()),
        "iv": pa.array([10**6, 10**9], pa.duration("us")),
        "bl": [b"ab", b"c"],
        "m": pa.array([[("k", 1)], [("j", 2)]], pa.map_(pa.string(), pa.int64())),
        "st": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        "fl": pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32(), 2)),
    }
)
COLUMNS = [name for name in TABLE.column_names if name != "o"]
PARTS = 10
QUERY = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o MEASURES 1 AS m PATTERN (A B) DEFINE B AS {})"
# Of each number of arguments so many ways to call a function are tried, and so many that DuckDB computes are asked.
COUNTS = (1, 2, 3, 0)
TRIED = 150
ASKED = 2
# So many are in one condition.
TOGETHER = 6


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    made = duckdb.connect()
    made.register("t", TABLE)
    both = ", ".join(
        f"(SELECT {name} FROM t WHERE o = 1) AS A_{name}, (SELECT {name} FROM t WHERE o = 2) AS {name}"
        for name in COLUMNS
    )
    made.execute(f"CREATE TABLE two AS SELECT {both}")
    yield made
    made.close()


@pytest.fixture(scope="module")
def counts(connection: duckdb.DuckDBPyConnection) -> dict[str, set[int]]:
    """Return how many arguments each function takes, as DuckDB lists them: most counts need no question."""
    listed: dict[str, set[int]] = {}
    every = "SELECT function_name, function_type, len(parameters), varargs IS NOT NULL FROM duckdb_functions()"
    for name, kind, most, takes_more in connection.execute(every).fetchall():
        # A macro's parameter can have a default, and be left out.
        taken = COUNTS if takes_more else range(most + 1) if kind == "macro" else (most,)
        listed.setdefault(name, set()).update(taken)
    return listed


def calls(function: str, counts: dict[str, set[int]]) -> Iterator[list[tuple[str, str]]]:
    """Give ways to call a function, as it stands in DEFINE and as over columns of two rows."""
    for count in COUNTS:
        if count not in counts.get(function, COUNTS):
            continue
        every = itertools.islice(itertools.product(COLUMNS, repeat=count), TRIED)
        yield [
            (
                f'"{function}"({", ".join([*(f"A.{each}" for each in names[:1]), *names[1:]])})',
                f'"{function}"({", ".join([*(f"A_{each}" for each in names[:1]), *names[1:]])})',
            )
            for names in every
        ]


def is_computed(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    try:
        connection.execute(f"SELECT {sql} FROM two").fetchall()
    except (duckdb.Error, UnicodeDecodeError, ValueError, OverflowError):
        return False
    return True


@pytest.mark.parametrize("part", range(PARTS))
def test_it_is_computed_in_define(
    connection: duckdb.DuckDBPyConnection, counts: dict[str, set[int]], part: int
) -> None:
    asked: list[str] = []
    # Of two rows' columns of one name a struct cannot be made: the names are those of its fields.
    left = SCALARS - AROUND_CLAUSES - set(LAMBDA_FUNCTIONS) - set(NAMES_FIELDS)
    for function in sorted(left)[part::PARTS]:
        for ways in calls(function, counts):
            computed = (ours for ours, theirs in ways if is_computed(connection, theirs))
            asked += itertools.islice(computed, ASKED)
    assert len(asked) > 40
    for begin in range(0, len(asked), TOGETHER):
        together = asked[begin : begin + TOGETHER]
        condition = " AND ".join(f"(({call}) IS NOT NULL OR ({call}) IS NULL)" for call in together)
        assert match_recognize(QUERY.format(condition), TABLE).num_rows == 1, together
