"""The command's arguments, and what it does with patterns, settings and the cache of a running process."""

from __future__ import annotations

import argparse
import http.client
import importlib.util
import os
import re
import runpy
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable

from rowpattern import pattern_cache, patterns
from rowpattern.cli.answers import FORMATS
from rowpattern.cli.query import check_query, run_query
from rowpattern.config.process import describe
from rowpattern.dependencies import missing
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

_QUERY_EXAMPLES = """\
examples:
  rowpattern query "SELECT * FROM events MATCH_RECOGNIZE (PARTITION BY account ORDER BY at
      MEASURES count(FAILED.*) AS failures PATTERN (FAILED{3,} SUCCEEDED)
      DEFINE FAILED AS event = 'failure', SUCCEEDED AS event = 'success')" events.parquet
  rowpattern query - ticks=2026-11.parquet --output shapes.csv < shapes.sql
  rowpattern query - ticks.csv --explain < shapes.sql"""

# More than any metrics page of this package.
_LARGEST_PAGE = 16 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 when it failed, 2 when it was not understood."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    if command is _compat:
        # Errors of the script are not caught.
        return command(options)
    try:
        return command(options)
    except (RowPatternError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            # The reader has closed the pipe; Python would report that again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _FAILED
        print(error, file=sys.stderr)
        return _FAILED
    except UnicodeDecodeError as error:
        print(
            f"what is read is not {error.encoding}: byte {error.start} is {error.object[error.start]}", file=sys.stderr
        )
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rowpattern",
        description="Row patterns: ask files in SQL, check, explain, measure, watch.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"rowpattern {patterns.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_query(commands)

    check = commands.add_parser(
        "check",
        help="say whether a text is a row pattern or a query; exit code 1, and where it is wrong, when not",
        epilog="example:\n  rowpattern check 'START DOWN{2,} UP+'",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument(
        "pattern", help="the text inside PATTERN (...), or a query with MATCH_RECOGNIZE; - reads it from standard input"
    )
    check.set_defaults(command=_check)

    explain = commands.add_parser("explain", help="show what a row pattern compiles to")
    explain.add_argument("pattern", help="the text inside PATTERN (...); - reads it from standard input")
    explain.set_defaults(command=_explain)

    bench = commands.add_parser("bench", help="measure compiling, caching and matching here, beside Python's re")
    bench.add_argument("--rows", type=_positive, default=1_000_000, help="rows to match (1,000,000)")
    bench.set_defaults(command=_bench)

    stats = commands.add_parser("stats", help="show the cache of a running process")
    stats.add_argument("url", help="its metrics page, as http://127.0.0.1:8000/metrics")
    stats.add_argument(
        "--watch", type=_seconds, nargs="?", const=2.0, metavar="SECONDS", help="again every so often (2), until Ctrl-C"
    )
    stats.set_defaults(command=_stats)

    warm = commands.add_parser("warm", help="compile the patterns of a file, and write them for rowpattern's load()")
    warm.add_argument("file", type=Path, help="one pattern a line; empty lines and lines from # on are passed over")
    warm.add_argument("--output", type=Path, help="write the file that load() reads")
    warm.set_defaults(command=_warm)

    settings = commands.add_parser("settings", help="show the settings as read here, and where each came from")
    settings.set_defaults(command=_settings)

    compat = commands.add_parser(
        "compat",
        help="run Python code in which rowpattern's modules stand for src... of pandas-match-recognize",
        usage="%(prog)s [-h] (SCRIPT | -c CODE | -m MODULE) [ARGUMENT ...]",
    )
    rest = argparse.REMAINDER
    compat.add_argument("-c", dest="code", nargs=rest, help="run the text that follows, as python -c does")
    compat.add_argument("-m", dest="module", nargs=rest, help="run the module that follows, as python -m does")
    compat.add_argument("script", nargs=rest, help="run a file; what stands behind it is for the code that runs")
    compat.set_defaults(command=_compat, usage_error=compat.error)
    return parser


def _add_query(commands: Any) -> None:
    query = commands.add_parser(
        "query",
        help="answer a query with MATCH_RECOGNIZE over files",
        description="Answer a query over CSV, Parquet and Arrow IPC files, which may be larger than memory. The query "
        "reads these files and no others.",
        epilog=_QUERY_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    query.add_argument("sql", help="the query; - reads it from standard input")
    query.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a file, or NAME=FILE; a single one has any name in the query, one of several is called as its file is, "
        "without what follows the first dot",
    )
    query.add_argument("--output", type=Path, metavar="FILE", help="write the answer there, not to the terminal")
    query.add_argument(
        "--format", choices=FORMATS, help="of the answer; by default what the name of --output says, or table"
    )
    query.add_argument("--rows", type=_positive, default=100, help="the most rows of a table (100)")
    query.add_argument(
        "--explain", action="store_true", help="say how the query would be answered, and do not answer it"
    )
    query.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        help="draw how far it is, after a second; by default where standard error is a terminal",
    )
    query.add_argument("--timeout", type=float, metavar="SECONDS", help="the most time (MR_EXECUTION_TIMEOUT_SECONDS)")
    query.add_argument("--memory-mb", type=float, metavar="MB", help="the most memory (MR_MAX_MEMORY_MB)")
    query.add_argument("--threads", type=_positive, help="the most threads (MR_MAX_WORKERS)")
    query.add_argument("--time-zone", help="in which expressions are computed that need one, as Europe/Berlin")
    query.set_defaults(command=run_query)


def _positive(text: str) -> int:
    number = int(text)
    if not 1 <= number <= _MOST_ROWS:
        raise argparse.ArgumentTypeError(f"must be at least 1 and at most {_MOST_ROWS}, not {text}")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number <= _LONGEST_WAIT:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most {_LONGEST_WAIT}, not {text}")
    return number


def _text(options: argparse.Namespace) -> str:
    return sys.stdin.read() if options.pattern == "-" else str(options.pattern)


def _check(options: argparse.Namespace) -> int:
    text = _text(options)
    if re.search(r"\bmatch_recognize\b", text, re.IGNORECASE):
        print(check_query(text))
        return 0
    pattern = patterns.compile(text)
    print(f"a row pattern of {len(pattern.variables)} variables: {', '.join(pattern.variables)}")
    return 0


def _explain(options: argparse.Namespace) -> int:
    print(patterns.compile(_text(options)).explain())
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
        print(_figures(options.url), flush=True)
        if options.watch is None:
            return 0
        time.sleep(options.watch)
        # On a terminal, each reading replaces the last one.
        print("\x1b[2J\x1b[H" if sys.stdout.isatty() else "", end="\n")


def _figures(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"the URL is {url!r}; allowed is one that begins with http:// or https://")
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError as error:
        raise missing(error, "prometheus") from None
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - checked above
            page = answer.read(_LARGEST_PAGE)
    except urllib.error.URLError as error:
        raise OSError(f"{url} does not answer: {error.reason}") from None
    except (http.client.HTTPException, ValueError) as error:
        # ValueError: the URL is malformed.
        raise OSError(f"{url} does not answer: {type(error).__name__}: {str(error).strip()}") from None
    try:
        values = {
            (sample.name, sample.labels.get("cause")): sample.value
            for family in text_string_to_metric_families(page.decode())
            for sample in family.samples
        }
    except ValueError:
        # Not a metrics page; /health is none, for example.
        values = {}
    if ("pattern_cache_size", None) not in values:
        raise ConfigurationError(
            f"{url} has no figures of a pattern cache; allowed is a metrics page, as http://127.0.0.1:8000/metrics"
        )

    def value(name: str, cause: str | None = None) -> float:
        return float(values.get((name, cause), 0.0))

    causes = ("size", "memory", "threshold")
    evictions = {cause: value("rowpattern_cache_evictions_total", cause) for cause in causes}
    lines = {
        "entries": f"{value('pattern_cache_size'):,.0f} of {value('rowpattern_cache_max_entries'):,.0f}",
        "memory": f"{value('pattern_cache_memory_mb'):,.2f} of {value('rowpattern_cache_max_bytes') / 2**20:,.0f} MB",
        "efficiency": f"{value('pattern_cache_efficiency'):.1f} % "
        f"({value('pattern_cache_hits'):,.0f} hits, {value('pattern_cache_misses'):,.0f} misses)",
        "evicted": f"{sum(evictions.values()):,.0f} ("
        + ", ".join(f"{count:,.0f} by {cause}" for cause, count in evictions.items())
        + ")",
        "expired": f"{value('rowpattern_cache_expirations_total'):,.0f}",
        "compile time": f"{value('rowpattern_compile_seconds_sum'):,.3f} s for "
        f"{value('rowpattern_compile_seconds_count'):,.0f}, "
        f"{value('rowpattern_cache_saved_seconds_total'):,.3f} s saved by hits",
        "caching": "enabled" if value("rowpattern_cache_enabled") else "disabled",
    }
    return "\n".join(f"{name:<14}{text}" for name, text in lines.items())


def _warm(options: argparse.Namespace) -> int:
    lines = options.file.read_text(encoding="utf-8").splitlines()
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
        f"{len(texts)} patterns compiled in {seconds:.3f} s; "
        f"{held['size']} in the cache, {held['memory_used_mb']:.2f} MB"
    )
    if options.output is not None:
        print(f"{pattern_cache.dump(options.output)} patterns written to {options.output}")
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
