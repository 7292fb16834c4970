"""The options of a query, read: the limits within which it is answered."""

from __future__ import annotations

import functools
import math
import numbers
import operator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Callable, Literal, cast

from rowpattern._core import CancelToken, QueryRun
from rowpattern.config.container import available_cores
from rowpattern.config.process import get_config
from rowpattern.config.values import MOST_THREADS
from rowpattern.errors import ConfigurationError
from rowpattern.sql.first_use import module

if TYPE_CHECKING:
    from rowpattern.sql.kinds import Parameters
    from rowpattern.sql.runtime.context import ExecutionContext, Progress

__all__ = ["check_cancel", "execution_context"]

# Whoever gives infinity, or a number that no memory has, means no limit; shares of it are whole numbers of bytes.
_MOST_MEMORY_MB = float(1 << 40)


def execution_context(  # noqa: PLR0917 - the arguments of `match_recognize`
    memory_limit_mb: float | None = None,
    timeout_seconds: float | None = None,
    threads: int | None = None,
    progress: bool | Callable[[Progress], object] | None = None,
    time_zone: str | None = None,
    cancel: CancelToken | None = None,
    parameters: Parameters = None,
    prefer: Literal["first", "longest"] = "first",
) -> ExecutionContext:
    """Make the context of a query by the arguments of `match_recognize` and the settings."""
    make = _context_class()
    performance = get_config().performance
    memory = performance.max_memory_mb if memory_limit_mb is None else memory_limit_mb
    seconds = performance.execution_timeout_seconds if timeout_seconds is None else timeout_seconds
    limits = (min(_limit("memory_limit_mb", memory), _MOST_MEMORY_MB), _limit("timeout_seconds", seconds))
    most = min(available_cores(), performance.max_workers) if threads is None else _threads(threads)
    if progress is not None and not isinstance(progress, bool) and not callable(progress):
        raise ConfigurationError(f"progress is {_shown(progress)}; allowed are True, False, None and a function")
    if time_zone is not None and (not isinstance(time_zone, str) or not time_zone):
        raise ConfigurationError(f"time_zone is {_shown(time_zone)}; allowed is the name of one, as 'Europe/Berlin'")
    if not isinstance(prefer, str) or prefer not in {"first", "longest"}:
        raise ConfigurationError(f'prefer is {_shown(prefer)}; allowed are "first" and "longest"')
    check_cancel(cancel)
    return make(
        *limits,
        progress,
        most,
        time_zone=time_zone,
        run=QueryRun(cancel),
        cancellable=cancel is not None,
        prefer=prefer,
        # Not before it is needed: it imports what queries need.
        parameters=None if parameters is None else module("expression.parameters").ParameterValues(parameters),
    )


def check_cancel(cancel: object) -> None:
    """Check the argument `cancel`.

    Raises:
        TypeError: it is no token.
    """
    if cancel is not None and not isinstance(cancel, CancelToken):
        raise TypeError(f"cancel is {_shown(cancel)}; allowed are a rowpattern.CancelToken and None")


@functools.cache
def _context_class() -> type[ExecutionContext]:
    """Import it at the first query."""
    from rowpattern.sql.runtime.context import ExecutionContext

    return ExecutionContext


def _limit(name: str, value: object) -> float:
    if (type(value) is float or type(value) is int) and 0 < value < _MOST_MEMORY_MB:
        return float(value)
    if isinstance(value, (numbers.Real, Decimal)) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:
            # A whole number that no double holds.
            found = math.inf if cast("float", value) > 0 else -math.inf
        except ValueError:
            # A signalling NaN.
            found = math.nan
        if found > 0:
            return found
    raise ConfigurationError(f"{name} is {_shown(value)}; allowed is a number above 0")


def _threads(value: Any) -> int:
    if not isinstance(value, bool):
        try:
            found = operator.index(value)
        except TypeError:
            found = 0
        if 1 <= found <= MOST_THREADS:
            return found
    message = f"threads is {_shown(value)}; allowed is a whole number of at least 1 and at most {MOST_THREADS}"
    raise ConfigurationError(message)


def _shown(value: object, most: int = 40) -> str:
    try:
        text = repr(value)
    except ValueError:
        # Python writes no whole number of more than some thousand digits.
        return f"a value of the type {type(value).__name__} that cannot be shown"
    return text if len(text) <= most else f"{text[:most]}..."
