"""What notebooks show: matches as HTML tables, patterns as drawings of their automata."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from rowpattern.counted import counted
from rowpattern.patterns import Match, Matches, Pattern
from rowpattern.pictures.automaton import automaton_svg

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["display", "html_table"]

_MOST_MATCHES = 20
_MOST_ROWS = 40
_MOST_LABELS = 12


def display(value: Match | Matches | Pattern, form: str) -> str:
    """Write an object for notebooks.

    Args:
        value: what is shown.
        form: `"svg"` or `"html"`.
    """
    if isinstance(value, Pattern):
        return automaton_svg([value])
    if form != "html":
        raise ValueError(f"a {type(value).__name__} has no form {form!r}; it has the form 'html'")
    return _matches(value) if isinstance(value, Matches) else _match(value)


def html_table(caption: str, header: Sequence[str], rows: Iterable[Sequence[object]], left_out: str = "") -> str:
    """Write a table; texts are escaped.

    Args:
        caption: stands above it.
        header: the names of columns.
        rows: the values.
        left_out: stands below it where not all rows are shown.
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in row) + "</tr>" for row in rows)
    below = f"<p>{escape(left_out)}</p>" if left_out else ""
    table = f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div>{table}{below}</div>"


def _matches(matches: Matches) -> str:
    count, classifier, rows, first = len(matches), matches.rows.classifier, [], 0
    for span, _ in zip(matches, range(_MOST_MATCHES)):
        length = span.end - span.start
        labels = " ".join(str(classifier[at]) for at in range(first, first + min(length, _MOST_LABELS)))
        rows.append((*span, f"{labels} …" if length > _MOST_LABELS else labels))
        first += length
    left_out = f"and {count - _MOST_MATCHES:,} more" if count > _MOST_MATCHES else ""
    caption = f"{counted(count, 'match')}, {counted(len(classifier), 'row')}"
    return html_table(caption, ("number", "partition", "start", "end", "classifiers"), rows, left_out)


def _match(match: Match) -> str:
    shown = list(zip(range(match.start, match.end), match.labels, match.excluded))
    has_exclusion = any(match.excluded)
    rows = [(row, label, *(("yes" if excluded else "",) if has_exclusion else ())) for row, label, excluded in shown]
    left_out = f"and {len(rows) - _MOST_ROWS:,} more" if len(rows) > _MOST_ROWS else ""
    caption = f"match {match.number} of partition {match.partition}, rows {match.start} to {match.end - 1}"
    if not rows:
        caption = f"match {match.number} of partition {match.partition}, empty, at row {match.start}"
    header = ("row", "classifier", *(("excluded",) if has_exclusion else ()))
    return html_table(caption, header, rows[:_MOST_ROWS], left_out)
