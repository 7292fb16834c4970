"""Texts of queries with MATCH_RECOGNIZE, right ones and damaged ones, from a seed.

`query` writes a query by the grammar, mostly over the columns that `TABLE` has; `damaged` then cuts it short, deletes,
doubles, exchanges or inserts tokens, or nests an expression deeply. Nothing here knows how the package reads SQL.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable

import pyarrow as pa

if TYPE_CHECKING:
    import random

TABLE = pa.table(
    {
        "p": ["a", "a", "a", "b", "b", None],
        "o": [1, 2, 3, 1, 2, 1],
        "x": [3, 2, 4, None, 5, 1],
        "y": [0.5, float("nan"), -1.0, 2.5, None, 1e300],
        "s": ["k", "", "ü", None, "k k", "'"],
        "t": pa.array([0, 10**6, 2 * 10**6, None, 5, 10**15], pa.timestamp("us")),
    }
)

_NAMES = ["A", "B", "C"]
_COLUMNS = ["p", "o", "x", "y", "s", "t"]
_ODD_NAMES = [
    '"A"',
    '"a b"',
    '"x"',
    '""',
    '"\0"',
    "nosuch",
    "MATCH_RECOGNIZE",
    "end",
    "select",
    "U",
    "\ud800",
    "ŉ",
    "e\u0301",
    "x\u202ey",
]
_FUNCTIONS = [
    "abs",
    "length",
    "upper",
    "coalesce",
    "product",
    "list",
    "sum",
    "count",
    "avg",
    "min",
    "max",
    "array_agg",
    "nosuch",
    "round",
]
_TYPES = ["INT", "DOUBLE", "VARCHAR", "DATE", "TIMESTAMP", "DECIMAL(5,2)", "INT[]", "STRUCT(a INT)", '"INT"', "NOSUCH"]
# What is put into a text where nothing or something else belongs.
_TOKENS = [
    *(
        "(",
        ")",
        "((",
        ",",
        ";",
        ".",
        "..",
        "'",
        '"',
        "''",
        "$$",
        "--",
        "/*",
        "*/",
        "{-",
        "-}",
        "{",
        "}",
        "[",
        "]",
        "|>",
        "::",
        "->",
    ),
    *(
        "*",
        "+",
        "?",
        "|",
        "^",
        "$",
        "=",
        "<>",
        "@",
        "\\",
        "\0",
        "\ud800",
        "\udc00x",
        "\u202e",
        "\ufeff",
        "\uff11",
        "É",
        "0x",
        "1e",
        "1e999",
    ),
    *(
        "SELECT",
        "FROM",
        "AS",
        "AND",
        "NOT",
        "NULL",
        "CASE",
        "END",
        "INTERVAL 1 DAY",
        "INTERVAL",
        "OVER ()",
        "FILTER (WHERE true)",
    ),
    *(
        "MATCH_RECOGNIZE",
        "MATCH_RECOGNIZE (PATTERN (A))",
        "MEASURES",
        "DEFINE",
        "PATTERN",
        "SUBSET",
        "WITH",
        "UNION",
        "PREV(",
        "FINAL",
    ),
    *(
        "99999999999999999999999",
        "-",
        "x'AB'",
        "e'\\x00'",
        "?",
        "$1",
        ":name",
        "(SELECT 1)",
        "EXCLUDE",
        "REPLACE",
        "QUALIFY",
        "LATERAL",
    ),
]


def query(rng: random.Random) -> str:
    """Write a query by the grammar."""
    source = rng.choice(["t", "t", "t", "t AS q", "(SELECT * FROM t)", "(FROM t)", '"t"', "nosuch", "t, t AS other"])
    text = f"SELECT {_select(rng)} FROM {source} {_clause(rng)}"
    if rng.random() < 0.15:
        text = (
            f"WITH w AS ({text}) SELECT * FROM w" if rng.random() < 0.5 else f"{text} AS m WHERE {_expression(rng, 1)}"
        )
    if rng.random() < 0.1:
        text += rng.choice([" ORDER BY 1", " LIMIT 3", ";", " GROUP BY ALL", " UNION ALL SELECT 1", " -- end"])
    return text


def _select(rng: random.Random) -> str:
    return rng.choice(["*", "*", "m1", "count(*)", "m1, m1", "* EXCLUDE (m1)", "p, o", "m.*", _expression(rng, 1)])


def _name(rng: random.Random) -> str:
    return rng.choice(_COLUMNS) if rng.random() < 0.95 else rng.choice(_ODD_NAMES)


def _variable(rng: random.Random) -> str:
    return rng.choice(_NAMES) if rng.random() < 0.95 else rng.choice(_ODD_NAMES)


def _clause(rng: random.Random) -> str:
    parts = []
    if rng.random() < 0.6:
        parts.append(f"PARTITION BY {_name(rng) if rng.random() < 0.9 else _expression(rng, 1)}")
    if rng.random() < 0.8:
        direction = rng.choice(["", "", " DESC", " ASC NULLS FIRST"])
        parts.append(f"ORDER BY {_name(rng) if rng.random() < 0.9 else _expression(rng, 1)}{direction}")
    if rng.random() < 0.8:
        measures = [f"{_expression(rng, 3)} AS m{number + 1}" for number in range(rng.choice([1, 1, 2, 3]))]
        parts.append("MEASURES " + ", ".join(measures))
    if rng.random() < 0.4:
        rows = ["ONE ROW PER MATCH", "ALL ROWS PER MATCH", "ALL ROWS PER MATCH OMIT EMPTY MATCHES"]
        parts.append(
            rng.choice([*rows, "ALL ROWS PER MATCH WITH UNMATCHED ROWS", "ALL ROWS PER MATCH SHOW EMPTY MATCHES"])
        )
    if rng.random() < 0.4:
        skip = rng.choice(["PAST LAST ROW", "TO NEXT ROW", "TO FIRST {}", "TO LAST {}", "TO {}"])
        parts.append("AFTER MATCH SKIP " + skip.format(_variable(rng)))
    parts.append(f"PATTERN ({_pattern(rng, 3)})")
    if rng.random() < 0.2:
        parts.append("SUBSET U = (A, B)")
    if rng.random() < 0.9:
        conditions = [f"{_variable(rng)} AS {_condition(rng, 3)}" for _ in range(rng.choice([1, 1, 2, 3]))]
        parts.append("DEFINE " + ", ".join(conditions))
    return "MATCH_RECOGNIZE (" + " ".join(parts) + ")" + rng.choice(["", "", " AS m", " m"])


def _pattern(rng: random.Random, depth: int) -> str:
    if depth == 0 or rng.random() < 0.3:
        return _variable(rng) + rng.choice(["", "", "*", "+", "?", "{2}", "{1,3}", "+?", "{,2}"])
    inner = [_pattern(rng, depth - 1) for _ in range(rng.choice([2, 2, 3]))]
    form = rng.choice(["({})", "({})+", "{{- {} -}}", "PERMUTE({})", "{}", "^ {}", "{} $"])
    separator = ", " if form.startswith("PERMUTE") else rng.choice([" ", " ", " | "])
    return form.format(separator.join(inner))


def _condition(rng: random.Random, depth: int) -> str:
    if depth == 0:
        return rng.choice(["true", "x > 1", "x < PREV(x)", "B.x > A.x", "NULL", "s = 'k'"])

    def inner() -> str:
        return _expression(rng, depth - 1)

    forms: list[Callable[[], str]] = [
        lambda: f"{inner()} {rng.choice(['<', '=', '>=', '<>', 'IS DISTINCT FROM'])} {inner()}",
        lambda: f"{_condition(rng, depth - 1)} {rng.choice(['AND', 'OR'])} {_condition(rng, depth - 1)}",
        lambda: f"NOT ({_condition(rng, depth - 1)})",
        lambda: f"{inner()} {rng.choice(['IS NULL', 'IS NOT NULL', 'IN (1, 2)', 'BETWEEN 1 AND 3'])}",
        lambda: f"s LIKE {rng.choice(_QUOTED)}",
    ]
    return rng.choice(forms)()


_QUOTED = ["'k'", "'%'", "''''", "'\\'", "'ü'", "'\0'", "'\ud800'", "e'\\n'", "$$k$$"]


def _expression(rng: random.Random, depth: int) -> str:
    if depth == 0 or rng.random() < 0.2:
        return rng.choice(
            [
                *_COLUMNS,
                "A.x",
                "B.x",
                "C.y",
                "U.x",
                "1",
                "2.5",
                "NULL",
                "'k'",
                "CLASSIFIER()",
                "MATCH_NUMBER()",
                _name(rng),
            ]
        )

    def inner() -> str:
        return _expression(rng, depth - 1)

    def navigation() -> str:
        return rng.choice(["PREV", "NEXT", "FIRST", "LAST"])

    forms: list[Callable[[], str]] = [
        lambda: f"{navigation()}({inner()})",
        lambda: f"{navigation()}({inner()}, {rng.choice(['1', '2', '-1', '99999999999', 'x', 'NULL'])})",
        lambda: (
            f"{rng.choice(_SEMANTICS)} {rng.choice(['LAST', 'sum', 'count', 'max'])}({_variable(rng)}.{_name(rng)})"
        ),
        lambda: f"{rng.choice(_FUNCTIONS)}({', '.join(inner() for _ in range(rng.choice([0, 1, 1, 2])))})",
        lambda: f"{inner()} {rng.choice(['+', '-', '*', '/', '//', '%', '||', '->', '::INT +'])} {inner()}",
        lambda: f"CAST({inner()} AS {rng.choice(_TYPES)})",
        lambda: f"CASE WHEN {_condition(rng, depth - 1)} THEN {inner()} ELSE {inner()} END",
        lambda: f"({inner()})",
        lambda: f"-{inner()}",
        lambda: f"{_variable(rng)}.{_name(rng)}",
        lambda: f"count(*) FILTER (WHERE {_condition(rng, depth - 1)})",
        lambda: rng.choice(["count(*)", "count(A.*)", "CLASSIFIER(U)", "INTERVAL 1 DAY", "[1, 2]", "{'a': x}", "x[1]"]),
        lambda: f"EXTRACT({rng.choice(['year', 'nosuch', chr(39) + 'year' + chr(39)])} FROM t)",
    ]
    return rng.choice(forms)()


_SEMANTICS = ["RUNNING", "FINAL", ""]
_TOKEN = re.compile(r"\w+|\s+|'[^']*'|\"[^\"]*\"|.", re.DOTALL)


def damaged(rng: random.Random, text: str) -> str:
    """Change a text so that it is most likely wrong."""
    kind = rng.randrange(8)
    if kind == 0:
        return _deep(rng, text)
    tokens = _TOKEN.findall(text)
    if kind == 1:
        return "".join(tokens[: rng.randrange(len(tokens) + 1)])
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        at, other = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        change = rng.randrange(5)
        if change == 0:
            tokens[at] = ""
        elif change == 1:
            tokens.insert(at, tokens[other])
        elif change == 2:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        else:
            tokens.insert(at, f" {rng.choice(_TOKENS)} ")
    return "".join(tokens)


def _deep(rng: random.Random, text: str) -> str:
    """Put something deep or long in the place of a column."""
    times = rng.choice([10, 100, 1_000, 20_000])
    before, after = rng.choice(
        [
            ("(", ")"),
            ("abs(", ")"),
            ("-", ""),
            ("NOT ", ""),
            ("PREV(", ")"),
            ("x + ", ""),
            ("[", "]"),
            ("CASE WHEN ", " THEN 1 END"),
            ("x OR ", ""),
        ]
    )
    deep = before * times + "x" + after * times
    if rng.random() < 0.3:
        deep = "x IN (" + ", ".join(map(str, range(times))) + ")"
    if rng.random() < 0.2:
        return text.replace("PATTERN (", "PATTERN (" + "(" * times + "A" + ")" * times, 1)
    return re.sub(r"\b[xo]\b", lambda _: deep, text, count=1)
