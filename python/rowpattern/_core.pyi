# One file, as a stub describes a whole module, and the extension is one. Docstrings are copied from the extension by
# `tests/helpers/stub_docstrings.py`.

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import GenericAlias
from typing import Any, Generic, Literal, Optional, Protocol, TypeVar, Union, final

from typing_extensions import Self, TypeAlias, disjoint_base

from rowpattern.cache.statistics import CacheEntry, CacheStatistics
from rowpattern.match_spans import MatchSpan

# What a column's items are in Python.
_Item_co = TypeVar("_Item_co", covariant=True)

# A numpy array, a pandas or Polars series, anything with Arrow's PyCapsule interface.
class _Booleans(Protocol):
    def __len__(self) -> int: ...

# What has Arrow's PyCapsule interface: a column of pyarrow or Polars, say.
_ArrowColumn: TypeAlias = Any
_Rows: TypeAlias = Union[Mapping[str, Union[Sequence[Optional[bool]], _Booleans]], Sequence[Optional[str]], _Booleans]
_Numbers: TypeAlias = Union[Sequence[int], _Booleans]
_Partitions: TypeAlias = Union[_Numbers, tuple[Literal["counts", "starts"], _Numbers], None]
_Skip: TypeAlias = Union[Literal["past last row", "to next row"], tuple[Literal["to first", "to last"], str], None]
# Computes parts of conditions: from the number of an expression, an Arrow array for each of its arguments, and how many
# requests must be answered, makes the values and which of them are known.
_Compute: TypeAlias = Callable[[int, list[ComputedColumn], int], tuple[object, Optional[object]]]

__all__ = [
    "AnswerItems",
    "CancelToken",
    "Column",
    "ComputedColumn",
    "ComputedTable",
    "Conditions",
    "FewRows",
    "ManualClock",
    "Match",
    "MatchIterator",
    "MatchedRows",
    "Matches",
    "NearRows",
    "OpenPartitions",
    "Pattern",
    "PatternCache",
    "QueryRun",
    "RowSymbols",
    "Spans",
    "_Followed",
    "__version__",
    "_check_column",
    "_close_streams",
    "_connect",
    "_forget_queries",
    "_forget_streams",
    "_keep_aborting_threads",
    "_known_weight",
    "_process_cache",
    "_query_figures",
    "_restore_column",
    "_restore_match",
    "_restore_matches",
    "_restore_spans",
    "_set_query_limits",
    "cache_pattern",
    "compile",
    "evaluate",
    "get_cache_key",
    "get_cached_pattern",
    "is_native",
    "latest_ends",
    "order",
    "pipeline",
    "placed_texts",
]

__version__: str

# Answers callers in a cache's place.
class _Elsewhere(Protocol):
    def get(self, key: object, /) -> Any: ...
    def put(self, key: object, value: object, metadata: Optional[Mapping[str, Any]], /) -> bool: ...

def compile(
    pattern: str,
    *,
    subset: Optional[Mapping[str, Iterable[str]]] = None,
    define: Optional[Mapping[str, str]] = None,
) -> Pattern:
    """Compiles a row pattern, or returns it from the process-wide cache.

    Args:
        pattern: the text inside `PATTERN (...)`.
        subset: union variables, each with the primary variables it is made of (SQL's SUBSET).
        define: conditions by primary variable, as text. They are kept with the pattern and part of what it equals;
            rows are matched by the booleans given to `match`.

    Raises:
        PatternSyntaxError: the text is not a row pattern.
        PatternTooLargeError: it passes a limit; nothing large was built.
        UnknownVariableError: `subset` or `define` name a variable that the pattern lacks.

    A cached pattern costs one look-up. A new one takes time linear in its automaton. When several threads ask for one
    missing pattern, one of them compiles it.

    Examples:
        >>> import rowpattern
        >>> rowpattern.compile("LOGIN FAILURE{3,} TRANSFER?").variables
        ('LOGIN', 'FAILURE', 'TRANSFER')
        >>> rowpattern.compile("LOGIN (")
        Traceback (most recent call last):
            ...
        rowpattern.errors.PatternSyntaxError: ...
    """

def get_cached_pattern(key: str) -> Optional[tuple[Any, Any, float]]: ...
def cache_pattern(
    key: str,
    dfa: Any,
    nfa: Any,
    compilation_time: float = 0.0,
    pattern_metadata: Optional[Mapping[str, Any]] = None,
) -> bool: ...
def get_cache_key(
    pattern_text: str,
    define: Optional[Mapping[str, str]] = None,
    subsets: Optional[Mapping[str, Iterable[str]]] = None,
    data_characteristics: Optional[Mapping[str, Any]] = None,
) -> str: ...

