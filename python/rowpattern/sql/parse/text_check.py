"""What no text of a query may have, found before it is read."""

from __future__ import annotations

from rowpattern.counted import with_article
from rowpattern.errors import QuerySyntaxError
from rowpattern.sql.text.source_location import SourceLocation, error_at

__all__ = ["check_text"]

# A stranger's query can be long; what is refused here has cost no more than a look at its characters.
_LONGEST_QUERY = 1 << 20


def check_text(text: str, what: str) -> None:
    """Refuse what is no text, is too long, or has characters that DuckDB's parser does not take.

    Raises:
        TypeError: it is no `str`.
        QuerySyntaxError: anything else is wrong with it.
    """
    if not isinstance(text, str):
        message = f"the {what} is {with_article(type(text).__name__)}; give a text"
        if what == "query":
            message += ": match_recognize(sql, table); recognize(table, pattern=...) takes the table first"
        raise TypeError(message)
    if len(text) > _LONGEST_QUERY:
        raise QuerySyntaxError(f"the {what} has {len(text):,} characters; the limit is {_LONGEST_QUERY:,}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = f"the {what} has half of a surrogate pair, which is no character; remove it"
        # What an error shows must be printable.
        shown = text.encode("utf-8", "replace").decode()
        raise error_at(message, SourceLocation(shown, error.start), QuerySyntaxError) from None
    if "\0" in text:
        message = f"the {what} has a NUL character; remove it"
        raise error_at(message, SourceLocation(text.replace("\0", " "), text.index("\0")), QuerySyntaxError)
