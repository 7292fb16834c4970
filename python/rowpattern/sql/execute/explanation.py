"""How a query is answered, for people: `rowpattern.explain`."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from rowpattern.counted import counted
from rowpattern.pictures.automaton import automaton_svg
from rowpattern.sql.bind.references import (
    Aggregate,
    Classifier,
    MatchNumber,
    RowExists,
    RunningAggregate,
    Value,
    source_text,
    value_away,
)
from rowpattern.sql.duckdb.connection import database
from rowpattern.sql.execute.given_columns import without_given
from rowpattern.sql.execute.placement import placements
from rowpattern.sql.execute.query import QueryExecution, parsed_query, tables_of
from rowpattern.sql.execute.values_away import without_values_away
from rowpattern.sql.records import Record
from rowpattern.sql.tables.reading import table_reader
from rowpattern.sql.text.source_location import nesting_limited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from rowpattern.patterns import Pattern
    from rowpattern.sql.bind.bound import BoundClause, Key
    from rowpattern.sql.bind.references import BoundExpression, Reference
    from rowpattern.sql.execute.placement import Placements
    from rowpattern.sql.execute.window_steps import AnsweredWindow
    from rowpattern.sql.parse.clause import Clause
    from rowpattern.sql.parse.clause_arguments import Question
    from rowpattern.sql.parse.parsed_query import ParsedQuery
    from rowpattern.sql.runtime.context import ExecutionContext, Step
    from rowpattern.sql.tables.table import Table

__all__ = ["Explanation", "explained"]


class Explanation(Record):
    """How a query is answered; `str()` is for people.

    Attributes:
        text: all of it.
        steps: what was done, with rows and seconds, where the query was run.
        patterns: the row pattern of each clause, compiled, inner clauses first.

    Examples:
        >>> import pyarrow as pa
        >>> import rowpattern
        >>> table = pa.table({"x": [1, 2, 3]})
        >>> sql = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES count(*) AS n PATTERN (A+))"
        >>> explained = rowpattern.explain(sql, table)
        >>> explained.svg()[:4], "A+" in explained.text
        ('<svg', True)
    """

    text: str
    steps: tuple[Step, ...]
    patterns: tuple[Pattern, ...]

    def __str__(self) -> str:
        """Return the text."""
        return self.text

    def svg(self) -> str:
        """Return a drawing of the automaton of each clause's row pattern, one below the other."""
        return automaton_svg(self.patterns)

    def _repr_html_(self) -> str:
        return f"<div>{self.svg()}<pre>{escape(self.text)}</pre></div>"


@nesting_limited("query")
def explained(
    question: Question, data: Any, named: Mapping[str, Any], context: ExecutionContext, *, analyze: bool
) -> Explanation:
    """Explain a query; see `rowpattern.explain`."""
    parsed = parsed_query(question, context)
    tables = tables_of(parsed, data, named, table_reader(context))
    lines: list[str] = []
    windows: Sequence[AnsweredWindow] = ()
    with database(context) as using:
        running = QueryExecution(parsed, tables, using, context)
        if analyze or parsed.windows or any(clause.table is None for clause in parsed.clauses):
            running.answer()
            seen = running.answered
            windows = [] if running.windows is None else running.windows.answered
        else:
            seen = [(clause, tables[clause.table or ""], None) for clause in parsed.clauses]
        bounds = [running.bound(clause, table) for clause, table, _ in seen]
    patterns = [bound.compiled() for bound in bounds]
    for (clause, table, sorted_rows), bound in zip(seen, bounds):
        with database(context) as using:
            seen_types = without_given(bound, without_values_away(bound, table, using))
            placed = placements(bound, seen_types, using, context.prefer)
        lines += [f"clause {clause.number + 1} of {len(parsed.clauses)}"]
        lines += ["  " + line for line in _clause(parsed, clause, bound, table, sorted_rows, placed, context.prefer)]
    for each in windows:
        with database(context) as using:
            bound = each.window.bound
            placed = placements(bound, without_values_away(bound, each.columns.seen, using), using)
        lines += _window(parsed, each, placed)
    if parsed.shared:
        made = counted(len(parsed.shared), "table")
        lines.append(f"before: {made} of WITH, computed once for several parts of the query that read them")
    lines.append(_around(parsed))
    if analyze:
        lines += ["steps", *("  " + line for line in _steps(context.steps))]
    return Explanation("\n".join(lines), tuple(context.steps) if analyze else (), tuple(patterns))


