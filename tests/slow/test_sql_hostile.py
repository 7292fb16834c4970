"""What is executed is what was checked: hostile texts at every place of a query.

`ROWPATTERN_HOSTILE=50000` runs so many texts instead of 3,000, `ROWPATTERN_MUTATED=200000` so many damaged ones;
`ROWPATTERN_SEED` sets where the run begins.
"""

from __future__ import annotations

import json
import os
import random
import re
import time
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

import rowpattern
from rowpattern import match_recognize
from rowpattern.sql.duckdb import connection as database
from rowpattern.sql.duckdb import instances
from rowpattern.sql.execute import query
from rowpattern.sql.expression.nodes import Call, Collate, Column, Literal, Node, TypeName
from rowpattern.sql.parse.parser import parse
from rowpattern.sql.records import field_names
from rowpattern.sql.text.tokens import tokens_of

from hostile_texts import CANARY, PLACES, PLAIN, hostile, mutated

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = int(os.environ.get("ROWPATTERN_HOSTILE", "3000"))
MUTATED = int(os.environ.get("ROWPATTERN_MUTATED", "1000"))
SEED = int(os.environ.get("ROWPATTERN_SEED", "0"))

TABLE = pa.table(
    {
        "x": [1, 2, 3],
        "k": [1, 1, 2],
        "s": ["a", "b", "c"],
        "d": pa.array([0, 86_400_000_000, 1], pa.timestamp("us")),
        "r": [{"a": 1, "x": 2}] * 3,
        "l": [[1, 2], [], None],
        "j": ['{"a": 1}'] * 3,
    }
)

# A name that a replacement scan would find.
canary_of_the_caller = pa.table({"v": [CANARY]})

INTERNAL = {"keys", "rows", "rowpattern keys", "rowpattern rows"}
HARMLESS_IN_FROM = {"range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree"}
# What a plan of DuckDB may begin with: tables of Arrow's, what it makes itself, and those functions.
HARMLESS_LEAVES = {
    "ARROW_SCAN",
    "PYTHON_ARROW_SCAN",
    "COLUMN_DATA_SCAN",
    "DUMMY_SCAN",
    "EMPTY_RESULT",
    "CTE_SCAN",
    "DELIM_SCAN",
}
HARMLESS_LEAVES |= {
    "REC_CTE_SCAN",
    "REC_REC_CTE_SCAN",
    "RECURSIVE_CTE_SCAN",
    "EXPRESSION_SCAN",
    "UNNEST",
    "INOUT_FUNCTION",
}
HARMLESS_LEAVES |= {name.upper() for name in HARMLESS_IN_FROM}
# Our own words around checked expressions.
OURS = {"count_star", "row", "first", "coalesce", "in", "list_value", "to_months", "to_days", "to_microseconds"}
# Types to which DuckDB's binder casts.
TYPES = {
    "bigint",
    "boolean",
    "date",
    "decimal",
    "double",
    "float",
    "hugeint",
    "integer",
    "interval",
    "smallint",
    "time",
}
TYPES |= {"timestamp", "timestamp with time zone", "tinyint", "ubigint", "uinteger", "usmallint", "utinyint", "varchar"}
TYPES |= {"timestamp_s", "timestamp_ms", "timestamp_ns", "blob", "uuid"}

_parser = duckdb.connect(":memory:", config={"threads": "1"})


def _tree(sql: str) -> dict[str, Any]:
    (text,) = _parser.execute(
        "SELECT json_serialize_sql(?, skip_null := true, skip_empty := true)", [sql]
    ).fetchone() or ("",)
    tree: dict[str, Any] = json.loads(text)
    assert not tree["error"], sql
    assert len(tree["statements"]) == 1, sql
    return tree


