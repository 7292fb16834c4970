"""Types of expressions from DuckDB's binder, and what of them is left to DuckDB."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest

from rowpattern.sql.duckdb.arrow_types import duckdb_type
from rowpattern.sql.duckdb.connection import database
from rowpattern.sql.duckdb.functions import CHANGING, SCALARS
from rowpattern.sql.expression import typed
from rowpattern.sql.expression.binder import UNKNOWN, Bound, BoundTexts, bind_texts
from rowpattern.sql.expression.native import Translator
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.parse.condition_text import parse_condition
from rowpattern.sql.runtime.context import ExecutionContext

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rowpattern.sql.duckdb.connection import Database

ARROW_TYPES = [
    *(pa.null(), pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64()),
    *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float32(), pa.float64()),
    *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()),
    *(pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")),
    *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
    *(pa.timestamp(unit, "Europe/Berlin") for unit in ("s", "ms", "us", "ns")),
    *(pa.duration(unit) for unit in ("s", "ms", "us", "ns")),
    *(pa.decimal128(1, 0), pa.decimal128(12, 2), pa.decimal128(38, 38), pa.decimal32(5, 2), pa.decimal64(12, 3)),
    *(pa.month_day_nano_interval(), pa.dictionary(pa.int32(), pa.string()), pa.uuid()),
    *(pa.list_(pa.int32()), pa.large_list(pa.decimal128(4, 1)), pa.list_(pa.float64(), 3)),
    *(pa.struct([("a b", pa.int32()), ('"', pa.list_(pa.string()))]), pa.map_(pa.string(), pa.int32())),
]

TYPES = {
    "x": "DOUBLE",
    "f": "FLOAT",
    "i": "INTEGER",
    "b": "BIGINT",
    "u": "UBIGINT",
    "d": "DECIMAL(12,2)",
    "s": "VARCHAR",
    "t": "TIMESTAMP",
    "z": "TIMESTAMP WITH TIME ZONE",
    "y": "DATE",
    "e": "ENUM('low', 'high')",
    "l": "INTEGER[]",
    "n": "NULL",
    "v": "INTERVAL",
}

#: What a small engine computes.
CALLS = {"=", "<>", "<", ">", "<=", ">=", "and", "or", "not", "is null", "is not null", "in", "case", "coalesce"}
CALLS |= {"cast", "+", "-", "*", "/", "negate", "like", "date_diff", "is distinct from", "year"}


def small_engine(name: str, arguments: Sequence[str], result: str) -> bool:
    return name in CALLS and not (name == "cast" and "VARCHAR" in {*arguments, result})


@pytest.fixture
def using() -> Iterator[Database]:
    with database(ExecutionContext(500, 60)) as found:
        yield found


def bound(*asked: Any) -> BoundTexts:
    found = bind_texts(*asked)
    assert found is not None
    return found


def shown(node: typed.Typed | None) -> str:
    """Write a typed expression: calls of the engine, and DuckDB's parts in angle brackets."""
    if isinstance(node, typed.Literal):
        return f"{node.value}:{node.type}"
    if isinstance(node, typed.Reference):
        return node.name
    if isinstance(node, typed.Constant):
        return f"[{'now ' if node.changes else ''}{node.sql}]"
    if isinstance(node, typed.Computed):
        return f"<{sql_of(node.tree)}:{node.type}>".replace('"', "")
    assert isinstance(node, typed.Call)
    return f"{node.name}({', '.join(map(shown, node.arguments))}):{node.type}"


def translated(text: str, using: Database, *, utc: bool = False) -> str:
    tree = parse_condition("A", text).condition.node
    (expression,) = bound([sql_of(tree)], TYPES, {}, {}, using).expressions
    labels = {TYPES["e"]: ["low", "high"]}
    return shown(Translator(small_engine, lambda _: None, labels, utc=utc).expression(tree, expression))


@pytest.mark.parametrize("kind", ARROW_TYPES, ids=str)
def test_types_of_columns_are_called_as_duckdb_calls_them(kind: pa.DataType) -> None:
    (found,) = duckdb.connect().from_arrow(pa.table({"x": pa.array([], kind)})).types
    # The type of NULL alone is shown in quotes; a dictionary is an encoding.
    assert duckdb_type(kind) == str(found).strip('"')


