"""Row patterns in windows among the rest of a SELECT: the same as the rest over a table of what the windows give."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize

from window_queries import FALLEN, FALLS, FRAME, MEASURES, PRICES, WINDOW, rows

NAMES = pa.table({"p": ["a", "b", "d"], "name": ["anna", "bob", "dora"], "number": [7, 8, 9]})


def computed() -> pa.Table:
    """The table with what the window gives as columns, and where each row's match ends."""
    found = [FALLEN.get(number, (None, None, None)) for number in range(1, 13)]
    columns = {name: pa.array([each[at] for each in found]) for at, name in enumerate(("low", "top", "n"))}
    return pa.table({**{name: PRICES.column(name) for name in PRICES.column_names}, **columns})


# A query with the window ({w}; {t.w} with its table), and the same over the table that has its columns.
FORMS = """
SELECT *, low OVER w AS low FROM t {w} ORDER BY id
=
SELECT id, value, p, day, low FROM c ORDER BY id

SELECT id, low OVER w FROM t {w} ORDER BY 1
=
SELECT id, low FROM c ORDER BY 1

SELECT t.id, low OVER w FROM t {w} ORDER BY t.id
=
SELECT id, low FROM c ORDER BY id

SELECT t.*, u.name, low OVER w AS low FROM t LEFT JOIN u ON t.p = u.p {t.w} ORDER BY t.id
=
SELECT c.id, value, c.p, day, u.name, low FROM c LEFT JOIN u ON c.p = u.p ORDER BY c.id

SELECT *, top OVER w AS top FROM t JOIN u USING (p) {w} ORDER BY id
=
SELECT id, value, p, day, name, number, top FROM c JOIN u USING (p) ORDER BY id

SELECT id, low OVER w AS low, low - value AS d FROM t {w} QUALIFY low > 10 AND top OVER w > 66 ORDER BY d LIMIT
    2
=
SELECT id, low, low - value AS d FROM c WHERE low > 10 AND top > 66 ORDER BY d LIMIT 2

SELECT id, row_number() OVER (ORDER BY id DESC) AS r, n OVER w + 0 AS s FROM t {w} QUALIFY n OVER w > 2 ORDER BY
    id
=
SELECT * FROM (SELECT id, row_number() OVER (ORDER BY id DESC) AS r, n + 0 AS s FROM c) WHERE s > 2 ORDER BY id

SELECT id FROM t {w} QUALIFY n OVER w > 2 ORDER BY count(*) OVER (ORDER BY id)
=
SELECT id FROM c WHERE n > 2 ORDER BY id

WITH x AS (SELECT *, low OVER w AS low FROM t {w}), y AS (SELECT p, max(low) AS m FROM x GROUP BY p) SELECT
    x.id, y.m FROM x JOIN y USING (p) ORDER BY 1
=
SELECT c.id, m FROM c JOIN (SELECT p, max(low) AS m FROM c GROUP BY p) USING (p) ORDER BY 1

SELECT id, (SELECT max(v) FROM (SELECT low OVER w AS v FROM t {w}) q) AS m FROM t ORDER BY id
=
SELECT id, (SELECT max(low) FROM c) AS m FROM c ORDER BY id

SELECT id, low OVER w AS v FROM t {w} UNION ALL SELECT id, top OVER w FROM t {w} ORDER BY 1, 2
=
SELECT id, low AS v FROM c UNION ALL SELECT id, top FROM c ORDER BY 1, 2

SELECT DISTINCT low OVER w AS low FROM t {w} ORDER BY ALL
=
SELECT DISTINCT low FROM c ORDER BY ALL

SELECT DISTINCT ON (p) p, id, low OVER w AS low FROM t {w} ORDER BY p, low NULLS LAST, id
=
SELECT DISTINCT ON (p) p, id, low FROM c ORDER BY p, low NULLS LAST, id

SELECT id, CASE WHEN low OVER w IS NULL THEN 'none' ELSE 'low ' || (low OVER w)::VARCHAR END AS c, coalesce(n
    OVER w, 0) AS n FROM t {w} ORDER BY id
=
SELECT id, CASE WHEN low IS NULL THEN 'none' ELSE 'low ' || low::VARCHAR END AS c, coalesce(n, 0) AS n FROM c
    ORDER BY id

SELECT COLUMNS('id|p'), low OVER w AS low FROM t {w} ORDER BY id
=
SELECT id, p, low FROM c ORDER BY id

SELECT * EXCLUDE (value), low OVER w FROM t {w} ORDER BY id
=
SELECT id, p, day, low FROM c ORDER BY id

SELECT * REPLACE (value + 1 AS value), low OVER w FROM t {w} ORDER BY id
=
SELECT id, value + 1 AS value, p, day, low FROM c ORDER BY id

SELECT id AS low, low OVER w AS x FROM t {w} ORDER BY low
=
SELECT id AS low, low AS x FROM c ORDER BY id

SELECT id x, x + 1 AS y, low OVER w AS z, y + z AS zz FROM t {w} ORDER BY x
=
SELECT id AS x, id + 1 AS y, low AS z, id + 1 + low AS zz FROM c ORDER BY id

SELECT id, list_transform([1, 2], lambda e: e + id) AS l, low OVER w AS z FROM t {w} ORDER BY id
=
SELECT id, [1 + id, 2 + id] AS l, low AS z FROM c ORDER BY id

SELECT (low OVER w) AS z, id FROM t {w} ORDER BY low OVER w DESC NULLS LAST, t.id
=
SELECT low AS z, id FROM c ORDER BY low DESC NULLS LAST, id

FROM t SELECT id, low OVER w AS low {w} ORDER BY id LIMIT 3 OFFSET 1
=
SELECT id, low FROM c LIMIT 3 OFFSET 1

SELECT id, low OVER w FROM t SEMI JOIN (SELECT 'a' AS p) q USING (p) {w} ORDER BY id
=
SELECT id, low FROM c WHERE p = 'a' ORDER BY id

SELECT (SELECT count(*) FROM t i WHERE i.id < t.id) AS before, low OVER w IN (SELECT value FROM t) AS seen FROM t {w}
    ORDER BY id
=
SELECT id - 1 AS before, low IN (SELECT value FROM t) AS seen FROM c ORDER BY id

SELECT id AS z, value AS v, m OVER (ORDER BY z MEASURES LAST(v) AS m ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING
    AFTER MATCH SKIP TO NEXT ROW PATTERN (A+)) AS m FROM t ORDER BY z
=
SELECT id AS z, value AS v, coalesce(lead(value) OVER (ORDER BY id), value) AS m FROM c ORDER BY id

SELECT id FROM t {w} ORDER BY n OVER w NULLS FIRST, id DESC
=
SELECT id FROM c ORDER BY n NULLS FIRST, id DESC

SELECT id, sum(value) OVER (PARTITION BY p ORDER BY id) AS run, low OVER w FROM t {w} ORDER BY id
=
SELECT id, sum(value) OVER (PARTITION BY p ORDER BY id) AS run, low FROM c ORDER BY id

SELECT q.id, q.z FROM (SELECT t.id, low OVER w AS z FROM t {w}) q WHERE z IN (SELECT value FROM t) ORDER BY 1
=
SELECT id, low AS z FROM c WHERE low IN (SELECT value FROM t) ORDER BY 1

SELECT id, m FROM (SELECT *, low OVER w AS low FROM t {w}) MATCH_RECOGNIZE (PARTITION BY p ORDER BY id MEASURES
    max(low) AS m, FIRST(id) AS id PATTERN (X+)) ORDER BY 1
=
SELECT min(id) AS id, max(low) AS m FROM c GROUP BY p ORDER BY 1
"""