def _each(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from _each(each)


def _folded(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: letter.group().lower(), name)


def _tables(value: Any, made: frozenset[str] = frozenset()) -> Iterator[str]:
    """Give the tables that a tree reads and does not make itself."""
    if isinstance(value, list):
        for each in value:
            yield from _tables(each, made)
    if not isinstance(value, dict):
        return
    if value.get("type") == "BASE_TABLE" and "class" not in value:
        path = value["qualified_name"]["path"]
        if len(path) > 1 or _folded(path[0]) not in made:
            yield ".".join(path)
    for entry in value.get("cte_map", {}).get("map", []):
        yield from _tables(entry["value"], made)
        made |= {_folded(entry["key"])}
    for key, each in value.items():
        if key == "cte_map":
            continue
        own = {_folded(value["cte_name"])} if key == "right" and "cte_name" in value else set()
        yield from _tables(each, made | own)


def _leaves(plan: Any) -> Iterator[str]:
    for node in plan if isinstance(plan, list) else [plan]:
        if node.get("children"):
            yield from _leaves(node["children"])
        else:
            yield node["name"].strip()


def _words(node: Any) -> Iterator[str]:
    """Give what a checked tree names: functions, texts, types, collations, and fields."""
    if isinstance(node, Column):
        yield from node.names
    elif isinstance(node, Call):
        yield node.name
    elif isinstance(node, Literal):
        yield node.text
    elif isinstance(node, TypeName):
        yield node.name
    elif isinstance(node, Collate):
        yield node.collation
    if isinstance(node, tuple):
        for each in node:
            yield from _words(each)
    elif isinstance(node, Node):
        for each in field_names(type(node)):
            yield from _words(getattr(node, each))


class _Watch:
    """Looks at every text that DuckDB is given, before it is executed."""

    def __init__(self) -> None:
        self.executed = 0
        self.given: set[str] = set()
        self.checked: set[str] = set()

    def begin(self, parsed: Any) -> None:
        """Note what was checked of a query."""
        self.given = {_folded(name) for name in parsed.tables} | {
            f"rowpattern answer {clause.number}" for clause in parsed.clauses
        }
        self.checked = {
            _folded(word) for clause in parsed.clauses for each in clause.expressions() for word in _words(each.node)
        }
        self.checked |= {
            name for clause in parsed.clauses for each in clause.define for name in [_folded(each.variable)]
        }

    def query(self, using: Any, sql: str) -> None:
        """A whole query: it reads tables that were given, and its plan begins with nothing else."""
        self.executed += 1
        tree = _tree(sql)
        assert {_folded(name) for name in _tables(tree)} <= self.given | INTERNAL, sql
        for node in _each(tree):
            if node.get("type") == "TABLE_FUNCTION":
                assert node["function"]["function_name"] in HARMLESS_IN_FROM, sql
            assert node.get("type") != "SHOW_REF", sql
        try:
            using.connect()
            (_, plan), *_ = using._connection.execute(f"EXPLAIN (FORMAT JSON) {sql}").fetchall()
        except duckdb.Error:
            # It will be refused as it is executed.
            return
        assert set(_leaves(json.loads(plan))) <= HARMLESS_LEAVES, sql

    def project(self, columns: str) -> None:
        """Expressions over rows: each word in them is one of a checked expression."""
        self.executed += 1
        node = _tree(f"SELECT {columns}")["statements"][0]["node"]
        assert node["type"] == "SELECT_NODE", columns
        assert node["from_table"]["type"] == "EMPTY", columns
        assert set(node) <= {"type", "cte_map", "select_list", "from_table", "aggregate_handling"}, columns
        for each in _each(node["select_list"]):
            assert each.get("class") not in {"SUBQUERY", "WINDOW", "PARAMETER", "POSITIONAL_REFERENCE"}, columns
            if each.get("class") == "FUNCTION":
                assert _folded(each["function_name"]) in self.checked | OURS, columns
                assert len(each["qualified_name"]["path"]) == 1, columns
            if each.get("class") == "CONSTANT" and each["literal"]["kind"] in {"STRING", "HEX", "BIT"}:
                assert _folded(each["literal"].get("text", "")) in self.checked, columns
            if each.get("class") == "TYPE":
                assert _folded(each["type_name"]) in self.checked | TYPES, columns
            if each.get("class") == "COLLATE":
                assert _folded(each["collation"]) in self.checked, columns


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("hostile") / "canary.csv"
    path.write_text(f"v\n{CANARY}\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> _Watch:
    found = _Watch()
    connect, cursor_of, run_query, project, stream = (
        instances._connect,
        instances._Instance.cursor,
        database.Database.query,
        database.Database.project,
        database.Database.stream,
    )
    parsed_query = query.parsed_query

    made: dict[Any, duckdb.DuckDBPyConnection] = {}

    def connected(limits: Any) -> Any:
        # Instances are kept for all tests, as making one takes longer than most queries.
        if limits not in made:
            made[limits] = connect(limits)
            made[limits].execute(f"CREATE TABLE hidden AS SELECT '{CANARY}' AS v")
            made[limits].execute(f"CREATE MACRO peek() AS '{CANARY}'")
        return made[limits].cursor()

    def cursor_with_secret(instance: Any) -> Any:
        cursor = cursor_of(instance)
        cursor.execute(f"SET VARIABLE canary = '{CANARY}'")
        return cursor

    def parsed(sql: str, run: Any = None) -> Any:
        answer = parsed_query(sql, run)
        found.begin(answer)
        return answer

    def queried(self: Any, sql: str, *more: Any, **options: Any) -> Any:
        found.query(self, sql)
        return run_query(self, sql, *more, **options)

    def streamed(self: Any, sql: str, *more: Any) -> Any:
        found.query(self, sql)
        return stream(self, sql, *more)

    def projected(self: Any, columns: str, table: Any, types: Any = None) -> Any:
        found.project(columns)
        return project(self, columns, table, types)

    monkeypatch.setenv("CANARY", CANARY)
    monkeypatch.setattr(instances, "_pool", instances._Pool())
    monkeypatch.setattr(instances, "_connect", connected)
    monkeypatch.setattr(instances._Instance, "cursor", cursor_with_secret)
    monkeypatch.setattr(query, "parsed_query", parsed)
    monkeypatch.setattr(database.Database, "query", queried)
    monkeypatch.setattr(database.Database, "stream", streamed)
    monkeypatch.setattr(database.Database, "project", projected)
    return found


def _outcome(sql: str) -> str:
    try:
        answer = match_recognize(sql, t=TABLE, u=TABLE, timeout_seconds=20)
    except rowpattern.RowPatternError as error:
        return f"{type(error).__name__}: {error}"
    return str(answer.to_pylist())


def _listed(tree: str) -> list[dict[str, Any]]:
    statements = json.loads(tree).get("statements") or [{"node": {"select_list": [{}]}}]
    found: list[dict[str, Any]] = statements[0]["node"]["select_list"]
    return found


def test_words_and_spaces_are_those_of_the_parser() -> None:
    """Of every character: whether it stands in a word or between two."""
    characters = [chr(code) for code in (*range(1, 0xD800), *range(0xE000, 0x110000, 1 if TEXTS > 3000 else 997))]
    texts = [f"SELECT a{each}b" for each in characters]
    calls = "SELECT json_serialize_sql(x, skip_null := true, skip_empty := true) FROM unnest(?) AS t (x)"
    for each, text, (tree,) in zip(characters, texts, _parser.execute(calls, [texts]).fetchall(), strict=True):
        listed = [{}] if each in "\"'" else _listed(tree)
        columns, alias = listed[0].get("column_names"), listed[0].get("alias")
        if columns is None or len(listed) > 1 or each in ".:":
            assert each.isascii()
            continue
        assert [token.text for token in tokens_of(text)[1:]] == ([*columns, alias] if alias else columns), ascii(each)


def test_hostile_texts(watch: _Watch, file: str) -> None:
    refused = answered = 0
    for number in range(TEXTS):
        seed = SEED + number
        sql = hostile(random.Random(seed), file)
        try:
            outcome = _outcome(sql)
            assert CANARY not in outcome
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {sql!r}") from error
        refused += "Error: " in outcome
        answered += "Error: " not in outcome
    # Neither everything nor nothing comes through.
    assert answered > TEXTS // 50, answered
    assert refused > TEXTS // 2, refused
    assert watch.executed > TEXTS // 50, watch.executed


def test_every_place_takes_something_right() -> None:
    """Or hostile texts would be refused for what is around them."""
    values = [
        *PLAIN,
        "1",
        "*",
        "int",
        "DATE",
        "'1'",
        "NULL",
        "m",
        "c",
        "b",
        "v",
        "a, b",
        "1, 2",
        "x AS y",
        "1 AS z",
        "DESC",
        "FIRST",
    ]
    values += [
        "sum(m)",
        "sum(x)",
        "range(3)",
        "(SELECT 1)",
        "SELECT 1",
        "SELECT 1, 'a'",
        "b AS (SELECT 1)",
        "WITH q AS (SELECT 1)",
    ]
    values += [
        "PAST LAST ROW",
        "MATERIALIZED",
        "10%",
        "1 ROWS",
        "MATCH",
        "ORDER BY m",
        "/**/",
        "U = (A)",
        "+",
        "lambda e: true",
    ]
    values += ["DEFINE A AS x > 1", "IN ('a')", "m IN (1)"]

    def read(text: str) -> bool:
        try:
            parse(text)
        except rowpattern.RowPatternError:
            return False
        return True

    never = [place for place in PLACES if not any(read(place.replace("@", each)) for each in values)]
    refused = (
        "MEASURES x::@ COLLATE @",
        "AS (x::@ COLLATE @",
        "AS @ AS m",
        "(x AS @)",
        "AS y, x AS m",
        "AS y, x)",
        "FROM @.t",
    )
    assert [place for place in never if not any(each in place for each in refused)] == []


def test_damaged_texts(watch: _Watch, file: str) -> None:  # noqa: ARG001 - it watches
    slowest = 0.0
    for number in range(MUTATED):
        seed = SEED + number
        source = random.Random(seed)
        text = source.choice(PLACES).replace("@", source.choice(PLAIN))
        sql = mutated(source, text)
        begun = time.perf_counter()
        try:
            outcome = _outcome(sql)
            assert CANARY not in outcome
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {sql!r}") from error
        slowest = max(slowest, time.perf_counter() - begun)
    assert slowest < 20.2, slowest