# The order of rows (uint32; None where they are in order already) and where partitions begin (int64); None where values
# are of a type that is not ordered here. Columns of ORDER BY stand with whether they are descending, and whether NULLs
# are first.
def order(
    partition_by: Sequence[_ArrowColumn],
    order_by: Sequence[tuple[_ArrowColumn, bool, bool]] = ...,
    *,
    symbols: Optional[RowSymbols] = None,
    keys: bool = False,
    left_out: Optional[bytes] = None,
    threads: int = 1,
    timeout_seconds: Optional[float] = None,
    memory_limit_mb: Optional[float] = None,
    cancel: Union[CancelToken, QueryRun, None] = None,
) -> Optional[tuple[Optional[Column[int]], Column[int], Optional[Column[int]]]]: ...

# A clause over rows in order and in one partition: the columns of its answer in chunks, and the seconds of its steps;
# None where it has to be answered step by step.
def pipeline(
    pattern: Pattern,
    rows: int,
    conditions: Sequence[tuple[str, tuple[Any, ...]]],
    columns: Sequence[tuple[str, Any]],
    order_by: Sequence[tuple[_ArrowColumn, bool, bool]],
    skip: _Skip,
    reads: Sequence[tuple[Any, ...]],
    read_columns: Sequence[_ArrowColumn],
    *,
    numbers: Sequence[int] = ...,
    threads: int = 1,
    timeout_seconds: Optional[float] = None,
    memory_limit_mb: Optional[float] = None,
    cancel: Union[CancelToken, QueryRun, None] = None,
) -> Optional[tuple[list[list[ComputedColumn]], list[float]]]: ...
def latest_ends(
    keys: _Numbers,
    bounds: _Numbers,
    *,
    partitions: _Partitions = None,
    timeout_seconds: Optional[float] = None,
    memory_limit_mb: Optional[float] = None,
    cancel: Union[CancelToken, QueryRun, None] = None,
) -> Column[int]: ...

@final
class NearRows:
    def __new__(
        cls, keys: _ArrowColumn, width: int, *, descending: bool = False, order: Optional[_ArrowColumn] = None
    ) -> Self: ...
    def __len__(self) -> int: ...