@pytest.mark.parametrize("form", FORMS.strip().split("\n\n"))
def test_forms(form: str) -> None:
    query, same = form.split("\n=\n")
    query = query.replace("{w}", WINDOW).replace("{t.w}", WINDOW.replace("BY p", "BY t.p"))
    found = match_recognize(query, t=PRICES, u=NAMES)
    connection = duckdb.connect()
    for name, table in {"t": PRICES, "u": NAMES, "c": computed()}.items():
        connection.register(name, table)
    wanted = connection.sql(same).to_arrow_table()
    assert found.column_names == wanted.column_names
    assert rows(found) == rows(wanted)


def test_functions_over_matches() -> None:
    query = f"""SELECT id, count(*) OVER w, sum(value) OVER w, first_value(day) OVER w, last_value(id) OVER w,
        nth_value(value, 2) OVER w, string_agg(value::VARCHAR, '-' ORDER BY value) OVER w,
        count(DISTINCT value) FILTER (WHERE value > 45) OVER w, max(value) OVER w - low OVER w, list(value) OVER w
        FROM t {WINDOW} ORDER BY id"""
    nothing = (0, None, None, None, None, None, 0, None, None)
    wanted = {
        1: (3, 240, "2024-01-01", 3, 80, "70-80-90", 3, 20, [90, 80, 70]),
        5: (3, 180, "2024-01-05", 7, 50, "40-50-90", 2, 50, [90, 50, 40]),
        9: (2, 129, "2024-01-09", 10, 64, "64-65", 2, 1, [65, 64]),
        11: (2, 100, "2024-01-11", 12, 30, "30-70", 1, 40, [70, 30]),
    }
    assert rows(match_recognize(query, PRICES)) == [(row, *wanted.get(row, nothing)) for row in range(1, 13)]


