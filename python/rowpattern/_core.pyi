import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Optional, Protocol, Union, final

from typing_extensions import Self, TypeAlias, disjoint_base

from rowpattern.match_spans import MatchSpan

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
    "Conditions",
    "ManualClock",
    "Match",
    "MatchIterator",
    "MatchedRows",
    "Matches",
    "Pattern",
    "PatternCache",
    "QueryRun",
    "RowSymbols",
    "Spans",
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
) -> Pattern: ...
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
    threads: int = 1,
    timeout_seconds: Optional[float] = None,
    memory_limit_mb: Optional[float] = None,
    cancel: Union[CancelToken, QueryRun, None] = None,
) -> Optional[tuple[Optional[Column], Column]]: ...
def latest_ends(
    keys: _Numbers,
    bounds: _Numbers,
    *,
    partitions: _Partitions = None,
    timeout_seconds: Optional[float] = None,
    memory_limit_mb: Optional[float] = None,
    cancel: Union[CancelToken, QueryRun, None] = None,
) -> Column: ...
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
        threads: int = 1,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> RowSymbols: ...
    def __len__(self) -> int: ...

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
def _restore_column(kind: str, values: bytes, names: Optional[list[str]]) -> Column: ...
def _restore_spans(partition: Column, start: Column, end: Column) -> Spans: ...
def _restore_matches(spans: Spans, classifier: Column, excluded: Optional[Column]) -> Matches: ...
def _restore_match(
    partition: int, number: int, start: int, classifier: Column, excluded: Optional[Column]
) -> Match: ...

@final
class CancelToken:
    def __new__(cls, parent: Optional[CancelToken] = None) -> Self: ...
    def cancel(self, reason: Optional[str] = None) -> bool: ...
    @property
    def is_cancelled(self) -> bool: ...
    @property
    def reason(self) -> Optional[str]: ...

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
    @property
    def pattern(self) -> str: ...
    @property
    def variables(self) -> tuple[str, ...]: ...
    @property
    def has_exclusion(self) -> bool: ...
    @property
    def subset(self) -> dict[str, tuple[str, ...]]: ...
    @property
    def define(self) -> dict[str, str]: ...
    @property
    def memory_bytes(self) -> int: ...
    def _rows_before(self) -> list[Optional[int]]: ...
    def _layered(self, layers: int) -> Optional[Pattern]: ...
    def explain(self) -> str: ...
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
    ) -> MatchIterator: ...
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
    ) -> Matches: ...
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
    ) -> Spans: ...
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
    ) -> int: ...
    def is_match(
        self,
        rows: _Rows,
        *,
        partitions: _Partitions = None,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> bool: ...
    def __hash__(self) -> int: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class Match:
    @property
    def number(self) -> int: ...
    @property
    def partition(self) -> int: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def excluded(self) -> tuple[bool, ...]: ...
    def _repr_html_(self) -> str: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class MatchIterator(Iterator[Match]):
    def __iter__(self) -> MatchIterator: ...
    def __next__(self) -> Match: ...

@final
class Column:
    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Union[int, str, bool]: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def to_list(self) -> list[Any]: ...
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
    @property
    def number(self) -> Column: ...
    @property
    def partition(self) -> Column: ...
    @property
    def start(self) -> Column: ...
    @property
    def end(self) -> Column: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> tuple[int, int]: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

@final
class Matches:
    def _of_layers(self, pattern: Pattern) -> Matches: ...
    @property
    def number(self) -> Column: ...
    @property
    def partition(self) -> Column: ...
    @property
    def start(self) -> Column: ...
    @property
    def end(self) -> Column: ...
    @property
    def variables(self) -> list[str]: ...
    @property
    def rows(self) -> MatchedRows: ...
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
    ) -> Column: ...
    def count_rows(
        self,
        variables: Sequence[str],
        *,
        running: bool = False,
        timeout_seconds: Optional[float] = None,
        memory_limit_mb: Optional[float] = None,
        cancel: Union[CancelToken, QueryRun, None] = None,
    ) -> Column: ...
    def __iter__(self) -> Iterator[MatchSpan]: ...
    def _repr_html_(self) -> str: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

@final
class MatchedRows:
    @property
    def row(self) -> Column: ...
    @property
    def number(self) -> Column: ...
    @property
    def partition(self) -> Column: ...
    @property
    def classifier(self) -> Column: ...
    @property
    def excluded(self) -> Column: ...
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
        aggregates: Sequence[tuple[str, Optional[int], Optional[int], str]],
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
    def enabled(self) -> bool: ...
    def get(self, key: str, *, kind: str = "object") -> Any: ...
    def put(
        self, key: str, value: object, *, size_bytes: int, compilation_time: float = 0.0, kind: str = "object"
    ) -> bool: ...
    def reweigh(self, key: str, *, size_bytes: int, kind: str = "object") -> bool: ...
    def invalidate(self, key: str) -> bool: ...
    def shed(self, memory_mb: float) -> int: ...
    def clear(self) -> None: ...
    def resize(
        self,
        max_size: Optional[int] = None,
        *,
        max_memory_mb: Optional[float] = None,
        policy: Optional[str] = None,
    ) -> None: ...
    def set_ttl(self, ttl_seconds: Optional[float]) -> None: ...
    def set_enabled(self, enabled: bool) -> None: ...
    def _redirect(self, elsewhere: Optional[_Elsewhere]) -> None: ...
    def statistics(self) -> dict[str, Any]: ...
    def reset_statistics(self) -> None: ...
    def take_peak_size(self) -> int: ...
    def compile_seconds(self) -> tuple[list[tuple[float, int]], float]: ...
    def entries(
        self,
        *,
        limit: Optional[int] = None,
        order: Literal["recent", "bytes", "hits", "age", "compilation_time"] = "recent",
    ) -> list[dict[str, Any]]: ...
    def patterns(self) -> list[Pattern]: ...
    def __len__(self) -> int: ...

@final
class ManualClock:
    def __new__(cls) -> ManualClock: ...
    def advance(self, seconds: float) -> None: ...
