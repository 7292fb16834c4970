"""Conditions that bound how far a match reaches are not searched, and give what the search gives."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from rowpattern import explain, match_recognize
from rowpattern.errors import QueryError
from rowpattern.sql.execute import match_conditions, matching

if TYPE_CHECKING:
    from collections.abc import Callable

# By the type of the key: units between two rows at most, and bounds that are taken as such, each for rows that rise.
FORMS: dict[str, tuple[pa.DataType, int, list[str]]] = {
    "timestamp": (
        pa.timestamp("us"),
        10**6,
        [
            "k - FIRST(k) <= INTERVAL 2 SECONDS",
            "k - FIRST(k) < INTERVAL 2 SECONDS",
            "INTERVAL '1.5 seconds' >= k - FIRST(k)",
            "k <= FIRST(k) + INTERVAL 2 SECONDS",
            "INTERVAL 2 SECONDS + FIRST(k) > k",
            "k - INTERVAL 2 SECONDS <= FIRST(k)",
            "k - FIRST(A.k) <= INTERVAL 2 SECONDS",
            "k - A.k <= INTERVAL 2 SECONDS",
        ],
    ),
    "timestamp in seconds": (
        pa.timestamp("s"),
        1,
        ["k - FIRST(k) < INTERVAL '1.5 seconds'", "k <= A.k + INTERVAL 2 SECONDS"],
    ),
    "timestamp in milliseconds": (pa.timestamp("ms"), 1000, ["k - FIRST(k) < INTERVAL 2 SECONDS"]),
    "timestamp in nanoseconds": (
        pa.timestamp("ns"),
        2000,
        ["k - FIRST(k) <= INTERVAL 3 MICROSECONDS", "k < FIRST(k) + INTERVAL 3 MICROSECONDS"],
    ),
    "timestamp of a zone": (pa.timestamp("us", "UTC"), 10**6, ["k <= FIRST(k) + INTERVAL 2 SECONDS"]),
    "timestamp of a zone in seconds": (
        pa.timestamp("s", "Europe/Berlin"),
        1,
        ["k <= FIRST(k) + INTERVAL 2 SECONDS", "k - FIRST(k) < INTERVAL '2.5 seconds'"],
    ),
    "timestamp of a zone in milliseconds": (
        pa.timestamp("ms", "UTC"),
        1000,
        ["k - FIRST(k) <= INTERVAL 2 SECONDS", "k - FIRST(k) < INTERVAL 2 SECONDS"],
    ),
    "date": (pa.date32(), 1, ["k - FIRST(k) <= 2", "k <= FIRST(k) + 2"]),
    "bigint": (pa.int64(), 2, ["k - FIRST(k) <= 3", "FIRST(k) + 3 > k", "k - FIRST(k) <= -1"]),
    "integer": (pa.int32(), 2, ["k - FIRST(k) < 3"]),
}
CASES = [(name, form) for name, (_, _, forms) in FORMS.items() for form in forms]


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets an entry for each search of a query."""
    found: list[int] = []
    search: Callable[..., Any] = match_conditions.match_conditions

    def noting(*arguments: Any) -> Any:
        found.append(1)
        return search(*arguments)

    monkeypatch.setattr(matching, "match_conditions", noting)
    return found


def falling(form: str) -> str:
    """Return the same bound for rows that fall."""
    first = "FIRST(k)" if "FIRST(k)" in form else "FIRST(A.k)" if "FIRST(A.k)" in form else "A.k"
    return form.replace(first, "?").replace("k", first).replace("?", "k")


def table(chosen: random.Random, kind: pa.DataType, step: int) -> pa.Table:
    rows = chosen.randrange(40)
    keys = [None if chosen.random() < 0.1 else chosen.randrange(step * 8) for _ in range(rows)]
    stored = pa.int32() if kind in {pa.int32(), pa.date32()} else pa.int64()
    return pa.table(
        {
            "p": pa.array([chosen.randrange(3) for _ in range(rows)], pa.int64()),
            "k": pa.array(keys, stored).cast(kind),
            "x": pa.array([chosen.choice("abc") for _ in range(rows)], pa.string()),
        }
    )


