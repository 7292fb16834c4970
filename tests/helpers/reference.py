"""The preference rules of the standard, written out: slow, and with no code of ours in it.

A pattern is a nested tuple. `ways` lists every way in which it can match from a row on, most preferred first
(ISO/IEC 19075-5, section 4.14.7, "Preferment rules"); `scan` finds the matches of a partition.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

# A part: ("variable", name), ("empty",), ("^",), ("$",), ("sequence", parts), ("choice", parts),
# ("permute", parts), ("exclude", part), ("repeat", part, least, most or None, greedy).
Part = tuple[Any, ...]
# A matched row: the variable, and whether it is excluded.
Mapped = tuple[tuple[str, bool], ...]


def text(part: Part) -> str:
    """Write a pattern as PATTERN text."""
    kind = part[0]
    if kind == "variable":
        return str(part[1])
    if kind == "empty":
        return "()"
    if kind in "^$":
        return str(kind)
    if kind == "sequence":
        return "(" + " ".join(text(each) for each in part[1]) + ")"
    if kind == "choice":
        return "(" + " | ".join(text(each) for each in part[1]) + ")"
    if kind == "permute":
        return "PERMUTE(" + ", ".join(text(each) for each in part[1]) + ")"
    if kind == "exclude":
        return "{- " + text(part[1]) + " -}"
    _, body, least, most, greedy = part
    signs = {(0, None): "*", (1, None): "+", (0, 1): "?"}
    upper = "" if most is None else most
    sign = signs.get((least, most)) or (f"{{{least}}}" if least == most else f"{{{least},{upper}}}")
    inner = text(body)
    return (f"({inner})" if body[0] == "repeat" else inner) + sign + ("" if greedy else "?")


class TooManyWaysError(Exception):
    """Nested loops have more ways than can be tried; the case proves nothing."""


class Steps:
    """How many parts have been entered since a scan began."""

    taken = 0
    most = 300_000


def ways(part: Part, row: int, rows: list[set[str]], excluded: bool) -> Iterator[tuple[int, Mapped]]:
    """Give (row after the last, mapped rows) of each way to match, most preferred first."""
    Steps.taken += 1
    if Steps.taken > Steps.most:
        raise TooManyWaysError
    kind = part[0]
    if kind == "variable":
        if row < len(rows) and part[1] in rows[row]:
            yield row + 1, ((part[1], excluded),)
    elif kind == "empty":
        yield row, ()
    elif kind == "^":
        if row == 0:
            yield row, ()
    elif kind == "$":
        if row == len(rows):
            yield row, ()
    elif kind == "sequence":
        yield from in_sequence(part[1], row, rows, excluded)
    elif kind == "choice":
        for each in part[1]:
            yield from ways(each, row, rows, excluded)
    elif kind == "permute":
        for order in itertools.permutations(part[1]):
            yield from in_sequence(order, row, rows, excluded)
    elif kind == "exclude":
        yield from ways(part[1], row, rows, True)
    else:
        yield from iterations(part, 0, row, rows, excluded)


def in_sequence(parts: Any, row: int, rows: list[set[str]], excluded: bool) -> Iterator[tuple[int, Mapped]]:
    """Match parts one after the other; the first part's preference counts most."""
    if not parts:
        yield row, ()
        return
    for middle, first in ways(parts[0], row, rows, excluded):
        for end, rest in in_sequence(parts[1:], middle, rows, excluded):
            yield end, first + rest


def iterations(part: Part, done: int, row: int, rows: list[set[str]], excluded: bool) -> Iterator[tuple[int, Mapped]]:
    """Match a loop of which some iterations are done."""
    _, body, least, most, greedy = part

    def another() -> Iterator[tuple[int, Mapped]]:
        if most is not None and done >= most:
            return
        for middle, first in ways(body, row, rows, excluded):
            if middle == row and done >= least:
                # The minimum is met, and this iteration consumed nothing: it ends the loop.
                yield middle, first
            else:
                for end, rest in iterations(part, done + 1, middle, rows, excluded):
                    yield end, first + rest

    if done < least:
        yield from another()
    elif greedy:
        yield from another()
        yield row, ()
    else:
        yield row, ()
        yield from another()


class SkipFailedError(Exception):
    """AFTER MATCH SKIP has nowhere to go."""


def scan(pattern: Part, rows: list[set[str]], skip: Any) -> Iterator[tuple[int, int, Mapped]]:
    """Give (first row, row after the last, mapped rows) of each match of a partition."""
    row = Steps.taken = 0
    while row < len(rows):
        found = next(ways(pattern, row, rows, excluded=False), None)
        if found is None:
            row += 1
            continue
        end, mapped = found
        yield row, end, mapped
        if end == row or skip == "to next row":
            row += 1
        elif skip == "past last row":
            row = end
        else:
            mode, names = skip
            places = [row + at for at, (name, _) in enumerate(mapped) if name in names]
            if not places:
                raise SkipFailedError("not in match")
            target = places[0] if mode == "to first" else places[-1]
            if target == row:
                raise SkipFailedError("first row")
            row = target


def random_part(rng: random.Random, names: str, depth: int) -> Part:
    """Make up a pattern."""
    roll = rng.random()
    if depth == 0 or roll < 0.2:
        leaf = rng.random()
        if leaf < 0.06:
            return ("empty",)
        if leaf < 0.1:
            return (rng.choice("^$"),)
        return ("variable", rng.choice(names))
    if roll < 0.42:
        return ("sequence", [random_part(rng, names, depth - 1) for _ in range(rng.randint(2, 3))])
    if roll < 0.58:
        return ("choice", [random_part(rng, names, depth - 1) for _ in range(rng.randint(2, 3))])
    if roll < 0.64:
        return ("permute", [random_part(rng, names, depth - 1) for _ in range(rng.randint(2, 3))])
    if roll < 0.68:
        return ("exclude", random_part(rng, names, depth - 1))
    least, most = rng.choice([(0, None), (1, None), (0, 1), (2, None), (1, 2), (0, 2), (2, 2), (2, 3), (1, 3)])
    return ("repeat", random_part(rng, names, depth - 1), least, most, rng.random() < 0.6)


def random_rows(rng: random.Random, names: str, most: int) -> list[set[str]]:
    """Make up rows with conditions that overlap."""
    density = rng.choice([0.2, 0.5, 0.8])
    return [{name for name in names if rng.random() < density} for _ in range(rng.randint(0, most))]
