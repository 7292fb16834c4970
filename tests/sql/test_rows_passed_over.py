"""Rows that need not be brought in order: answers are those of bringing all of them in order."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest

from rowpattern import match_recognize
from rowpattern.sql.execute import row_symbols

KINDS = ["view", "cart", "pay", "help", "search", None]
CLAUSE = """SELECT * FROM t MATCH_RECOGNIZE (
    PARTITION BY user ORDER BY at MEASURES {measures} {shown} AFTER MATCH SKIP {skip} PATTERN ({pattern}) {more}
    DEFINE VIEW AS kind = 'view', CART AS {cart}, PAY AS kind = 'pay')"""
FUNNEL = {
    "measures": "LAST(at) AS paid",
    "shown": "ONE ROW PER MATCH",
    "skip": "PAST LAST ROW",
    "pattern": "VIEW OTHER*? CART OTHER*? PAY",
    "more": "",
    "cart": "kind = 'cart'",
}
# What differs from the funnel, where rows of no step are left out.
LEFT_OUT: dict[str, dict[str, str]] = {
    "of steps": {
        "measures": "FIRST(at) AS begun, LAST(at) AS ended, CART.at AS cart, FIRST(VIEW.n) AS n, "
        "LAST(PAY.kind) AS kind, LAST(STEP.n) AS step, count(CART.*) AS carts, sum(STEP.n) AS total, "
        "median(VIEW.n) AS middle, CLASSIFIER() AS name, MATCH_NUMBER() AS number, "
        "CART.n - VIEW.n AS apart, n + 1 AS one_more",
        "more": "SUBSET STEP = (VIEW, CART)",
    },
    "overlapping": {"skip": "TO NEXT ROW"},
    "greedy": {"pattern": "VIEW OTHER* CART {- OTHER* -} PAY"},
    "two steps at once": {"pattern": "(VIEW | CART) OTHER*? PAY"},
}
# The same, where all rows count.
ALL: dict[str, dict[str, str]] = {
    "rows are counted": {"measures": "count(*) AS n"},
    "rows between are read": {"measures": "LAST(OTHER.at) AS at, count(OTHER.*) AS n"},
    "all rows are aggregated": {"measures": "sum(n) AS n"},
    "a row before is read": {"measures": "PREV(VIEW.kind) AS kind"},
    "the second row is read": {"measures": "FIRST(at, 1) AS at"},
    "all rows": {"shown": "ALL ROWS PER MATCH"},
    "one row between": {"pattern": "VIEW OTHER+? CART OTHER*? PAY"},
    "anchors": {"pattern": "^ OTHER*? VIEW OTHER*? CART OTHER*? PAY"},
    "no row between": {"pattern": "VIEW CART PAY"},
    "within": {"pattern": "VIEW OTHER*? CART OTHER*? PAY", "more": "WITHIN 5"},
    "a condition reads other rows": {"cart": "kind = 'cart' AND n > PREV(n)"},
    "a condition reads the match": {"cart": "kind = 'cart' AND n > VIEW.n"},
}


def table(seed: int) -> pa.Table:
    chosen = random.Random(seed)
    rows = chosen.randrange(2, 150)
    kinds = pa.array([chosen.choice(KINDS) for _ in range(rows)], pa.string())
    columns = {
        "user": pa.array([chosen.randrange(4) for _ in range(rows)], pa.uint32()),
        "at": pa.array([chosen.randrange(40) for _ in range(rows)], pa.int64()),
        "kind": kinds.dictionary_encode() if seed % 3 == 0 else kinds,
        "n": pa.array([chosen.choice([1, 2, 5, None]) for _ in range(rows)], pa.int32()),
    }
    if seed % 4 == 0:
        columns["user"] = pa.array([f"user {number}" for number in columns["user"].to_pylist()])
    found = pa.table(columns)
    return pa.concat_tables([found[: rows // 2], found[rows // 2 :]]) if seed % 5 == 0 else found


@pytest.mark.parametrize("question", [*LEFT_OUT, *ALL])
def test_answers_are_the_same(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = []
    in_order = row_symbols.row_symbols

    def watched(pattern: Any, conditions: Any, together: Any, rows: Any, database: Any) -> Any:
        fewer.append(rows.count < rows.table.rows)
        return in_order(pattern, conditions, together, rows, database)

    monkeypatch.setattr("rowpattern.sql.execute.matching.row_symbols", watched)
    monkeypatch.setattr("rowpattern.sql.execute.output.MOST_FEW_ROWS", 0)
    sql = CLAUSE.format(**{**FUNNEL, **LEFT_OUT.get(question, {}), **ALL.get(question, {})})
    matches, were_left_out = 0, False
    for seed in range(25):
        given = table(seed)
        monkeypatch.setattr(row_symbols, "MANY_ROWS", 1 << 40)
        wanted = match_recognize(sql, given)
        assert not any(fewer)
        matches += wanted.num_rows
        # All rows of whatever number.
        monkeypatch.setattr(row_symbols, "MANY_ROWS", 0)
        for threads in (1, 3):
            assert match_recognize(sql, given, threads=threads).equals(wanted), seed
        were_left_out |= any(fewer)
        fewer.clear()
    assert matches > 0
    assert were_left_out == (question in LEFT_OUT)


def test_the_longest_match_has_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rowpattern.sql.execute.output.MOST_FEW_ROWS", 0)
    sql, given = CLAUSE.format(**FUNNEL), table(7)
    wanted = match_recognize(sql, given, prefer="longest")
    monkeypatch.setattr(row_symbols, "MANY_ROWS", 0)
    assert match_recognize(sql, given, prefer="longest").equals(wanted)
