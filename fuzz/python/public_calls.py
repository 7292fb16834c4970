"""Every public function and method of the package, with values for its arguments that are right.

A call is found by looking through modules and classes, so that what is added is called too. `OMITTED` says what is not
called, and why.
"""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from typing import Any, Callable, is_typeddict

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

import rowpattern
from rowpattern import cache_monitor, production_config
from rowpattern._core import ManualClock
from rowpattern.cache.process import ProcessCache

MODULES = (
    "rowpattern",
    "rowpattern.cache_monitor",
    "rowpattern.health",
    "rowpattern.metrics.opentelemetry",
    "rowpattern.metrics.prometheus",
    "rowpattern.pattern_cache",
    "rowpattern.production_config",
    "rowpattern.warming",
    "rowpattern.cache.weighing",
)

OMITTED = {
    "rowpattern.metrics.prometheus.serve": "listens on a port",
    "rowpattern.metrics.prometheus.CacheCollector": "takes no arguments",
    "rowpattern.cache_monitor.CacheMonitor": "made as a receiver; a monitor of a strange cache is the owner's code",
    "rowpattern.cache_monitor.CacheMonitor.start_monitoring": "starts a thread for each call",
    "rowpattern.cache_monitor.start_cache_monitoring": "starts a thread for each call",
    "rowpattern.production_config.MatchRecognizeConfig.setup_logging": "changes the root logger",
}

# Methods of the language that a class may define, beside those without underscores.
_SPECIAL = (
    *("__len__", "__getitem__", "__iter__", "__next__", "__eq__", "__hash__", "__repr__", "__bool__", "__reduce__"),
    *("__contains__", "__arrow_c_stream__", "__arrow_c_array__", "__copy__", "__deepcopy__", "__call__"),
)

#: What a call raises by the language's own rules, or by its documentation, beside the errors that all may raise.
DOCUMENTED: dict[str, tuple[type[BaseException], ...]] = {
    "__getitem__": (IndexError, KeyError),
    "pop": (KeyError,),
    "popitem": (KeyError,),
    "__next__": (StopIteration,),
    "dump": (OSError,),
    "load": (OSError,),
    "from_file": (OSError,),
    "save_to_file": (OSError,),
    # Going through a memoryview of two dimensions.
    "warm": (NotImplementedError,),
}


@dataclass(frozen=True)
class Call:
    """A public function, or a method with objects to call it on."""

    name: str
    receiver: Callable[[], Any] | None
    function: Callable[..., Any] | str

    def bound(self) -> Callable[..., Any]:
        """Return what to call."""
        if self.receiver is None:
            assert callable(self.function)
            return self.function
        return getattr(self.receiver(), str(self.function))  # type: ignore[no-any-return]

    def parameters(self) -> list[inspect.Parameter]:
        """Return its parameters; two of unknown names where it does not tell them."""
        try:
            return list(inspect.signature(self.bound()).parameters.values())
        except (TypeError, ValueError):
            return [
                inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY, default=None) for name in ("first", "second")
            ]


def _pattern() -> rowpattern.Pattern:
    return rowpattern.compile("A {- B+ -} | C", subset={"U": ["A", "B"]}, define={"A": "x > 1"})


_ROWS = {"A": [True, False, False, True], "B": [False, True, True, False], "C": [False, False, False, True]}

#: A new object of each public class.
RECEIVERS: dict[str, Callable[[], Any]] = {
    "Pattern": _pattern,
    "Matches": lambda: _pattern().match(_ROWS),
    "MatchedRows": lambda: _pattern().match(_ROWS).rows,
    "Spans": lambda: _pattern().spans(_ROWS),
    "Column": lambda: _pattern().match(_ROWS).start,
    "Match": lambda: next(_pattern().find_iter(_ROWS)),
    "MatchSpan": lambda: rowpattern.MatchSpan(1, 0, 0, 3),
    "MatchIterator": lambda: _pattern().find_iter(_ROWS),
    "CancelToken": rowpattern.CancelToken,
    "PatternCache": lambda: rowpattern.PatternCache(3, 1.0, None, clock=ManualClock()),
    "ProcessCache": lambda: ProcessCache(3, 1.0, None),
    "CacheMonitor": cache_monitor.CacheMonitor,
    "PerformanceConfig": production_config.PerformanceConfig,
    "LoggingConfig": production_config.LoggingConfig,
    "SecurityConfig": production_config.SecurityConfig,
    "MonitoringConfig": production_config.MonitoringConfig,
    "ResourceConfig": production_config.ResourceConfig,
    "MatchRecognizeConfig": production_config.MatchRecognizeConfig,
    "Described": production_config.describe,
    "CacheCollector": lambda: importlib.import_module("rowpattern.metrics.prometheus").CacheCollector(),
}

