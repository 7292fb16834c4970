"""The arguments of `recognize`, from what callers write to what a clause is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Optional, Union

from rowpattern.errors import ConfigurationError
from rowpattern.recognition.library_expressions import given_condition, given_measure
from rowpattern.sql.first_use import module
from rowpattern.sql.text.source_location import candidates

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Required, TypedDict, Unpack

    from rowpattern.recognition.library_expressions import GivenExpression
    from rowpattern.sql.kinds import QueryOptions
    from rowpattern.sql.parse.clause import RowsShown, Skip
    from rowpattern.sql.parse.clause_arguments import ClauseArguments

__all__ = [
    "CLAUSE_PARTS",
    "AfterMatch",
    "Asked",
    "ClauseParts",
    "Conditions",
    "Keys",
    "Measures",
    "PartitionedClause",
    "RecognizeArguments",
    "RowsPerMatch",
    "Subset",
    "asked",
    "table_of",
]

#: One list of keys, or several keys.
Keys = Union[str, Sequence[str], None]
#: Expressions by the names of variables: texts, expressions of Polars or Ibis, or functions of a frame.
Conditions = Optional[Mapping[str, Any]]
#: Measures by the names of the answer's columns; each is what a condition may be.
Measures = Optional[Mapping[str, Any]]
#: Variables by the name of their union.
Subset = Optional[Mapping[str, Sequence[str]]]
RowsPerMatch = Literal["one", "all", "all with unmatched", "all omit empty"]
#: The arguments of `recognize` that are parts of the clause.
CLAUSE_PARTS = (
    "pattern",
    "define",
    "measures",
    "partition_by",
    "order_by",
    "rows_per_match",
    "after_match",
    "subset",
    "within",
)
AfterMatch = Union[Literal["past last row", "to next row"], tuple[Literal["to first", "to last"], str]]

if TYPE_CHECKING:

    class ClauseParts(TypedDict, total=False):
        """The parts of a clause but PARTITION BY, for type checkers."""

        pattern: Required[str]
        define: Conditions
        measures: Measures
        order_by: Keys
        rows_per_match: RowsPerMatch
        after_match: AfterMatch
        subset: Subset
        within: str | float | timedelta | None

    class PartitionedClause(ClauseParts, total=False):
        """The parts of a clause, for type checkers."""

        partition_by: Keys

    class RecognizeArguments(PartitionedClause, QueryOptions, total=False):
        """The arguments of `recognize` beside the table and `stream`, for type checkers."""


class Asked(NamedTuple):
    """What is asked.

    Attributes:
        clause: the clause.
        table: the table that it is over.
        given: the conditions and measures that are no texts, by what callers call the argument: `define["DOWN"]`.
    """

    clause: ClauseArguments
    table: Any
    given: dict[str, GivenExpression]


_ROWS_SHOWN: dict[str, RowsShown] = {
    "one": "one row",
    "all": "all rows",
    "all with unmatched": "all rows with unmatched",
    "all omit empty": "all rows omit empty",
}


def table_of(data: Any) -> tuple[str | None, Any]:
    """Return the name of the table, where it has one, and the table.

    Raises:
        TypeError: it is a mapping of other than one table.
    """
    if not isinstance(data, Mapping):
        return None, data
    if len(data) != 1:
        names = ", ".join(map(str, data)) or "none"
        raise TypeError(f"recognize reads one table, and data has {len(data)}: {names}; give one of them")
    ((name, table),) = data.items()
    if not isinstance(name, str):
        raise TypeError(f"the name of the table in data must be a text, not {_kind(name)}")
    return name, table


def asked(data: Any, /, **parts: Unpack[PartitionedClause]) -> Asked:
    """Return what the arguments of `recognize` ask.

    Raises:
        TypeError: an argument is of another type.
        ConfigurationError: an argument has a value that is not one of those that it can have.
        MissingDependencyError: a package of the extra `sql` is not installed.
    """
    for part in parts:
        if part not in CLAUSE_PARTS:
            raise TypeError(f"there is no argument {part}; {candidates(part, CLAUSE_PARTS, 'parts of a clause')}")
    if "pattern" not in parts:
        raise TypeError("pattern is missing; give a text, as pattern='DOWN+ UP+'")
    name, table = table_of(data)
    pattern, define, measures = parts["pattern"], parts.get("define"), parts.get("measures")
    rows_per_match = parts.get("rows_per_match", "one")
    conditions = _given("define", define, table, given_condition)
    computed = _given("measures", measures, table, given_measure)
    defined = _expressions("define", define, "the name of a variable", conditions)
    if not isinstance(pattern, str):
        raise TypeError(f"pattern must be a text, as 'DOWN+ UP+', not {_kind(pattern)}")
    if not isinstance(rows_per_match, str) or rows_per_match not in _ROWS_SHOWN:
        allowed = ", ".join(map(repr, _ROWS_SHOWN))
        raise ConfigurationError(f"rows_per_match is {rows_per_match!r}; allowed are {allowed}")
    kind: type[ClauseArguments] = module("parse.clause_arguments").ClauseArguments
    clause = kind(
        pattern,
        tuple(each for each in defined if each[0] not in conditions),
        _expressions("measures", measures, "the name of a measure", computed),
        _keys("partition_by", parts.get("partition_by")),
        _keys("order_by", parts.get("order_by")),
        _ROWS_SHOWN[rows_per_match],
        _skip(parts.get("after_match", "past last row")),
        _unions(parts.get("subset")),
        name,
        _length(parts.get("within")),
        tuple((variable, condition.shown) for variable, condition in conditions.items()),
        tuple(computed),
    )
    return Asked(clause, table, {each.name: each for each in (*conditions.values(), *computed.values())})


def _given(
    part: str,
    written: Mapping[str, Any] | None,
    data: Any,
    read: Callable[[str, Any, Any], GivenExpression | None],
) -> dict[str, GivenExpression]:
    """Return the items of an argument that are no texts: expressions of a library, and functions."""
    if not isinstance(written, Mapping):
        return {}
    found = {}
    for name, value in written.items():
        if isinstance(name, str) and not isinstance(value, str):
            given = read(f"{part}[{name!r}]", value, data)
            if given is not None:
                found[name] = given
    return found


def _expressions(
    part: str, written: Mapping[str, Any] | None, what: str, given: Mapping[str, GivenExpression]
) -> tuple[tuple[str, str], ...]:
    """Return the items of an argument, with what to show for those that are no texts."""
    if written is None:
        return ()
    if not isinstance(written, Mapping):
        raise TypeError(f"{part} must be a mapping of names to expressions, not {_kind(written)}")
    for name, text in written.items():
        if not isinstance(name, str):
            raise TypeError(f"{what} in {part} must be a text, not {_kind(name)}")
        if isinstance(text, str) or name in given:
            continue
        message = f"{part}[{name!r}] must be an expression as a text, not {_kind(text)}"
        raise TypeError(f"{message}; it may also be an expression of Polars or Ibis, or a function of a frame")
    return tuple((name, given[name].shown if name in given else text) for name, text in written.items())


def _length(within: str | float | timedelta | None) -> str | None:
    """Return how far a match reaches, as a text."""
    if within is None or isinstance(within, str):
        return within
    if isinstance(within, timedelta):
        seconds, rest = divmod(within, timedelta(seconds=1))
        microseconds = within // timedelta(microseconds=1)
        return f"INTERVAL '{microseconds} microseconds'" if rest else f"INTERVAL '{seconds} seconds'"
    if isinstance(within, (int, float)) and not isinstance(within, bool):
        return repr(within)
    raise TypeError(f"within must be a text, as 'INTERVAL 10 MINUTES', a timedelta or a number, not {_kind(within)}")


def _keys(part: str, given: Keys) -> tuple[tuple[str, str], ...]:
    if given is None:
        return ()
    if isinstance(given, str):
        return ((part, given),)
    if not isinstance(given, Sequence):
        raise TypeError(f"{part} must be a text or a list of texts, not {_kind(given)}")
    for at, text in enumerate(given):
        if not isinstance(text, str):
            raise TypeError(f"{part}[{at}] must be a text, not {_kind(text)}")
    return tuple((f"{part}[{at}]", text) for at, text in enumerate(given))


def _skip(given: AfterMatch) -> Skip:
    if given == "past last row" or given == "to next row":  # noqa: PLR1714 - so that types are known
        return given, ""
    if isinstance(given, (tuple, list)) and len(given) == 2 and given[0] in {"to first", "to last"}:  # noqa: PLR2004
        mode, variable = given
        if not isinstance(variable, str):
            raise TypeError(f"after_match[1] must be the name of a variable, not {_kind(variable)}")
        return mode, variable
    allowed = """'past last row', 'to next row', ('to first', 'A') and ('to last', 'A')"""
    raise ConfigurationError(f"after_match is {given!r}; allowed are {allowed}, with a variable in place of A")


def _unions(given: Mapping[str, Sequence[str]] | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise TypeError(f"subset must be a mapping of names to lists of variables, not {_kind(given)}")
    found = []
    for name, members in given.items():
        if not isinstance(name, str):
            raise TypeError(f"the name of a union variable in subset must be a text, not {_kind(name)}")
        if isinstance(members, str) or not isinstance(members, Sequence):
            raise TypeError(f'subset[{name!r}] must be a list of variables, as ["A", "B"], not {_kind(members)}')
        for each in members:
            if not isinstance(each, str):
                raise TypeError(f"subset[{name!r}] must have names of variables, not {_kind(each)}")
        if not members:
            raise ConfigurationError(f"subset[{name!r}] is empty; give it one variable or more")
        found.append((name, tuple(members)))
    return tuple(found)


def _kind(value: object) -> str:
    return type(value).__name__
