"""Pipe syntax (`FROM t |> WHERE ... |> MATCH_RECOGNIZE (...) |> SELECT ...`), which DuckDB's parser does not have.

A query with pipes is written as queries in FROM from pieces of its text; DuckDB's parser reads what comes out as all
else, and errors show the place in the user's text. Operators are those of GoogleSQL, and DuckDB's clauses that stand
behind FROM.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.parse.keywords import JOIN_WORDS
from rowpattern.sql.parse.pipe_aggregate import Aggregation
from rowpattern.sql.parse.pipe_names import NamesUsed, UsedFrom
from rowpattern.sql.parse.pipe_text import PipeText
from rowpattern.sql.parse.piped_table import PipedTable
from rowpattern.sql.parse.table_alias import alias_at, names_in_from
from rowpattern.sql.parse.with_list import read_with_list
from rowpattern.sql.text.parameters import find_parameters
from rowpattern.sql.text.rewritten import RewrittenText
from rowpattern.sql.text.tokens import query_end, tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from rowpattern.sql.text.rewritten import Piece
    from rowpattern.sql.text.tokens import Token

__all__ = ["without_pipes"]

# Operators that stand behind FROM and its tables as they are, and those that stand behind one table of FROM.
_BEHIND_FROM = frozenset({"WHERE", "ORDER", "LIMIT", "OFFSET", "QUALIFY"})
_BEHIND_A_TABLE = frozenset({"MATCH_RECOGNIZE", "PIVOT", "TABLESAMPLE", "UNPIVOT"})
_OF_SETS = frozenset({"UNION", "INTERSECT", "EXCEPT"})
_OWN = frozenset({"AGGREGATE", "AS", "DISTINCT", "DROP", "EXTEND", "RENAME", "SELECT", "SET"})
# How each is written.
_EXAMPLES = {
    ",": ", u",
    "AGGREGATE": "AGGREGATE count(*) AS n GROUP BY k",
    "AS": "AS p",
    "DROP": "DROP x, y",
    "EXCEPT": "EXCEPT (SELECT 1)",
    "EXTEND": "EXTEND x + 1 AS y",
    "INTERSECT": "INTERSECT (SELECT 1)",
    "JOIN": "JOIN u ON t.k = u.k",
    "LIMIT": "LIMIT 10",
    "MATCH_RECOGNIZE": "MATCH_RECOGNIZE (ORDER BY x PATTERN (A B))",
    "OFFSET": "OFFSET 10",
    "ORDER": "ORDER BY x DESC",
    "PIVOT": "PIVOT (sum(x) FOR k IN (1, 2))",
    "QUALIFY": "QUALIFY row_number() OVER (ORDER BY x) = 1",
    "RENAME": "RENAME x AS y",
    "SELECT": "SELECT x, x + 1 AS y",
    "SET": "SET x = x + 1",
    "TABLESAMPLE": "TABLESAMPLE 10%",
    "UNION": "UNION ALL (SELECT 1)",
    "UNPIVOT": "UNPIVOT (value FOR name IN (x, y))",
    "WHERE": "WHERE x > 1",
}
# What tables were called before these is forgotten behind them.
_NAMING = frozenset({"AGGREGATE", "AS", "MATCH_RECOGNIZE", "PIVOT", "SELECT", "UNPIVOT"}) | _OF_SETS
# Words of which one makes a query of what began with FROM and tables.
_CLAUSES = frozenset({"SELECT", "GROUP", "HAVING", "WINDOW"}) | _OF_SETS | _BEHIND_FROM
_OPERATORS = ", ".join(sorted({*_BEHIND_FROM, *_BEHIND_A_TABLE, *_OF_SETS, *_OWN, "JOIN", "ORDER BY"} - {"ORDER"}))


def without_pipes(sql: str, check: Callable[[], None]) -> str:
    """Return a query without pipes: the text itself, or one that knows where its pieces stand in it.

    Raises:
        QuerySyntaxError: an operator is not known, not complete, or has a part that it cannot have.

    Takes time linear in the text, times the number of operators.
    """
    tokens = tokens_of(sql, check)
    pipes = [
        at
        for at, (one, other) in enumerate(zip(tokens, tokens[1:]))
        if one.is_sign("|") and other.is_sign(">") and one.end == other.begin
    ]
    if not pipes:
        return sql
    pieces = _Pipes(sql, tokens, pipes, check).pieces()
    return RewrittenText.of(sql, _with_numbered_parameters(sql, pieces))


def _with_numbered_parameters(sql: str, pieces: list[Piece]) -> list[Piece]:
    """Write parameters without names (`?`) as numbered ones where pieces are in another order than the user's."""
    begins = [piece[0] for piece in pieces if isinstance(piece, tuple)]
    nameless = [each for each in find_parameters(sql) if sql[each.begin] == "?"] if begins != sorted(begins) else []
    places = [each.begin for each in nameless]
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str):
            found.append(piece)
            continue
        first, end = piece
        for each in nameless[bisect_left(places, first) : bisect_left(places, end)]:
            found += [(first, each.begin), f"${each.name}"]
            first = each.end
        found.append((first, end))
    return found


