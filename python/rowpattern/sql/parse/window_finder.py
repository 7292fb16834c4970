"""Where windows with row patterns stand in a query, which calls are over them, and what DuckDB's parser gets instead.

DuckDB knows nothing of patterns in windows. `low OVER w` is given to its parser as a call of a marked name over the
window's keys, `count(*) OVER w` as one of a marked function, and the windows themselves are taken out of WINDOW.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.errors import QueryError, QuerySyntaxError
from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.expression.write import quoted
from rowpattern.sql.parse.keywords import BEHIND_A_TABLE, NOT_A_NAME
from rowpattern.sql.parse.window import Edit, FoundWindows, MarkedCall, PatternWindow, WindowMarks
from rowpattern.sql.parse.window_reader import WindowKeys, WindowReader
from rowpattern.sql.records import Record, field
from rowpattern.sql.runtime.no_limit import no_limit
from rowpattern.sql.text.source_location import SourceLocation, candidates, error_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rowpattern.sql.parse.window import EditPiece
    from rowpattern.sql.text.tokens import Token

__all__ = ["find_windows"]

_PATTERN_WORDS = frozenset({"MEASURES", "PATTERN", "DEFINE", "SUBSET", "INITIAL", "SEEK"})

_BEGIN_A_QUERY = frozenset({"SELECT", "WITH", "FROM", "VALUES", "TABLE"})
_SET_OPERATIONS = frozenset({"UNION", "INTERSECT", "EXCEPT"})

# The time that a query takes before its first row is read grows with these.
_MOST_WINDOWS = 100
_TOKENS_BETWEEN_LOOKS = 4096


class _Definition(Record, frozen=False):
    """A window of a WINDOW clause.

    Attributes:
        at: the token that is its name.
        opening: the token that is its opening parenthesis.
        pattern: the window with a row pattern that it is, when it has been read; None where it has none.
        is_read: whether it was looked at.
    """

    name: str
    at: int
    opening: int
    pattern: PatternWindow | None = None
    is_read: bool = False


class _Select(Record, frozen=False):
    """One SELECT with the windows and calls that stand directly in it.

    Attributes:
        definitions: the windows of its WINDOW clause, by their names in lower case.
        clause: the tokens of that clause: the word WINDOW, and the last one.
        calls: the tokens that are OVER.
        twice: the token that is the name of a window for the second time; None where each has a name of its own.
    """

    definitions: dict[str, _Definition] = field(default_factory=dict)
    clause: tuple[int, int] | None = None
    calls: list[int] = field(default_factory=list)
    twice: int | None = None


def find_windows(
    sql: str,
    tokens: Sequence[Token],
    closing: Mapping[int, int],
    marks: WindowMarks,
    check: Callable[[], None] = no_limit,
) -> FoundWindows:
    """Find the windows with row patterns of a query.

    Args:
        sql: its text.
        tokens: the tokens of that.
        closing: which bracket closes which, as `closing_brackets` gives it.
        marks: what calls over them become.
        check: called now and then; it raises an error where time is over.

    Raises:
        QuerySyntaxError, QueryError: a window is wrong, or a call over one.

    Takes time linear in the text.
    """
    return _WindowFinder(sql, tokens, closing, marks, check).find()


class _WindowFinder:
    def __init__(
        self,
        sql: str,
        tokens: Sequence[Token],
        closing: Mapping[int, int],
        marks: WindowMarks,
        check: Callable[[], None],
    ) -> None:
        self._sql = sql
        self._tokens = tokens
        self._closing = closing
        self._opening = {end: begin for begin, end in closing.items()}
        self._marks = marks
        self._check = check
        self._looked_at = 0
        self._found = FoundWindows()

    def find(self) -> FoundWindows:
        self._scan(0, len(self._tokens), _Select(), is_query=True)
        self._found.edits.sort()
        self._found.windows.sort(key=lambda window: window.number)
        return self._found

    def _word(self, at: int) -> str:
        return self._tokens[at].word if 0 <= at < len(self._tokens) else ""

    def _is_sign(self, at: int, sign: str) -> bool:
        return 0 <= at < len(self._tokens) and self._tokens[at].is_sign(sign)

    def _location(self, at: int) -> SourceLocation:
        return SourceLocation(self._sql, self._tokens[at].begin)

    def _fail(self, message: str, at: int) -> QuerySyntaxError:
        return error_at(message, self._location(at), QuerySyntaxError)

    # Looking through the text.

    def _scan(self, begin: int, end: int, select: _Select, *, is_query: bool) -> None:
        """Look through the tokens of one pair of brackets, or of the whole query."""
        at = begin
        while at < end:
            self._looked_at += 1
            if not self._looked_at % _TOKENS_BETWEEN_LOOKS:
                self._check()
            word = self._word(at)
            if is_query and word in _SET_OPERATIONS:
                self._resolve(select)
                select = _Select()
            elif is_query and word == "WINDOW" and self._is_definition(at + 1):
                at = self._definitions(at, select)
                continue
            elif word == "OVER" and self._follows_a_call(at):
                select.calls.append(at)
                if self._is_sign(at + 1, "(") and self._is_pattern(at + 1):
                    at = self._closing[at + 1] + 1
                    continue
            if at in self._closing:
                inside = self._word(at + 1) in _BEGIN_A_QUERY
                self._scan(at + 1, self._closing[at], _Select() if inside else select, is_query=inside)
                at = self._closing[at]
            at += 1
        if is_query:
            self._resolve(select)

    def _follows_a_call(self, at: int) -> bool:
        """Say whether the word OVER at a token has a call, or the name of a measure, before it."""
        before = self._tokens[at - 1] if at else None
        behind = self._tokens[at + 1] if at + 1 < len(self._tokens) else None
        called = before is not None and (before.is_sign(")") or (before.is_name and before.word not in NOT_A_NAME))
        over = behind is not None and (behind.is_sign("(") or (behind.is_name and behind.word not in NOT_A_NAME))
        return called and over

    def _is_definition(self, at: int) -> bool:
        named = at < len(self._tokens) and self._tokens[at].is_name
        return named and self._word(at + 1) == "AS" and self._is_sign(at + 2, "(")

    def _definitions(self, at: int, select: _Select) -> int:
        """Read where the windows of a WINDOW clause stand; return the token behind them."""
        begin = at
        at += 1
        while self._is_definition(at):
            name = lowered(self._tokens[at].text)
            definition = _Definition(self._tokens[at].text, at, at + 2)
            if select.definitions.setdefault(name, definition) is not definition and select.twice is None:
                select.twice = at
            closing = self._closing[at + 2]
            if not self._is_pattern(at + 2):
                self._scan(at + 3, closing, select, is_query=False)
            at = closing + 1
            if not self._is_sign(at, ","):
                break
            at += 1
        select.clause = (begin, at - 1)
        return at

    def _reader(self, opening: int) -> WindowReader:
        return WindowReader(self._sql, self._tokens, self._closing, opening + 1, self._closing[opening])

    def _is_pattern(self, opening: int) -> bool:
        """Say whether a window has a row pattern, or a part of one."""
        inside = self._tokens[opening + 1 : self._closing[opening]]
        if not any(token.word in _PATTERN_WORDS for token in inside):
            return False
        reader = self._reader(opening)
        reader.base()
        reader.keys()
        return reader.has_pattern()

    # Windows.

    def _resolve(self, select: _Select) -> None:
        """Read the windows of a SELECT, and mark what is called over those with row patterns."""
        has_pattern = any(self._is_pattern(each.opening) for each in select.definitions.values())
        if select.twice is not None and (has_pattern or self._is_pattern(select.twice + 2)):
            # Where no window has a row pattern, DuckDB says so.
            raise self._fail(f"WINDOW defines {self._tokens[select.twice].text} twice", select.twice)
        for definition in select.definitions.values():
            self._read_definition(definition, select)
        for at in select.calls:
            self._call(at, select)
        if select.clause is not None and any(each.pattern is not None for each in select.definitions.values()):
            begin, end = select.clause
            pieces: list[EditPiece] = []
            for each in select.definitions.values():
                if each.pattern is None:
                    pieces += [", " if pieces else "WINDOW "]
                    pieces.append((self._tokens[each.at].begin, self._tokens[self._closing[each.opening]].end))
            self._edit(begin, end, *pieces)

    def _edit(self, begin: int, end: int, *pieces: EditPiece) -> None:
        """Have other text stand in the place of some tokens, of which `end` is the last."""
        self._found.edits.append(Edit(self._tokens[begin].begin, self._tokens[end].end, pieces))

    def _read_definition(self, definition: _Definition, select: _Select) -> None:
        if definition.is_read:
            return
        definition.is_read = True
        if self._is_pattern(definition.opening):
            earlier = _before(definition, select.definitions)
            definition.pattern = self._window(definition.opening, earlier, definition.name)
        else:
            base = self._reader(definition.opening).base()
            named = None if base is None else select.definitions.get(lowered(base.text))
            if base is not None and named is not None and named.pattern is not None:
                raise self._has_frame(base)

    def _has_frame(self, base: Token) -> QuerySyntaxError:
        message = f"the window {base.text} has a frame, so that no other can extend it; write OVER {base.text}"
        return error_at(message, SourceLocation(self._sql, base.begin), QuerySyntaxError)

    def _window(self, opening: int, definitions: Mapping[str, _Definition], name: str | None) -> PatternWindow:
        """Read a window with a row pattern."""
        if len(self._found.windows) == _MOST_WINDOWS:
            message = f"the query has more than {_MOST_WINDOWS} windows with row patterns; write several queries"
            raise self._fail(message, opening)
        reader = self._reader(opening)
        base = reader.base()
        keys = WindowKeys() if base is None else self._inherited(base, definitions)
        own = reader.keys()
        if base is not None and own.partition_by:
            message = f"this window extends {base.text} and so has its PARTITION BY; leave this one out"
            raise error_at(message, own.partition_by[0].location, QuerySyntaxError)
        if base is not None and own.order_by and keys.order_by:
            message = f"this window extends {base.text}, which has an ORDER BY already; leave this one out"
            raise error_at(message, own.order_by[0].location, QuerySyntaxError)
        every = WindowKeys(
            keys.partition_by or own.partition_by, keys.order_by or own.order_by, [*keys.texts, *own.texts]
        )
        window = reader.pattern_window(len(self._found.windows), every, name, self._location(opening))
        window.clause.has_subqueries = bool(window.clause.subqueries())
        seen: set[str] = set()
        for measure in window.clause.measures:
            if lowered(measure.name) in seen:
                message = f"MEASURES has {measure.name} twice; give one of them another name"
                raise error_at(message, measure.location, QuerySyntaxError)
            seen.add(lowered(measure.name))
        self._found.windows.append(window)
        return window

    def _inherited(self, base: Token, definitions: Mapping[str, _Definition]) -> WindowKeys:
        """Return the keys of a window that is extended."""
        found = definitions.get(lowered(base.text))
        location = SourceLocation(self._sql, base.begin)
        if found is None:
            known = candidates(base.text, [each.name for each in definitions.values()], "windows before it")
            raise error_at(f"there is no window {base.text} before this one; {known}", location, QuerySyntaxError)
        if found.pattern is not None or self._is_pattern(found.opening):
            raise self._has_frame(base)
        reader = self._reader(found.opening)
        inner = reader.base()
        keys = WindowKeys()
        if inner is not None:
            keys = self._inherited(inner, _before(found, definitions))
        own = reader.keys()
        if not reader.is_at_end:
            message = f"the window {base.text} has a frame, so that no other can extend it; leave its frame out"
            raise error_at(message, location, QuerySyntaxError)
        keys.partition_by = keys.partition_by or own.partition_by
        keys.order_by = keys.order_by or own.order_by
        keys.texts += own.texts
        return keys

    # Calls.

    def _call(self, at: int, select: _Select) -> None:
        """Mark the call before an OVER, where it is over a window with a row pattern."""
        over = self._tokens[at + 1]
        is_measure = not self._tokens[at - 1].is_sign(")") and not self._is_nulls(at - 1)
        if over.is_sign("("):
            if not self._is_pattern(at + 1):
                base = self._reader(at + 1).base()
                named = None if base is None else select.definitions.get(lowered(base.text))
                if base is not None and named is not None and named.pattern is not None:
                    raise self._has_frame(base)
                return
            window, end = self._window(at + 1, select.definitions, None), self._closing[at + 1]
        else:
            named = select.definitions.get(lowered(over.text))
            if named is None or named.pattern is None:
                if named is not None and is_measure:
                    message = f"the window {named.name} has no MEASURES, so that nothing is called by its name alone"
                    raise self._fail(message, at - 1)
                if named is None and is_measure and over.word not in BEHIND_A_TABLE:
                    raise self._unknown_window(over, select)
                return
            window, end = named.pattern, at + 1
        if is_measure:
            self._measure_call(at - 1, window)
        else:
            self._function_call(at - 1, window)
        keys: list[EditPiece] = []
        for text in window.keys:
            keys += [" ", text] if keys else [text]
        self._edit(at, end, "OVER (", *keys, ")")

    def _unknown_window(self, over: Token, select: _Select) -> QuerySyntaxError:
        message = f"there is no window {over.text}; "
        if select.definitions:
            message += candidates(over.text, [each.name for each in select.definitions.values()], "windows")
        else:
            message += f"write WINDOW {over.text} AS (...) behind FROM and WHERE"
        return error_at(message, SourceLocation(self._sql, over.begin), QuerySyntaxError)

    def _is_nulls(self, at: int) -> bool:
        return self._word(at) == "NULLS" and self._word(at - 1) in {"IGNORE", "RESPECT"}

    def _mark(self, at: int, call: MarkedCall, behind: str = "") -> None:
        self._edit(at, at, quoted(self._marks.marked(call)) + behind)

    def _measure_call(self, at: int, window: PatternWindow) -> None:
        token = self._tokens[at]
        if self._is_sign(at - 1, "."):
            message = f"a measure is called by its name alone; write {token.text} OVER ..."
            raise self._fail(message, at - 1)
        names = [each.name for each in window.clause.measures]
        exact = [name for name in names if name == token.text]
        alike = [name for name in names if lowered(name) == lowered(token.text)]
        if not alike:
            what = "the window" if window.name is None else f"the window {window.name}"
            message = f"{what} has no measure {token.text}; {candidates(token.text, names, 'measures')}"
            raise error_at(message, self._location(at), QueryError)
        if self._word(at - 1) in {"RUNNING", "FINAL"}:
            message = "RUNNING and FINAL stand in MEASURES, not where a measure is called; leave it out"
            raise self._fail(message, at - 1)
        self._mark(at, MarkedCall(window.number, True, (exact or alike)[0]), "()")

    def _function_call(self, at: int, window: PatternWindow) -> None:
        if self._is_nulls(at):
            at -= 2
        name = self._opening.get(at, 0) - 1
        while self._word(name) in {"FILTER", "GROUP"}:
            name -= self._word(name) == "GROUP" and self._word(name - 1) == "WITHIN"
            name = self._opening.get(name - 1, 0) - 1
        token = self._tokens[name] if name >= 0 else None
        if token is None or not token.is_name or self._is_sign(name - 1, "."):
            raise self._fail("expected the call of a function, or the name of a measure, before OVER", max(name, 0))
        self._mark(name, MarkedCall(window.number, False, token.text.lower()))


def _before(definition: _Definition, definitions: Mapping[str, _Definition]) -> dict[str, _Definition]:
    """Return the windows of a WINDOW clause that stand before one of them."""
    return {name: each for name, each in definitions.items() if each.at < definition.at}
