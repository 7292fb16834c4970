"""The arguments of `recognize` over frames of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.errors import UnsupportedQueryError
from rowpattern.recognition.arguments import asked

if TYPE_CHECKING:
    from typing_extensions import Required, Unpack

    from rowpattern.recognition.arguments import ClauseParts, Keys
    from rowpattern.sql.parse.clause_arguments import ClauseArguments

    class ClauseTexts(ClauseParts, total=False):
        """The arguments of `rowpattern.recognize` that say what is asked, for type checkers."""

        partition_by: Required[Keys]


__all__ = ["ClauseTexts", "asked_of_frame"]


def asked_of_frame(data: Any, /, **arguments: Unpack[ClauseTexts]) -> tuple[ClauseArguments, Any]:
    """Return a clause, and the frame that it is over.

    Raises:
        UnsupportedQueryError: a condition or a measure is no text.
        What `rowpattern.recognize` raises of arguments.
    """
    clause, frame, given = asked(data, **arguments)
    if given:
        message = f"{next(iter(given))} is no text, and other machines are sent texts only; write a text"
        raise UnsupportedQueryError(f'{message}, as in "price < PREV(price)"')
    return clause, frame
