"""Numbers and articles of things in messages: "1 row", "2 rows"; "an int", "a str"."""

from __future__ import annotations

__all__ = ["counted", "kind_with_article", "with_article"]


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not 1.

    >>> counted(1, "row"), counted(2_000, "row"), counted(2, "match"), counted(0, "entry")
    ('1 row', '2,000 rows', '2 matches', '0 entries')
    """
    if count == 1:
        return f"1 {noun}"
    if noun.endswith("y"):
        return f"{count:,} {noun[:-1]}ies"
    return f"{count:,} {noun}{'es' if noun.endswith('ch') else 's'}"


# Vowels that sound like "you".
_CONSONANTS = ("uint", "uni", "user", "uuid")


def with_article(name: str) -> str:
    """Return the name of a type with its article.

    >>> with_article("int"), with_article("str"), with_article("UUID"), with_article("ndarray")
    ('an int', 'a str', 'a UUID', 'an ndarray')
    """
    sound = name.lower()
    is_an = sound.startswith("ndarray") or (sound[:1] in tuple("aeiou") and not sound.startswith(_CONSONANTS))
    return f"{'an' if is_an else 'a'} {name}"


def kind_with_article(value: object) -> str:
    """Return the type of a value with its library's name, and its article.

    >>> import decimal
    >>> kind_with_article(decimal.Decimal(1)), kind_with_article(1)
    ('a decimal.Decimal', 'an int')
    """
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    return with_article(kind.__name__ if library == "builtins" else f"{library}.{kind.__name__}")
