"""Matches that stay open over many pushes, with conditions that read the match so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

import rowpattern
from rowpattern.continuous_query import clause_stream
from rowpattern.sql.execute.match_conditions import match_conditions

from continuous_cases import by_partition, plain_rows

if TYPE_CHECKING:
    from rowpattern.sql.execute.sort import OrderedPartitions

SCHEMA = pa.schema({"k": pa.int64(), "at": pa.int64(), "x": pa.int64(), "y": pa.float64(), "s": pa.string()})
# Each is open for long, and goes back to rows of pushes before.
QUERIES = {
    "places of the match": "B AS x >= FIRST(x) AND (LAST(x, 2) IS NULL OR LAST(x, 2) < 99), C AS x < LAST(B.x) - 70",
    "aggregates": "B AS SUM(x) < 4000 AND AVG(B.y) > -5, C AS COUNT(B.*) > 20 AND MAX(x) - x > 90 AND MIN(y) < 0",
    "distinct values": "B AS COUNT(DISTINCT x) < 25, C AS COUNT(DISTINCT B.s) = 3 AND x > 90 AND x < LAST(B.x) + 5",
    "texts": "B AS s <> FIRST(s) OR s IS NULL, C AS string_agg(B.s, '') LIKE '%cb' AND LAST(B.s, 1) = 'c'",
    "rows around": "B AS x > PREV(x) - 60 AND NEXT(x) + FIRST(x) > 3, C AS PREV(x, 2) > x + FIRST(x) + 30",
    "classifiers and numbers": "B AS FIRST(CLASSIFIER()) = 'A' AND x > 2, C AS x + MATCH_NUMBER() + FIRST(x) < 9",
    "a length of time": "B AS at - FIRST(at) < 90, C AS x < FIRST(x) AND at - FIRST(at) BETWEEN 60 AND 80",
}


def sql(define: str, skip: str = "PAST LAST ROW") -> str:
    return f"""
        SELECT * FROM t MATCH_RECOGNIZE (
            PARTITION BY k ORDER BY at
            MEASURES FIRST(at) AS begun, LAST(at) AS ended, COUNT(B.*) AS n, CLASSIFIER() AS c
            AFTER MATCH SKIP {skip}
            PATTERN (A B* C | A B{{5,}}? C) DEFINE A AS x > 0, {define})"""


def rows(seed: int, count: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    texts = [None if number == 3 else "abc"[number] for number in rng.integers(0, 4, count)]
    floats = np.where(rng.random(count) < 0.1, np.nan, rng.normal(0, 5, count))
    columns = [rng.integers(0, 2, count), np.arange(count), rng.integers(0, 100, count), floats, texts]
    return pa.table([pa.array(column, from_pandas=True) for column in columns], schema=SCHEMA)


@pytest.mark.parametrize("skip", ["PAST LAST ROW", "TO NEXT ROW"])
@pytest.mark.parametrize("define", QUERIES.values(), ids=QUERIES)
def test_their_answer_is_the_batch_s(define: str, skip: str) -> None:
    """Also behind refused pushes, in a query that was restored, and where each match is given when it is certain."""
    found = 0
    for seed in range(4):
        given, rng = rows(seed, 300), np.random.default_rng(seed)
        text = sql(define, skip)
        wanted = plain_rows([rowpattern.match_recognize(text, given)])
        is_numbered = "MATCH_NUMBER" in text
        orders: list[Any] = ["match"] if skip == "PAST LAST ROW" or is_numbered else ["match", "certain"]
        for order in orders:
            query: Any = rowpattern.continuous(text, SCHEMA, order=order)
            answers, begin = [], 0
            while begin < given.num_rows:
                batch = given.slice(begin, int(rng.integers(1, 30)))
                if rng.random() < 0.2:
                    with pytest.MonkeyPatch.context() as patch:
                        patch.setattr(clause_stream, "answer_of_matches", refuse)
                        patch.setattr("rowpattern.continuous_query.answer_tables.as_kind", refuse)
                        with pytest.raises(rowpattern.QueryError, match="refused"):
                            query.push(batch)
                answers.append(query.push(batch))
                begin += batch.num_rows
                if rng.random() < 0.1:
                    query = rowpattern.continuous.restore(query.checkpoint(), text)
            answers.append(query.finish())
            ours = plain_rows(answers)
            if order == "certain":
                assert sorted(ours, key=str) == sorted(wanted, key=str), (seed, text)
            else:
                assert by_partition(ours, partitioned=True) == by_partition(wanted, partitioned=True), (seed, text)
        found += len(wanted)
    assert found > 3


@pytest.mark.parametrize("define", ["B AS x < 70, C AS x > 90", QUERIES["places of the match"], QUERIES["aggregates"]])
def test_threads_give_the_same_answers_in_the_same_order(define: str) -> None:
    rng = np.random.default_rng(0)
    given = rows(0, 30_000).set_column(0, "k", pa.array(rng.integers(0, 300, 30_000)))
    found = []
    for threads in (1, 4):
        query = rowpattern.continuous(sql(define), SCHEMA, threads=threads)
        answers = [query.push(batch) for batch in given.to_batches(max_chunksize=10_000)]
        found.append(plain_rows([*answers, query.finish()]))
    assert found[0] == found[1]
    assert len(found[0]) > 100


def refuse(*_: object, **__: object) -> None:
    raise rowpattern.QueryError("refused")


@pytest.mark.parametrize("name", ["places of the match", "aggregates", "rows around"])
def test_a_push_reads_its_own_rows_however_many_are_kept(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counted(pattern: Any, conditions: Any, together: Any, ordered: OrderedPartitions, using: Any) -> Any:
        read.append(ordered.count)
        return match_conditions(pattern, conditions, together, ordered, using)

    monkeypatch.setattr(clause_stream, "match_conditions", counted)
    # No C comes.
    query = rowpattern.continuous(sql(QUERIES[name].split(", C")[0] + ", C AS x < FIRST(x) - 1000"), SCHEMA)
    given = rows(0, 1_000).set_column(2, "x", pa.array([3] * 1_000)).set_column(3, "y", pa.array([1.0] * 1_000))
    for begin in range(0, 1_000, 10):
        query.push(given.slice(begin, 10))
    assert query.state().rows > 900
    # And of each of the two partitions all where these are few, or those that PREV reads, and NEXT was not known for.
    assert max(read) <= 10 + 2 * 64
    assert max(read[20:]) <= 10 + 2 * 3
    assert "a push takes time for its own rows, however long a match is open" in query.explain()


def test_a_query_says_where_a_push_reads_all_rows_that_are_kept() -> None:
    query = rowpattern.continuous(sql("B AS levenshtein(s, FIRST(s)) >= 0, C AS x < FIRST(x) - 1000"), SCHEMA)
    for begin in range(0, 100, 10):
        query.push(rows(0, 100).slice(begin, 10))
    assert "a push reads all kept rows of its partitions again" in query.explain()
