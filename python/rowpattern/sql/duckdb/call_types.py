"""What DuckDB says where a function or operator does not take values of the types that it is given, in short.

DuckDB lists all forms of the function, of `+` more than fifty. Here those with the same kinds of values are one.
"""

from __future__ import annotations

import re

__all__ = ["call_types_error"]

_NO_SUCH_CALL = re.compile(
    r"No function matches the given name and argument types '(?P<name>[^(']+)\((?P<types>.*?)\)'\. You might"
    r"[^\n]*\n?(?:\tCandidate functions:\n(?P<forms>.*))?",
    re.DOTALL,
)
# Functions that take other arguments elsewhere, and what to write here.
_INSTEAD_OF_CALL = {
    "array_extract": "PREV(x) for the row before, or NEXT(x) for the one behind",
    "date_diff": "date_diff('day', x, y), with the unit in single quotes",
    "date_trunc": "date_trunc('day', x), with the unit in single quotes",
    "datediff": "date_diff('day', x, y), with the unit in single quotes",
    "decode": "CASE x WHEN y THEN z ELSE w END",
}
_OPERATORS = {"~~": "LIKE", "!~~": "NOT LIKE", "~~*": "ILIKE", "!~~*": "NOT ILIKE", "~~~": "GLOB"}
_LITERALS = {"STRING_LITERAL": "VARCHAR", "INTEGER_LITERAL": "INTEGER"}
_NUMBERS = frozenset({"HUGEINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "BIGNUM", "VARINT"}).union(
    *({f"{sign}{kind}" for kind in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")} for sign in ("", "U"))
)
_TIMES = ("DATE", "TIMESTAMP")
_OF_PARTS = ("STRUCT(", "MAP(", "UNION(")
_NUMBER = "a number"
_MOST_FORMS = 4


def call_types_error(message: str) -> str | None:
    """Return a message of DuckDB's about the types of a call in short; None where it is another message."""
    found = _NO_SUCH_CALL.match(message)
    if found is None:
        return None
    name, types = found["name"], [_LITERALS.get(each, each) for each in _parts(found["types"])]
    if name in _INSTEAD_OF_CALL:
        return f"there is no {name}({', '.join(types)}); write {_INSTEAD_OF_CALL[name]}"
    if not name.isidentifier():
        return _operator_error(_OPERATORS.get(name, name), types)
    forms = list(dict.fromkeys(_form(line) for line in (found["forms"] or "").split("\n") if "(" in line))
    # Those with as many values are what was meant.
    meant = [each for each in forms if len(each) == len(types)]
    shown = [f"({', '.join(each)})" for each in (meant or forms)]
    more = " and others" if len(shown) > _MOST_FORMS else ""
    takes = f"; it takes {' or '.join(shown[:_MOST_FORMS])}{more}" if shown else ""
    cast = _cast(types, meant[0]) if meant else ""
    return f"there is no {name}({', '.join(types)}){takes}{cast}"


def _operator_error(sign: str, types: list[str]) -> str:
    if len(types) != 2:  # noqa: PLR2004 - an operand on each side
        message = f"there is no {sign} {' '.join(types)}"
        return f"{message}; a parameter is written $name or ?" if sign == "%" else f"{message}; cast it to a number"
    message = f"there is no {types[0]} {sign} {types[1]}"
    if sign in {"+", "-"} and any(each.startswith(_TIMES) for each in types) and any(map(_is_number, types)):
        return f"{message}; write an interval in the place of the number, as INTERVAL 1 DAY"
    if any(each.endswith("]") or each.startswith(_OF_PARTS) for each in types):
        return f"{message}; take a part of what has several, as in x[1] or x.name"
    if sign.isalpha() or sign.startswith("NOT "):
        instead = "VARCHAR"
    else:
        instead = "TIMESTAMP" if any(each.startswith(_TIMES) for each in types) else "DOUBLE"
    return f"{message}; cast one of the two, as in CAST(x AS {instead})"


def _cast(types: list[str], form: tuple[str, ...]) -> str:
    """Return how to cast the first value that has another type than a form of the function has."""
    for given, taken in zip(types, form):
        if taken == _NUMBER and not _is_number(given):
            return "; cast what is given, as in CAST(x AS DOUBLE)"
        if taken not in {_NUMBER, given} and re.fullmatch(r"[A-Z]{4,}", taken):
            return f"; cast what is given, as in CAST(x AS {taken})"
    return ""


def _form(line: str) -> tuple[str, ...]:
    """Return the types of a line such as `"substring"(string VARCHAR, "start" BIGINT) -> VARCHAR`."""
    inside = line[line.index("(") + 1 : line.rfind(")", 0, line.rfind(" -> "))]
    return tuple(_kind(each) for each in _parts(inside) if each != "/")


def _kind(parameter: str) -> str:
    """Return the type of `"start" BIGINT`, or of `BIGINT` alone."""
    if parameter.startswith("*"):
        return "..."
    quoted = re.match(r'"(?:[^"]|"")*" ', parameter)
    kind = parameter[quoted.end() :] if quoted else parameter.partition(" ")[2] or parameter
    return _NUMBER if _is_number(kind) else kind


def _is_number(kind: str) -> bool:
    return kind.partition("(")[0] in _NUMBERS


def _parts(text: str) -> list[str]:
    """Split at the commas that are in no brackets."""
    parts, depth, begin = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            parts.append(text[begin:at].strip())
            begin = at + 1
    return [*parts, text[begin:].strip()] if text.strip() else []
