"""`rowpattern query`: a query over files, with its answer on the terminal or in a file."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, Any

from rowpattern.cli.answers import output_format, write_answer
from rowpattern.cli.csv_files import csv_problem
from rowpattern.cli.files import empty_tables, input_files, streams, whole_tables
from rowpattern.cli.texts import given_text
from rowpattern.counted import counted
from rowpattern.dependencies import packages_of
from rowpattern.errors import ConfigurationError, QueryError, RowPatternError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from rowpattern.cli.files import InputFile
    from rowpattern.sql.runtime.context import Progress

__all__ = ["check_query", "run_query"]

_WIDTH = 30
# So long a query works before there is a bar, and so long between two drawings of it.
_BEFORE_BAR_SECONDS, _BETWEEN_SECONDS = 1.0, 0.1
# What the library's errors call its arguments, and what they are here.
_OPTIONS = {
    "give memory_limit_mb": "give --memory-mb",
    "give timeout_seconds": "give --timeout",
    "there are no parameters given": "the command gives none: write the value itself",
    "parameters has 0 values": "the command gives no values: write them themselves",
    "time_zone is ": "--time-zone is ",
    "threads is ": "--threads is ",
}


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
        from rowpattern.sql.text.source_location import error_at

    parsed = parsed_query(sql)
    windows = [window for steps in parsed.windows.values() for step in steps for window in step.windows]
    for clause in [*parsed.clauses, *(each.clause for each in windows)]:
        variables = Variables(compiled_pattern(clause).variables, clause.subset)
        named = [(each.variable, each.location) for each in clause.define]
        for at, (name, location) in enumerate(named):
            if name in {each for each, _ in named[:at]}:
                raise error_at(f"DEFINE defines {name} twice", location, QueryError)
        if clause.skip[1]:
            named.append((clause.skip[1], clause.skip_location))
        for name, location in named:
            if variables.members(name) is None:
                raise variables.unknown(name, location)
    count = counted(len(parsed.clauses), "MATCH_RECOGNIZE clause")
    if windows:
        count = f"{count} and {counted(len(windows), 'row pattern')} in windows"
    return f"a query of {count} over {', '.join(parsed.tables) or 'no table'}"


def run_query(options: argparse.Namespace) -> int:
    """Answer a query over files; returns the exit code.

    Raises:
        RowPatternError, OSError: it cannot be answered, in the words of the command.
    """
    sql = given_text(options.sql, "query - FILE")
    form = output_format(options.format, options.output)
    files = input_files(options.files)
    _refuse_overwriting(options.output, files)
    try:
        return _run(sql, files, form, options)
    except RowPatternError as error:
        message = _told(str(error), files)
        if message == str(error):
            raise
        raise RowPatternError(message) from None


def _run(sql: str, files: list[InputFile], form: str, options: argparse.Namespace) -> int:
    # As `execution_context` takes them.
    limits: Any = (options.memory_mb, options.timeout, options.threads, None, options.time_zone, None, None, "first")
    with packages_of("sql"):
        if options.explain:
            from rowpattern.sql import explained

            explanation = explained(sql, *_asked(empty_tables(files, options.memory_mb)), limits, None, analyze=False)
            print("explained by the columns of the files; no row was read")
            print(explanation)
            return 0
        bar = _ProgressBar([each.rows for each in files]) if _wants_bar(options) else None
        try:
            with _answer(sql, files, (*limits[:3], bar, *limits[4:])) as answer:
                rows = write_answer(answer, options.output, form, options.rows)
        finally:
            if bar is not None:
                bar.clear()
    if options.output is not None:
        print(f"{counted(rows, 'row')} written to {options.output}", file=sys.stderr)
    return 0


def _refuse_overwriting(output: Path | None, files: list[InputFile]) -> None:
    for each in files:
        if output is not None and output.exists() and output.samefile(each.path):
            raise ConfigurationError(f"--output is {output}, which the query reads; give another file")


def _told(message: str, files: Sequence[InputFile]) -> str:
    """Return a message of the library in the words of the command."""
    message = csv_problem(message)
    if len(files) == 1:
        # The one table of a query has no name in the library.
        message = re.sub(r"\Adata(?= cannot be read)", f"the file {files[0].path}".replace("\\", r"\\"), message)
    message = re.sub(r"\A[^,\n]*, (the file .*?), cannot be read", r"\1 cannot be read", message)
    for own, here in _OPTIONS.items():
        message = message.replace(own, here)
    return message


def _asked(tables: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the one table and none by name, or tables by name.

    One file has whatever name the query gives it, as one table has in the library. Tables by name are no arguments of
    a function here, as a file may be called as an argument is.
    """
    return (next(iter(tables.values())), {}) if len(tables) == 1 else (None, tables)


def _answer(sql: str, files: list[InputFile], limits: Any) -> pa.RecordBatchReader:
    """Answer a query while its answer is read; with several clauses, over whole tables."""
    from rowpattern.sql import answer
    from rowpattern.sql.execute.query import parsed_query

    memory_mb = limits[0]
    if len(parsed_query(sql).clauses) == 1:
        return answer(sql, *_asked(streams(files, memory_mb)), limits, True, None)
    return answer(sql, *_asked(whole_tables(files, memory_mb)), limits, False, None).to_reader()


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
