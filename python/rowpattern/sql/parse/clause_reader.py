"""The parts of one MATCH_RECOGNIZE clause, in the order of ISO/IEC 9075-2, 7.6 <row pattern recognition clause>.

Expressions are found by their ends only; their text is read by DuckDB's parser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, TypeVar

from rowpattern.errors import QuerySyntaxError
from rowpattern.sql.parse.clause import (
    Clause,
    Definition,
    ExpressionSource,
    Measure,
    OrderKey,
    PartitionKey,
    RowsShown,
    Skip,
    TextPiece,
)
from rowpattern.sql.parse.keywords import NOT_A_NAME, ends_expression, part_meant
from rowpattern.sql.parse.other_systems import instead_in_clause, instead_of_length, instead_of_skip
from rowpattern.sql.parse.subqueries import find_subqueries
from rowpattern.sql.text.source_location import SourceLocation, error_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rowpattern.sql.text.tokens import Token

__all__ = ["PART_BEGINNINGS", "ClauseReader"]

_CLAUSE_PARTS = (
    "PARTITION BY",
    "ORDER BY",
    "MEASURES",
    "ONE ROW PER MATCH",
    "ALL ROWS PER MATCH",
    "AFTER MATCH SKIP",
    "PATTERN",
    "WITHIN",
    "SUBSET",
    "DEFINE",
)

#: A part begins with these words, where an expression may end before it. Each with what may stand behind it, which
#: tells it from a column of that name; empty where anything may.
PART_BEGINNINGS: dict[str, frozenset[str]] = {
    "PARTITION": frozenset({"BY"}),
    "ORDER": frozenset({"BY"}),
    "MEASURES": frozenset(),
    "ONE": frozenset({"ROW"}),
    "ALL": frozenset({"ROWS"}),
    "AFTER": frozenset({"MATCH"}),
    "INITIAL": frozenset(),
    "SEEK": frozenset(),
    "PATTERN": frozenset({"("}),
    "WITHIN": frozenset({"INTERVAL", "("}),
    "SUBSET": frozenset(),
    "DEFINE": frozenset(),
}

_Item = TypeVar("_Item")


class _PatternParts(TypedDict):
    """What a clause has of PATTERN and of what stands behind it; `end` is behind all."""

    pattern: str
    pattern_location: SourceLocation
    within: ExpressionSource | None
    subset: dict[str, tuple[str, ...]]
    subset_locations: dict[str, SourceLocation]
    define: list[Definition]
    end: int


class ClauseReader:
    """Reads one clause from tokens; the sentinel behind the last one is the clause's closing parenthesis.

    Attributes:
        parts: what it is made of, in order, for errors.
        beginnings: the words with which a part may begin, as `PART_BEGINNINGS`.
        whole: what it is, for errors.
    """

    parts: ClassVar[tuple[str, ...]] = _CLAUSE_PARTS
    beginnings: ClassVar[dict[str, frozenset[str]]] = PART_BEGINNINGS
    whole: ClassVar[str] = "MATCH_RECOGNIZE"

    def __init__(self, sql: str, tokens: Sequence[Token], closing: Mapping[int, int], begin: int, end: int) -> None:
        """Take the tokens between the parentheses of a clause: those from `begin` on and before `end`."""
        self._sql = sql
        self._tokens = tokens
        self._closing = closing
        self._begin = self._at = begin
        self._end = end

    # Tokens.

    @property
    def _token(self) -> Token:
        return self._tokens[min(self._at, self._end)]

    def _peek(self, further: int = 1) -> Token:
        return self._tokens[min(self._at + further, self._end)]

    def _location(self, token: Token | None = None) -> SourceLocation:
        return SourceLocation(self._sql, (token or self._token).begin)

    def _fail(self, message: str, token: Token | None = None) -> QuerySyntaxError:
        return error_at(message, self._location(token), QuerySyntaxError)

    def _word(self) -> str:
        return self._token.word if self._at < self._end else ""

    def _take_words(self, *words: str) -> bool:
        """Pass over these words if they come next."""
        upcoming = [self._peek(further).word if self._at + further < self._end else "" for further in range(len(words))]
        if upcoming != list(words):
            return False
        self._at += len(words)
        return True

    def _take_sign(self, sign: str) -> bool:
        found = self._at < self._end and self._token.is_sign(sign)
        self._at += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._take_sign(sign):
            raise self._fail(f"expected {sign}")

    def _list(self, read: Callable[[], _Item]) -> list[_Item]:
        items = [read()]
        while self._take_sign(","):
            items.append(read())
        return items

    # The clause.

    def read(self, source: TextPiece, table: str | None, source_name: str | None, location: SourceLocation) -> Clause:
        """Read the whole clause.

        Raises:
            QuerySyntaxError: it is wrong; the message shows where and what was expected.
        """
        partition_by = self._list(self._partition_key) if self._take_words("PARTITION", "BY") else []
        order_by = self._list(self._order_key) if self._take_words("ORDER", "BY") else []
        measures = self._list(self._measure) if self._take_words("MEASURES") else []
        rows_shown = self._rows_shown()
        skip_location = self._location()
        skip = self._skip()
        if self._word() in {"INITIAL", "SEEK"}:
            raise self._fail("INITIAL and SEEK are for row patterns in windows")
        return Clause(
            number=-1,
            location=location,
            source=source,
            table=table,
            source_name=source_name,
            partition_by=partition_by,
            order_by=order_by,
            measures=measures,
            rows_shown=rows_shown,
            skip=skip,
            skip_location=skip_location,
            **self._pattern_parts(),
        )

    def _pattern_parts(self) -> _PatternParts:
        """Read PATTERN and what stands behind it, to the end."""
        pattern, pattern_location = self._pattern()
        within = self._length() if self._take_words("WITHIN") else None
        subset_locations: dict[str, SourceLocation] = {}
        subset = self._subset(subset_locations) if self._take_words("SUBSET") else {}
        define = self._list(self._definition) if self._take_words("DEFINE") else []
        if self._at < self._end:
            separator = ", or " if define else ""
            raise self._misplaced(f"expected {separator}) at the end of {self.whole}")
        return {
            "pattern": pattern,
            "pattern_location": pattern_location,
            "within": within,
            "subset": subset,
            "subset_locations": subset_locations,
            "define": define,
            "end": self._token.end,
        }

    def _misplaced(self, otherwise: str) -> QuerySyntaxError:
        """Make the error for what stands here: a part of the clause out of order, or anything else."""
        instead = instead_in_clause(self._peek)
        if instead is not None and self._at < self._end:
            return self._fail(instead)
        words = {part.split()[0]: part for part in self.parts}
        behind = {token.word for token in self._tokens[self._begin : self._end]}
        if self._word() in {"WITHIN", "SUBSET", "DEFINE"} and "PATTERN" not in behind:
            return self._fail(f"PATTERN (...) is missing; it stands before {self._word()}")
        if self._word() in words:
            shown = f"{self._word()}{' BY' * words[self._word()].endswith(' BY')}"
            return self._fail(f"{shown} cannot stand here; the order is {', '.join(self.parts)}")
        meant = part_meant(self._word())
        return self._fail(otherwise if meant is None else f"{otherwise}; did you mean {meant}?")

    # Expressions.

    def _begins_part(self) -> bool:
        needed = self.beginnings.get(self._word())
        if needed is None:
            return False
        behind = self._peek()
        if self._word() == "WITHIN" and behind.kind == "number":
            return True
        return not needed or behind.word in needed or (behind.kind == "sign" and behind.text in needed)

    def _may_end(self, begin: int) -> bool:
        """Say whether an expression that begins at a token may have ended, with its name where it has one."""
        last = self._tokens[self._at - 1]
        before = self._tokens[self._at - 2] if self._at - 2 >= begin else None
        # A word that joins two values is a name where none is before it: `ORDER BY glob`.
        named = before is None or before.word == "AS" or not ends_expression(before)
        return ends_expression(last) or (named and last.is_name and last.word not in NOT_A_NAME)

    def _skip_expression(self) -> tuple[int, int]:
        """Pass over tokens to the next comma, part or end; return the first token and the one behind the last."""
        begin = self._at
        while self._at < self._end and not self._token.is_sign(","):
            if self._at > begin and self._begins_part() and self._may_end(begin):
                break
            self._at = self._closing.get(self._at, self._at) + 1
        return begin, self._at

    def _written(self, begin: int, end: int, expected: str) -> ExpressionSource:
        if begin >= end:
            raise self._fail(expected, self._tokens[begin])
        first, last = self._tokens[begin].begin, self._tokens[end - 1].end
        for token, behind in zip(self._tokens[begin:end], self._tokens[begin + 1 : end]):
            # A column may be called so.
            if token.word == "MATCH_RECOGNIZE" and behind.is_sign("("):
                raise self._fail("MATCH_RECOGNIZE cannot stand in an expression of MATCH_RECOGNIZE", token)
        subqueries = find_subqueries(self._sql, self._tokens, self._closing, begin, end)
        return ExpressionSource(first, last, " ".join(self._sql[first:last].split()), subqueries=subqueries)

    def _partition_key(self) -> PartitionKey:
        location = self._location()
        begin, end = self._skip_expression()
        name = None
        if end - begin > 2 and self._tokens[end - 2].word == "AS" and self._tokens[end - 1].is_name:  # noqa: PLR2004
            name = self._tokens[end - 1].text
            end -= 2
        return PartitionKey(self._written(begin, end, "expected an expression"), location, name)

    def _order_key(self) -> OrderKey:
        location = self._location()
        begin, end = self._skip_expression()
        words = [token.word for token in self._tokens[begin:end]]
        nulls_first = False
        if words[-2:] in (["NULLS", "FIRST"], ["NULLS", "LAST"]):
            nulls_first = words[-1] == "FIRST"
            end, words = end - 2, words[:-2]
        descending = words[-1:] == ["DESC"]
        if descending or words[-1:] == ["ASC"]:
            end -= 1
        return OrderKey(self._written(begin, end, "expected an expression"), descending, nulls_first, location)

    def _measure(self) -> Measure:
        location = self._location()
        begin, end = self._skip_expression()
        tokens = self._tokens[begin:end]
        self._check_between_parts(begin, end)
        needs_name = "a measure needs a name: write AS and the name behind it"
        expected = "expected a measure, as in LAST(A.price) AS price"
        if not tokens:
            raise self._fail(expected)
        if tokens[0].word == "PATTERN" and tokens[-2:-1] and tokens[-2].word != "AS":
            raise self._fail("expected a measure in place of PATTERN; leave the comma before it out", tokens[0])
        at = self._behind_name(begin, end)
        if at is not None:
            meant = self._misspelled_pattern(begin)
            if meant is not None:
                raise self._fail(f"expected PATTERN (...) in place of {meant.text}", meant)
            name, behind = self._tokens[at - 1], self._tokens[at]
            if name.word in NOT_A_NAME:
                raise self._fail(f'{name.text} is a word of SQL; as a name write it in quotes: "{name.text}"', name)
            raise self._fail(f"expected a comma or the next part of the clause in place of {behind.text}", behind)
        # The last AS outside of brackets, as in `CAST(x AS DATE) AS day`.
        named = len(tokens) > 1 and tokens[-2].word == "AS"
        alias = tokens[-1]
        if tokens[-1].word == "AS":
            raise self._fail(needs_name)
        without_as = len(tokens) > 1 and ends_expression(tokens[-2]) and not tokens[-2].is_sign("?")
        if not alias.is_name or not (named or (without_as and alias.word not in NOT_A_NAME)):
            raise self._fail(needs_name)
        expression = self._written(begin, end - (2 if named else 1), expected)
        return Measure(alias.text, expression, location)

    def _behind_name(self, begin: int, end: int) -> int | None:
        """Return the place of the token behind AS and a name, which end a measure, where there is one."""
        at = begin
        while at + 2 < end:
            if self._tokens[at].word == "AS" and self._tokens[at + 1].is_name:
                return None if self._tokens[at + 2].is_sign("(") else at + 2
            at = self._closing.get(at, at) + 1
        return None

    def _length(self) -> ExpressionSource:
        begin, end = self._skip_expression()
        instead = instead_of_length(list(self._tokens[begin:end]))
        if instead is not None:
            raise self._fail(instead, self._tokens[begin])
        return self._written(begin, end, "expected a length, as INTERVAL 1 HOUR")

    def _definition(self) -> Definition:
        location = self._location()
        if self._at >= self._end and self._tokens[self._at - 1].is_sign(","):
            raise self._fail("expected the name of a variable behind this comma; leave the comma out otherwise")
        name = self._variable()
        if not self._take_words("AS"):
            raise self._fail(f"expected AS and a condition after {name}")
        begin, end = self._skip_expression()
        self._check_between_parts(begin, end)
        return Definition(name, self._written(begin, end, "expected an expression"), location)

    def _check_between_parts(self, begin: int, end: int) -> None:
        """Refuse what other systems write between an expression and the next part of the clause."""
        # An expression may begin with a bracket, as a subquery does, which has a WHERE of its own.
        at, self._at = self._at, self._closing.get(begin, begin) + 1
        while self._at < end:
            # Behind a name that is a word of SQL, AFTER MATCH SKIP is read as a part of the expression.
            is_right = self._tokens[self._at - 1].word == "AFTER"
            instead = None if is_right else instead_in_clause(self._peek)
            # An interval may stand in an expression.
            if instead is not None and self._word() not in {"INTERVAL", "DURATION"} and self._may_end(begin):
                raise self._fail(instead)
            self._at = self._closing.get(self._at, self._at) + 1
        self._at = at

    # What is no expression.

    def _rows_shown(self) -> RowsShown:
        if self._take_words("ONE", "ROW", "PER", "MATCH"):
            if self._word() in {"SHOW", "OMIT", "WITH"}:
                raise self._fail("only ALL ROWS PER MATCH takes SHOW, OMIT or WITH")
            return "one row"
        if not self._take_words("ALL", "ROWS", "PER", "MATCH"):
            return "one row"
        if self._take_words("OMIT", "EMPTY", "MATCHES"):
            return "all rows omit empty"
        if self._take_words("WITH", "UNMATCHED", "ROWS"):
            return "all rows with unmatched"
        self._take_words("SHOW", "EMPTY", "MATCHES")
        return "all rows"

    def _skip(self) -> Skip:
        if not self._take_words("AFTER"):
            return ("past last row", "")
        if self._take_words("MATCH", "SKIP"):
            instead = instead_of_skip(self._peek)
            if instead is not None:
                raise self._fail(instead)
            if self._take_words("PAST", "LAST", "ROW"):
                return ("past last row", "")
            if self._take_words("TO", "NEXT", "ROW"):
                return ("to next row", "")
            if self._take_words("TO"):
                # Without FIRST or LAST it is LAST (ISO/IEC 9075-2, 7.6, syntax rule 21).
                first = self._take_words("FIRST")
                if not first:
                    self._take_words("LAST")
                return ("to first" if first else "to last", self._variable())
        raise self._fail("expected MATCH SKIP PAST LAST ROW, TO NEXT ROW, TO FIRST variable or TO LAST variable")

    def _variable(self) -> str:
        token = self._token
        if self._at >= self._end or not token.is_name:
            raise self._fail("expected the name of a variable")
        self._at += 1
        return token.text if token.kind == "quoted" else token.text.upper()

    def _pattern(self) -> tuple[str, SourceLocation]:
        if not (self._word() == "PATTERN" and self._peek(2).kind == "pattern"):
            if self._take_words("PATTERN"):
                self._expect("(")
            meant = self._misspelled_pattern(self._begin)
            if meant is not None:
                raise self._fail(f"expected PATTERN (...) in place of {meant.text}", meant)
            raise self._misplaced("expected PATTERN (...)")
        pattern = self._peek(2)
        self._at += 4
        return pattern.text, SourceLocation(self._sql, pattern.begin)

    def _misspelled_pattern(self, begin: int) -> Token | None:
        """Return a word that is nearly PATTERN and stands before a bracket, wherever it was read."""
        for at in range(begin, self._end - 1):
            word, behind = self._tokens[at], self._tokens[at + 1]
            if behind.kind == "sign" and behind.text == "(" and part_meant(word.word) == "PATTERN":
                return word
        return None

    def _subset(self, locations: dict[str, SourceLocation]) -> dict[str, tuple[str, ...]]:
        subset: dict[str, tuple[str, ...]] = {}

        def union() -> Any:
            location = self._location()
            name = self._variable()
            if name in subset:
                raise error_at(f"SUBSET defines {name} twice", location, QuerySyntaxError)
            if not (self._take_sign("=") and self._take_sign("(")):
                raise self._fail(f"a subset is a list in brackets; write SUBSET {name} = (A, B)")
            subset[name] = tuple(self._list(self._variable))
            locations[name] = location
            self._expect(")")

        self._list(union)
        return subset
