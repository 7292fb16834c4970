"""Each test begins with the process's cache as it is in a new process: empty, default limits, nobody watching."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

import rowpattern
from rowpattern import pattern_cache
from rowpattern.cache_monitor import stop_cache_monitoring
from rowpattern.production_config import MatchRecognizeConfig, reset_config, set_config

if TYPE_CHECKING:
    from collections.abc import Generator

# A parent may have had this signal ignored (`nohup make test &`): tests raise it, and their children inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Spark's workers run this Python, not the first one that a shell would find.
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)

# How long an example takes, and how long it takes to think of one, says how busy the machine is.
settings.register_profile("whatever the load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("whatever the load")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of `make check` that leaves out most cases of test functions with many."""
    parser.addoption("--most-cases", type=int, metavar="N", help="run at most N cases of each test function")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the first case of each test function, the last one, and others at equal distances between them."""
    most = config.getoption("most_cases")
    if most is None:
        return
    if most < 2:
        raise pytest.UsageError(f"--most-cases is {most}; give at least 2")
    functions: dict[str, list[pytest.Item]] = {}
    for item in items:
        functions.setdefault(item.nodeid.partition("[")[0], []).append(item)
    kept: set[pytest.Item] = set()
    for cases in functions.values():
        count = min(most, len(cases))
        kept.update(cases[place * (len(cases) - 1) // max(count - 1, 1)] for place in range(count))
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`, let one process also run all of tests/distributed, which share a cluster of Spark."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByCluster(LoadFileScheduling):  # type: ignore[misc] # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            clusters = "tests/distributed/"
            return clusters if nodeid.startswith(clusters) else super()._split_scope(nodeid)

    return ByCluster(config, log)


@pytest.fixture(autouse=True)
def _new_process_cache() -> None:
    # Spark puts a handler of its own in place.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stop_cache_monitoring()
    # A test may have put its own settings, or a monitor its own limits, in place of these.
    set_config(MatchRecognizeConfig())
    reset_config()
    pattern_cache.clear_pattern_cache()


_panics: list[str] = []


def _record_panics(kind: type[BaseException]) -> None:
    """Note each exception of a class when it is made, whoever catches it."""
    if kind.__dict__.get("_is_recorded"):
        return
    original = kind.__init__

    def recorded(self: BaseException, *arguments: Any, **named: Any) -> None:
        _panics.append(f"{kind.__name__}: {arguments}")
        original(self, *arguments, **named)

    kind.__init__ = recorded  # type: ignore[method-assign]
    kind._is_recorded = True  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test in which the extension panicked, even one that expects any exception."""
    _record_panics(rowpattern.InternalError)
    # PyO3's own, of every extension that has made it, which ours does when it first looks at an exception.
    for kind in BaseException.__subclasses__():
        if kind.__name__ == "PanicException":
            _record_panics(kind)
    _panics.clear()
    try:
        result = yield
    finally:
        if _panics and item.get_closest_marker("panics") is None:
            pytest.fail(f"the extension panicked: {_panics}")
    return result


@pytest.fixture(params=["in memory", "by runs on disk", "by DuckDB"])
def sorted_where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Sort where rows of this size are sorted, and where more are."""
    if request.param != "in memory":
        monkeypatch.setattr("rowpattern.sql.execute.gathering._GATHERED_SHARE", 0)
    if request.param == "by DuckDB":
        monkeypatch.setattr("rowpattern.sql.execute.gathering.row_order", lambda *_: None)
    where: str = request.param
    return where
