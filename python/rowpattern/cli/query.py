"""`rowpattern query`: a query over files, with its answer on the terminal or in a file."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from rowpattern.cli.answers import output_format, write_answer
from rowpattern.cli.files import empty_tables, input_files, streams, whole_tables
from rowpattern.counted import counted
from rowpattern.dependencies import packages_of

if TYPE_CHECKING:
    import argparse

    import pyarrow as pa

    from rowpattern.cli.files import InputFile
    from rowpattern.sql.runtime.context import Progress

__all__ = ["check_query", "run_query"]

_WIDTH = 30
# So long a query works before there is a bar, and so long between two drawings of it.
_BEFORE_BAR_SECONDS, _BETWEEN_SECONDS = 1.0, 0.1


def check_query(sql: str) -> str:
    """Check a query's text, and say what it is.

    Names of columns are not looked up, as there is no table.

    Raises:
        QuerySyntaxError, PatternSyntaxError, UnknownVariableError, UnsupportedQueryError: it is wrong; the message
            shows where.
    """
    with packages_of("sql"):
        from rowpattern.sql.bind.clause import compiled_pattern
        from rowpattern.sql.bind.scope import Variables
        from rowpattern.sql.execute.query import parsed_query

    parsed = parsed_query(sql)
    for clause in parsed.clauses:
        variables = Variables(compiled_pattern(clause).variables, clause.subset)
        named = [(each.variable, each.location) for each in clause.define]
        if clause.skip[1]:
            named.append((clause.skip[1], clause.skip_location))
        for name, location in named:
            if variables.members(name) is None:
                raise variables.unknown(name, location)
    count = counted(len(parsed.clauses), "MATCH_RECOGNIZE clause")
    return f"a query of {count} over {', '.join(parsed.tables) or 'no table'}"


def run_query(options: argparse.Namespace) -> int:
    """Answer a query over files; returns the exit code."""
    from rowpattern.recognition.explain import explain

    sql = sys.stdin.read() if options.sql == "-" else options.sql
    form = output_format(options.format, options.output)
    files = input_files(options.files)
    limits: dict[str, Any] = {
        "memory_limit_mb": options.memory_mb,
        "timeout_seconds": options.timeout,
        "threads": options.threads,
        "time_zone": options.time_zone,
    }

    with packages_of("sql"):
        if options.explain:
            place, named = _asked(empty_tables(files, options.memory_mb))
            print("explained by the columns of the files; no row was read")
            print(explain(sql, *place, **limits, **named))
            return 0
        bar = _ProgressBar([each.rows for each in files]) if _wants_bar(options) else None
        try:
            with _answer(sql, files, limits, bar) as answer:
                rows = write_answer(answer, options.output, form, options.rows)
        finally:
            if bar is not None:
                bar.clear()
    if options.output is not None:
        print(f"{counted(rows, 'row')} written to {options.output}", file=sys.stderr)
    return 0


def _asked(tables: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return tables as arguments: one file has whatever name the query gives it, as one table has in the library."""
    return (tuple(tables.values()), {}) if len(tables) == 1 else ((), tables)


def _answer(sql: str, files: list[InputFile], limits: dict[str, Any], bar: _ProgressBar | None) -> pa.RecordBatchReader:
    """Answer a query while its answer is read; with several clauses, over whole tables."""
    from rowpattern.sql import match_recognize
    from rowpattern.sql.execute.query import parsed_query

    if len(parsed_query(sql).clauses) == 1:
        place, named = _asked(streams(files, limits["memory_limit_mb"]))
        return match_recognize(sql, *place, stream=True, progress=bar, **limits, **named)
    place, named = _asked(whole_tables(files, limits["memory_limit_mb"]))
    return match_recognize(sql, *place, progress=bar, **limits, **named).to_reader()


def _wants_bar(options: argparse.Namespace) -> bool:
    return sys.stderr.isatty() if options.progress is None else bool(options.progress)


class _ProgressBar:
    """Draws how far a query is in the last line of the terminal, from its second second on."""

    def __init__(self, rows: list[int | None]) -> None:
        self._all = None if None in rows else sum(each or 0 for each in rows)
        self._read = self._matched = 0
        self._begun = self._drawn = time.monotonic()
        self._is_there = False

    def __call__(self, progress: Progress) -> None:
        self.note(progress)
        now = time.monotonic()
        if now - self._begun < _BEFORE_BAR_SECONDS or now - self._drawn < _BETWEEN_SECONDS:
            return
        self._drawn, self._is_there = now, True
        sys.stderr.write(f"\r{self.line(progress.seconds)}\x1b[K")
        sys.stderr.flush()

    def note(self, progress: Progress) -> None:
        """Count the rows that were read and matched; a stream is matched block by block."""
        if progress.size_bytes is not None:
            self._read = progress.rows
            self._all = progress.rows if progress.done else self._all
        elif progress.step == "match" and progress.done:
            self._matched += progress.rows

    def line(self, seconds: float) -> str:
        """Return what is drawn: a bar where it is known how many rows there are, else how many were read."""
        what, rows = ("matched", self._matched) if self._matched else ("read", self._read)
        text = f"{counted(rows, 'row')} {what}, {seconds:,.0f} s"
        if not self._all:
            return text
        share = min(1.0, rows / self._all)
        full = int(share * _WIDTH)
        return f"[{'#' * full}{'-' * (_WIDTH - full)}] {share:4.0%}  {text}"

    def clear(self) -> None:
        """Remove it."""
        if self._is_there:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