@final
class _Followed:
    def __new__(cls) -> Self: ...
    @property
    def count(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    def follow(self, items: list[Any], containers: set[type], most: int) -> list[Any]: ...

def _known_weight(value: object) -> Optional[int]: ...
def _process_cache() -> PatternCache: ...
def _check_column(column: object, name: str) -> bool: ...
def _close_streams(seconds: float) -> int: ...
def _forget_streams() -> None: ...
def _keep_aborting_threads() -> None: ...
def evaluate(
    nodes: Sequence[tuple[Any, ...]],
    columns: Sequence[tuple[str, Any]],
    rows: int,
    *,
    partitions: _Partitions = None,
    threads: int = 1,
    timeout_seconds: Optional[float] = None,
    memory_limit_mb: Optional[float] = None,
    cancel: Union[CancelToken, QueryRun, None] = None,
) -> list[ComputedColumn]: ...
def placed_texts(
    array: Any,
    *,
    timeout_seconds: Optional[float] = None,
    memory_limit_mb: Optional[float] = None,
    cancel: Union[CancelToken, QueryRun, None] = None,
) -> Optional[ComputedColumn]: ...

@final
class RowSymbols:
    def __new__(
        cls,
        pattern: Pattern,
        rows: int,
        conditions: Sequence[tuple[str, tuple[Any, ...]]] = ...,
        columns: Sequence[tuple[str, Any]] = ...,
        *,
        partitions: _Partitions = None,
        table_conditions: Sequence[tuple[str, tuple[Any, ...]]] = ...,
        table_columns: Sequence[tuple[str, Any]] = ...,
        order: Optional[Any] = None,
        computed: Sequence[tuple[str, Any]] = ...,
        before: Optional[RowSymbols] = None,
        numbers: Sequence[int] = ...,
        threads: int = 1,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> RowSymbols: ...
    def __len__(self) -> int: ...

@final
class OpenPartitions:
    def __new__(
        cls,
        pattern: Pattern,
        skip: _Skip = None,
        *,
        prefer: str = "first",
        each_when_certain: bool = False,
        unmatched: bool = False,
        empty_takes_row: bool = False,
        numbered: bool = False,
        horizons: Optional[dict[str, int]] = None,
        conditions_ahead: Optional[dict[str, list[tuple[int, int, Optional[Sequence[str]]]]]] = None,
        measures_ahead: Optional[list[tuple[int, int, list[Optional[Sequence[str]]]]]] = None,
        value_sources: int = 0,
        rows_before: int = 0,
        match_before: int = 0,
        match_behind: int = 0,
        bounded: bool = False,
        widths: Optional[dict[str, int]] = None,
        idle: Optional[int] = None,
    ) -> OpenPartitions: ...
    def place(
        self,
        rows: int,
        partition_by: Sequence[Any],
        *,
        clock: Optional[int] = None,
        keys: Optional[Any] = None,
        bounds: Optional[Any] = None,
        values: Optional[list[bytes]] = None,
        reads_again: str = "rows",
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> None: ...
    def end(self, partition_by: Optional[Sequence[Any]] = None, *, reads_again: str = "rows") -> None: ...
    def read_all(self) -> None: ...
    @property
    def starts(self) -> Column[int]: ...
    @property
    def order(self) -> Optional[Column[int]]: ...
    @property
    def reads_new_rows_only(self) -> bool: ...
    def references(self, next_reference: int) -> Column[int]: ...
    def take(
        self, symbols: RowSymbols, next_reference: int, keys: Optional[Any] = None, bounds: Optional[Any] = None
    ) -> None: ...
    def search(
        self,
        conditions: Optional[Conditions] = None,
        compute: Optional[Callable[[int, list[Any], int], tuple[Any, Any]]] = None,
        *,
        keeps_columns: bool = False,
        threads: int = 1,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> None: ...
    def decided(self) -> tuple[Column[int], Column[int], Matches, Column[bool], list[Column[int]]]: ...
    def skip_problem(self) -> Optional[str]: ...
    def expired(self) -> Column[int]: ...
    def keep(self) -> None: ...
    def undo(self) -> None: ...
    @property
    def counts(self) -> tuple[int, int, int]: ...
    @property
    def counts_after(self) -> tuple[int, int, int]: ...
    def oldest(self) -> Optional[tuple[int, int]]: ...
    def kept_references(self) -> Column[int]: ...
    def renumber(self, kept: Column[int]) -> None: ...
    def stored(self) -> tuple[list[tuple[int, int, int, int, int, list[int]]], Column[int], bytes]: ...
    def resume(
        self,
        partitions: Sequence[tuple[int, int, int, int, int, Sequence[int]]],
        sets: bytes,
        next_reference: int,
        keys: Optional[Any] = None,
        bounds: Optional[Any] = None,
    ) -> None: ...
    @property
    def has_loop(self) -> bool: ...

# How many queries of the process work at once, how many more may wait, and the memory that they share.
def _set_query_limits(most_running: int, most_waiting: int, memory_bytes: int) -> None: ...
def _query_figures() -> dict[str, int]: ...
def _forget_queries() -> None: ...
def is_native(name: str, arguments: Sequence[str], result: str) -> bool: ...
def _connect(
    make_process_cache: Callable[[], PatternCache],
    weigh: Callable[[object], int],
    log_failure: Callable[[str, object, BaseException], None],
    general_key: Callable[..., str],
    find_by_conditions: Callable[..., MatchIterator],
    display: Callable[[Any, str], str],
    iterate_spans: Callable[[Matches], Iterator[MatchSpan]],
) -> None: ...

# What pickles are made of; they come out of `rowpattern._restore`.
def _restore_column(kind: str, values: bytes, names: Optional[list[str]]) -> Column[Any]: ...
def _restore_spans(partition: Column[int], start: Column[int], end: Column[int]) -> Spans: ...
def _restore_matches(spans: Spans, classifier: Column[str], excluded: Optional[Column[bool]]) -> Matches: ...
def _restore_match(
    partition: int, number: int, start: int, classifier: Column[str], excluded: Optional[Column[bool]]
) -> Match: ...

@final
class CancelToken:
    """Ends calls that it was given to, from any thread: `match_recognize(..., cancel=token)`, `pattern.match(..., cancel=token)`.

    A call ends with `QueryCancelledError` within a tenth of a second, where it reads, computes, or waits for its turn, and
    gives back its memory. A token may be given to several calls, and is of no use once it is cancelled: a call that is given
    such a token ends at once.

    Args:
        parent: another token, with which this one is cancelled too.

    >>> import rowpattern
    >>> token = rowpattern.CancelToken()
    >>> token.cancel("the client has gone")
    True
    >>> rowpattern.compile("A+").count({"A": [True]}, cancel=token)
    Traceback (most recent call last):
        ...
    rowpattern.errors.QueryCancelledError: the call was cancelled: the client has gone
    """

    def __new__(cls, parent: Optional[CancelToken] = None) -> Self: ...
    def cancel(self, reason: Optional[str] = None) -> bool:
        """Cancels, from any thread or signal handler. O(calls that wait for their turn).

        Args:
            reason: stands in the errors of the calls that end.

        Returns whether this call cancelled: the first one's reason counts.
        """
    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled."""
    @property
    def reason(self) -> Optional[str]:
        """What `cancel` was given; None before, or where it was given nothing."""

# Why a query has no place among those that work.
_WhyNot: TypeAlias = Optional[Literal["full", "time", "cancelled"]]

@final
class QueryRun:
    def __new__(cls, cancel: Optional[CancelToken] = None) -> Self: ...
    def enter(self, seconds: float, *, again: bool = False) -> _WhyNot: ...
    def leave(self) -> None: ...
    def lend(self) -> Optional[int]: ...
    def take_back(self, inside: int, seconds: float) -> _WhyNot: ...
    def make_way(self, rows: int, seconds: float) -> _WhyNot: ...
    def end(self) -> None: ...
    def hold(self, size_bytes: int) -> bool: ...
    def release(self, size_bytes: int) -> None: ...
    @property
    def is_cancelled(self) -> bool: ...
    @property
    def reason(self) -> Optional[str]: ...
    @property
    def was_refused(self) -> bool: ...
    @property
    def held_bytes(self) -> int: ...
    @property
    def most_bytes(self) -> int: ...
    @property
    def worked_seconds(self) -> float: ...

@final
class Pattern:
    """A compiled row pattern. Made by `rowpattern.compile`; immutable; threads may share it.

    Examples:
        >>> import rowpattern
        >>> pattern = rowpattern.compile("START DOWN+ UP+")
        >>> pattern.variables
        ('START', 'DOWN', 'UP')
        >>> rows = {"DOWN": [False, True, True, False], "UP": [False, False, False, True]}
        >>> [match.labels for match in pattern.find_iter(rows)]
        [('START', 'DOWN', 'DOWN', 'UP')]
        >>> pattern.match(rows).end.to_list(), pattern.count(rows), pattern.is_match(rows)
        ([4], 1, True)
        >>> pattern.spans(rows)[0]
        (0, 4)
    """

    @property
    def pattern(self) -> str:
        """The text that was compiled."""
    @property
    def variables(self) -> tuple[str, ...]:
        """The primary variables, in the order in which they first stand in the pattern."""
    @property
    def has_exclusion(self) -> bool:
        """Whether the pattern excludes rows, by `{- -}`."""
    @property
    def subset(self) -> dict[str, tuple[str, ...]]:
        """The union variables, each with its primary variables; a new dict each time."""
    @property
    def define(self) -> dict[str, str]:
        """The conditions given to `compile`, by primary variable; a new dict each time."""
    @property
    def memory_bytes(self) -> int:
        """Bytes that this pattern holds now: matching fills tables, up to a limit."""
    def _passed_over(self, used: Sequence[str]) -> Optional[bytes]: ...
    def _rows_before(self) -> list[Optional[int]]: ...
    def _layered(self, layers: int) -> Optional[Pattern]: ...
    def explain(self) -> str:
        """The pattern as an indented tree, and the size of its automaton, for people. O(length of the pattern).

        Examples:
            >>> import rowpattern
            >>> print(rowpattern.compile("A B+").explain())
            row pattern A B+
              concatenation: one after the other
                variable A
                repetition: 1 or more times, as many as possible
                  variable B
            ...
        """
    # Positions (variable, excluded), what comes first in a partition and elsewhere, followers, where `$` ends a match.
    def _automaton(
        self, most_positions: int
    ) -> Optional[tuple[list[tuple[str, bool]], list[int], list[int], list[list[int]], list[bool]]]: ...
    def _repr_svg_(self) -> str: ...
    def find_iter(
        self,
        rows: Any,
        *,
        partitions: _Partitions = None,
        skip: _Skip = "past last row",
        conditions: Optional[Mapping[str, str]] = None,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> MatchIterator:
        """Iterates over the matches, found a few thousand rows ahead of what is asked for.

        Args:
            rows: a mapping of primary variables to booleans (lists, numpy, pandas, Polars, Arrow; NULL is not true), where
                a variable left out is true of every row; or a sequence of labels, the variable of each row.
            partitions: the rows of each partition, counted, or the rows where partitions start (the first is 0);
                `("counts", ...)` or `("starts", ...)` says which. None is one partition.
            skip: where the search goes on: "past last row", "to next row", ("to first", variable) or
                ("to last", variable).

            conditions: a mapping of primary variables to conditions, written as in DEFINE ("B.price > A.price"), over named
                columns; `rows` is then a table of those (as for `match_recognize`), in order. Needs the extra `sql`.
            timeout_seconds: the most time that reading rows and finding matches may take together; the caller's own between
                two matches does not count. None is no limit; with conditions, that of `match_recognize`.
            memory_limit_mb: the most memory that it may take beyond what is given, in MB of 2**20 bytes; for matches that are
                handed out it is the caller's. None as for `timeout_seconds`.
            cancel: a `rowpattern.CancelToken`, by which another thread can end the call.

        Raises:
            RowsError, UnknownVariableError: rows or partitions cannot be read as given.
            SkipError: a skip has nowhere to go; raised after the matches before it.
            QueryLimitError: a limit was passed.
            QueryCancelledError: `cancel` was cancelled.
            MemoryError: the system has no more memory.
            QueryError, QuerySyntaxError, UnsupportedQueryError: as for `match_recognize`, by conditions.

        Time is linear in the rows, plus the rows of the matches; with conditions that depend on the match, what going back
        takes. Memory is at most two bytes a row of the largest partition; with conditions, all matches.
        """
    def match(
        self,
        rows: Any,
        *,
        partitions: _Partitions = None,
        skip: _Skip = "past last row",
        conditions: Optional[Mapping[str, str]] = None,
        threads: int = 1,
        prefer: Literal["first", "longest"] = "first",
        latest_ends: Any = None,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> Matches:
        """Finds all matches, as columns. Arguments, errors and cost are those of `find_iter`; limits
        count the whole call and what it returns.

        Args:
            threads: the most threads that work on it, where there are some 100,000 rows for each, and no more than four for
                each core (16 where there are few cores). Answers do not depend on it. Partitions are matched apart; one large partition is cut where a few hundred rows around a place say how
                matches lie there, if the search goes on past the last row of each match.
            prefer: "first" takes the most preferred of all possible matches at a row, as the standard has it, "longest" the
                longest, and of several as long the most preferred.
            latest_ends: for each row, the row behind the last that a match may have which begins there; of the possible matches at
                a row only those that end by then count. None is no limit.

        With `prefer="longest"` or `latest_ends`, time is linear in rows times followers of the automaton, in one thread for each partition; with both,
        a row at which a match begins takes as long as the rows that it could have.
        """
    def spans(
        self,
        rows: Any,
        *,
        partitions: _Partitions = None,
        skip: _Skip = "past last row",
        conditions: Optional[Mapping[str, str]] = None,
        threads: int = 1,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> Spans:
        """Finds where all matches begin and end, as columns. Arguments and errors are those of `match`; time is linear
        in the rows however matches overlap.
        """
    def count(
        self,
        rows: Any,
        *,
        partitions: _Partitions = None,
        skip: _Skip = "past last row",
        conditions: Optional[Mapping[str, str]] = None,
        threads: int = 1,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> int:
        """Counts the matches. As `spans`, without keeping them."""
    def is_match(
        self,
        rows: _Rows,
        *,
        partitions: _Partitions = None,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> bool:
        """Whether there is a match; looks from the end of the rows and no further than to the first match seen. Arguments and
        errors are those of `match`.
        """
    def __hash__(self) -> int: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class Match:
    """One match.

    Examples:
        >>> import rowpattern
        >>> match = next(rowpattern.compile("A B+").find_iter(["C", "A", "B", "B"]))
        >>> match.number, match.partition, match.start, match.end, match.labels
        (1, 0, 1, 4, ('A', 'B', 'B'))
    """

    @property
    def number(self) -> int:
        """The number of the match in its partition, from 1."""
    @property
    def partition(self) -> int:
        """The partition, from 0."""
    @property
    def start(self) -> int:
        """The first row, counted over all partitions."""
    @property
    def end(self) -> int:
        """The row after the last; the same as `start` in an empty match."""
    @property
    def labels(self) -> tuple[str, ...]:
        """The primary variable to which each row is mapped; made anew each time."""
    @property
    def excluded(self) -> tuple[bool, ...]:
        """Whether each row stands in an exclusion, `{- -}`; made anew each time."""
    def _repr_html_(self) -> str: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class MatchIterator(Iterator[Match]):
    """Iterates over matches. Finds a few thousand rows of them ahead; an error comes after the matches before it.

    Examples:
        >>> import rowpattern
        >>> matches = rowpattern.compile("A").find_iter(["A", "B", "A"])
        >>> [match.start for match in matches]
        [0, 2]
    """

    def __iter__(self) -> MatchIterator: ...
    def __next__(self) -> Match: ...

@final
class Column(Generic[_Item_co]):
    """A read-only column, for numpy by the buffer protocol and for Arrow by the PyCapsule interface.

    Examples:
        >>> import rowpattern
        >>> column = rowpattern.compile("A").match(["A", "B", "A"]).start
        >>> column.to_list(), column[1], len(column), memoryview(column).format
        ([0, 2], 2, 2, 'q')
    """

    @classmethod
    def __class_getitem__(cls, item: Any) -> GenericAlias: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> _Item_co: ...
    def __iter__(self) -> Iterator[_Item_co]: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def to_list(self) -> list[_Item_co]:
        """The column as a list: int, str of the variable, or bool."""
    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]: ...

@final
class ComputedColumn:
    def __len__(self) -> int: ...
    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]: ...

# None is the item's own row; else names of variables, whether from the first, how many on or back, rows, running.
_ReadRow: TypeAlias = Union[tuple[Optional[Sequence[str]], bool, int, int, bool], Literal["partition"], None]

@final
class ComputedTable:
    def __len__(self) -> int: ...
    def columns(self) -> list[ComputedColumn]: ...
    def number_blocks(self) -> Optional[list[tuple[str, list[int], bytearray]]]: ...
    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]: ...

@final
class FewRows:
    def __new__(
        cls,
        pattern: Pattern,
        partition_by: Sequence[int],
        order_by: Sequence[tuple[int, bool, bool]],
        conditions: Sequence[tuple[str, tuple[Any, ...]]],
        columns: Sequence[tuple[str, int]],
        skip: Any,
        answer: Sequence[tuple[str, tuple[Any, ...]]],
    ) -> Self: ...
    def answer(
        self,
        pattern: Pattern,
        columns: Sequence[object],
        rows: int,
        *,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> Optional[tuple[ComputedTable, bool, list[float]]]: ...
    def of_matches(
        self,
        matches: Matches,
        columns: Sequence[object],
        rows: int,
        starts: Column[int],
        *,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> Optional[ComputedTable]: ...

@final
class AnswerItems:
    def __new__(
        cls,
        matches: Matches,
        rows: int,
        starts: _ArrowColumn,
        order: Optional[_ArrowColumn] = None,
        *,
        per_row: bool = False,
        excluded: bool = False,
        empty: bool = False,
        unmatched: bool = False,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> Self: ...
    def __len__(self) -> int: ...
    @property
    def first_row(self) -> Optional[int]: ...
    def read(
        self,
        reads: Sequence[
            Union[
                tuple[Literal["value"], _ReadRow, int],
                tuple[Literal["row"], _ReadRow, bool],
                tuple[Literal["exists", "classifier"], _ReadRow],
                tuple[Literal["number", "match", "place"]],
                tuple[Literal["count"], Sequence[str], bool],
            ]
        ],
        columns: Sequence[tuple[_ArrowColumn, bool]],
        *,
        threads: int = 1,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> list[list[ComputedColumn]]: ...
    def aggregate(
        self,
        aggregates: Sequence[tuple[str, Optional[int], Optional[Sequence[str]], bool, str]],
        columns: Sequence[tuple[str, _ArrowColumn, bool]],
        *,
        threads: int = 1,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> list[ComputedColumn]: ...

@final
class Spans:
    """Where matches begin and end: one row a match, in the order in which they were found.

    Examples:
        >>> import rowpattern
        >>> spans = rowpattern.compile("A B+").spans(["A", "B", "B", "A", "B"])
        >>> spans[0], spans[1], len(spans)
        ((0, 3), (3, 5), 2)
    """

    @property
    def number(self) -> Column[int]:
        """The number of each match in its partition, from 1; int64."""
    @property
    def partition(self) -> Column[int]:
        """The partition of each match, from 0; int64."""
    @property
    def start(self) -> Column[int]:
        """The first row of each match; int64."""
    @property
    def end(self) -> Column[int]:
        """The row after the last of each match; the same as `start` for an empty match; int64."""
    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> tuple[int, int]: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

@final
class Matches:
    """Matches as columns: one item a match; in `rows`, one a matched row. Iterating over it gives a `MatchSpan` for each match.

    Examples:
        >>> import rowpattern
        >>> matches = rowpattern.compile("A B+").match(["A", "B", "B", "A", "B"])
        >>> matches.start.to_list(), matches.end.to_list()
        ([0, 3], [3, 5])
        >>> next(iter(matches))
        MatchSpan(number=1, partition=0, start=0, end=3)
        >>> matches.rows.classifier.to_list()
        ['A', 'B', 'B', 'A', 'B']
        >>> matches.navigate(["B"]).to_list(), matches.count_rows(["B"]).to_list()
        ([2, 4], [2, 1])
    """

    def _of_layers(self, pattern: Pattern) -> Matches: ...
    @property
    def number(self) -> Column[int]:
        """The number of each match in its partition, from 1; int64."""
    @property
    def partition(self) -> Column[int]:
        """The partition of each match, from 0; int64."""
    @property
    def start(self) -> Column[int]:
        """The first row of each match; int64."""
    @property
    def end(self) -> Column[int]:
        """The row after the last of each match; the same as `start` for an empty match; int64."""
    @property
    def variables(self) -> list[str]:
        """The names that the numbers of a classifier column stand for."""
    @property
    def rows(self) -> MatchedRows:
        """The rows of all matches, one match after another. A row in two overlapping matches stands twice."""
    def navigate(
        self,
        variables: Optional[Sequence[str]] = None,
        *,
        first: bool = False,
        offset: int = 0,
        running: bool = False,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> Column[int]:
        """The row that FIRST or LAST means (ISO/IEC 19075-5, section 5.6.2); int64, -1 where there is no such row.

        Args:
            variables: rows mapped to these primary variables count; None for all rows of the match.
            first: from the first such row on, instead of from the last one back.
            offset: how many such rows on or back.
            running: for each row of each match, among the match's rows up to it; otherwise for each match.
            timeout_seconds: the most time; None is no limit.
            memory_limit_mb: the most memory, in MB of 2**20 bytes; None is no limit.
            cancel: as for `Pattern.match`.

        Raises:
            UnknownVariableError: the pattern has no such primary variable.
            QueryLimitError: a limit was passed.
            MemoryError: the system has no more memory.

        Takes time linear in the rows of matches.
        """
    def count_rows(
        self,
        variables: Sequence[str],
        *,
        running: bool = False,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> Column[int]:
        """How many rows of each match are mapped to some variables; int64.

        Args:
            variables: their names.
            running: for each row of each match, among the match's rows up to it; otherwise for each match.
            timeout_seconds: as for `Pattern.match`.
            memory_limit_mb: as for `Pattern.match`.
            cancel: as for `Pattern.match`.

        Raises:
            UnknownVariableError: the pattern has no such primary variable.
            QueryLimitError: a limit was passed.
            MemoryError: the system has no more memory.

        Takes time linear in the rows of matches, and releases the interpreter's lock.
        """
    def __iter__(self) -> Iterator[MatchSpan]: ...
    def _repr_html_(self) -> str: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

@final
class MatchedRows:
    """The rows of matches, as columns. Numbers are computed when a column is asked for.

    Examples:
        >>> import rowpattern
        >>> rows = rowpattern.compile("A {- B -}").match(["A", "B", "C", "A", "B"]).rows
        >>> rows.row.to_list(), rows.number.to_list()
        ([0, 1, 3, 4], [1, 1, 2, 2])
        >>> rows.excluded.to_list()
        [False, True, False, True]
    """

    @property
    def row(self) -> Column[int]:
        """The row in the input; int64."""
    @property
    def number(self) -> Column[int]:
        """The number of the row's match in its partition, from 1; int64."""
    @property
    def partition(self) -> Column[int]:
        """The partition, from 0; int64."""
    @property
    def classifier(self) -> Column[str]:
        """The primary variable to which the row is mapped: uint8 places in `Matches.variables`, an Arrow dictionary."""
    @property
    def excluded(self) -> Column[bool]:
        """Whether the row stands in an exclusion, `{- -}`; bool."""
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

@final
class Conditions:
    def __new__(
        cls,
        pattern: Pattern,
        columns: Sequence[tuple[str, Any]],
        sets: Sequence[Sequence[str]],
        aggregates: Sequence[tuple[str, Optional[int], Optional[int], str, Union[int, str, tuple[str, int], None]]],
        conditions: dict[str, tuple[Any, ...]],
        starts: Optional[dict[str, Any]] = None,
    ) -> Conditions: ...
    def match(
        self,
        rows: _Rows,
        *,
        partitions: _Partitions = None,
        skip: _Skip = None,
        threads: int = 1,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
        compute: Optional[_Compute] = None,
        prefer: Literal["first", "longest"] = "first",
        latest_ends: Any = None,
    ) -> Matches: ...
    def find_iter(
        self,
        rows: _Rows,
        *,
        partitions: _Partitions = None,
        skip: _Skip = None,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
        compute: Optional[_Compute] = None,
    ) -> MatchIterator: ...

@disjoint_base
class PatternCache:
    """A thread-safe cache with an entry limit, a memory limit and a time to live.

    `policy` says which entries stay when there are too many: "lru", those used most recently, or "tinylfu", where the entry
    used longest ago makes room only for a key that was asked for more often than it lately.

    Examples:
        >>> import rowpattern
        >>> cache = rowpattern.PatternCache(max_size=1, max_memory_mb=10, ttl_seconds=None)
        >>> cache.put("first", 1, size_bytes=8), cache.put("second", 2, size_bytes=8)
        (True, True)
        >>> cache.get("first"), cache.get("second"), len(cache)
        (None, 2, 1)
        >>> cache.resize(1_000, max_memory_mb=1)
        >>> cache.set_ttl(60)
        >>> cache.reweigh("second", size_bytes=600_000)
        True
        >>> [entry["key"] for entry in cache.entries(order="bytes")]
        ['second']
        >>> cache.shed(0.5), cache.take_peak_size(), cache.patterns()
        (1, 1, [])
        >>> cache.put("third", 3, size_bytes=8), cache.invalidate("third")
        (True, True)
        >>> cache.statistics()["insertions"], len(cache.compile_seconds()[0]) > 0
        (3, True)
        >>> cache.reset_statistics()
        >>> cache.set_enabled(False)
        >>> cache.clear()
    """

    def __new__(
        cls,
        max_size: int = 10_000,
        max_memory_mb: float = 500.0,
        ttl_seconds: Optional[float] = 3600.0,
        *,
        policy: str = "lru",
        clock: Optional[ManualClock] = None,
    ) -> Self: ...
    @property
    def enabled(self) -> bool:
        """Whether look-ups and puts do anything."""
    def get(self, key: str, *, kind: str = "object") -> Any:
        """Returns the value of a key, or None. O(1).

        Values of different kinds ("object", "condition", "tokens", "query", "clause") have keys of their own.

        Raises:
            ValueError: there is no such kind.
        """
    def put(
        self, key: str, value: object, *, size_bytes: int, compilation_time: float = 0.0, kind: str = "object"
    ) -> bool:
        """Puts a value in; False when it is heavier than the memory limit, the policy does not admit it, or the cache is
        disabled. O(1), and the entries that it evicts.

        Args:
            key: any text.
            value: any object, held by reference.
            size_bytes: what the value weighs, from 0 on.
            compilation_time: what a hit saves, in seconds.
            kind: as for `get`.
        """
    def reweigh(self, key: str, *, size_bytes: int, kind: str = "object") -> bool:
        """Sets what a key's value weighs now; the memory limit is kept at once. O(1), and the entries that it evicts.

        Returns whether the key has a value after that.
        """
    def invalidate(self, key: str) -> bool:
        """Removes what has a key: an object that was put in under it, a pattern whose text it is, or a pattern with options
        whose key `entries` shows. O(1).

        Returns whether there was any.
        """
    def shed(self, memory_mb: float) -> int:
        """Removes the entries used longest ago until no more than `memory_mb` MB (of 2**20 bytes) are used; the limits stay.
        Memory that is freed is given back to the system.

        Returns how many entries were removed.
        """
    def clear(self) -> None:
        """Removes all entries, and gives their memory back to the system. O(entries)."""
    def resize(
        self,
        max_size: Optional[int] = None,
        *,
        max_memory_mb: Optional[float] = None,
        policy: Optional[str] = None,
    ) -> None:
        """Changes the limits that are given; entries that stay keep their recency and their remaining life. Memory that is
        freed is given back to the system.

        Args:
            max_size: the most entries.
            max_memory_mb: the most memory, in MB of 2**20 bytes.
            policy: which entries stay when there are too many: "lru" or "tinylfu".

        Raises:
            ValueError: a limit is below 0, or there is no such policy; nothing has changed then.
        """
    def set_ttl(self, ttl_seconds: Optional[float]) -> None:
        """Sets how long entries put in from now on live, in seconds; None is for ever.

        Raises:
            ValueError: it is not above 0.
        """
    def set_enabled(self, enabled: bool) -> None:
        """Turns look-ups and puts on or off; entries stay."""
    def _redirect(self, elsewhere: Optional[_Elsewhere]) -> None: ...
    def statistics(self) -> CacheStatistics:
        """Returns the statistics (`rowpattern.pattern_cache.CacheStatistics`). O(entries that have expired)."""
    def reset_statistics(self) -> None:
        """Sets the counts to zero; entries stay."""
    def take_peak_size(self) -> int:
        """Returns the most entries that there were at once since the last call."""
    def compile_seconds(self) -> tuple[list[tuple[float, int]], float]:
        """Returns how long making what was put in took: each bucket's upper bound in seconds with the count up to it, and
        the sum in seconds.
        """
    def entries(
        self,
        *,
        limit: Optional[int] = None,
        order: Literal["recent", "bytes", "hits", "age", "compilation_time"] = "recent",
    ) -> list[CacheEntry]:
        """Returns what is in the cache, a dict for each entry (`rowpattern.pattern_cache.CacheEntry`). O(n log n) for n entries.

        Args:
            limit: the most entries; all by default.
            order: what comes first: "recent" (used last), "bytes" (heaviest), "hits" (most), "age" (oldest) or
                "compilation_time" (longest).

        Raises:
            ValueError: there is no such order.
        """
    def patterns(self) -> list[Pattern]:
        """Returns the patterns that `compile` has put in, the one used last first."""
    def __len__(self) -> int: ...

@final
class ManualClock:
    def __new__(cls) -> ManualClock: ...
    def advance(self, seconds: float) -> None: ...
