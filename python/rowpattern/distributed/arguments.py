"""The arguments of `recognize` over frames of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rowpattern.errors import UnsupportedQueryError
from rowpattern.recognition.arguments import clause_of, given_conditions, table_of

if TYPE_CHECKING:
    from typing_extensions import Required, TypedDict

    from rowpattern.recognition.arguments import AfterMatch, Conditions, Keys, Measures, RowsPerMatch, Subset
    from rowpattern.sql.parse.clause_arguments import ClauseArguments

    class ClauseTexts(TypedDict, total=False):
        """The arguments of `rowpattern.recognize` that say what is asked, for type checkers."""

        pattern: Required[str]
        define: Conditions
        measures: Measures
        partition_by: Required[Keys]
        order_by: Keys
        rows_per_match: RowsPerMatch
        after_match: AfterMatch
        subset: Subset
        within: str | None


__all__ = ["Asked", "ClauseTexts", "asked"]


class Asked(NamedTuple):
    """A clause, and the frame that it is over."""

    clause: ClauseArguments
    frame: Any


def asked(
    data: Any,
    /,
    *,
    pattern: str,
    define: Conditions = None,
    measures: Measures = None,
    partition_by: Keys = None,
    order_by: Keys = None,
    rows_per_match: RowsPerMatch = "one",
    after_match: AfterMatch = "past last row",
    subset: Subset = None,
    within: str | None = None,
) -> Asked:
    """Return what is asked of a frame.

    Raises:
        UnsupportedQueryError: a condition is no text.
        What `rowpattern.recognize` raises of arguments.
    """
    name, frame = table_of(data)
    given = given_conditions(define, None)
    if given:
        message = f"define[{next(iter(given))!r}] is no text, and other machines are sent texts only; write a text"
        raise UnsupportedQueryError(f'{message}, as in "price < PREV(price)"')
    clause = clause_of(
        pattern, define, measures, partition_by, order_by, rows_per_match, after_match, subset, within, name, given
    )
    return Asked(clause, frame)
