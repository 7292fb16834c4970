"""Symbols that a pattern passes over: without rows of them the matches are the same, but for these rows."""

from __future__ import annotations

import random
from typing import Any

import pytest

import rowpattern

import reference

NAMES = "ABO"
STEPS = ["A", "B", "(A | B)", "A{2}", "A+", "B?", "PERMUTE(A, B)", "(A B | B)", "(A O)", "{- B -}"]
BETWEEN = ["", "O*?", "O*", "O*?", "O*", "O+?", "O?", "{- O*? -}", "(O | B)*?", "(O O)*"]


def random_pattern(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return reference.text(reference.random_part(rng, NAMES, rng.randint(1, 4)))
    steps = [part for _ in range(rng.randint(1, 3)) for part in (rng.choice(STEPS), rng.choice(BETWEEN))]
    steps = steps if rng.random() < 0.3 else [*steps, rng.choice(STEPS)]
    if rng.random() < 0.3:
        steps = ["A", *(part for step in rng.choices(["A", "B", "(A | B)"], k=2) for part in ("O*?", step))]
    return " ".join([*rng.choices(["", "^"], [9, 1]), *steps, *rng.choices(["", "$"], [9, 1])])


def mapped(pattern: rowpattern.Pattern, rows: list[set[str]], skip: Any) -> list[list[tuple[int, str, bool]]]:
    conditions: Any = {name: [name in row for row in rows] for name in pattern.variables}
    found = pattern.find_iter(conditions, skip=skip)
    return [list(zip(range(each.start, each.end), each.labels, each.excluded)) for each in found]


@pytest.mark.parametrize("skip", ["past last row", "to next row"])
def test_rows_that_are_passed_over_change_no_match(skip: str) -> None:
    tried, seen = 0, 0
    for seed in range(4000):
        rng = random.Random(seed)
        pattern = rowpattern.compile(random_pattern(rng))
        if not pattern.variables or (flags := pattern._passed_over([])) is None:
            continue
        tried += 1
        symbols = list(range(1 << len(pattern.variables)))
        held = [{name for at, name in enumerate(pattern.variables) if symbol >> at & 1} for symbol in symbols]
        assert not any(flags[len(symbols) :])
        # Rows that are passed over as often as all others.
        passed = [symbol for symbol in symbols if flags[symbol]]
        chosen = [rng.choice(rng.choice([symbols, passed])) for _ in range(rng.randrange(20))]
        kept = [row for row, symbol in enumerate(chosen) if not flags[symbol]]
        wanted = mapped(pattern, [held[symbol] for symbol in chosen], skip)
        found = mapped(pattern, [held[chosen[row]] for row in kept], skip)
        seen += sum(len(match) for match in found) < sum(len(match) for match in wanted)
        in_table = [[(kept[row], *rest) for row, *rest in match] for match in found]
        assert [[each for each in match if not flags[chosen[each[0]]]] for match in wanted] == in_table, (seed, pattern)
        # A match's first row and its last are among those that are kept.
        assert [(match[0], match[-1]) for match in wanted] == [(match[0], match[-1]) for match in in_table]
        names = {label for match in wanted for row, label, _ in match if flags[chosen[row]]}
        for name in names:
            without = pattern._passed_over([name])
            at = {chosen[row] for match in wanted for row, label, _ in match if label == name and flags[chosen[row]]}
            assert without is None or not any(without[symbol] for symbol in at)
    assert tried > 300
    assert seen > 30


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("A O*? B", ["O"]),
        ("A O*? B O*? A", ["O"]),
        ("A O* B", ["O"]),
        # At least one row lies between, or two at a time.
        ("A O+? B", []),
        ("A (O O)* B", []),
        # What lies behind the last step is in the match.
        ("A O*", []),
        # A match of no row begins anywhere.
        ("(A O*? B)?", []),
        # Anchors tell rows by their places.
        ("^ A O*? B", []),
        ("A O*? B $", []),
        # One row more, and B would be further away.
        ("A B", []),
        # Rows of no variable stand between matches.
        ("A", [""]),
    ],
)
def test_which_symbols_are_passed_over(text: str, passed: list[str]) -> None:
    pattern = rowpattern.compile(text)
    flags = pattern._passed_over([]) or bytes(256)
    symbols = {sum(1 << at for at, each in enumerate(pattern.variables) if each in held) for held in passed}
    assert {at for at, flag in enumerate(flags) if flag} == symbols


def test_many_positions_and_variables_are_not_looked_at() -> None:
    assert rowpattern.compile("A O*? B{100}")._passed_over([]) is None
    assert rowpattern.compile("A B C D E F G O*? H I")._passed_over([]) is None
    assert rowpattern.compile(" O*? ".join("ABCDEFG"))._passed_over([]) is not None
    with pytest.raises(rowpattern.UnknownVariableError):
        rowpattern.compile("A O*? B")._passed_over(["X"])
