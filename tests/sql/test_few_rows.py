"""Clauses that are asked again over few rows: the same answers, errors and steps as when they are asked first."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from ways_taken import same_answer, way_taken

import rowpattern
from rowpattern import match_recognize
from rowpattern.sql.runtime.reports import observe_queries, stop_observing_queries

QUERIES = {
    "by partitions, with keys, values, counts and classifiers": """SELECT * FROM t MATCH_RECOGNIZE (
        PARTITION BY name, part ORDER BY at DESC, price
        MEASURES FIRST(price) AS first, LAST(DOWN.at) AS last, count(UP.*) AS ups, PREV(LAST(UP.name)) AS before,
            MATCH_NUMBER() AS number, CLASSIFIER(DOWN) AS called
        AFTER MATCH SKIP TO NEXT ROW PATTERN (DOWN+ UP*)
        DEFINE DOWN AS price < NEXT(price) OR name = 'a', UP AS at > 3)""",
    "without keys": """SELECT number, last AS "The Last" FROM t MATCH_RECOGNIZE (
        MEASURES MATCH_NUMBER() AS number, LAST(name) AS last PATTERN (A B?) DEFINE B AS price >= PREV(price))""",
    "without columns": "SELECT * FROM t MATCH_RECOGNIZE (MEASURES count(*) AS n, MATCH_NUMBER() AS m PATTERN (A B? A))",
    "by one key": """SELECT * FROM t MATCH_RECOGNIZE (ORDER BY price NULLS FIRST MEASURES A.at AS at, count(*) AS n
        AFTER MATCH SKIP TO LAST A PATTERN (B A) DEFINE A AS at - PREV(at) <> 0)""",
}


def tables(seed: int) -> dict[str, Any]:
    chosen = random.Random(seed)
    rows = chosen.randrange(2, 60)
    values = {
        "name": [chosen.choice(["a", "bc", "a text of more than twelve bytes", None]) for _ in range(rows)],
        "part": [chosen.randrange(2) for _ in range(rows)],
        "at": [chosen.choice([None, *range(9)]) for _ in range(rows)],
        "price": [chosen.choice([None, 1.5, 2.5, -1.0]) for _ in range(rows)],
    }
    if seed % 3 == 0:
        values["at"] = list(range(rows))
    table = pa.table(
        values, pa.schema({"name": pa.string(), "part": pa.int8(), "at": pa.int64(), "price": pa.float64()})
    )
    frame = pl.DataFrame(table)
    return {
        "arrow": table,
        "polars": frame,
        "pandas": table.to_pandas(),
        "chunks": pa.concat_tables([table[:1], table[1:]]),
    }


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether clauses were answered by a plan, one after another."""
    return way_taken(monkeypatch, "answer_few_rows")


@pytest.mark.parametrize("query", QUERIES)
def test_asked_again(query: str, planned: list[bool]) -> None:
    for seed in range(12):
        # Another text, so that it is asked for the first time.
        sql = f"{QUERIES[query]} -- {seed} {query}"
        for kind, table in tables(seed).items():
            first = match_recognize(f"{sql} {kind}", table)
            assert not planned[-1]
            assert same_answer(match_recognize(f"{sql} {kind}", table), first), (seed, kind)
            assert planned[-1] == (kind != "chunks" or query == "without columns")
            assert same_answer(match_recognize(f"{sql} {kind}", table), first), (seed, kind)


@pytest.mark.parametrize(
    ("kinds", "are_planned"),
    [
        ([pa.int64(), pa.int8(), pa.float32()], [True, True, True]),
        ([pa.timestamp("us", "UTC"), pa.bool_(), pa.string()], [True, True, True]),
        ([pa.int64(), pa.dictionary(pa.int8(), pa.string()), pa.decimal128(25, 2)], [True, False, False]),
    ],
)
def test_tables_of_other_types(kinds: list[pa.DataType], are_planned: list[bool], planned: list[bool]) -> None:
    define = "DEFINE B AS x IS DISTINCT FROM PREV(x)"
    sql = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES LAST(x) AS x PATTERN (A B) {define}) -- {kinds}"
    for _ in range(3):
        for kind in kinds:
            texts = pa.types.is_dictionary(kind) or pa.types.is_string(kind)
            values = pa.array(["b", "a"] if texts else [1, 0]).cast(kind)
            found = match_recognize(sql, pa.table({"x": values}))
            assert found["x"].to_pylist() == [values[0].as_py()]
            assert found["x"].type == kind
    assert planned[-len(kinds) :] == are_planned


def test_errors_are_those_of_the_first_time() -> None:
    table = pa.table({"x": pa.array([1, 2**63 - 1], pa.int64())})
    questions = [
        ("DEFINE A AS x + PREV(x) > 0", "AFTER MATCH SKIP PAST LAST ROW"),
        ("DEFINE A AS x > 0, B AS x < 0", "AFTER MATCH SKIP TO FIRST B"),
    ]
    for define, skip in questions:
        sql = f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES A.x AS x {skip} PATTERN (A B?) {define})"
        with pytest.raises(rowpattern.RowPatternError) as first:
            match_recognize(sql, table)
        for _ in range(2):
            with pytest.raises(type(first.value)) as found:
                match_recognize(sql, table)
            assert str(found.value) == str(first.value)


def test_limits_and_cancellation() -> None:
    table = tables(1)["arrow"]
    sql = f"{QUERIES['by one key']} -- limits"
    for _ in range(3):
        match_recognize(sql, table)
    with pytest.raises(rowpattern.QueryLimitError, match=r"limit of 0\.0001 MB"):
        match_recognize(sql, table, memory_limit_mb=1e-4)
    token = rowpattern.CancelToken()
    token.cancel()
    with pytest.raises(rowpattern.QueryCancelledError):
        match_recognize(sql, table, cancel=token)


