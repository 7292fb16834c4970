"""How other languages and libraries write a parameter, and how it is written here."""

from __future__ import annotations

import re

__all__ = ["instead_of_placeholder"]

# `{name}` of Python's format, `${name}`, `{{ name }}` of templates, `%(name)s` and `@name` of database drivers.
_NAMED = re.compile(
    r"\{\{\s*(?P<template>\w+)\s*\}\}|\$?\{\s*(?P<braces>\w+)\s*\}|%\((?P<percent>\w+)\)s?|(?<!\w)@(?P<sign>\w+)"
)
# Behind a name or a number it is a remainder.
_BY_PLACE = re.compile(r"(?<=[=<>(,+\-*/|])\s*(?P<placeholder>%s)\b")
_AROUND = 200


def instead_of_placeholder(text: str, offset: int) -> str | None:
    """Return what to write where a place in a query is within a parameter of another kind; None where it is none.

    >>> instead_of_placeholder("price > {least}", 14)
    "a parameter is written $name or ?: in the place of {least} write $least, and give parameters={'least': ...}"
    """
    first = max(0, offset - _AROUND)
    around = text[first : offset + _AROUND]
    for found in _NAMED.finditer(around):
        if found.start() <= offset - first <= found.end():
            name = next(filter(None, found.groups()))
            instead = f"${name}, and give parameters={{{name!r}: ...}}" if name.isidentifier() else f"${name}"
            return _written(found[0], instead)
    for found in _BY_PLACE.finditer(around):
        if found.start("placeholder") <= offset - first <= found.end():
            return _written(found["placeholder"], "?, and give parameters=[...]")
    return None


def _written(placeholder: str, instead: str) -> str:
    return f"a parameter is written $name or ?: in the place of {placeholder} write {instead}"
