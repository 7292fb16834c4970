"""The parts of one window with a row pattern, in the order of ISO/IEC 9075-2, 7.15 <window specification>.

`[name] [PARTITION BY ...] [ORDER BY ...] [MEASURES ...] ROWS BETWEEN CURRENT ROW AND ... [AFTER MATCH ...]
[INITIAL | SEEK] PATTERN (...) [SUBSET ...] [DEFINE ...]`, where `name` is a window that this one extends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rowpattern.errors import QuerySyntaxError
from rowpattern.sql.parse.clause import Clause, ExpressionSource, OrderKey, PartitionKey, TextPiece
from rowpattern.sql.parse.clause_reader import PART_BEGINNINGS, ClauseReader
from rowpattern.sql.parse.window import PatternWindow
from rowpattern.sql.records import Record, field
from rowpattern.sql.text.source_location import error_at
from rowpattern.sql.text.tokens import outside_brackets

if TYPE_CHECKING:
    from rowpattern.sql.text.source_location import SourceLocation
    from rowpattern.sql.text.tokens import Token

__all__ = ["WindowKeys", "WindowReader"]

_FRAME_UNITS = frozenset({"ROWS", "RANGE", "GROUPS"})
_BEHIND_UNITS = frozenset({"BETWEEN", "CURRENT", "UNBOUNDED"})

#: Words of which one stands behind the keys and the frame where a window has a row pattern.
_PATTERN_WORDS = frozenset({"MEASURES", "AFTER", "INITIAL", "SEEK", "PATTERN", "SUBSET", "DEFINE"})

_FRAME = "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING (or CURRENT ROW, or n FOLLOWING)"


class WindowKeys(Record, frozen=False):
    """What a window takes over from those that it extends.

    Attributes:
        texts: as `PatternWindow.keys`.
    """

    partition_by: list[PartitionKey] = field(default_factory=list)
    order_by: list[OrderKey] = field(default_factory=list)
    texts: list[tuple[int, int]] = field(default_factory=list)


class WindowReader(ClauseReader):
    """Reads one window from tokens: what stands between its parentheses."""

    parts: ClassVar[tuple[str, ...]] = (
        *("PARTITION BY", "ORDER BY", "MEASURES", "ROWS", "AFTER MATCH SKIP", "INITIAL", "SEEK"),
        *("PATTERN", "WITHIN", "SUBSET", "DEFINE"),
    )
    beginnings: ClassVar[dict[str, frozenset[str]]] = {**PART_BEGINNINGS, **dict.fromkeys(_FRAME_UNITS, _BEHIND_UNITS)}
    whole: ClassVar[str] = "a window with a row pattern"

    def base(self) -> Token | None:
        """Pass over the name of the window that this one extends, where it begins with one, and return it."""
        begins = self._at < self._end and self._token.is_name and not self._begins_part()
        if not begins or self._word() in {"PARTITION", "ORDER"}:
            return None
        self._at += 1
        return self._tokens[self._at - 1]

    def keys(self) -> WindowKeys:
        """Read PARTITION BY and ORDER BY."""
        found = WindowKeys()
        begin = self._at
        if self._take_words("PARTITION", "BY"):
            found.partition_by = self._list(self._partition_key)
            for key in found.partition_by:
                if key.name is not None:
                    message = f"PARTITION BY of a window makes no column; leave out AS {key.name}"
                    raise error_at(message, key.location, QuerySyntaxError)
            begin = self._passed(begin, found)
        if self._take_words("ORDER", "BY"):
            found.order_by = self._list(self._order_key)
            self._passed(begin, found)
        return found

    def _passed(self, begin: int, keys: WindowKeys) -> int:
        keys.texts.append((self._tokens[begin].begin, self._tokens[self._at - 1].end))
        return self._at

    @property
    def is_at_end(self) -> bool:
        """Whether all of it has been read."""
        return self._at >= self._end

    def has_pattern(self) -> bool:
        """Say, behind the keys, whether the window has a row pattern, or a part of one."""
        if self._word() in _PATTERN_WORDS:
            return True
        if self._word() not in _FRAME_UNITS:
            return False
        return any(
            self._tokens[at].word in _PATTERN_WORDS and self._tokens[at - 1].word not in {"AND", "BETWEEN"}
            for at in outside_brackets(self._closing, self._at, self._end)
        )

    def pattern_window(
        self, number: int, keys: WindowKeys, name: str | None, location: SourceLocation
    ) -> PatternWindow:
        """Read what stands behind the keys.

        Raises:
            QuerySyntaxError: it is wrong; the message shows where and what was expected.
        """
        measures = self._list(self._measure) if self._take_words("MEASURES") else []
        bounded, following = self._frame()
        skip_location = self._location()
        skip = self._skip()
        seek = self._take_words("SEEK")
        if not seek:
            self._take_words("INITIAL")
        clause = Clause(
            number=-1,
            location=location,
            source=TextPiece(location.offset, location.offset),
            table=None,
            source_name=None,
            partition_by=keys.partition_by,
            order_by=keys.order_by,
            measures=measures,
            rows_shown="one row",
            skip=skip,
            skip_location=skip_location,
            **self._pattern_parts(),
        )
        return PatternWindow(number, clause, bounded, following, seek, tuple(keys.texts), name)

    def _frame(self) -> tuple[bool, ExpressionSource | None]:
        """Read the frame: whether it is bounded, and by how many rows behind the current one."""
        if self._word() in {"RANGE", "GROUPS"}:
            raise self._fail(f"a window with a row pattern has a frame of rows, not {self._word()}; write {_FRAME}")
        if not self._take_words("ROWS"):
            if self._word() in {"ONE", "ALL"}:
                raise self._rows_per_match()
            raise self._fail(f"expected the frame; write {_FRAME}")
        self._take_words("BETWEEN")
        if not self._take_words("CURRENT", "ROW", "AND"):
            raise self._fail(f"the frame of a row pattern begins at the current row; write {_FRAME}")
        bounded, following = True, None
        if self._take_words("UNBOUNDED", "FOLLOWING"):
            bounded = False
        elif not self._take_words("CURRENT", "ROW"):
            following = self._rows_following()
        if self._word() == "EXCLUDE":
            raise self._fail("a frame with a row pattern has no EXCLUDE; leave it out")
        if self._word() in {"ONE", "ALL"}:
            raise self._rows_per_match()
        return bounded, following

    def _rows_following(self) -> ExpressionSource:
        begin = self._at
        while self._at < self._end and self._word() not in {"FOLLOWING", "PRECEDING"}:
            if self._at > begin and self._begins_part():
                break
            self._at = self._closing.get(self._at, self._at) + 1
        end = self._at
        if self._word() != "FOLLOWING" or begin == end:
            raise self._fail(f"the frame of a row pattern ends at or behind the current row; write {_FRAME}")
        self._at += 1
        return self._written(begin, end, f"expected how many rows; write {_FRAME}")

    def _written(self, begin: int, end: int, expected: str) -> ExpressionSource:
        for at in range(begin + 1, end - 1):
            behind = self._tokens[at + 1]
            if self._tokens[at].word == "OVER" and (behind.is_sign("(") or behind.is_name):
                message = "a window cannot stand in a window with a row pattern; PREV and NEXT read other rows"
                raise self._fail(message, self._tokens[at])
        return super()._written(begin, end, expected)

    def _rows_per_match(self) -> QuerySyntaxError:
        message = "a window gives each row an answer, so it has no ONE ROW or ALL ROWS PER MATCH; leave it out"
        return self._fail(message)
