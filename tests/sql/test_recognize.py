"""The clause without SQL text: its answers are those of the clause in SQL, and its errors point into the arguments."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rowpattern
import rowpattern.pandas
import rowpattern.polars
from rowpattern import match_recognize, recognize

import query_reference
from clause_arguments import arguments_of
from query_types import KINDS

PRICES = pa.table({"day": [1, 2, 3, 4, 5], "price": [90, 80, 70, 85, 95]})
V_SHAPE: dict[str, Any] = {
    "order_by": "day",
    "pattern": "DOWN+ UP+",
    "define": {"DOWN": "price < PREV(price)", "UP": "price > PREV(price)"},
    "measures": {"begun": "FIRST(DOWN.day)", "lowest": "LAST(DOWN.price)", "ended": "LAST(UP.day)"},
}
ANSWER = [{"begun": 2, "lowest": 70, "ended": 5}]


def changed(**arguments: Any) -> dict[str, Any]:
    return V_SHAPE | arguments


def random_table(rng: random.Random, kind: str, names: dict[str, str]) -> pa.Table:
    rows = query_reference.random_table(rng, KINDS[kind])
    columns = {
        "p": pa.array([row["p"] for row in rows], pa.string()),
        "o": pa.array([row["o"] for row in rows], pa.int64()),
        "x": pa.array([row["x"] for row in rows], pa.int64()),
        "y": pa.array([row["y"] for row in rows], pa.float64()),
        "s": pa.array([row["s"] for row in rows], pa.string()),
        "z": KINDS[kind].column([row["z"] for row in rows]),
    }
    return pa.table({names[name]: values for name, values in columns.items()})


def read(answer: Any) -> Any:
    """Return a whole answer; what is wrong with the rows of a stream is raised when they are read."""
    return answer.read_all() if isinstance(answer, pa.RecordBatchReader) else answer


def outcome(ask: Any) -> Any:
    """Return the answer, or what error there is without its place."""
    try:
        return read(ask())
    except rowpattern.RowPatternError as error:
        return type(error), str(error).split(" (", maxsplit=1)[0]


def plain(answer: Any) -> Any:
    """Return a table as types and values; NaN is like itself."""
    if isinstance(answer, pd.DataFrame):
        return [list(answer.dtypes), repr(answer.to_dict("list"))]
    if isinstance(answer, pl.LazyFrame):
        answer = answer.collect()
    if isinstance(answer, pl.DataFrame):
        return [answer.schema, repr(answer.rows())]
    if isinstance(answer, duckdb.DuckDBPyRelation):
        return [answer.columns, answer.types, repr(answer.fetchall())]
    if isinstance(answer, pa.Table):
        return [answer.schema, repr(answer.to_pydict())]
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dependent", [False, True], ids=["row-local", "dependent"])
def test_random_clauses_have_the_answer_of_their_sql(kind: str, dependent: bool) -> None:
    for seed in range(12):
        rng = random.Random(f"{kind} {dependent} {seed}")
        names = query_reference.random_names(rng)
        table = random_table(rng, kind, names)
        query = query_reference.random_query(rng, dependent=dependent, kind=kind, names=names)
        text, arguments = query_reference.query_text(query), arguments_of(query)
        wanted = plain(outcome(lambda q=query, text=text, table=table: match_recognize(text, table, prefer=q.prefer)))
        assert plain(outcome(lambda a=arguments, table=table: recognize(table, **a))) == wanted, (seed, text)


FORMS: dict[str, Any] = {
    "pandas": lambda table: table.to_pandas(),
    "polars": pl.from_arrow,
    "polars lazy": pl.LazyFrame,
    "arrow": lambda table: table,
    "reader": lambda table: table.to_reader(),
    "duckdb": lambda table: duckdb.connect().from_arrow(table),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("options", [{}, {"stream": True}, {"isolation": "process"}, {"threads": 2}], ids=str)
def test_every_kind_of_table_and_every_way(form: str, options: dict[str, Any]) -> None:
    rng = random.Random(form)
    for _ in range(3):
        names = {name: f'{name} "of" t' for name in ("p", "o", *query_reference.COLUMNS)}
        table = random_table(rng, "int64", names)
        query = query_reference.random_query(rng, dependent=True, names=names)
        text, arguments = query_reference.query_text(query), arguments_of(query)
        prefer = query.prefer
        wanted = outcome(lambda: match_recognize(text, FORMS[form](table), prefer=prefer, **options))  # noqa: B023 - called at once
        found = outcome(lambda: recognize(FORMS[form](table), **arguments, **options))  # noqa: B023 - called at once
        assert plain(found) == plain(wanted), text
        assert type(found) is type(wanted)


def test_pipe_namespaces_and_accessor() -> None:
    frame: Any = pl.from_arrow(PRICES)
    lazy: Any = frame.lazy()
    assert frame.pipe(recognize, **V_SHAPE).to_dicts() == ANSWER
    assert frame.rowpattern.recognize(**V_SHAPE).to_dicts() == ANSWER
    assert lazy.rowpattern.recognize(**V_SHAPE).collect().to_dicts() == ANSWER
    pandas = PRICES.to_pandas()
    assert pandas.pipe(recognize, **V_SHAPE).to_dict("records") == ANSWER
    assert pandas.rowpattern.recognize(**V_SHAPE).to_dict("records") == ANSWER


def test_a_table_may_have_a_name() -> None:
    define = {"DOWN": "prices.price < PREV(prices.price)", "UP": "price > PREV(price)"}
    assert recognize({"prices": PRICES}, **changed(define=define)).to_pylist() == ANSWER
    with pytest.raises(rowpattern.UnknownVariableError, match="no variable prices"):
        recognize(PRICES, **changed(define=define))
    for data in ({}, {"a": PRICES, "b": PRICES}):
        with pytest.raises(TypeError, match="recognize reads one table"):
            recognize(data, **V_SHAPE)
    with pytest.raises(TypeError, match="name of the table in data must be a text, not int"):
        recognize({1: PRICES}, **V_SHAPE)


def test_names_of_variables_are_those_of_the_pattern() -> None:
    define = {"down": "price < PREV(price)", "up now": "price > PREV(price)", '"Odd"': "false"}
    found = recognize(
        PRICES,
        **changed(
            pattern='down+ "up now"+ "Odd"*',
            define=define,
            subset={"move": ["Down", "up now"]},
            measures={"n": "count(MOVE.*)", "a name, with: all": 'LAST("up now".day)'},
            after_match=("to last", "up now"),
        ),
    )
    assert found.to_pylist() == [{"n": 4, "a name, with: all": 5}]


def test_keys_are_a_text_or_several() -> None:
    table = pa.table({"a": [1, 1, None], "b": ["x", "y", "x"], "o": [2, 1, None]})
    arguments: dict[str, Any] = {"pattern": "A", "rows_per_match": "all"}
    keys = "PARTITION BY a, b ORDER BY o DESC NULLS FIRST, b"
    wanted = match_recognize(f"SELECT * FROM t MATCH_RECOGNIZE ({keys} ALL ROWS PER MATCH PATTERN (A))", table)
    for partition_by in ("a, b", ["a", "b"], ("a", "b"), ["a, b"], "a /* , */,\n b -- end"):
        for order_by in ("o DESC NULLS FIRST, b", ["o DESC NULLS FIRST", "b ASC NULLS LAST"]):
            assert recognize(table, partition_by=partition_by, order_by=order_by, **arguments) == wanted
    assert recognize(table, partition_by=[], order_by=None, **arguments).num_rows == 3


#: What is wrong with an argument, the error, the argument it names, and where in it: line and column.
PLACES: list[tuple[dict[str, Any], type[Exception], str, int, int]] = [
    ({"pattern": "DOWN{3,1} UP"}, rowpattern.PatternSyntaxError, "pattern", 1, 5),
    ({"pattern": "DOWN\n (UP"}, rowpattern.PatternSyntaxError, "pattern", 2, 2),
    ({"define": {"DOWN": "price <\n  PREV(pric)"}}, rowpattern.QueryError, 'define["DOWN"]', 2, 8),
    ({"define": {"UP": "price < "}}, rowpattern.QuerySyntaxError, 'define["UP"]', 1, 7),
    ({"define": {"X": "price < 1"}}, rowpattern.UnknownVariableError, 'define["X"]', 1, 1),
    ({"define": {"UP": "price::VARCHAR"}}, rowpattern.QueryError, 'define["UP"]', 1, 1),
    ({"define": {"UP": "day", "up": "day"}}, rowpattern.QueryError, 'define["up"]', 1, 1),
    ({"measures": {"m": "1 + FIRST(Q.day)"}}, rowpattern.UnknownVariableError, 'measures["m"]', 1, 11),
    ({"measures": {"m": "day", "M": " day"}}, rowpattern.QueryError, 'measures["M"]', 1, 1),
    ({"measures": {"m": "foo(day)"}}, rowpattern.QueryError, 'measures["m"]', 1, 1),
    ({"partition_by": "day,\nnothing"}, rowpattern.QueryError, "partition_by", 2, 1),
    ({"partition_by": ["day", "PREV(day)"]}, rowpattern.QueryError, "partition_by[1]", 1, 1),
    ({"order_by": "day DESC, nothing"}, rowpattern.QueryError, "order_by", 1, 11),
    ({"order_by": ["day", "nothing NULLS FIRST"]}, rowpattern.QueryError, "order_by[1]", 1, 1),
    ({"order_by": "day DESC,"}, rowpattern.QuerySyntaxError, "order_by", 1, 10),
    ({"after_match": ("to first", "Q")}, rowpattern.UnknownVariableError, "after_match[1]", 1, 1),
    ({"subset": {"U": ["DOWN", "Q"]}}, rowpattern.UnknownVariableError, 'subset["U"]', 1, 1),
    ({"subset": {"DOWN": ["UP"]}}, rowpattern.QueryError, 'subset["DOWN"]', 1, 1),
    ({"within": "10 MINUTES"}, rowpattern.QuerySyntaxError, "within", 1, 1),
]


@pytest.mark.parametrize(("arguments", "kind", "name", "line", "column"), PLACES, ids=lambda value: str(value)[:60])
@pytest.mark.parametrize("options", [{}, {"stream": True}, {"isolation": "process"}], ids=str)
def test_errors_point_into_the_argument(  # noqa: PLR0917 - parameters of the test
    arguments: dict[str, Any], kind: type[Exception], name: str, line: int, column: int, options: dict[str, Any]
) -> None:
    with pytest.raises(kind) as raised:
        read(recognize(PRICES, **changed(**arguments), **options))
    shown = str(raised.value).split("\n")
    assert shown[0].endswith(f"({name}, line {line}, column {column})")
    part, _, key = name.partition("[")
    given: Any = arguments[part]
    if key and not isinstance(given, str):
        given = given[int(key[:-1]) if key[0].isdigit() else key[1:-2]]
    text = given if isinstance(given, str) else ", ".join(given)
    assert shown[1:] == [text.split("\n")[line - 1], " " * (column - 1) + "^"]
    if isinstance(raised.value, rowpattern.QueryError):
        assert (raised.value.line, raised.value.column) == (line, column)


WRONG_TYPES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"pattern": None}, TypeError, "pattern must be a text"),
    ({"define": "price < 1"}, TypeError, "define must be a mapping of names to expressions, not str"),
    ({"define": {"UP": 1}}, TypeError, r"define\['UP'\] must be .* not int"),
    ({"define": {1: "true"}}, TypeError, "the name of a variable in define must be a text, not int"),
    ({"measures": {None: "day"}}, TypeError, "the name of a measure in measures must be a text, not NoneType"),
    ({"partition_by": 1}, TypeError, "partition_by must be a text or a list of texts, not int"),
    ({"order_by": ["day", 2]}, TypeError, r"order_by\[1\] must be a text, not int"),
    ({"rows_per_match": "all rows"}, rowpattern.ConfigurationError, "allowed are 'one', 'all', 'all with unmatched'"),
    ({"rows_per_match": None}, rowpattern.ConfigurationError, "allowed are 'one'"),
    ({"after_match": "to first"}, rowpattern.ConfigurationError, "allowed are 'past last row'"),
    ({"after_match": ("to first", 1)}, TypeError, r"after_match\[1\] must be the name of a variable, not int"),
    ({"subset": ["UP"]}, TypeError, "subset must be a mapping"),
    ({"subset": {"U": "UP"}}, TypeError, "must be a list of variables"),
    ({"subset": {"U": [1]}}, TypeError, "must have names of variables, not int"),
    ({"subset": {"U": []}}, rowpattern.ConfigurationError, "is empty"),
    ({"define": {"UP": "a\0"}}, rowpattern.QuerySyntaxError, "NUL character"),
    ({"measures": {"\ud800": "day"}}, rowpattern.QueryError, "half of a surrogate pair"),
    ({"define": {"UP": "\ud800"}}, rowpattern.QuerySyntaxError, "half of a surrogate pair"),
    ({"define": {"UP": "1" * (1 << 20)}}, rowpattern.QuerySyntaxError, "characters; the limit is"),
    ({"define": {"UP": " /* nothing */ "}}, rowpattern.QuerySyntaxError, "the argument is empty"),
    ({"define": {"UP": "(" * 10000 + ")" * 10000}}, rowpattern.QuerySyntaxError, "nested too deeply"),
    ({"measures": {}}, rowpattern.QueryError, "the answer would have no column"),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), WRONG_TYPES, ids=lambda value: str(value)[:60])
def test_what_an_argument_cannot_be(arguments: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        recognize(PRICES, **changed(**arguments))


PIECES = [
    *("price", "day", "1", "PREV(price)", "<", "+", "AND", "true", "NULL", "(", ")", "[", "]", "{", "}", ",", ";"),
    *(") , (", "')", "'", '"', '""', "''", "--", "-- x\n", "/*", "*/", "$$", "$a$", "E'\\'", "\\", "?", "$1", "::int"),
    *(" AS x", "MEASURES", "DEFINE UP AS", "PATTERN (A)", "ORDER BY day", "SELECT", "FROM prices", "UNION", "\n", " "),
    *("RUNNING FIRST(day)", "FINAL", "count(*)", "DISTINCT", "FILTER (WHERE true)", "DESC", "NULLS LAST", "x'41'", "*"),
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), st.sampled_from(["define", "measures"]))
def test_a_text_is_one_expression_or_refused(pieces: list[str], part: str) -> None:
    """What is taken says the same in brackets in SQL, where its end is seen by another parser.

    A line break in front of the closing bracket ends a comment that is not closed.
    """
    text = " ".join(pieces)
    arguments: dict[str, Any] = {"order_by": "day", "pattern": "UP+", "measures": {"n": "count(*)"}}
    arguments[part] = {"UP": text}
    try:
        found = recognize(PRICES, **arguments)
    except rowpattern.RowPatternError:
        return
    measure, condition = (text, "true") if part == "measures" else ("count(*)", text)
    name = "UP" if part == "measures" else "n"
    sql = f"""SELECT * FROM t MATCH_RECOGNIZE (
        ORDER BY day MEASURES ({measure}\n) AS {name} PATTERN (UP+) DEFINE UP AS ({condition}\n))"""
    assert plain(match_recognize(sql, PRICES)) == plain(found)


@pytest.mark.parametrize("part", ["partition_by", "order_by"])
@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=5))
def test_keys_are_keys_or_refused(part: str, pieces: list[str]) -> None:
    text = " ".join(pieces)
    try:
        key: dict[str, Any] = {part: text}
        found = recognize(PRICES, pattern="UP+", rows_per_match="all", **key)
    except rowpattern.RowPatternError:
        return
    words = part.replace("_", " ").upper()
    sql = f"SELECT * FROM t MATCH_RECOGNIZE ({words} {text}\nALL ROWS PER MATCH PATTERN (UP+))"
    assert plain(match_recognize(sql, PRICES)) == plain(found)


def test_arguments_that_lay_out_alike_have_plans_of_their_own() -> None:
    """Texts for people may be the same; what is kept for one must not be found for the other."""
    table = pa.table({"o": [1, 2], "A": [1, 2], "b": [3, 4]})
    one = recognize(table, order_by="o", pattern="A+", measures={"x": "sum(b)", "y": "1"}).to_pylist()
    assert one == [{"x": 7, "y": 1}]
    with pytest.raises(rowpattern.QuerySyntaxError):
        recognize(table, order_by="o", pattern="A+", measures={"y": "sum(b) AS x,\n        1"})
    with pytest.raises(rowpattern.QuerySyntaxError):
        recognize(table, order_by="o", pattern="A+", measures={"x": "1) AS y,\n (2"})
    assert recognize(table, order_by=["o", "b"], pattern="A+", measures={"x": "1"}).num_rows == 1
    with pytest.raises(rowpattern.QueryError, match=r"order_by\[0\]"):
        recognize(table, order_by=["c", "b"], pattern="A+", measures={"x": "1"})
    with pytest.raises(rowpattern.QueryError, match=r"order_by, line 1"):
        recognize(table, order_by="c, b", pattern="A+", measures={"x": "1"})


def test_plans_are_kept() -> None:
    from rowpattern.cache.plans import clear_plan_cache, get_plan_stats

    clear_plan_cache()
    for _ in range(3):
        recognize(PRICES, **V_SHAPE)
    statistics = get_plan_stats()
    # The second time plans of the text and of its clause are found, the third time that of the text is enough.
    assert (statistics["misses"], statistics["hits"]) == (2, 3)


def test_async_answers_and_is_cancelled() -> None:
    async def many() -> None:
        found = await asyncio.gather(*(rowpattern.recognize_async(PRICES, **V_SHAPE) for _ in range(20)))
        assert [each.to_pylist() for each in found] == [ANSWER] * 20
        with pytest.raises(rowpattern.QueryError, match=r'define\["UP"\]'):
            await rowpattern.recognize_async(PRICES, **changed(define={"UP": "nothing"}))
        with pytest.raises(TypeError, match="pattern must be a text"):
            await rowpattern.recognize_async(PRICES, **changed(pattern=3))
        with pytest.raises(TypeError, match="pattern is missing; give a text"):
            await rowpattern.recognize_async(PRICES, define={})  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="no argument patern; did you mean pattern"):
            await rowpattern.recognize_async(PRICES, **V_SHAPE, patern="A")  # type: ignore[call-overload]
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(rowpattern.recognize_async(slow, **long), 0.3)
        token = rowpattern.CancelToken()
        asyncio.get_running_loop().call_later(0.2, token.cancel)
        with pytest.raises(rowpattern.QueryCancelledError):
            await rowpattern.recognize_async(slow, **long, cancel=token)

    slow = pa.table({"i": range(20000)})
    long: dict[str, Any] = {
        "order_by": "i",
        "pattern": "A+ B",
        "define": {"B": "sum(A.i) < 0"},
        "measures": {"n": "count(*)"},
    }
    asyncio.run(many())