def test_functions_that_change_are_known() -> None:
    """What gives another value each time, though its arguments are the same, and what asks the clock."""
    sql = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE'"
    volatile = {name for (name,) in duckdb.connect().sql(sql).fetchall()}
    assert volatile & SCALARS <= CHANGING
    clock = {"now", "today", "current_date", "get_current_timestamp", "transaction_timestamp", "age"}
    assert clock <= CHANGING <= SCALARS | {"ago", "error"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x > 1", ">(x, 1.0:DOUBLE):BOOLEAN"),
        ("f = 0.1", "=(f, [CAST(CAST(0.1 AS DECIMAL(2,1)) AS FLOAT)]):BOOLEAN"),
        ("i < 1.5", "<(cast(i):DECIMAL(11,1), 15:DECIMAL(11,1)):BOOLEAN"),
        ("u - 1 = 2", "=(-(u, 1:UBIGINT):UBIGINT, 2:UBIGINT):BOOLEAN"),
        ("d * 2 > d", ">(*(d, 2:DECIMAL(18,0)):DECIMAL(18,2), cast(d):DECIMAL(18,2)):BOOLEAN"),
        ("n = 1", "=(None:INTEGER, 1:INTEGER):BOOLEAN"),
        (
            "x BETWEEN 1 AND i",
            "and(>=(x, 1.0:DOUBLE):BOOLEAN, <=(x, cast(i):DOUBLE):BOOLEAN):BOOLEAN",
        ),
        ("nullif(i, 3) = 4", "=(case(=(i, 3:INTEGER):BOOLEAN, None:INTEGER, i):INTEGER, 4:INTEGER):BOOLEAN"),
        ("s NOT LIKE 'a%'", "not(like(s, a%:VARCHAR):BOOLEAN):BOOLEAN"),
        ("extract(year FROM t) = 2026", "=(year(t):BIGINT, 2026:BIGINT):BOOLEAN"),
        # Ordered categories are ranks; a text that is none of them is equal to none.
        ("e = 'high'", "=(e, 1:ENUM('low', 'high')):BOOLEAN"),
        ("e IN ('low', 'other')", "in(e, 0:ENUM('low', 'high'), -1:ENUM('low', 'high')):BOOLEAN"),
        # Lengths of intervals are compared, which DuckDB says by a function.
        ("t - t < INTERVAL 1 HOUR", "<(-(t, t):INTERVAL, (0, 0, 3600000000):INTERVAL):BOOLEAN"),
        ("t > '2026-01-01'", ">(t, [CAST('2026-01-01' AS TIMESTAMP)]):BOOLEAN"),
        # What asks the clock is computed in each query.
        ("z > now()", '>(z, [now "now"()]):BOOLEAN'),
    ],
)
def test_bound_expressions_become_calls(text: str, wanted: str, using: Database) -> None:
    assert translated(text, using) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("md5(s) = 'x'", "<(md5(s) = 'x'):BOOLEAN>"),
        ("md5(s) = s", "=(<md5(s):VARCHAR>, s):BOOLEAN"),
        ("i > 2 AND md5(s) = s", "and(>(i, 2:INTEGER):BOOLEAN, =(<md5(s):VARCHAR>, s):BOOLEAN):BOOLEAN"),
        ("NOT (i > 2 OR l[1] = i)", "not(or(>(i, 2:INTEGER):BOOLEAN, =(<(l)[1]:INTEGER>, i):BOOLEAN):BOOLEAN):BOOLEAN"),
        ("cast(md5(s) AS integer) > i", ">(<CAST(md5(s) AS INTEGER):INTEGER>, i):BOOLEAN"),
        ("l[1] > x", ">(<(l)[1]:DOUBLE>, x):BOOLEAN"),
        ("if(x > 1, md5(s), s) = s", "=(case(>(x, 1.0:DOUBLE):BOOLEAN, <md5(s):VARCHAR>, s):VARCHAR, s):BOOLEAN"),
        ("s BETWEEN md5(s) AND s", "and(>=(s, <md5(s):VARCHAR>):BOOLEAN, <=(s, s):BOOLEAN):BOOLEAN"),
        # What reads nothing but DuckDB's part goes with it.
        ("CASE WHEN true THEN md5(s) END = s", "=(<CASE WHEN true THEN md5(s) ELSE NULL END:VARCHAR>, s):BOOLEAN"),
        ("l IS NULL", "<(l IS NULL):BOOLEAN>"),
        ("s COLLATE nocase = s", "<((s COLLATE nocase) = s):BOOLEAN>"),
        ("list_contains(list_transform(l, lambda q: q + i), 3)", None),
        ("random() < x", '<([now "random"()], x):BOOLEAN'),
    ],
)
def test_what_the_engine_does_not_compute_is_duckdbs(text: str, wanted: str | None, using: Database) -> None:
    found = translated(text, using)
    if wanted is None:
        assert found.startswith("<")
    else:
        assert found == wanted