def test_functions_that_look_at_no_frame_see_the_partition() -> None:
    query = f"""SELECT id, row_number() OVER w, rank() OVER w, lag(value) OVER w, lead(value, 2, -1) OVER w
        FROM t {WINDOW} ORDER BY id LIMIT 4"""
    wanted = [(1, 1, 1, None, 70), (2, 2, 2, 90, 80), (3, 3, 3, 80, -1), (4, 4, 4, 70, -1)]
    assert rows(match_recognize(query, PRICES)) == wanted
    ties = pa.table({"k": [1, 1, 2], "v": [5, 6, 7]})
    ranked = (
        f"SELECT v, rank() OVER w, dense_rank() OVER w FROM t WINDOW w AS (ORDER BY k {FRAME} PATTERN (A)) ORDER BY v"
    )
    assert rows(match_recognize(ranked, ties)) == [(5, 1, 1), (6, 1, 1), (7, 3, 2)]


def test_grouped_rows() -> None:
    query = f"""SELECT p, sum(value) AS total, sum(value) - 1 AS less, m OVER (
            ORDER BY p MEASURES LAST(total) AS m {FRAME} PATTERN (A B*) DEFINE B AS total < PREV(total)) AS m
        FROM t GROUP BY p HAVING count(*) > 1 ORDER BY p"""
    assert rows(match_recognize(query, PRICES)) == [("a", 320, 319, 229), ("b", 240, 239, None), ("c", 229, 228, None)]
    by_place = f"""SELECT m OVER (ORDER BY p MEASURES LAST(p) AS m {FRAME} PATTERN (A+)) AS m, p, count(*) AS n
        FROM t GROUP BY 2 ORDER BY p"""
    assert rows(match_recognize(by_place, PRICES)) == [("c", "a", 4), (None, "b", 4), (None, "c", 4)]


