"""Which names of tables a query with pipes uses further on."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["NamesUsed", "UsedFrom"]


class NamesUsed:
    """The operators that use names of tables, by their numbers, and those behind which a name means something else."""

    def __init__(self) -> None:
        """Begin without any."""
        self._uses: dict[str, list[int]] = {}
        self._ends: dict[str, list[int]] = {}
        self._namings: list[int] = []

    def add(self, number: int, used: Iterable[str], named: Iterable[str] = (), *, is_naming: bool = False) -> None:
        """Add the next operator.

        Args:
            number: its number.
            used: the names in it, as they are compared.
            named: the names that mean its own table in it and behind it.
            is_naming: whether no name means behind it what it meant before.
        """
        for name in used:
            self._uses.setdefault(name, []).append(number)
        for name in named:
            self._ends.setdefault(name, []).append(number)
        if is_naming:
            self._namings.append(number)

    def is_used(self, name: str, number: int) -> bool:
        """Say whether an operator or one behind it uses a name as the one before it has it."""
        use = _next(self._uses.get(name, ()), number)
        if use is None:
            return False
        ends = (_next(self._namings, number), _next(self._ends.get(name, ()), number))
        return all(end is None or use <= end for end in ends)


def _next(numbers: Sequence[int], number: int) -> int | None:
    at = bisect_left(numbers, number)
    return numbers[at] if at < len(numbers) else None


class UsedFrom:
    """The names that are used from an operator on."""

    def __init__(self, names: NamesUsed, number: int) -> None:
        """Take the operator's number."""
        self._names = names
        self._number = number

    def __contains__(self, name: object) -> bool:
        """Say whether a name is one of them."""
        return isinstance(name, str) and self._names.is_used(name, self._number)
