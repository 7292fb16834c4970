"""The command's arguments, and what it does with patterns, settings and the cache of a running process."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import runpy
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable

from rowpattern import pattern_cache, patterns
from rowpattern.cli.answers import FORMATS
from rowpattern.cli.process_figures import shown_figures
from rowpattern.cli.query import check_query, run_query
from rowpattern.cli.texts import given_text
from rowpattern.config.process import describe
from rowpattern.counted import counted
from rowpattern.errors import ConfigurationError, RowPatternError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

# What a pattern that is wrong, a server that does not answer and a file that cannot be read end with; usage errors end
# with argparse's 2.
_FAILED = 1
_INTERRUPTED = 130

_MOST_ROWS = 10**9
_LONGEST_WAIT = 86_400

_EXAMPLES = """\
examples:
  rowpattern query "SELECT * FROM prices MATCH_RECOGNIZE (ORDER BY day MEASURES LAST(UP.day) AS ended
      PATTERN (DOWN+ UP+) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price))" prices.csv
  rowpattern check 'START DOWN{2,} UP+'
  rowpattern stats http://127.0.0.1:8000/metrics --watch

rowpattern COMMAND --help says more about each."""

_QUERY_EXAMPLES = (
    """rowpattern query "SELECT * FROM events MATCH_RECOGNIZE (PARTITION BY account ORDER BY at
      MEASURES count(FAILED.*) AS failures PATTERN (FAILED{3,} SUCCEEDED)
      DEFINE FAILED AS event = 'failure', SUCCEEDED AS event = 'success')" events.parquet""",
    "rowpattern query - ticks=2026-11.parquet --output shapes.csv < shapes.sql",
    "rowpattern query - ticks.csv names.csv --format json --timeout 60 --memory-mb 1024 < shapes.sql",
    "rowpattern query - ticks.csv --explain < shapes.sql",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 when it failed, 2 when it was not understood."""
    if sys.stderr is None:
        # It was closed. Messages would go to standard output.
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as the process lives
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    if command is _compat:
        # Errors of the script are not caught.
        return command(options)
    try:
        code = command(options)
        if sys.stdout is not None:
            sys.stdout.flush()
    except (RowPatternError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            # The reader has closed the pipe.
            _drop_output()
            return _FAILED
        if isinstance(error, OSError) and error.filename is not None:
            print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        elif isinstance(error, OSError) and error.strerror:
            _drop_output()
            print(f"standard output: {error.strerror}", file=sys.stderr)
        else:
            print(error, file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _drop_output() -> None:
    """Have Python write nothing more at exit, where what is left could not be written."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rowpattern",
        description="Find row patterns (SQL MATCH_RECOGNIZE) in files; check and explain patterns; watch a service.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"rowpattern {patterns.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_query(commands)

    check = _command(
        commands,
        "check",
        "say whether a text is a row pattern or a query; if not, show where it is wrong, with exit code 1",
        "rowpattern check 'START DOWN{2,} UP+'",
        "rowpattern check - < shapes.sql",
    )
    check.add_argument(
        "pattern", help="the text inside PATTERN (...), or a query with MATCH_RECOGNIZE; - reads it from standard input"
    )
    check.set_defaults(command=_check)

    explain = _command(
        commands, "explain", "show what a row pattern compiles to", "rowpattern explain 'A (B | C)+ {- D -}'"
    )
    explain.add_argument("pattern", help="the text inside PATTERN (...); - reads it from standard input")
    explain.set_defaults(command=_explain)

    bench = _command(
        commands,
        "bench",
        "measure compiling, caching and matching on this machine, beside Python's re",
        "rowpattern bench",
        "rowpattern bench --rows 10000000",
    )
    bench.add_argument("--rows", type=_positive, default=1_000_000, help="the number of rows to match (1,000,000)")
    bench.set_defaults(command=_bench)

    stats = _command(
        commands,
        "stats",
        "show the cache of a running process",
        "rowpattern stats http://127.0.0.1:8000/metrics",
        "rowpattern stats http://127.0.0.1:8000/metrics --watch 10",
    )
    stats.add_argument("url", help="the metrics page of the process, as http://127.0.0.1:8000/metrics")
    stats.add_argument(
        "--watch",
        type=_seconds,
        nargs="?",
        const=2.0,
        metavar="SECONDS",
        help="show it again after so many seconds (2), until Ctrl-C",
    )
    stats.set_defaults(command=_stats)

    warm = _command(
        commands,
        "warm",
        "compile the patterns of a file, and write a file that pattern_cache.load() reads",
        "rowpattern warm patterns.txt --output patterns.dump",
    )
    warm.add_argument(
        "file", type=Path, help="one pattern in each line; empty lines and lines that begin with # are ignored"
    )
    warm.add_argument("--output", type=Path, help="write the compiled patterns to this file")
    warm.set_defaults(command=_warm)

    settings = _command(
        commands,
        "settings",
        "show the settings, and where the value of each comes from",
        "rowpattern settings",
        "MR_CONFIG_FILE=config.json rowpattern settings",
    )
    settings.set_defaults(command=_settings)

    compat = _command(
        commands,
        "compat",
        "run Python code in which imports of pandas-match-recognize (src...) mean modules of rowpattern",
        "rowpattern compat service.py --port 8000",
        "rowpattern compat -m gunicorn service:application",
        usage="%(prog)s [-h] (SCRIPT | -c CODE | -m MODULE) [ARGUMENT ...]",
    )
    rest = argparse.REMAINDER
    compat.add_argument("-c", dest="code", nargs=rest, help="run the code that follows, as python -c does")
    compat.add_argument("-m", dest="module", nargs=rest, help="run the module that follows, as python -m does")
    compat.add_argument("script", nargs=rest, help="run a file; the arguments after it are those of the code")
    compat.set_defaults(command=_compat, usage_error=compat.error)
    return parser


def _command(
    commands: Any, name: str, what: str, *examples: str, description: str | None = None, usage: str | None = None
) -> argparse.ArgumentParser:
    """Add a command, whose help ends with examples."""
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=what,
        description=description or f"{what[0].upper()}{what[1:]}.",
        usage=usage,
        epilog="\n".join([f"example{'s' if len(examples) > 1 else ''}:", *(f"  {each}" for each in examples)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return made


def _add_query(commands: Any) -> None:
    query = _command(
        commands,
        "query",
        "answer a query with MATCH_RECOGNIZE over files",
        *_QUERY_EXAMPLES,
        description="Answer a query over CSV, Parquet and Arrow IPC files, which may be larger than memory. The query "
        "reads these files and no others.",
    )
    query.add_argument("sql", help="the query; - reads it from standard input")
    query.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a file, or NAME=FILE; a single file may have any name in the query, and each of several has the name of "
        "its file up to the first dot",
    )
    query.add_argument(
        "--output", type=_output, metavar="FILE", help="write the answer to this file; - is standard output"
    )
    query.add_argument(
        "--format",
        choices=FORMATS,
        help="the format of the answer; by default that of the name of --output, or a table",
    )
    query.add_argument("--rows", type=_positive, default=100, help="show at most so many rows of a table (100)")
    query.add_argument("--explain", action="store_true", help="show how the query would be answered; no row is read")
    query.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        help="show a progress bar after a second; by default if standard error is a terminal",
    )
    query.add_argument(
        "--timeout", type=_above_zero, metavar="SECONDS", help="time limit (MR_EXECUTION_TIMEOUT_SECONDS)"
    )
    query.add_argument("--memory-mb", type=_above_zero, metavar="MB", help="memory limit (MR_MAX_MEMORY_MB)")
    query.add_argument("--threads", type=_positive, help="the largest number of threads (MR_MAX_WORKERS)")
    query.add_argument("--time-zone", help="the time zone of expressions that need one, as Europe/Berlin")
    query.set_defaults(command=_query, usage_error=query.error)


def _query(options: argparse.Namespace) -> int:
    if options.explain and (options.output is not None or options.format is not None):
        options.usage_error("--explain gives no answer to write; leave out --output and --format, or --explain")
    if options.output is not None and str(options.output) == "-":
        options.output = None
    return run_query(options)


def _output(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("must be the name of a file, not an empty text")
    return Path(text)


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= _MOST_ROWS:
        allowed = f"a whole number of at least 1 and at most {_MOST_ROWS}"
        raise argparse.ArgumentTypeError(f"must be {allowed}, not {text}")
    return number


def _seconds(text: str) -> float:
    number = _above_zero(text)
    if number > _LONGEST_WAIT:
        raise argparse.ArgumentTypeError(f"must be a number above 0 and at most {_LONGEST_WAIT}, not {text}")
    return number


def _above_zero(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not number > 0:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return number


# `SELECT * FROM t` is a row pattern of three variables too, but nobody means that.
_QUERY = re.compile(r"^\s*(select|with)\b|\bmatch_recognize\b", re.IGNORECASE)


def _check(options: argparse.Namespace) -> int:
    text = given_text(options.pattern, "check -")
    if _QUERY.search(text):
        print(check_query(text))
        return 0
    variables = patterns.compile(text).variables
    print(f"a row pattern of {counted(len(variables), 'variable')}{': ' if variables else ''}{', '.join(variables)}")
    return 0


def _explain(options: argparse.Namespace) -> int:
    text = given_text(options.pattern, "explain -")
    if _QUERY.search(text):
        raise ConfigurationError("this is a query, not a row pattern; rowpattern query ... --explain explains it")
    print(patterns.compile(text).explain())
    return 0


def _fastest(work: Callable[[], object], times: int) -> float:
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(times):
            work()
        best = min(best, (time.perf_counter() - begun) / times)
    return best


def _bench(options: argparse.Namespace) -> int:
    text, letters = "A+ B", "A+B"
    rows = "AAB" * (options.rows // 3 + 1)

    def cold() -> None:
        pattern_cache.invalidate(text)
        patterns.compile(text)

    def cold_re() -> None:
        re.purge()
        re.compile(letters)

    pattern, expression = patterns.compile(text), re.compile(letters)
    measured = {
        "compile, not cached": (_fastest(cold, 200), _fastest(cold_re, 50)),
        "compile, cached": (
            _fastest(lambda: patterns.compile(text), 20_000),
            _fastest(lambda: re.compile(letters), 20_000),
        ),
        f"matches in {len(rows):,} rows": (
            _fastest(lambda: pattern.spans(rows), 1),
            _fastest(lambda: [found.span() for found in expression.finditer(rows)], 1),
        ),
    }
    print(f"{'':<30}{'rowpattern':>14}{'re':>14}{'ratio':>10}")
    for name, (own, peer) in measured.items():
        print(f"{name:<30}{own * 1e6:>11.2f} us{peer * 1e6:>11.2f} us{peer / own:>10.1f}")
    return 0


def _stats(options: argparse.Namespace) -> int:
    while True:
        print(shown_figures(options.url), flush=True)
        if options.watch is None:
            return 0
        time.sleep(options.watch)
        # On a terminal, each reading replaces the last one.
        print("\x1b[2J\x1b[H" if sys.stdout.isatty() else "", end="\n")


def _warm(options: argparse.Namespace) -> int:
    written = options.file.read_bytes()
    try:
        lines = written.decode().splitlines()
    except UnicodeDecodeError as error:
        line = written.count(b"\n", 0, error.start) + 1
        print(f"{options.file}, line {line}: this is not UTF-8; save the file as UTF-8", file=sys.stderr)
        return _FAILED
    texts = {number: line for number, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")}
    begun = time.perf_counter()
    for number, text in texts.items():
        try:
            patterns.compile(text)
        except RowPatternError as error:  # noqa: PERF203 - it ends the loop
            print(f"{options.file}, line {number}: {error}", file=sys.stderr)
            return _FAILED
    seconds = time.perf_counter() - begun
    held = pattern_cache.get_cache_stats()
    print(
        f"{counted(len(texts), 'pattern')} compiled in {seconds:.3f} s; "
        f"{held['size']} in the cache, {held['memory_used_mb']:.2f} MB"
    )
    if options.output is not None:
        print(f"{counted(pattern_cache.dump(options.output), 'pattern')} written to {options.output}")
    return 0


def _settings(_options: argparse.Namespace) -> int:
    print(describe())
    return 0


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError as error:
        # Of the module itself or a package above it; what those import and is not there is their error.
        if error.name and f"{name}.".startswith(f"{error.name}."):
            return False
        raise


def _compat(options: argparse.Namespace) -> int:
    from rowpattern.compat import install_as_src

    given = [each for each in (options.code, options.module, options.script) if each]
    if not given:
        options.usage_error("a script, -c CODE or -m MODULE is needed")
    ((what, *arguments),) = given
    # A folder or a zip file is run by its __main__.py.
    if options.script and not Path(what).exists():
        print(f"there is no script {what}", file=sys.stderr)
        return _FAILED
    install_as_src()
    # As python itself does it.
    sys.argv = ["-c" if options.code else what, *arguments]
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = str(Path(what).resolve().parent) if options.script else "" if options.code else str(Path.cwd())
    if options.code:
        main_module = ModuleType("__main__")
        sys.modules["__main__"] = main_module
        exec(compile(what, "<string>", "exec"), vars(main_module))  # noqa: S102 - the caller's own code
    elif options.module:
        if not _is_module(what):
            print(f"there is no module {what}", file=sys.stderr)
            return _FAILED
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(what, run_name="__main__")
    return 0