def _clause(  # noqa: PLR0917 - used once
    parsed: ParsedQuery,
    clause: Clause,
    bound: BoundClause,
    table: Table,
    sorted_rows: bool | None,
    placed: Placements,
    prefer: str,
) -> list[str]:
    source = parsed.sql[clause.source.begin : clause.source.end]
    return [
        f"over {' '.join(source.split())}: {counted(table.rows, 'row')} of {counted(len(table.names), 'column')}",
        *_parts(parsed, bound, sorted_rows, placed, f"{bound.rows_shown.upper()} PER MATCH; "),
        *(["of the possible matches at a row the longest is taken"] if prefer == "longest" else []),
        f"cost: {_cost(bound, table.rows, placed, prefer)}",
    ]


def _window(parsed: ParsedQuery, answered: AnsweredWindow, placed: Placements) -> list[str]:
    window, columns = answered.window, answered.columns
    written = next(each for each in answered.step.windows if each.number == window.number)
    rows = columns.seen.rows
    where = "" if written.name is not None else f" at line {written.clause.location.line}"
    bounded = "ends before the partition" if window.bounded else "ends with the partition"
    lines = [
        f"a frame begins at each of the rows ({rows:,}), and {bounded}",
        *_parts(parsed, window.bound, columns.was_sorted, placed, ""),
        "SEEK: a match may begin at any row of the frame" if window.seek else "INITIAL: a match begins at its row",
    ]
    cost = _cost(window.bound, rows, placed)
    if columns.frame_rows is not None:
        if window.bounded:
            what = "frames are bounded"
        else:
            what = f"{'with SEEK, ' if window.seek else ''}PREV sees other rows from each row"
        average = columns.frame_rows / max(1, rows)
        cost += f"; each frame is matched by itself, as {what}: {rows:,} rows x {average:,.1f} rows of a frame at most"
    return [f"window {written.name or 'without a name'}{where}", *("  " + line for line in [*lines, f"cost: {cost}"])]


def _parts(
    parsed: ParsedQuery, bound: BoundClause, sorted_rows: bool | None, placed: Placements, rows_shown: str
) -> list[str]:
    """Describe what a clause and a window have in common."""
    lines: list[str] = []
    for words, keys in (("PARTITION BY", bound.partition_by), ("ORDER BY", bound.order_by)):
        if keys:
            lines.append(f"{words} {', '.join(map(_key, keys))}")
            lines += [f"  {key.name}: {line}" for key in keys for line in placed.ways.get(f"{words} {key.name}", [])]
    if bound.partition_by or bound.order_by:
        how = {None: "ordered where they are not in order already", True: "were ordered"}
        lines.append(f"rows {how.get(sorted_rows, 'were in order already, and not copied')}")
    given = {each.variable: each.column for each in bound.given if each.variable is not None}
    computed = {each.column for each in bound.given}
    crossing = [name for name in bound.reads() if name not in computed]
    lines.append(f"columns that cross: {', '.join(crossing) or 'none'}")
    conditions = {condition.variable: condition.expression for condition in bound.conditions}
    for variable in bound.variables:
        if variable not in conditions:
            lines.append(f"{variable}: true of every row")
        elif variable in given:
            lines.append(f"{variable} AS computed by the caller's library, over each partition, before matching")
        else:
            own = placed.ways[f"DEFINE {variable}"]
            lines += _computed(f"{variable} AS", conditions[variable], own, parsed.sql, placed.aggregates)
    lines += bound.compiled().explain().split("\n")
    skip = " ".join(bound.skip).strip().upper()
    lines.append(f"{rows_shown}AFTER MATCH SKIP {skip}")
    if bound.within is not None:
        key = bound.order_by[0].name
        lines.append(f"WITHIN {bound.within.text}: a match's last row is at most that far from its first, in {key}")
    for measure in bound.measures:
        if isinstance(measure.expression.only, Value) and measure.expression.only.column in computed:
            place = _place(measure.expression.only.at)
            way = f"computed by the caller's library, over each partition, and read at {place}"
            lines.append(f"measure {measure.name}: {way}")
            continue
        ways = placed.ways.get(f"measure {measure.name}", [])
        lines += _computed(f"measure {measure.name}:", measure.expression, ways, parsed.sql, placed.aggregates)
    return lines


def _key(key: Key) -> str:
    return f"{key.name}{' DESC' if key.descending else ''}{' NULLS FIRST' if key.nulls_first else ''}"