def test_several_windows_and_extended_ones() -> None:
    query = f"""SELECT id, low OVER w, m OVER v, count(*) OVER (base {FRAME} PATTERN (X)) AS n
        FROM t WINDOW base AS (PARTITION BY p), ordered AS (base ORDER BY id),
            w AS (ordered {MEASURES} {FALLS}),
            v AS (ordered MEASURES LAST(id) AS m ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING
                AFTER MATCH SKIP TO NEXT ROW PATTERN (A+))
        ORDER BY id"""
    wanted = [(row, FALLEN.get(row, (None,))[0], min(row + 1, (row + 3) // 4 * 4), 1) for row in range(1, 13)]
    assert rows(match_recognize(query, PRICES)) == wanted


def test_columns_of_several_tables_in_a_window() -> None:
    query = f"""SELECT a.id, m OVER (PARTITION BY a.p ORDER BY b.id MEASURES LAST(b.value) AS m, LAST(X.day) AS d
            {FRAME} PATTERN (X Y*) DEFINE Y AS b.value < PREV(b.value)) AS m
        FROM t AS a JOIN (SELECT id, value FROM t) AS b ON a.id = b.id ORDER BY a.id LIMIT 5"""
    assert rows(match_recognize(query, PRICES)) == [(1, 70), (2, None), (3, None), (4, 80), (5, 40)]
    with pytest.raises(rowpattern.QueryError, match="Ambiguous"):
        match_recognize(query.replace("a.p ORDER BY b.id", "a.p ORDER BY id"), PRICES)
    with pytest.raises(rowpattern.QueryError, match="there is no column day"):
        match_recognize(query.replace("LAST(b.value)", "LAST(b.day)"), PRICES)


PARAMETERS = [
    (
        f"""SELECT id, $k AS k, m OVER w + $k AS m, count(*) OVER w FROM t WHERE value > $least
        WINDOW w AS (ORDER BY id MEASURES LAST(value) * $k AS m {FRAME}
            PATTERN (A B{{0,$most}}) DEFINE B AS value < PREV(value, $back) - $d)
        QUALIFY id < $last ORDER BY id""",
        {"k": 10, "least": 45, "most": 2, "back": 1, "d": 0, "last": 5},
        [(1, 10, 710, 3), (2, 10, None, 0), (3, 10, None, 0), (4, 10, 810, 1)],
    ),
    (
        f"""SELECT ? AS a, m OVER w AS m FROM t WHERE value > ?
        WINDOW w AS (ORDER BY id MEASURES LAST(value) + ? AS m {FRAME} PATTERN (A B*) DEFINE B AS value > ?)
        ORDER BY id LIMIT ?""",
        [7, 0, 100, 75, 3],
        [(7, 180), (7, None), (7, 190)],
    ),
    (
        """SELECT id, m OVER (ORDER BY id MEASURES LAST(id) AS m ROWS BETWEEN CURRENT ROW AND $n + 1 FOLLOWING
            PATTERN (A+)) AS m FROM t ORDER BY id LIMIT 4""",
        {"n": 2},
        [(1, 4), (2, None), (3, None), (4, None)],
    ),
    (
        f"""SELECT id, m OVER (ORDER BY id MEASURES LAST(id) AS m {FRAME} PATTERN (B+)
            DEFINE B AS coalesce(value < PREV(value), $first)) AS m FROM t ORDER BY id LIMIT 3""",
        {"first": True},
        [(1, 3), (2, None), (3, None)],
    ),
]


@pytest.mark.parametrize(("query", "parameters", "wanted"), PARAMETERS)
def test_parameters(query: str, parameters: Any, wanted: list[tuple[Any, ...]]) -> None:
    assert rows(match_recognize(query, PRICES, parameters=parameters)) == wanted
    if "$n" in query:
        # The plan of other values is another one.
        again = rows(match_recognize(query, PRICES, parameters={"n": 0}))
        assert again == [(1, 2), (2, None), (3, 4), (4, None)]


KINDS = {
    "arrow": lambda: PRICES,
    "pandas": PRICES.to_pandas,
    "polars": lambda: pl.from_arrow(PRICES),
    "polars lazy": lambda: pl.DataFrame(PRICES).lazy(),
    "reader": PRICES.to_reader,
    "duckdb": lambda: duckdb.from_arrow(PRICES),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "query", [f"SELECT *, low OVER w AS low FROM t {WINDOW}", f"SELECT id FROM t {WINDOW} ORDER BY n OVER w, id"]
)
def test_kinds_of_tables(kind: str, query: str) -> None:
    given = KINDS[kind]()
    found = match_recognize(query, given)
    wanted = match_recognize(query, PRICES)
    if kind == "pandas":
        assert isinstance(found, pd.DataFrame)
        found = pa.Table.from_pandas(found, preserve_index=False)
    elif kind == "polars":
        assert isinstance(found, pl.DataFrame)
        found = found.to_arrow()
    elif kind == "polars lazy":
        found = found.collect().to_arrow() if isinstance(found, pl.LazyFrame) else found.to_arrow()
    elif kind == "duckdb":
        found = found.to_arrow_table()
    elif kind == "reader":
        found = found.read_all() if isinstance(found, pa.RecordBatchReader) else found
    assert rows(found) == rows(wanted)


def test_the_table_s_own_types_come_back() -> None:
    labels = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.int8()), pa.array(["low", "high"]), ordered=True)
    stored = pa.array([bytes(16), None, bytes([1] * 16)], pa.binary(16))
    table = pa.table({"id": [1, 2, 3], "k": labels, "u": pa.ExtensionArray.from_storage(pa.uuid(), stored)})
    query = f"""SELECT *, last_k OVER w, u1 OVER w FROM t WINDOW w AS (ORDER BY id
        MEASURES LAST(k) AS last_k, FIRST(u) AS u1 {FRAME} AFTER MATCH SKIP TO NEXT ROW
        PATTERN (A B*) DEFINE B AS k > 'low')"""
    found = match_recognize(query, table)
    assert found.schema.types == [pa.int64(), labels.type, pa.uuid(), labels.type, pa.uuid()]
    assert found.column("last_k").to_pylist() == ["high", "high", "low"]
    assert found.column("u1").to_pylist() == table.column("u").to_pylist()


def test_an_isolated_query() -> None:
    query = f"SELECT id, low OVER w AS low FROM t {WINDOW} ORDER BY id"
    assert match_recognize(query, PRICES, isolation="process").equals(match_recognize(query, PRICES))


FROM_THE_ROW = "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING PATTERN (A+)"
NUMBERS = pa.table({"i": [1, 2, 3, 4], "p": [3, 2, 5, 4]})


@pytest.mark.parametrize("name", ["Price", '"M 2"', "ÄB", "lower"])
@pytest.mark.parametrize("call", ["{} OVER w", "{} OVER w + 0"])
def test_names_of_measures_keep_their_letters(name: str, call: str) -> None:
    window = f"WINDOW w AS (ORDER BY i MEASURES LAST(p) AS {name} {FROM_THE_ROW})"
    answer = match_recognize(f"SELECT {call.format(name)} AS x, SUM(p) OVER w AS s FROM t {window}", NUMBERS)
    assert answer.to_pydict() == {"x": [4, None, None, None], "s": [14, None, None, None]}


@pytest.mark.parametrize(
    ("columns", "order", "answer"),
    [
        ('DISTINCT ON (p) 7 AS "leaf 0", m OVER w AS m', "", {"leaf 0": [7] * 4, "m": [4, None, None, None]}),
        ('-i AS "leaf 0", m OVER w AS m', "ORDER BY p LIMIT 1", {"leaf 0": [-2], "m": [None]}),
        ('-p AS "measure 0 m", i', "ORDER BY m OVER w, i", {"measure 0 m": [-3, -2, -5, -4], "i": [1, 2, 3, 4]}),
    ],
)
def test_no_alias_is_the_name_of_a_column_between_the_halves(
    columns: str, order: str, answer: dict[str, list[int | None]]
) -> None:
    window = f"WINDOW w AS (ORDER BY i MEASURES LAST(p) AS m {FROM_THE_ROW})"
    found = match_recognize(f"SELECT {columns} FROM t {window} {order}", NUMBERS)
    assert (found if order else found.sort_by("m")).to_pydict() == answer


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("SELECT m OVER w AS m FROM t {}", [4, None, None, None]),
        ("WITH t AS (SELECT * FROM t WHERE i > 2) SELECT m OVER w AS m FROM t {}", [2, None]),
        ("WITH u AS (SELECT 1), t AS (SELECT * FROM t, u WHERE i > 1) SELECT m OVER w AS m FROM t {}", [3, None, None]),
        # What stands behind the window's query in the list is not seen.
        (
            "WITH v AS (SELECT m OVER w AS m FROM t {}), t AS (SELECT 1 AS i) SELECT m FROM v, t",
            [4, None, None, None],
        ),
        ("SELECT m FROM (WITH t AS (SELECT * FROM t WHERE i > 3) SELECT m OVER w AS m FROM t {})", [1]),
        (
            """WITH t AS (SELECT * FROM t WHERE i > 1) SELECT m FROM (WITH t AS (SELECT * FROM t WHERE i < 4)
            SELECT m OVER w AS m FROM t {})""",
            [2, None],
        ),
        (
            """WITH t AS (SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES FIRST(i) AS i PATTERN (A A)))
            SELECT m OVER w AS m FROM t {}""",
            [2, None],
        ),
    ],
)
def test_subqueries_in_windows_see_the_with_lists_around_them(query: str, wanted: list[int | None]) -> None:
    window = f"WINDOW w AS (ORDER BY i MEASURES (SELECT count(*) FROM t) AS m {FROM_THE_ROW})"
    assert match_recognize(query.format(window), t=NUMBERS)["m"].to_pylist() == wanted
