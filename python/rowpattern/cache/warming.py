"""Compiling patterns before they are asked for, from a list or from a file that another process wrote.

A file holds texts, never objects: a first line that says what it is, then one pattern a line, as JSON. It is checked
whole before the first pattern is compiled.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rowpattern._core import _process_cache
from rowpattern.config.process import get_config
from rowpattern.errors import ConfigurationError, DumpError, RowPatternError
from rowpattern.events import log_event
from rowpattern.patterns import Pattern, compile  # noqa: A004 - named as in `re`
from rowpattern.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["dump", "load", "load_at_start", "warm"]

_FIRST_LINE = {"rowpattern": "patterns", "version": 1}

# A text that no pattern of the cache reaches, so that a file that is no dump cannot fill the memory.
_LONGEST_LINE = 4 << 20


def warm(patterns: Iterable[str | Pattern]) -> int:
    """Compile patterns into the process-wide cache.

    Args:
        patterns: texts, or compiled patterns, whose subset and define are kept.

    Returns:
        how many there were. Those past the cache's limits are compiled too, and the first ones evicted.

    Raises:
        PatternSyntaxError, PatternTooLargeError: a text is not a row pattern; those before it are in the cache.

    Examples:
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.warm(["A B+", "PERMUTE(A, B, C)"])
        2
    """
    number = 0
    for pattern in patterns:
        if isinstance(pattern, Pattern):
            compile(pattern.pattern, subset=pattern.subset or None, define=pattern.define or None)
        else:
            compile(pattern)
        number += 1
    return number


def dump(path: str | os.PathLike[str]) -> int:
    """Write the cached patterns to a file, as text: the one used longest ago first, so that `load` restores the order.

    The file is written beside the old one and replaces it when it is whole.

    Returns:
        how many patterns it holds. Objects of callers are not patterns and not in it.

    Raises:
        OSError: it cannot be written (a full disk, say). An older file is then as it was.

    Examples:
        >>> import pathlib, tempfile
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.clear_pattern_cache()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     pattern_cache.warm(["A B+"]), pattern_cache.dump(f"{folder}/patterns")
        ...     pathlib.Path(folder, "patterns").read_text().splitlines()[1:]
        (1, 1)
        ['{"pattern": "A B+"}']
    """
    patterns = _process_cache().patterns()[::-1]
    with whole_file(path, synced=True) as file:
        file.write(_line(_FIRST_LINE))
        for pattern in patterns:
            line: dict[str, Any] = {"pattern": pattern.pattern}
            if pattern.subset:
                line["subset"] = pattern.subset
            if pattern.define:
                line["define"] = pattern.define
            file.write(_line(line))
    return len(patterns)


def _line(value: Any) -> bytes:
    return f"{json.dumps(value)}\n".encode("ascii")


def load(path: str | os.PathLike[str]) -> int:
    """Compile the patterns of a file that `dump` wrote into the process-wide cache.

    Returns:
        how many there were.

    Raises:
        FileNotFoundError: there is no such file.
        DumpError: it is no such file, or was damaged; nothing has been compiled.
        PatternSyntaxError, PatternTooLargeError, UnknownVariableError: a text in it is not a row pattern.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from rowpattern import pattern_cache
        >>> pattern_cache.clear_pattern_cache()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "patterns")
        ...     pattern_cache.warm(["A B+", "A{2,5}"]), pattern_cache.dump(path)
        ...     pattern_cache.clear_pattern_cache()
        ...     pattern_cache.load(path)
        (2, 2)
        2
    """
    described = _read(Path(path))
    for pattern in described:
        compile(pattern["pattern"], subset=pattern.get("subset"), define=pattern.get("define"))
    return len(described)


def load_at_start(path: str | os.PathLike[str] | None = None) -> int:
    """Load the warm file of the settings, as a service does when it starts: a bad file does not keep it from starting.

    Args:
        path: the file; by default the setting `warm_file` (`MR_WARM_FILE`), without which nothing is loaded.

    Returns:
        how many patterns were loaded. 0 where the file is missing, is damaged or has a text that is no row pattern: it
        is logged as a warning, and patterns are compiled when they are first asked for.

    Raises:
        ConfigurationError: a setting cannot be read.
        OSError, RowPatternError: the file cannot be loaded, and the setting `warm_strict` is true.

    Examples:
        >>> from rowpattern.warming import load_at_start
        >>> load_at_start("there is no such file")
        0
    """
    performance = get_config().performance
    file = performance.warm_file if path is None else path
    if file is None:
        return 0
    try:
        return load(file)
    except ConfigurationError:
        raise
    except (OSError, RowPatternError) as error:
        if performance.warm_strict:
            raise
        log_event(
            "warming",
            logging.WARNING,
            "cold",
            "the process starts without the patterns of %(path)s: %(error)s",
            path=os.fspath(file),
            error=f"{type(error).__name__}: {error}",
        )
        return 0


def _read(path: Path) -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = []
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            try:
                # Only a whole line ends with its end; a file cut short does not.
                value = json.loads(line) if line.endswith(b"\n") else None
            except (ValueError, RecursionError):
                value = None
            if number == 1:
                if value != _FIRST_LINE:
                    raise DumpError(f"{path} is not a file that rowpattern dumped: its first line is not {_FIRST_LINE}")
            elif not _is_pattern(value):
                raise DumpError(f"{path} is damaged: line {number} is not a pattern; nothing was loaded")
            elif value is not None:
                described.append(value)
    if number == 0:
        raise DumpError(f"{path} is empty; not a file that rowpattern dumped")
    return described


def _is_pattern(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("pattern"), str):
        return False
    subset, define = value.get("subset", {}), value.get("define", {})
    return (
        set(value) <= {"pattern", "subset", "define"}
        and isinstance(subset, dict)
        and all(
            isinstance(members, list) and all(isinstance(each, str) for each in members) for members in subset.values()
        )
        and isinstance(define, dict)
        and all(isinstance(condition, str) for condition in define.values())
    )