_TABLE = pa.table({"o": [1, 2, 3, 4], "x": [4, 3, 2, 5]})
_QUERY = "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY o PATTERN (A B+) DEFINE B AS x < PREV(x))"

#: Right values by the name of a parameter, so that calls come further than the first check.
_RIGHT: dict[str, list[Any]] = {
    "pattern": ["A B+", "A | B", "(A+ B?)* C", _pattern()],
    "patterns": [["A B+", "C"]],
    "subset": [{"U": ["A", "B"]}, None],
    "subsets": [{"U": ["A", "B"]}, None],
    "define": [{"A": "x > 1"}, None],
    "x": ["o"],
    "y": ["x"],
    "found": [None, _pattern().match(_ROWS)],
    "rows": [_ROWS, ["A", "B", "C"], {"A": np.array([True, False])}, pa.table({"A": [True, None]})],
    "partitions": [None, [2, 4], ("counts", [1, 3]), ("starts", np.array([0, 2]))],
    "skip": [None, "past last row", "to next row", ("to first", "B"), ("to last", "U")],
    "conditions": [{"B": "x < A.x"}, None],
    "threads": [1, 2],
    "variables": [["A"], ["B", "C"], None],
    "key": ["k", "A B+"],
    "value": [1, [1], "text"],
    "size_bytes": [10],
    "limit": [1, None],
    "order": ["recent", "bytes"],
    "sql": [_QUERY],
    "data": [_TABLE],
    "tables": [{"t": _TABLE}],
    "index": [0, -1],
    "path": ["patterns.dump"],
    "config_path": ["config.json"],
    "config": [production_config.MatchRecognizeConfig()],
    "max_size": [5],
    "max_memory_mb": [1.0],
    "ttl_seconds": [None, 5.0],
    "timeout_seconds": [2.0],
    "memory_limit_mb": [500],
    "performance": [production_config.PerformanceConfig()],
    "name": ["balanced"],
    "callback": [print],
    "statistics": [rowpattern.PatternCache().statistics()],
}


def right_values(parameter: str) -> st.SearchStrategy[Any] | None:
    """Return values that a parameter of this name takes, where any are known."""
    return st.sampled_from(_RIGHT[parameter]) if parameter in _RIGHT else None


def all_calls() -> list[Call]:
    """Find every public function, class and method once."""
    calls: dict[str, Call] = {}
    seen: set[int] = set()
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            item = getattr(module, name)
            if id(item) in seen or not callable(item) or is_typeddict(item):
                continue
            if inspect.isclass(item) and issubclass(item, Exception):
                continue
            seen.add(id(item))
            full = f"{module_name}.{name}"
            calls[full] = Call(full, None, item)
            if inspect.isclass(item):
                calls |= _methods(item, full)
    calls |= _methods(ProcessCache, "rowpattern.cache.process.ProcessCache")
    return [call for name, call in sorted(calls.items()) if name not in OMITTED]


def _methods(kind: type, full: str) -> dict[str, Call]:
    found = {}
    for name in dir(kind):
        defined = inspect.getattr_static(kind, name)
        if name.startswith("_") and (name not in _SPECIAL or defined is inspect.getattr_static(object, name, None)):
            continue
        if callable(getattr(kind, name, None)):
            found[f"{full}.{name}"] = Call(f"{full}.{name}", RECEIVERS[kind.__name__], name)
    return found
