"""Which functions of DuckDB a query may call: each one of the installed version has been looked at."""

from __future__ import annotations

import contextlib

import duckdb
import pyarrow as pa
import pytest

import rowpattern
from rowpattern.sql.duckdb.functions import (
    AGGREGATES,
    AROUND_CLAUSES,
    CALLS_AGGREGATE,
    LAMBDA_FUNCTIONS,
    OPERATORS,
    REFUSED,
    SCALARS,
    TABLE_FUNCTIONS,
    WINDOWS,
)

from expression_trees import read

TABLE = pa.table({"x": [1]})

ALLOWED = SCALARS | AGGREGATES | AROUND_CLAUSES | WINDOWS | OPERATORS
REFUSED_PREFIXES = ("__", "has_", "pg_", "collate_", "icu_collate_")

# Written between operands, and nodes of their own.
COMPARISONS = {"=", "!=", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"}
# Operators that are refused: the distance of arrays (a function does it), and the factorial.
REFUSED_OPERATORS = {"<->", "!__postfix"}

# What a stranger's query must not reach, in words of names: settings, files, the catalog, the session, other texts.
SUSPICIOUS = [
    "setting",
    "variable",
    "secret",
    "serial",
    "execut",
    "query",
    "catalog",
    "schema",
    "database",
    "session",
    "user",
    "connection",
    "transaction",
    "nextval",
    "currval",
    "setval",
    "sleep",
    "log_",
    "_log",
    "version",
    "read_",
    "write_",
    "file",
    "glob",
    "sniff",
    "attach",
    "install",
    "load",
    "extension",
    "memory",
    "pointer",
    "address",
    "scan",
    "pragma",
    "duckdb_",
    "inet_",
    "getenv",
    "seed",
    "stats",
    "vector",
    "checkpoint",
]
HARMLESS = {"parse_filename", "uuid_extract_version", "transaction_timestamp"}


def _functions() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, kind in (
        duckdb.connect(":memory:").execute("SELECT function_name, function_type FROM duckdb_functions()").fetchall()
    ):
        # The parser gives names of functions in lower case.
        found.setdefault(name if name in COMPARISONS else name.lower(), set()).add(kind)
    return found


FUNCTIONS = _functions()


def test_every_function_has_been_looked_at() -> None:
    """What a new version of DuckDB brings is refused, and fails here until it is in a list."""
    rows = {name for name, kinds in FUNCTIONS.items() if kinds & {"scalar", "aggregate", "macro", "window"}}
    known = ALLOWED | REFUSED | COMPARISONS | REFUSED_OPERATORS
    assert sorted(name for name in rows - known if not name.startswith(REFUSED_PREFIXES)) == []


def _aggregating_macros() -> set[str]:
    """Return the macros that give one value for many rows."""
    found = set()
    macros = [name for name, kinds in FUNCTIONS.items() if "macro" in kinds]
    with duckdb.connect() as connection:
        for name in macros:
            for argument in ("range", "range::VARCHAR", "[range]", "{a: range}", "range > 1"):
                for count in (1, 2, 3):
                    call = f'"{name}"({", ".join([argument] * count)})'
                    with contextlib.suppress(duckdb.Error):
                        if len(connection.execute(f"SELECT {call} FROM range(3)").fetchall()) == 1:
                            found.add(name)
    return found


def test_lists_name_what_there_is_and_each_in_one_place() -> None:
    # What is refused may be of another version than the installed one.
    assert sorted((ALLOWED | TABLE_FUNCTIONS) - set(FUNCTIONS) - {"->"}) == []
    assert sorted(ALLOWED & REFUSED) == []
    assert sorted(name for name in ALLOWED if name.startswith(REFUSED_PREFIXES)) == ["pg_typeof"]
    aggregates = {name for name, kinds in FUNCTIONS.items() if "aggregate" in kinds}
    assert sorted(AGGREGATES - aggregates) == sorted(_aggregating_macros())
    assert sorted(aggregates & SCALARS) == []
    assert SCALARS >= LAMBDA_FUNCTIONS | CALLS_AGGREGATE


def test_nothing_allowed_has_a_suspicious_name() -> None:
    found = {name for name in (ALLOWED | TABLE_FUNCTIONS) - HARMLESS if any(word in name for word in SUSPICIOUS)}
    assert sorted(found) == []


def test_table_functions_are_a_list() -> None:
    tables = {name for name, kinds in FUNCTIONS.items() if kinds & {"table", "table_macro"}}
    assert tables >= TABLE_FUNCTIONS
    assert sorted(TABLE_FUNCTIONS) == [
        "generate_series",
        "json_each",
        "json_tree",
        "range",
        "repeat",
        "repeat_row",
        "unnest",
    ]


def test_macros_that_are_allowed_call_what_is_allowed() -> None:
    """A macro of DuckDB's own is another text; a query of the catalog could be in it."""
    sql = "SELECT function_name, macro_definition FROM duckdb_functions() WHERE function_type = 'macro'"
    macros = [(name, text) for name, text in duckdb.connect(":memory:").execute(sql).fetchall() if name in ALLOWED]
    assert len(macros) > 50
    for name, text in macros:
        assert "SELECT" not in text.upper(), name
        # They raise errors, and one makes the elements of a list into rows.
        read(text.replace('"error"(', "hash(").replace("unnest(", "hash(").replace('"system".main.', ""))


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused_functions_are_refused_everywhere(name: str) -> None:
    clause = f"MATCH_RECOGNIZE (ORDER BY x MEASURES {name}(x) AS m PATTERN (A))"
    for query in (f"SELECT * FROM t {clause}", f"SELECT {name}(x) FROM t", f"SELECT {name}(x) OVER () FROM t"):
        with pytest.raises(rowpattern.QueryError):
            rowpattern.match_recognize(query, TABLE)


@pytest.mark.parametrize("name", sorted(CALLS_AGGREGATE))
def test_an_aggregate_that_a_text_names_is_one_of_the_list(name: str) -> None:
    assert rowpattern.match_recognize(f"SELECT {name}([1, 2], 'sum') AS n FROM t", TABLE).to_pylist() == [{"n": 3}]
    for argument in ("'combine_aggr'", "'nosuch'", "'s' || 'um'", "x::VARCHAR", "NULL"):
        with pytest.raises(rowpattern.QueryError, match="takes the name of an aggregate, written out"):
            rowpattern.match_recognize(f"SELECT {name}([1, 2], {argument}) FROM t", TABLE)


MEASURE = """
    SELECT * FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES {} AS y ALL ROWS PER MATCH PATTERN (A+) DEFINE A AS x > 0)
"""
THREE = pa.table({"i": [1, 2, 3], "x": [3, 5, 4]})


def measure(expression: str) -> list[object]:
    return list(rowpattern.match_recognize(MEASURE.format(expression), THREE)["y"].to_pylist())


def test_quoted_names_are_functions_and_not_running_or_final() -> None:
    assert measure("FINAL sum(x)") == measure('final "sum"(x)') == [12, 12, 12]
    assert measure("RUNNING sum(x)") == measure('/* */ RUNNING "SUM" (x)') == [3, 8, 12]
    for name in ("f:sum", "r:sum", "F:sum", "final sum", "FINAL sum", "running sum", "f:f:sum"):
        for call in (f'"{name}"(x)', f'FINAL "{name}"(x)', f'x."{name}"()', f'(RUNNING sum(x))."{name}"()'):
            with pytest.raises(rowpattern.QueryError, match="function"):
                measure(call)


def test_the_words_are_shown_in_errors_as_they_were_written() -> None:
    with pytest.raises(rowpattern.QuerySyntaxError) as found:
        measure("FINAL sum(x) RUNNING sum(x)")
    assert "FINAL sum" in str(found.value) or "RUNNING sum" in str(found.value)


def test_names_under_which_values_are_computed_are_not_shown() -> None:
    for call in ("alias(x)", "alias(PREV(x))", "x.alias()", "regexp_split_to_table(x::TEXT, '')"):
        with pytest.raises(rowpattern.QueryError, match="in MATCH_RECOGNIZE; call it in the query around"):
            measure(call)
    with pytest.raises(rowpattern.QueryError, match="struct_pack takes named arguments"):
        measure("struct_pack(PREV(x))")
    assert measure("struct_pack(x)") == measure("struct_pack(A.x)") == measure("struct_pack(x := x)")
    assert measure("struct_pack(x)") == [{"x": 3}, {"x": 5}, {"x": 4}]
    query = "SELECT alias(y) FROM t MATCH_RECOGNIZE (ORDER BY i MEASURES sum(x) AS y PATTERN (A) DEFINE A AS x = 5)"
    assert rowpattern.match_recognize(query, THREE).num_rows == 1


def test_macros_that_aggregate_are_aggregates() -> None:
    assert measure("json_group_array(x)") == ["[3]", "[3,5]", "[3,5,4]"]
    assert measure("FINAL json_group_object(i, x)") == ['{"1":3,"2":5,"3":4}'] * 3
    assert measure("geomean(x)") == pytest.approx([3, 15**0.5, 60 ** (1 / 3)])
    # These DuckDB cannot take over a window.
    assert measure("wavg(x, x)") == measure("weighted_avg(x, x)") == pytest.approx([3, 34 / 8, 50 / 12])
    assert measure("geometric_mean(x)") == measure("geomean(x)")
    assert measure("json_group_structure({a: x})") == ['{"a":"UBIGINT"}'] * 3