class _Pipes:
    def __init__(self, sql: str, tokens: list[Token], pipes: list[int], check: Callable[[], None]) -> None:
        self._sql = sql
        self._tokens = tokens
        self._check = check
        self._text = PipeText(sql, tokens, pipes, self._query)

    def pieces(self) -> list[Piece]:
        """Write the whole query."""
        last = query_end(self._tokens)
        behind: list[Piece] = [(self._tokens[last - 1].end, len(self._sql))]
        return [*self._query(0, last, {}), *behind]

    def _query(self, begin: int, end: int, names: Mapping[str, str]) -> list[Piece]:
        """Write what stands between brackets; `names` are of tables around them whose rows are in columns."""
        self._check()
        text = self._text
        at_level = set(text.outside(begin, end)).intersection(text.pipes(begin, end))
        if not at_level:
            return text.copied(begin, end, names)
        body = begin
        if self._tokens[begin].word == "WITH":
            found = read_with_list(self._tokens, text.closing, begin, end)
            body = found.behind if found.tables else end
        ends = [*sorted(at_level), end]
        if body >= ends[0]:
            raise text.fail("expected a query before |>, as FROM t", ends[0])
        operators = [(pipe + 2, behind) for pipe, behind in zip(ends, ends[1:])]
        query = _PipedQuery(text, self._base(body, ends[0], names), names)
        used = NamesUsed()
        for number, (first, behind) in enumerate(operators):
            if first >= behind:
                raise text.fail(f"expected an operator behind |>; the operators are {_OPERATORS}", first)
            own = text.table_names(first, behind)
            joined: set[str] = set()
            is_shown = False
            if _is_join(self._tokens[first]):
                found_names, is_shown = _joined(text, first, behind)
                joined = set(map(lowered, found_names))
            is_naming = self._tokens[first].word in _NAMING
            used.add(number, own - joined, joined if is_shown else (), is_naming=is_naming)
        for number, (first, behind) in enumerate(operators):
            self._check()
            is_naming = self._tokens[first].word in _NAMING
            query.add(first, behind, UsedFrom(used, number), () if is_naming else UsedFrom(used, number + 1))
        lists = text.copied(begin, body, names)
        return [*lists, *([" "] if lists else []), *query.pieces()]

    def _base(self, begin: int, end: int, names: Mapping[str, str]) -> PipedTable:
        """Read what stands before the first pipe."""
        text = self._text
        outside = text.outside(begin, end)
        words = {self._tokens[at].word for at in outside}
        sampled = any(text.word(at, end) == "USING" and not text.is_sign(at + 1, end, "(") for at in outside)
        copied = text.copied(begin, end, names)
        if self._tokens[begin].word != "FROM" or words & _CLAUSES or sampled:
            return PipedTable(["FROM (", *copied, ")"])
        found = PipedTable(copied, names_in_from(self._tokens[at] for at in outside[1:]))
        found.has_comma = any(self._tokens[at].is_sign(",") for at in outside)
        found.is_joined = found.has_comma or "JOIN" in words
        found.is_operated = bool(words & _BEHIND_A_TABLE)
        return found


def _is_join(token: Token) -> bool:
    """Say whether an operator that begins with a token joins a table."""
    return token.word in JOIN_WORDS or token.is_sign(",")