def test_steps_are_reported() -> None:
    found: list[Any] = []
    sql, table = f"{QUERIES['by one key']} -- steps", tables(2)["arrow"]
    observe_queries(found.append)
    try:
        for _ in range(3):
            match_recognize(sql, table)
    finally:
        stop_observing_queries(found.append)
    first, *again = [[(step.name, step.rows) for step in report.steps] for report in found]
    assert again == [first, first]
    assert all(report.most_bytes > 0 for report in found)


def test_answers_of_pandas_can_be_written_to() -> None:
    sql, table = f"{QUERIES['without keys']} -- written", tables(3)["pandas"]
    for _ in range(3):
        answer = match_recognize(sql, table)
        before = answer["number"].tolist()
        answer.loc[:, "number"] += 1
        assert answer["number"].tolist() == [number + 1 for number in before]


PLAIN: dict[str, tuple[pa.DataType, list[Any]]] = {
    **{str(kind): (kind, [1, None, 3, 2]) for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64())},
    **{str(kind): (kind, [1, None, 3, 2]) for kind in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())},
    **{str(kind): (kind, [1.5, None, -2.5, 0.0]) for kind in (pa.float32(), pa.float64())},
    **{str(kind): (kind, ["b", None, "ü", ""]) for kind in (pa.string(), pa.large_string(), pa.string_view())},
    "bool": (pa.bool_(), [True, None, False, True]),
    "date": (pa.date32(), [1, None, 3, 2]),
    **{f"{unit} {zone}": (pa.timestamp(unit, zone), [1, None, 3, 2]) for unit in ("s", "us") for zone in (None, "UTC")},
}


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("has_null", [True, False])
def test_values_of_plain_types(kind: str, has_null: bool, planned: list[bool]) -> None:
    """What a measure reads is what stands there, in the column's type, whatever the kind of table."""
    own, given = PLAIN[kind]
    values = pa.array([given[0] if value is None and not has_null else value for value in given], own)
    sql = f"""SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES A.x AS x, LAST(B.x) AS none, PREV(A.x) AS before
        PATTERN (A B?) DEFINE B AS false) -- {kind} {has_null}"""
    # Its rows are not in order.
    table = pa.table({"i": [3, 1, 0, 2], "x": values})
    ordered = pa.array([values[row].as_py() if own == pa.string_view() else values[row] for row in (2, 1, 3, 0)], own)
    for given_table in (table, pl.DataFrame(table), table.to_pandas()):
        answers: list[Any] = [match_recognize(sql, given_table) for _ in range(3)]
        first, *again = answers
        assert all(same_answer(each, first) for each in again)
        if isinstance(given_table, pa.Table):
            assert again[-1]["x"].combine_chunks().equals(ordered)
            assert again[-1]["x"].type == own
            assert again[-1]["before"].to_pylist() == [None, *ordered.to_pylist()[:-1]]
    assert planned[-1]


def test_fields_that_say_more_of_a_column() -> None:
    field = pa.field("x", pa.int64(), metadata={b"unit": b"m"})
    table = pa.table({"x": [1, 2]}, pa.schema([field]))
    sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES A.x AS x, count(*) AS n PATTERN (A)) -- fields"
    answers = [match_recognize(sql, table) for _ in range(3)]
    assert all(answer.schema.equals(answers[0].schema, check_metadata=True) for answer in answers)
    assert answers[-1].schema.field("x").metadata == {b"unit": b"m"}


def test_no_matches_and_names() -> None:
    table = tables(4)["arrow"]
    for names, condition in (('"a b", n', "false"), ('"A", b', "true")):
        first, second = names.split(", ")
        sql = f"""SELECT * FROM t MATCH_RECOGNIZE (ORDER BY at MEASURES A.at AS {first}, count(*) AS {second}
            PATTERN (A B?) DEFINE A AS {condition})"""
        for kind in (table, pl.DataFrame(table), pl.DataFrame(table).lazy(), table.to_pandas()):
            answers: list[Any] = [match_recognize(sql, kind) for _ in range(3)]
            answers = [each.collect() if isinstance(each, pl.LazyFrame) else each for each in answers]
            assert all(same_answer(each, answers[0]) for each in answers)
            assert list(answers[0].columns if not isinstance(kind, pa.Table) else answers[0].column_names) == [
                first.strip('"'),
                second,
            ]


@pytest.mark.parametrize(
    ("condition", "values", "are_planned"),
    [
        ("price > $p", [{"p": -2.0}, {"p": 1.5}, {"p": 1.5}, {"p": 2}, {"p": None}], True),
        ("at <= ? + 1 AND at >= -(?)", [[3, 2], [8, 1], [3, 2], [2**40, 5]], True),
        # DuckDB computes these.
        ("price < $p", [{"p": float("inf")}] * 3, False),
        ("name = $p::VARCHAR || ''", [{"p": "a"}, {"p": "bc"}, {"p": "a"}], True),
        ("md5(name) <> md5($p)", [{"p": "a"}] * 3, False),
    ],
)
def test_parameters(condition: str, values: list[Any], are_planned: bool, planned: list[bool]) -> None:
    sql = f"""SELECT * FROM t MATCH_RECOGNIZE (ORDER BY at MEASURES FIRST(at) AS at, count(A.*) AS n
        PATTERN (A+ B?) DEFINE A AS {condition}) -- parameters"""
    table = tables(5)["arrow"]
    # Another text each time, so that no plan is there.
    expected = [match_recognize(f"{sql} {at}", table, parameters=each) for at, each in enumerate(values)]
    for _ in range(3):
        for each, answer in zip(values, expected):
            assert match_recognize(sql, table, parameters=each).equals(answer)
    assert planned[-1] == are_planned
