"""A query while it runs: its limits, the time of each step, and who wants to know."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Callable, NamedTuple

from rowpattern.errors import QueryLimitError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ExecutionContext", "Progress", "Step"]


class Progress(NamedTuple):
    """How far a query is.

    Attributes:
        step: what is being done: `"read"`, `"order"`, `"conditions"`, `"match"`, `"measures"`, `"output"`,
            `"query"`, `"answer"`; in a stream that is sorted also `"sort"`.
        rows: how many rows the step works on; of `"sort"` and `"read"` in a stream, how many were read so far.
        seconds: since the query began.
        done: whether the step has just ended; it has begun, or goes on, otherwise.
        size_bytes: how many bytes of columns were read so far, for steps of a stream that read; None for others.
    """

    step: str
    rows: int
    seconds: float
    done: bool
    size_bytes: int | None = None


class Step(NamedTuple):
    """A step that was done: its name, its rows, and its time in seconds."""

    name: str
    rows: int
    seconds: float


def _print(progress: Progress) -> None:
    state = "done" if progress.done else "..."
    size = "" if progress.size_bytes is None else f", {progress.size_bytes / 2**20:,.0f} MB"
    print(
        f"rowpattern: {progress.step}, {progress.rows:,} rows{size} {state} ({progress.seconds:.2f} s)", file=sys.stderr
    )


class ExecutionContext:
    """Limits and timings of one query.

    Its blocks are classes with slots, as generators take longer to enter and leave than a small query's steps.

    Attributes:
        memory_mb: the most memory, in MB of 2**20 bytes: of DuckDB, and of the columns that are made here.
        seconds: the most time.
        progress: called with `Progress`; True prints to standard error.
        threads: the most threads that work on it.
        steps: what was done.
        time_zone: that of expressions that need one; None for that of the columns which they read.
        given_mb: the limit of memory that the caller knows, where this is a part of it.
        read_rows: how many rows a stream has read.
        read_bytes: how many bytes of columns those have.
    """

    def __init__(
        self,
        memory_mb: float,
        seconds: float,
        progress: Callable[[Progress], object] | bool | None = None,
        threads: int = 1,
        *,
        steps: list[Step] | None = None,
        begun: float | None = None,
        time_zone: str | None = None,
        stated_mb: float | None = None,
    ) -> None:
        """Begin a query, or a part of one that has begun."""
        self.memory_mb = memory_mb
        self.seconds = seconds
        self.progress = progress
        self.threads = threads
        self.steps: list[Step] = [] if steps is None else steps
        self.begun = time.perf_counter() if begun is None else begun
        self.held_bytes = 0
        self.time_zone = time_zone
        self.stated_mb = stated_mb
        self.read_rows = 0
        self.read_bytes = 0
        self._holding = threading.Lock()

    @property
    def deadline(self) -> float:
        """When time is over, by `time.perf_counter`."""
        return self.begun + self.seconds

    @property
    def limit_mb(self) -> float:
        """The limit of memory that the caller knows."""
        return self.memory_mb if self.stated_mb is None else self.stated_mb

    @property
    def seconds_left(self) -> float:
        """How long until then; 0 when time is over."""
        return max(0.0, self.deadline - time.perf_counter())

    @property
    def remaining(self) -> dict[str, float]:
        """What is left of both limits, as arguments of the core's methods."""
        memory_mb = max(0.0, self.memory_mb - self.held_bytes / 2**20)
        return {"timeout_seconds": self.seconds_left, "memory_limit_mb": memory_mb}

    def step(self, name: str, rows: int) -> _Working:
        """Do one step within the limits."""
        return _Working(self, name, rows)

    def part(self, share: float) -> ExecutionContext:
        """Return the limits of a part of the query that has this share of the memory."""
        return ExecutionContext(
            self.memory_mb * share,
            self.seconds,
            self.progress,
            self.threads,
            steps=self.steps,
            begun=self.begun,
            time_zone=self.time_zone,
            stated_mb=self.limit_mb,
        )

    def exclude_since(self, begun: float) -> None:
        """Take no account of the time since then: the caller was at work, not the query."""
        self.begun += time.perf_counter() - begun

    def check(self) -> None:
        """Raise `QueryLimitError` when time is over."""
        if time.perf_counter() >= self.begun + self.seconds:
            raise self.timeout_error()

    def limited(self) -> _Limited:
        """Do what was given what is `remaining`; it raises an error of its own when one is used up."""
        return _Limited(self)

    def timeout_error(self) -> QueryLimitError:
        """Make the error for time that is over."""
        return QueryLimitError(
            f"the query took longer than its limit of {self.seconds:g} s; give timeout_seconds or set "
            "MR_EXECUTION_TIMEOUT_SECONDS"
        )

    def hold(self, size_bytes: int) -> None:
        """Count memory about to be taken; raise `QueryLimitError` when it is too much."""
        with self._holding:
            self.held_bytes += size_bytes
        if self.held_bytes > self.memory_mb * 2**20:
            raise self.memory_error()

    def release(self, size_bytes: int) -> None:
        """Take back what `hold` counted, for memory that is free again."""
        with self._holding:
            self.held_bytes = max(0, self.held_bytes - size_bytes)

    def holding(self, size_bytes: int) -> _Holding:
        """Count memory that is free again when the block ends."""
        return _Holding(self, size_bytes)

    def memory_error(self, what: str = "the query") -> QueryLimitError:
        """Make the error for memory that is used up by something."""
        return QueryLimitError(
            f"{what} needs more memory than its limit of {self.limit_mb:g} MB; give memory_limit_mb or set "
            "MR_MAX_MEMORY_MB"
        )

    def report(self, progress: Progress) -> None:
        """Tell who wants to know how far the query is."""
        if self.progress:
            (_print if self.progress is True else self.progress)(progress)

    def report_step(self, name: str, rows: int, *, done: bool) -> None:
        """Tell that a step begins, or is done."""
        if self.progress:
            self.report(Progress(name, rows, time.perf_counter() - self.begun, done))


class _Working:
    """A block that is a step."""

    __slots__ = ("_begun", "_context", "_name", "_rows")

    def __init__(self, context: ExecutionContext, name: str, rows: int) -> None:
        self._context = context
        self._name = name
        self._rows = rows

    def __enter__(self) -> None:
        self._context.check()
        self._begun = time.perf_counter()
        self._context.report_step(self._name, self._rows, done=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self._context.steps.append(Step(self._name, self._rows, time.perf_counter() - self._begun))
            self._context.report_step(self._name, self._rows, done=True)


class _Limited:
    """A block in which the core keeps the limits."""

    __slots__ = ("_context",)

    def __init__(self, context: ExecutionContext) -> None:
        self._context = context

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, QueryLimitError):
            context = self._context
            raise (context.memory_error() if context.seconds_left else context.timeout_error()) from None


class _Holding:
    """A block for which memory is counted."""

    __slots__ = ("_context", "_size_bytes")

    def __init__(self, context: ExecutionContext, size_bytes: int) -> None:
        self._context = context
        self._size_bytes = size_bytes

    def __enter__(self) -> None:
        self._context.hold(self._size_bytes)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._context.release(self._size_bytes)
