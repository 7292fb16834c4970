"""What a process does at its first query, and what it leaves to those that need it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest

START = """
import json, sys, threading

V_SHAPE = '''SELECT * FROM prices MATCH_RECOGNIZE (ORDER BY day
    MEASURES FIRST(START.day) AS begun, LAST(DOWN.price) AS lowest, CLASSIFIER() AS c, count(*) AS n
    PATTERN (START DOWN+ UP+) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))'''
SORTED = V_SHAPE.replace("ORDER BY day", "PARTITION BY day % 2 ORDER BY day DESC")
SHOWN = SORTED.replace("PATTERN", "ALL ROWS PER MATCH WITH UNMATCHED ROWS PATTERN")
DEPENDING = V_SHAPE.replace("UP AS", "UP AS price > FIRST(DOWN.price) AND md5(START.price || '') <> '' AND")
AROUND = f"SELECT begun, count(*) FROM ({V_SHAPE}) GROUP BY begun"
QUERIES = [V_SHAPE, SORTED, SHOWN, DEPENDING, AROUND, V_SHAPE.replace("price", "name").replace("n)", "n2)")]
DAYS = list(range(40))
DATA = {
    "day": DAYS,
    "price": [day * 7919 % 1009 / 8 for day in DAYS],
    "name": [["low", "high"][day % 2] for day in DAYS],
    "names": [[str(day), None] for day in DAYS],
}
"""


def run(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", START + textwrap.dedent(code), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_import_alone() -> None:
    code = """
    import rowpattern
    heavy = {"numpy", "pyarrow", "duckdb", "pandas", "polars", "rowpattern.sql.execute", "importlib.metadata"}
    print(sorted(heavy & set(sys.modules)), threading.active_count())
    """
    assert run(code) == "[] 1"


ARROW = """
import json, io, pyarrow as pa, pyarrow.json
lines = "\\n".join(json.dumps(dict(zip(DATA, row))) for row in zip(*DATA.values()))
table = pyarrow.json.read_json(io.BytesIO(lines.encode()))
"""
POLARS = "import polars\ntable = polars.DataFrame(DATA)"


@pytest.mark.parametrize("made", [ARROW, POLARS], ids=["Arrow", "Polars"])
def test_pandas_is_not_imported_for_other_tables(made: str) -> None:
    code = """
    exec(sys.argv[1])
    assert "pandas" not in sys.modules
    from rowpattern import match_recognize
    for query in QUERIES:
        assert len(match_recognize(query, table)), query
        assert "pandas" not in sys.modules, query
    match_recognize(SHOWN, table, stream=True).read_all()
    print("pandas" in sys.modules)
    """
    assert run(code, made) == "False"


def test_what_few_queries_need_is_not_imported() -> None:
    code = """
    import pandas
    from rowpattern import match_recognize
    match_recognize(V_SHAPE, pandas.DataFrame(DATA))
    few = {"pyarrow.dataset", "pyarrow.parquet", "logging.handlers", "polars", "tomllib"}
    few |= {f"rowpattern.sql.{each}" for each in ("execute.stream", "execute.explanation", "isolation")}
    few |= {f"rowpattern.{each}" for each in ("observe", "metrics", "distributed", "cli")}
    print(sorted(few & set(sys.modules)))
    """
    assert run(code) == "[]"


OPTIONS = [{}, {"memory_limit_mb": 200}, {"threads": 1}, {"time_zone": "Asia/Tokyo"}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_one_connection_answers_a_first_query(options: dict[str, Any]) -> None:
    code = """
    import duckdb, pandas
    made = []
    connect = duckdb.connect
    duckdb.connect = lambda *given, **named: made.append(given) or connect(*given, **named)
    from rowpattern import match_recognize
    for query in QUERIES:
        match_recognize(query, pandas.DataFrame(DATA), **json.loads(sys.argv[1]))
    print(len(made))
    """
    assert run(code, json.dumps(options)) == "1"


def test_the_first_queries_of_several_threads_share_what_is_made_once() -> None:
    code = """
    import duckdb, pyarrow
    made, answers = [], []
    connect = duckdb.connect
    duckdb.connect = lambda *given, **named: made.append(given) or connect(*given, **named)
    from rowpattern import match_recognize
    table = pyarrow.table(DATA)
    threads = [
        threading.Thread(target=lambda query=query: answers.append(len(match_recognize(query, table))))
        for query in 3 * QUERIES
    ]
    for each in threads: each.start()
    for each in threads: each.join()
    from rowpattern.sql.duckdb.instances import duckdb_figures
    print(len(made), len(answers), *duckdb_figures()[:2])
    """
    assert run(code) == "1 18 1 0"


def test_a_first_query_that_cannot_connect_says_why() -> None:
    code = """
    import duckdb, pyarrow
    def refuse(*given, **named):
        raise duckdb.IOException("no memory today")
    duckdb.connect = refuse
    from rowpattern import match_recognize
    try:
        match_recognize(V_SHAPE, pyarrow.table(DATA))
    except Exception as error:
        print(error)
    """
    assert "no memory today" in run(code)
