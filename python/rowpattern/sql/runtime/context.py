"""A query while it runs: its limits, the time of each step, and who wants to know."""

from __future__ import annotations

import sys
import threading
import time
from copy import copy
from typing import TYPE_CHECKING, Any, Callable, Literal, NamedTuple

from rowpattern._core import QueryRun
from rowpattern.counted import counted
from rowpattern.errors import QueryBusyError, QueryCancelledError, QueryLimitError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

__all__ = ["ExecutionContext", "Progress", "Step"]


# How often one who waits looks at signals and at its cancellation.
_BETWEEN_LOOKS_SECONDS = 0.03


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
    """A step that was done: its name, its rows, its time in seconds, and when it began, by `time.perf_counter`."""

    name: str
    rows: int
    seconds: float
    begun: float = 0.0


def _print(progress: Progress) -> None:
    state = "done" if progress.done else "..."
    size = "" if progress.size_bytes is None else f", {progress.size_bytes / 2**20:,.0f} MB"
    print(
        f"rowpattern: {progress.step}, {counted(progress.rows, 'row')}{size} {state} ({progress.seconds:.2f} s)",
        file=sys.stderr,
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
        stated_mb: the limit of memory that the caller knows, where this is a part of it.
        read_rows: how many rows the query's tables have, or a stream has read.
        answered_rows: how many rows the answer has, or had so far.
        read_bytes: how many bytes of columns a stream has read.
        run: its place among the process's queries, its part of their memory, and its cancellation.
        cancellable: whether it may be cancelled, so that what waits has to look.
        prefer: which of the possible matches at a row is taken: the most preferred one, or the longest.
        parameters: the values of the query's parameters; None where none are given.
        given: by the name of an argument, `define['DOWN']`, what computes it in the caller's library.
    """

    stated_mb: float | None = None
    held_bytes = read_rows = read_bytes = answered_rows = 0

    def __init__(
        self,
        memory_mb: float,
        seconds: float,
        progress: Callable[[Progress], object] | bool | None = None,
        threads: int = 1,
        *,
        begun: float | None = None,
        time_zone: str | None = None,
        run: QueryRun | None = None,
        cancellable: bool = False,
        prefer: Literal["first", "longest"] = "first",
        parameters: Any = None,
        given: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        """Begin a query."""
        self.memory_mb = memory_mb
        self.seconds = seconds
        self.progress = progress
        self.threads = threads
        self.steps: list[Step] = []
        self.begun = time.perf_counter() if begun is None else begun
        self.time_zone = time_zone
        self.run = QueryRun() if run is None else run
        self.cancellable = cancellable
        self.prefer = prefer
        self.parameters = parameters
        self.given: Mapping[str, Callable[..., Any]] = {} if given is None else given
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
    def remaining(self) -> dict[str, Any]:
        """What is left of both limits, and the query, as arguments of the core's methods."""
        # Written out, as small queries ask for it several times.
        seconds = self.begun + self.seconds - time.perf_counter()
        memory_mb = self.memory_mb - self.held_bytes / 2**20
        return {
            "timeout_seconds": seconds if seconds > 0 else 0.0,
            "memory_limit_mb": memory_mb if memory_mb > 0 else 0.0,
            "cancel": self.run,
        }

    def admitted(self, *, again: bool = False) -> _Admitted:
        """Wait for a place among the queries that work, and have it within the block.

        Args:
            again: whether the query had a place before; it may then wait whatever the queue's limit.

        Raises:
            QueryBusyError: as many queries wait as may, or the time of this one was over while it waited.
            QueryCancelledError: it was cancelled.
        """
        return _Admitted(self, again=again)

    def lent(self) -> _Lent:
        """Lend the place to other queries within the block, while this one waits for what others compute."""
        return _Lent(self)

    def wait_for(self, event: threading.Event) -> None:
        """Wait for something that another thread of this process does; others work meanwhile.

        Raises:
            QueryLimitError: time is over.
            QueryCancelledError: the query was cancelled.
        """
        looks = self.cancellable or threading.current_thread() is threading.main_thread()
        with self.lent():
            while not event.wait(min(self.seconds_left, _BETWEEN_LOOKS_SECONDS) if looks else self.seconds_left):
                self.check()

    def no_place_error(self, why: str) -> Exception:
        """Make the error for a query that has no place, by what the core says of it."""
        if why == "cancelled":
            return self.cancelled_error()
        from rowpattern.sql.runtime.admission import query_figures

        figures = query_figures()
        if why == "full":
            return QueryBusyError(
                f"{figures.most_running} queries work and {figures.waiting} wait, as many as may; ask again later, or "
                "set MR_MAX_CONCURRENT_QUERIES or MR_QUERY_QUEUE_SIZE"
            )
        return QueryBusyError(
            f"the query waited for others until its limit of {self.seconds:g} s was over: {figures.most_running} work "
            "at once; ask again later, give timeout_seconds, or set MR_MAX_CONCURRENT_QUERIES"
        )

    def step(self, name: str, rows: int) -> _Working:
        """Do one step within the limits."""
        return _Working(self, name, rows)

    def part(self, share: float) -> ExecutionContext:
        """Return the limits of a part of the query that has this share of the memory."""
        part = copy(self)
        part.memory_mb, part.stated_mb = self.memory_mb * share, self.limit_mb
        part.held_bytes = part.read_rows = part.read_bytes = part.answered_rows = 0
        part._holding = threading.Lock()  # noqa: SLF001 - of this class
        return part

    def exclude_since(self, begun: float) -> None:
        """Take no account of the time since then: the caller was at work, not the query."""
        self.begun += time.perf_counter() - begun

    def check(self) -> None:
        """Raise `QueryLimitError` when time is over, `QueryCancelledError` when the query was cancelled."""
        self.check_cancelled()
        if time.perf_counter() >= self.begun + self.seconds:
            raise self.timeout_error()

    def check_cancelled(self) -> None:
        """Raise `QueryCancelledError` when the query was cancelled."""
        if self.run.is_cancelled:
            raise self.cancelled_error()

    def limited(self) -> _Limited:
        """Do what was given what is `remaining`; it raises an error of its own when one is used up."""
        return _Limited(self)

    def timeout_error(self) -> QueryLimitError:
        """Make the error for time that is over."""
        return QueryLimitError(
            f"the query took longer than its limit of {self.seconds:g} s; give timeout_seconds or set "
            "MR_EXECUTION_TIMEOUT_SECONDS"
        )

    def cancelled_error(self) -> QueryCancelledError:
        """Make the error for a query that was cancelled."""
        reason = self.run.reason
        return QueryCancelledError("the call was cancelled" if reason is None else f"the call was cancelled: {reason}")

    def hold(self, size_bytes: int) -> None:
        """Count memory about to be taken; raise `QueryLimitError` when it is too much."""
        with self._holding:
            self.held_bytes += size_bytes
        if self.held_bytes > self.memory_mb * 2**20 or not self.run.hold(size_bytes):
            raise self.memory_error()

    def release(self, size_bytes: int) -> None:
        """Take back what `hold` counted, for memory that is free again."""
        with self._holding:
            released = min(size_bytes, self.held_bytes)
            self.held_bytes -= released
        self.run.release(released)

    def hold_only(self, size_bytes: int) -> None:
        """Count memory in place of all that was counted before; raise `QueryLimitError` when it is too much."""
        self.release(self.held_bytes)
        self.hold(size_bytes)

    def memory_error(self, what: str = "the query") -> QueryLimitError:
        """Make the error for memory that is used up by something."""
        if self.run.was_refused:
            from rowpattern.sql.runtime.admission import query_figures

            return QueryLimitError(
                f"{what} needs more memory than the queries of this process may take together, "
                f"{query_figures().limit_bytes / 2**20:g} MB; set MR_MAX_MEMORY_MB, or have fewer queries at once "
                "(MR_MAX_CONCURRENT_QUERIES)"
            )
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
    """A block that is a step; before it others that wait come first, where the query has worked for long."""

    __slots__ = ("_begun", "_context", "_name", "_rows")

    def __init__(self, context: ExecutionContext, name: str, rows: int) -> None:
        self._context = context
        self._name = name
        self._rows = rows

    def __enter__(self) -> None:
        context, run = self._context, self._context.run
        if run.is_cancelled:
            raise context.cancelled_error()
        seconds = context.begun + context.seconds - time.perf_counter()
        if seconds <= 0:
            raise context.timeout_error()
        if (why := run.make_way(self._rows, seconds)) is not None:
            raise context.no_place_error(why)
        self._begun = time.perf_counter()
        if context.progress:
            context.report_step(self._name, self._rows, done=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            context = self._context
            seconds = time.perf_counter() - self._begun
            # As `Step(...)` does it, which takes three times as long.
            context.steps.append(tuple.__new__(Step, (self._name, self._rows, seconds, self._begun)))
            if context.progress:
                context.report_step(self._name, self._rows, done=True)


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


class _Admitted:
    """A block in which a query has a place among those that work."""

    __slots__ = ("_again", "_context")

    def __init__(self, context: ExecutionContext, *, again: bool) -> None:
        self._context = context
        self._again = again

    def __enter__(self) -> None:
        context = self._context
        try:
            left = context.begun + context.seconds - time.perf_counter()
            why = context.run.enter(left if left > 0 else 0.0, again=self._again)
        except BaseException:
            # What a signal's handler raised.
            context.run.leave()
            raise
        if why is not None:
            context.run.leave()
            raise context.no_place_error(why)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._context.run.leave()


class _Lent:
    """A block in which others may have the place of a query."""

    __slots__ = ("_context", "_inside")

    def __init__(self, context: ExecutionContext) -> None:
        self._context = context
        self._inside: int | None = None

    def __enter__(self) -> None:
        self._inside = self._context.run.lend()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._inside is None:
            return
        context = self._context
        # A query that has failed needs its place to end only.
        why = context.run.take_back(self._inside, 0.0 if kind is not None else context.seconds_left)
        if kind is None and why is not None:
            raise context.no_place_error(why)