def _computed(
    what: str, expression: BoundExpression, ways: list[str], query: str, by_engine: AbstractSet[Aggregate]
) -> list[str]:
    only = expression.only
    if only is not None and not ways:
        how = "" if _is_by_duckdb(only, by_engine) else ", without DuckDB"
        return [f"{what} {expression.text}: {_reference(only, by_engine)}{how}"]
    lines = [f"{what} {expression.text}: {ways[0]}", *(f"  {line}" for line in ways[1:])]
    texts = [(expression.written_as(name, query), item) for name, item in expression.reads]
    return lines + [f"  {text}: {_reference(item, by_engine)}" for text, item in texts if text]


def _is_by_duckdb(item: Reference, by_engine: AbstractSet[Aggregate]) -> bool:
    return isinstance(item, Aggregate) and item.counts is None and item not in by_engine


def _reference(item: Reference, by_engine: AbstractSet[Aggregate]) -> str:
    if isinstance(item, Value):
        away = value_away(item.column)
        if away is not None:
            column, distance = away
            way = "before" if distance < 0 else "after"
            return f"the value of {source_text(column)} {counted(abs(distance), 'value')} {way} {_place(item.at)}"
        return f"{item.column} of {_place(item.at)}"
    if isinstance(item, RowExists):
        return f"whether there is {_place(item.at)}"
    if isinstance(item, Classifier):
        return f"the classifier of {_place(item.at)}"
    if isinstance(item, MatchNumber):
        return "the match's number"
    if isinstance(item, RunningAggregate):
        return f"over the rows {_mapped(item.variables)} so far"
    over = "the whole match" if item.final else "the match up to the row"
    if item.counts is not None:
        return f"a count over {over}"
    return f"over {over}{', by DuckDB' if _is_by_duckdb(item, by_engine) else ''}"


def _mapped(variables: Sequence[str] | None) -> str:
    return "of the match" if variables is None else f"mapped to {' or '.join(variables)}"


def _place(at: Any) -> str:
    of = "" if at.variables is None else f" {_mapped(at.variables)}"
    if at.first or at.offset or at.variables is not None or at.final:
        way = "first" if at.first else "last"
        offset = f" + {at.offset}" if at.offset and at.first else f" - {at.offset}" if at.offset else ""
        place = f"the {way}{offset} row{of}"
    else:
        place = "the current row"
    if at.rows:
        place = f"{counted(abs(at.rows), 'row')} {'after' if at.rows > 0 else 'before'} {place}"
    return place


def _cost(bound: BoundClause, rows: int, placed: Placements, prefer: str = "first") -> str:
    columns = len({name for each in bound.conditions for name, _ in each.expression.reads})
    parts = [f"{counted(columns, 'column')} in and {counted(len(bound.conditions), 'condition')} out"]
    if not placed.is_bounded and any(condition.expression.depends for condition in bound.conditions):
        parts.append(
            f"a backward pass over {counted(rows, 'row')}, and a search from each start that backtracks where it fails"
        )
        if prefer == "longest":
            parts.append("all ways from a start are tried, each branch once")
    elif placed.is_bounded or bound.within is not None or prefer == "longest":
        is_early = placed.is_bounded or bound.within is not None
        which = " and ".join(word for word, is_so in (("earliest", is_early), ("latest", prefer == "longest")) if is_so)
        parts.append(f"a backward pass over {counted(rows, 'row')}, one for the {which} ends of matches, one forward")
    else:
        parts.append(f"two passes over {counted(rows, 'row')}, for every pattern")
    if bound.partition_by or bound.order_by:
        parts.insert(0, f"one scan of the keys of {counted(rows, 'row')}, or O(n log n) to sort them")
    references = [item for each in bound.measures for _, item in each.expression.reads]
    aggregates = [item for item in references if isinstance(item, Aggregate) and _is_by_duckdb(item, placed.aggregates)]
    if any(each.final for each in aggregates):
        parts.append("a GROUP BY over the rows of matches")
    if any(not each.final for each in aggregates):
        parts.append("a window over the rows of matches")
    return "; ".join(parts)


def _around(parsed: ParsedQuery) -> str:
    if parsed.projection is not None or (parsed.shows_windows and parsed.windows[None][0].plain is not None):
        return "around it: nothing for DuckDB to do"
    if parsed.windows:
        return "around the windows: DuckDB runs what is before them and behind them, with their columns in a table"
    return "around the clauses: DuckDB runs the query, with the answers in their places"


def _steps(steps: list[Step]) -> list[str]:
    lines = []
    for step in steps:
        rate = f"{step.rows / step.seconds / 1e6:,.1f} million rows a second" if step.rows and step.seconds else ""
        lines.append(f"{step.name:<12}{step.seconds * 1e3:>10.2f} ms  {rate}".rstrip())
    return lines