@pytest.mark.parametrize(
    ("text", "elsewhere", "in_utc"),
    [
        ("z > z", ">(z, z):BOOLEAN", ">(z, z):BOOLEAN"),
        ("year(z) = 2026", "<(year(z) = 2026):BOOLEAN>", "=(year(z):BIGINT, 2026:BIGINT):BOOLEAN"),
        ("z::date = y", "=(<CAST(z AS DATE):DATE>, y):BOOLEAN", "=(cast(z):DATE, y):BOOLEAN"),
        ("t = z", "=(<t:TIMESTAMP WITH TIME ZONE>, z):BOOLEAN", "=(t, z):BOOLEAN"),
        ("timezone('UTC', z) = t", "=(z, t):BOOLEAN", "=(z, t):BOOLEAN"),
        # Hours are equally long everywhere, days are not.
        (
            "z + INTERVAL 1 HOUR > z",
            ">(+(z, (0, 0, 3600000000):INTERVAL):TIMESTAMP WITH TIME ZONE, z):BOOLEAN",
            ">(+(z, (0, 0, 3600000000):INTERVAL):TIMESTAMP WITH TIME ZONE, z):BOOLEAN",
        ),
        (
            "z + INTERVAL '1 day' > z",
            ">(<(z + CAST('1 day' AS INTERVAL)):TIMESTAMP WITH TIME ZONE>, z):BOOLEAN",
            ">(+(z, (0, 1, 0):INTERVAL):TIMESTAMP WITH TIME ZONE, z):BOOLEAN",
        ),
        ("z::varchar = s", "=(<CAST(z AS VARCHAR):VARCHAR>, s):BOOLEAN", "=(<CAST(z AS VARCHAR):VARCHAR>, s):BOOLEAN"),
    ],
)
def test_time_zones(text: str, elsewhere: str, in_utc: str, using: Database) -> None:
    assert translated(text, using) == elsewhere
    assert translated(text, using, utc=True) == in_utc


def test_aggregates_have_types(using: Database) -> None:
    aggregates = {
        "plain": 'sum("r0")',
        "rows": "count_star()",
        "computed": 'min("r1" + 1)',
        "distinct": 'count(DISTINCT "r0")',
        "ordered": 'string_agg("r2", \',\' ORDER BY "r1")',
        "filtered": 'sum("r0") FILTER (WHERE "r1" > 2)',
        "configured": 'quantile_cont("r0", 0.3)',
    }
    types = {"r0": "BIGINT", "r1": "INTEGER", "r2": "VARCHAR"}
    found = bound(['"plain" > "i0"'], {"i0": "DOUBLE"}, aggregates, types, using)
    kinds = {name: each.type for name, each in found.aggregates.items()}
    assert kinds == {
        "plain": "HUGEINT",
        "rows": "BIGINT",
        "computed": "INTEGER",
        "distinct": "BIGINT",
        "ordered": "VARCHAR",
        "filtered": "HUGEINT",
        "configured": "DOUBLE",
    }
    # Only calls of arguments may be computed by another, which knows of an order and of DISTINCT where there is one.
    names = {name: each.name for name, each in found.aggregates.items()}
    known = {"plain": "sum", "rows": "count_star", "computed": "min", "distinct": "count", "ordered": "string_agg"}
    assert names == known | dict.fromkeys(("filtered", "configured"))
    assert [name for name, each in found.aggregates.items() if each.ordered] == ["ordered"]
    assert [name for name, each in found.aggregates.items() if each.distinct] == ["distinct"]
    (comparison,) = found.expressions
    assert [each.type for each in comparison.children] == ["DOUBLE", "DOUBLE"]


class Answers:
    """Stands for a connection, and gives a plan that was changed."""

    def __init__(self, using: Database, change: Any) -> None:
        self._using = using
        self._change = change

    def plan(self, sql: str) -> str:
        plan = json.loads(self._using.plan(sql))
        self._change(plan["plans"][0])
        return json.dumps(plan)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: root.pop("expressions"),
        lambda root: root.update(type="LOGICAL_FILTER"),
        lambda root: root["expressions"].append(root["expressions"][0]),
        lambda root: root["expressions"][0].update(expression_class="BOUND_NEW"),
        lambda root: root["expressions"][0].update(new_key=True),
        lambda root: root["expressions"][0].update(type="COMPARE_NEW"),
        lambda root: root["expressions"][0].pop("qname"),
        lambda root: root["expressions"][0]["children"][0].update(index=99),
        lambda root: root["expressions"][0]["children"][0].update(index="0"),
        lambda root: root["expressions"][0]["children"][0].update(
            return_type={"id": "NEW", "type_info": {"type": "N"}}
        ),
        lambda root: root["expressions"][0]["children"][0].update(return_type="INTEGER"),
        lambda root: root["expressions"][0]["children"][1]["function_data"].update(is_default_cast=True),
        lambda root: root["expressions"][0]["children"].append(root["expressions"][0]["children"][0]),
        lambda root: root["expressions"].__setitem__(0, None),
    ],
)
def test_plans_of_other_shapes_are_not_guessed_at(change: Any, using: Database) -> None:
    answers: Any = Answers(using, change)
    (found,) = bound(['"x" > "i"'], TYPES, {}, {}, answers).expressions
    tree = parse_condition("A", "x > i").condition.node
    whole = Translator(lambda *_: True, lambda _: None, {}, utc=False).expression(tree, found)
    # Nothing at all, or DuckDB's as a whole.
    assert whole is None or "<" in shown(whole), shown(whole)


def test_what_is_unknown_is_no_constant() -> None:
    assert Bound("unknown", None) == UNKNOWN
    assert not UNKNOWN.constant