def _joined(text: PipeText, begin: int, end: int) -> tuple[list[str], bool]:
    """Return what the table is called that an operator joins, and whether its columns are shown."""
    tokens = [text.tokens[at] for at in text.outside(begin, end)]
    words = [token.word for token in tokens]
    if tokens[0].is_sign(","):
        return names_in_from(tokens[1:]), True
    if "JOIN" not in words:
        raise text.fail(f"expected JOIN and a table behind {tokens[0].text}", begin)
    return names_in_from(tokens[words.index("JOIN") + 1 :]), {"ANTI", "SEMI"}.isdisjoint(words)


class _PipedQuery:
    """Adds operators to what stands before the first pipe."""

    def __init__(self, text: PipeText, table: PipedTable, outer: Mapping[str, str]) -> None:
        self._text = text
        self._tokens = text.tokens
        self._table = table
        self._outer = outer
        # What the last operator made, where that is a whole query.
        self._whole: list[Piece] | None = None

    def pieces(self) -> list[Piece]:
        """Return the query."""
        return self._table.query() if self._whole is None else self._whole

    def _copied(self, begin: int, end: int) -> list[Piece]:
        return self._text.copied(begin, end, {**self._outer, **self._table.hidden})

    def _shown(self, begin: int, end: int) -> list[Piece]:
        """Copy a list of SELECT."""
        hidden = list(self._table.hidden.values())
        return self._text.shown(begin, end, {**self._outer, **self._table.hidden}, hidden)

    def add(self, begin: int, end: int, used: Container[str], later: Container[str]) -> None:
        """Add an operator.

        Args:
            begin: its first token.
            end: the one behind its last.
            used: names of tables that mean those before it, in it and further on.
            later: those further on.
        """
        table = self._table
        if self._whole is not None:
            table.forget()
            table.become(self._whole)
            self._whole = None
        word = self._tokens[begin].word
        if begin + 1 == end:
            self._check_alone(begin)
        if _is_join(self._tokens[begin]):
            self._join(begin, end, used)
        elif word in _BEHIND_FROM:
            if table.behind:
                table.wrap(used)
            table.behind = [" ", *self._copied(begin, end)]
        elif word in _BEHIND_A_TABLE:
            self._put_behind_a_table(begin, end, used)
        elif word in _OF_SETS:
            self._whole = self._set_operation(begin, end)
        elif word not in _OWN:
            message = f"{self._tokens[begin].text} is no operator behind |>; the operators are {_OPERATORS}"
            raise self._text.fail(message, begin)
        else:
            self._add_own(begin, end, used, later)

    def _check_alone(self, begin: int) -> None:
        """Refuse an operator that is one word, and needs more."""
        token = self._tokens[begin]
        example = _EXAMPLES.get(token.word or token.text)
        if example is not None:
            raise self._text.fail(f"{token.text} is not complete; write it as in {example}", begin)

    def _add_own(self, begin: int, end: int, used: Container[str], later: Container[str]) -> None:
        table = self._table
        word = self._tokens[begin].word
        if word == "AS":
            if end - begin != 2 or not self._tokens[begin + 1].is_name:  # noqa: PLR2004 - AS and a name
                raise self._text.fail("expected one name behind AS", begin + 1)
            table.wrap(later, alias=self._tokens[begin + 1].text)
        elif word == "SELECT":
            self._make_ready(begin, end, used)
            self._whole = [*table.source, " ", *self._copied(begin, begin + 1), " ", *self._shown(begin + 1, end)]
        elif word == "AGGREGATE":
            self._make_ready(begin, end, used)
            if table.is_joined and any(token.kind == "number" for token in self._tokens[begin:end]):
                # A column's place is that in what a query in FROM shows.
                table.wrap(used)
            self._whole = [*table.source, " ", *Aggregation(self._text, self._copied).select(begin + 1, end)]
        elif word == "EXTEND":
            self._make_ready(begin, end, used)
            table.wrap(later, more=[", ", *self._shown(begin + 1, end)])
        elif word == "DISTINCT":
            self._distinct(begin, end, used, later)
        else:
            if table.behind or table.is_joined:
                table.wrap(used)
            columns = self._columns(begin, end)
            if word == "DROP":
                table.wrap(later, without=columns, is_changed=True)
            else:
                changes = "RENAME" if word == "RENAME" else "REPLACE"
                table.wrap(later, star=[f" {changes} (", *columns, ")"], is_changed=True)

    def _make_ready(self, begin: int, end: int, used: Container[str]) -> None:
        """Put all into FROM that SELECT cannot stand behind, without columns of rows that an operator does not name."""
        table = self._table
        own = self._text.table_names(begin, end)
        if table.behind or not own.issuperset(table.hidden):
            table.wrap(used)

    def _join(self, begin: int, end: int, used: Container[str]) -> None:
        table = self._table
        is_comma = self._tokens[begin].is_sign(",")
        joined, is_shown = _joined(self._text, begin, end)
        # The name of the new table hides that of one before.
        is_hiding = not table.hidden.keys().isdisjoint(map(lowered, joined))
        if table.behind or is_hiding or (table.has_comma and not is_comma):
            table.wrap(used)
        table.source += [" ", *self._copied(begin, end)]
        table.names += joined if is_shown else []
        table.is_joined = True
        table.has_comma |= is_comma
        table.is_operated = False

    def _put_behind_a_table(self, begin: int, end: int, used: Container[str]) -> None:
        table = self._table
        word = self._tokens[begin].word
        if word == "TABLESAMPLE":
            if not table.is_one_table:
                table.wrap(used)
        elif not table.is_one_table or table.hidden:
            table.wrap(())
        table.source += [" ", *self._copied(begin, end)]
        table.is_operated = True
        opening = next((at for at in self._text.outside(begin, end) if at in self._text.closing), None)
        if opening is None and word != "TABLESAMPLE":
            self._check_alone(begin)
        if opening is None or word == "TABLESAMPLE":
            return
        alias = alias_at(self._tokens, self._text.closing[opening] + 1, end)
        if alias is not None:
            table.names = [alias]
        elif word != "MATCH_RECOGNIZE":
            table.names = []

    def _set_operation(self, begin: int, end: int) -> list[Piece]:
        text = self._text
        first = next((at for at in range(begin, end) if not self._tokens[at].is_name), end)
        elements = text.elements(first, end) if first < end else []
        query: list[Piece] = ["FROM (", *self._table.query(), ")"]
        if any(text.closing.get(one) != behind - 1 for one, behind in elements):
            # What stands behind the words is one query without brackets.
            elements = [(first, end)]
        for one, behind in elements or [(end, end)]:
            query += [" ", *text.copied(begin, first, self._outer), " ", *text.copied(one, behind, self._outer)]
        return query

    def _distinct(self, begin: int, end: int, used: Container[str], later: Container[str]) -> None:
        table = self._table
        if end > begin + 1:
            raise self._text.fail("expected the next |> behind DISTINCT; write |> SELECT DISTINCT x", begin + 1)
        if table.behind:
            table.wrap(used)
        unknown = sorted(name for name in table.changed if name in later)
        if unknown:
            message = f"behind DISTINCT, {unknown[0]} cannot mean the rows before SET, DROP or RENAME: of rows that are"
            raise self._text.fail(f"{message} the same now, they may differ; write |> SELECT DISTINCT", begin)
        table.wrap(later, is_distinct=True)

    def _columns(self, begin: int, end: int) -> list[Piece]:
        """Write the list of DROP, SET or RENAME as a list of columns, or of what they become and names."""
        word = self._tokens[begin].word
        found: list[Piece] = []
        new: set[str] = set()
        for first, behind in self._text.elements(begin + 1, end):
            found += [", "] if found else []
            is_name = first < behind and self._tokens[first].is_name
            if word == "SET":
                if not (is_name and behind - first > 2 and self._tokens[first + 1].is_sign("=")):  # noqa: PLR2004
                    raise self._text.fail("expected column = expression behind SET", first)
                found += [*self._copied(first + 2, behind), " AS ", *self._copied(first, first + 1)]
                continue
            if word == "DROP":
                if not is_name or behind != first + 1:
                    raise self._text.fail("expected names of columns behind DROP", first)
                found += self._copied(first, behind)
                continue
            is_named = behind - first == 2 + (self._text.word(first + 1, behind) == "AS")
            if not (is_name and is_named and self._tokens[behind - 1].is_name):
                raise self._text.fail("expected column AS name behind RENAME", first)
            name = self._tokens[behind - 1].text
            if lowered(name) in new:
                raise self._text.fail(f"two columns would be called {name}; give one another name", behind - 1)
            new.add(lowered(name))
            found += [*self._copied(first, first + 1), " AS ", *self._copied(behind - 1, behind)]
        return found
