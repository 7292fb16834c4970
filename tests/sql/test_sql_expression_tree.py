"""Reader and writer of expressions: what is written is read as the same tree, and DuckDB computes the same with it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings

import rowpattern
from rowpattern.sql.duckdb.functions import OPERATORS
from rowpattern.sql.duckdb.parser import parse_texts
from rowpattern.sql.expression import nodes
from rowpattern.sql.expression.nodes import COMPARISON_SIGNS, Node, Star
from rowpattern.sql.expression.read import _LITERALS, _OPERATIONS
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.parse.query_reader import QueryReader
from rowpattern.sql.text.composed import Composed

import duckdb_shapes
from commands import run_python
from expression_trees import plain, read, trees

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPRESSIONS = duckdb_shapes.lines("expressions.txt")
QUERIES = duckdb_shapes.lines("queries.txt")

# All kinds of nodes but Semantics and Opaque, which are never written.
WRITTEN = {"Between", "Call", "Case", "Cast", "Collate", "Column", "Comparison", "Conjunction", "Lambda", "Literal"}
WRITTEN |= {"Operation", "Star", "Argument", "Branch", "OrderItem", "TypeName"}


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(trees)
@pytest.mark.slow
def test_what_is_written_is_read_as_the_same_tree(tree: Node) -> None:
    assert plain(read(sql_of(tree))) == plain(tree)


def _labels(node: Node) -> Iterator[str]:
    """Say what a node is, and which one of its class."""
    yield type(node).__name__
    for name in ("kind", "sign", "word"):
        if hasattr(node, name):
            yield f"{type(node).__name__} {getattr(node, name)}"


@pytest.mark.slow
def test_trees_of_all_kinds_are_generated() -> None:
    found: set[str] = set()

    @settings(max_examples=500, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(trees)
    def collect(tree: Node) -> None:
        found.update(label for node in duckdb_shapes.nodes(tree) for label in _labels(node))

    collect()
    wanted = WRITTEN | {"Conjunction AND", "Conjunction OR"} | {f"Literal {kind}" for kind in _LITERALS}
    wanted |= {f"Operation {name}" for name, _, _ in _OPERATIONS.values()}
    assert sorted(wanted - found) == []


A_COLUMN, A_TEXT, A_NUMBER = nodes.Column(("a",)), nodes.Literal("STRING", "x"), nodes.Literal("INTEGER", "-1")


@pytest.mark.parametrize("name", sorted(OPERATORS) + sorted(COMPARISON_SIGNS.values()))
@pytest.mark.parametrize("operand", [A_COLUMN, A_TEXT, A_NUMBER], ids=["column", "text", "number"])
def test_each_operator_is_read_as_it_is_written(name: str, operand: Node) -> None:
    operands = (nodes.Argument(operand),) * (1 if name in {"~", "@"} else 2)
    tree: Node = nodes.Call(name, operands, operator=True)
    if name in COMPARISON_SIGNS.values():
        tree = nodes.Comparison(name, operand, operand)
    assert plain(read(sql_of(tree))) == plain(tree)


def _read(text: str) -> Node | None:
    """Return the tree of an expression; None where it is refused, by an error of ours."""
    (tree,) = parse_texts([f"SELECT ({text}\n)"])
    if tree["error"]:
        return None
    statements = tree["statements"]
    node = statements[0]["node"]
    if len(statements) > 1 or len(node["select_list"]) > 1 or node["select_list"][0].get("alias"):
        return None
    try:
        found = read(f"{text}\n")
    except rowpattern.QueryError:
        return None
    return None if isinstance(found, Star) else found


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect(":memory:", config={"threads": "1"})
    # The readers take lambdas in their older form too.
    made.execute("SET lambda_syntax = 'ENABLE_SINGLE_ARROW'")
    made.execute(
        """CREATE TABLE data AS SELECT * FROM (VALUES
        (1, 'abc', 1.5::DOUBLE, true, [1, 2, 3], DATE '2020-02-29', TIMESTAMP '2020-02-29 12:34:56',
         {'a': 1, 'b': {'c': 2}}, MAP {'k': 'v'}, '{"a": 1, "b": [2, 3]}'::JSON),
        (-7, 'it''s', 'NaN'::DOUBLE, false, [], DATE '1969-12-31', TIMESTAMP '1969-12-31 23:59:59.9',
         {'a': -1, 'b': {'c': NULL}}, MAP {}, '{"b": []}'::JSON),
        (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) AS v (i, s, d, b, l, dt, ts, r, m, j)"""
    )
    return made


def _value(connection: duckdb.DuckDBPyConnection, expression: str) -> Any:
    """Return the values and the type of an expression over the rows of the table, or the kind of its error."""
    try:
        return connection.sql(f"SELECT v::VARCHAR, typeof(v) FROM (SELECT ({expression}\n) AS v FROM data)").fetchall()
    except duckdb.Error as error:
        return type(error)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions_of_the_grammar(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    tree = _read(text)
    if tree is None:
        return
    written = sql_of(tree)
    assert plain(read(written)) == plain(tree)
    assert _value(connection, written) == _value(connection, text), written


@pytest.mark.slow
def test_most_of_the_expressions_are_read_and_have_values(connection: duckdb.DuckDBPyConnection) -> None:
    known = {text: tree for text in EXPRESSIONS if (tree := _read(text)) is not None}
    assert len(known) > 340, [text for text in EXPRESSIONS if text not in known]
    computed = [text for text in known if not isinstance(_value(connection, text), type)]
    assert len(computed) > 290, [text for text in known if text not in computed]
    kinds = {type(node).__name__ for tree in known.values() for node in duckdb_shapes.nodes(tree)}
    assert kinds == WRITTEN


REFUSED = [
    "(SELECT 1)", "EXISTS (SELECT 1)", "i IN (SELECT 1)", "ARRAY(SELECT 1)", "sum(i) OVER ()", "?", "$1", "#1",
    "DEFAULT", "COLUMNS(*)", "current_setting('memory_limit')", "getvariable('x')", "main.upper(s)",
    "system.main.upper(s)",
    "i::nosuch", "i::main.INTEGER", "s COLLATE nosuch", "nosuch(1)", "1 OPERATOR(pg_catalog.+) 2", "GROUPING(i)",
    'CAST(i AS "INTEGER) || (SELECT 1) || CAST(1 AS INTEGER")', "list_aggregate(l, s)",
    "list_aggregate(l, 'combine_aggr')", "\uff02i\uff02)", "i ≥ 1", "list_transform(l, () -> 1)",
    "list_transform(l, lambda x, X: 1)",
    "\uff53um(i)",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_no_expression_may_hold(text: str) -> None:
    assert _read(text) is None


def _reads(query: str) -> bool:
    (tree,) = parse_texts([query])
    if tree["error"]:
        return False
    try:
        QueryReader(Composed(query).copy(0, len(query))).read(tree["statements"][0])
    except rowpattern.QueryError:
        return False
    return True


def test_queries_around_clauses() -> None:
    refused = [query for query in QUERIES if not _reads(query)]
    begin = QUERIES.index("DESCRIBE t")
    assert refused == [
        query for query in QUERIES[begin:] if query not in {"SELECT * FROM '/etc/passwd'", "SELECT 1; SELECT 2"}
    ]


# The shapes of trees, by DuckDB's version.

RECORDED: dict[str, list[str]] = json.loads(duckdb_shapes.RECORD.read_text())


def test_the_installed_duckdb_gives_trees_of_known_shapes() -> None:
    """A new version of DuckDB fails here, with what changed.

    Look at each change, have the readers take or refuse it, and run `python tests/helpers/duckdb_shapes.py`.
    """
    known = RECORDED.get(duckdb.__version__) or RECORDED[max(RECORDED)]
    found = duckdb_shapes.shapes()
    assert sorted(set(found) - set(known)) == []
    assert sorted(set(known) - set(found)) == []
    assert duckdb.__version__ in RECORDED


@pytest.mark.skipif("ROWPATTERN_OTHER_DUCKDB" not in os.environ, reason="needs the directory of another DuckDB")
def test_another_duckdb() -> None:
    """`pip install --no-deps --target D duckdb==2.0.0`, and ROWPATTERN_OTHER_DUCKDB=D."""
    path = os.pathsep.join([os.environ["ROWPATTERN_OTHER_DUCKDB"], *sys.path])
    environment = {name: value for name, value in os.environ.items() if name != "ROWPATTERN_OTHER_DUCKDB"}
    tests = [__file__, str(Path(__file__).with_name("test_sql_functions.py"))]
    done = run_python("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, env={**environment, "PYTHONPATH": path})
    assert done.returncode == 0, done.stdout[-3000:]