@pytest.mark.parametrize("direction", ["", "DESC NULLS FIRST"])
@pytest.mark.parametrize(("name", "form"), CASES)
def test_as_the_search(name: str, form: str, direction: str, searches: list[int]) -> None:
    kind, step, _ = FORMS[name]
    chosen = random.Random(f"{name} {form} {direction}")
    bound = falling(form) if direction else form
    for pattern, skip in (("A B*? C", "PAST LAST ROW"), ("A B* C", "TO NEXT ROW"), ("A (B | C)+", "PAST LAST ROW")):
        sql = f"""SELECT * FROM t MATCH_RECOGNIZE (
            PARTITION BY p ORDER BY k {direction}
            MEASURES FIRST(k) AS begun, LAST(k) AS ended, count(*) AS n, count(C.*) AS c
            AFTER MATCH SKIP {skip} PATTERN ({pattern})
            DEFINE A AS x <> 'c', B AS {{}}, C AS x = 'c' AND {{}})"""
        for _ in range(4):
            rows = table(chosen, kind, step)
            searches.clear()
            found = match_recognize(sql.format(bound, bound), rows)
            assert not searches
            # An aggregate over the match has the same conditions searched.
            searched = match_recognize(sql.format(f"{bound} AND count(*) > 0", f"{bound} AND count(*) > 0"), rows)
            assert searches
            assert found.equals(searched)


@pytest.mark.parametrize(
    ("pattern", "conditions"),
    [
        ("A B* C", "B AS k - FIRST(k) <= 2, C AS x = 'c'"),  # C ends a match, without a bound
        ("A B* C", "B AS k - FIRST(k) <= 2, C AS k - FIRST(k) <= 3"),
        ("A B* C", "B AS true, C AS k - FIRST(B.k) <= 3"),
        ("(A B)+", "B AS k - A.k <= 3"),  # of the last A
        ("A B+", "B AS k - FIRST(k) <= 3 OR x = 'c'"),
        ("A B+", "B AS k - FIRST(k) >= 1"),
        ("A B+", "B AS k - FIRST(k, 1) <= 3"),
        ("A B+", "B AS p - FIRST(p) <= 3"),  # not what orders rows
        ("A B+", "B AS k - FIRST(k) <= 3 AND x <> FIRST(x)"),
    ],
)
def test_others_are_searched(pattern: str, conditions: str, searches: list[int]) -> None:
    rows = table(random.Random(0), pa.int64(), 2)
    match_recognize(
        f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY k MEASURES count(*) AS n PATTERN ({pattern}) DEFINE {conditions})",
        rows,
    )
    assert searches


def test_rows_that_duckdb_orders(searches: list[int]) -> None:
    chosen = random.Random(1)
    rows = table(chosen, pa.int64(), 2)
    # Lists are ordered by DuckDB.
    rows = rows.append_column("l", pa.array([[chosen.randrange(2)] for _ in range(len(rows))]))
    sql = """SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY l ORDER BY k MEASURES FIRST(k) AS begun, LAST(k) AS ended, count(*) AS n
        PATTERN (A B+) DEFINE B AS k - FIRST(k) <= 3 {})"""
    found = match_recognize(sql.format(""), rows)
    assert not searches
    assert len(found)
    assert found.equals(match_recognize(sql.format("AND count(*) > 0"), rows))


def test_frames_of_windows(searches: list[int]) -> None:
    rows = table(random.Random(2), pa.int64(), 2)
    sql = """SELECT k, n OVER w AS n FROM t WINDOW w AS (
        PARTITION BY p ORDER BY k MEASURES count(*) AS n ROWS BETWEEN CURRENT ROW AND 5 FOLLOWING
        PATTERN (A B+) DEFINE B AS k - FIRST(k) <= 3 {}) ORDER BY k, n"""
    found = match_recognize(sql.format(""), rows)
    assert not searches
    assert found.equals(match_recognize(sql.format("AND count(*) > 0"), rows))


def test_explained() -> None:
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY k MEASURES count(*) AS n PATTERN (A B+) DEFINE B AS {})"
    rows = table(random.Random(0), pa.int64(), 2)
    text = explain(sql.format("k - FIRST(k) <= 3"), rows).text
    assert "B AS k - FIRST(k) <= 3: bounds, with the match's first row, how far the match reaches" in text
    assert "one for the earliest ends of matches" in text
    assert "a search from each start" in explain(sql.format("k - FIRST(k) >= 3"), rows).text


def test_what_cannot_be_computed_is_searched(searches: list[int]) -> None:
    sql = """SELECT * FROM t MATCH_RECOGNIZE (
        ORDER BY k MEASURES count(*) AS n PATTERN (A B+) DEFINE B AS k - FIRST(k) <= 5)"""
    with pytest.raises(QueryError):
        match_recognize(sql, pa.table({"k": pa.array([-(2**62) - 5, 2**62 + 5])}))
    assert searches
