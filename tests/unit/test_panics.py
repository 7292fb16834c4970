"""A panic of the extension comes out as `InternalError`, from every public function.

It needs an extension that panics on demand, which is never distributed: `make test-panics` builds one and runs this
file, and `make sanitize-short`, which is part of the gate, does too.
"""

from __future__ import annotations

import inspect
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import _core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.panics
# Set where such an extension was built, so that an extension that cannot panic is a failure.
WANTED = os.environ.get("ROWPATTERN_TEST_PANICS") == "1"


@pytest.fixture
def panic() -> Iterator[Callable[[bool], None]]:
    ask = getattr(_core, "_panic_for_tests", None)
    if ask is None:
        assert not WANTED, "the extension was built without the feature panics-for-tests"
        pytest.skip("needs the feature panics-for-tests: make test-panics")
    yield ask
    # `_panic_for_tests` itself is not guarded.
    ask(False)


def _objects() -> dict[str, Any]:
    """Return an object of each class."""
    pattern = rowpattern.compile("A+")
    matches = pattern.match("AA")
    found = pattern.find_iter("AA")
    few_rows = _core.FewRows(pattern, [], [(0, False, False)], [], [], "past last row", [])
    computed = few_rows.answer(pattern, [pa.array([1, 2])], 2)
    assert computed is not None
    return {
        "Pattern": pattern,
        "Matches": matches,
        "MatchedRows": matches.rows,
        "Spans": pattern.spans("AA"),
        "Column": matches.start,
        "MatchIterator": found,
        "Match": next(found),
        "PatternCache": rowpattern.PatternCache(),
        "ManualClock": _core.ManualClock(),
        "Conditions": _core.Conditions(pattern, [], [], [], {}),
        "AnswerItems": _core.AnswerItems(matches, 2, pa.array([0])),
        "CancelToken": _core.CancelToken(),
        "_Followed": _core._Followed(),
        "QueryRun": _core.QueryRun(),
        "NearRows": _core.NearRows(pa.array([0, 1]), 1),
        "RowSymbols": _core.RowSymbols(pattern, 0),
        "OpenPartitions": _core.OpenPartitions(pattern),
        "ComputedColumn": _core.evaluate([("literal", "BIGINT", 1)], [], 1)[0],
        "FewRows": few_rows,
        "ComputedTable": computed[0],
    }


_PATTERN = rowpattern.compile("A+")
_MATCHES = _PATTERN.match("AA")

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "compile": ("A",),
    "get_cached_pattern": ("A",),
    "get_cache_key": ("A",),
    "cache_pattern": ("k", 1, 2),
    "evaluate": ([], [], 0),
    "is_native": ("+", [], "BIGINT"),
    "order": ([],),
    "pipeline": (_PATTERN, 2, [], [], [], "past last row", [], []),
    "answer": (_PATTERN, [pa.array([1, 2])], 2),
    "of_matches": (_MATCHES, [], 2, _MATCHES.start),
    "place": (0, []),
    "references": (0,),
    "take": (_core.RowSymbols(_PATTERN, 0), 0),
    "renumber": (_MATCHES.start,),
    "resume": ([], b"", 0),
    "read": ([], []),
    "aggregate": ([], []),
    "count_rows": (["A"],),
    "_known_weight": (1,),
    "_passed_over": ([],),
    "follow": ([], set(), 1),
    "_check_column": ([1], "x"),
    "_connect": (print,) * 7,
    "latest_ends": (pa.array([0, 1]), pa.array([1, 2])),
    "_restore_column": ("int64", b"", None),
    "_restore_spans": (_MATCHES.start, _MATCHES.start, _MATCHES.end),
    "_restore_matches": (_PATTERN.spans("AA"), _MATCHES.rows.classifier, None),
    "_restore_match": (0, 1, 0, _MATCHES.rows.classifier, None),
    "_layered": (1,),
    "_automaton": (10,),
    "_of_layers": (_PATTERN,),
    "_close_streams": (0.0,),
    "match": ("AA",),
    "spans": ("AA",),
    "count": ("AA",),
    "is_match": ("AA",),
    "find_iter": ("AA",),
    "get": ("k",),
    "invalidate": ("k",),
    "shed": (1.0,),
    "set_ttl": (1.0,),
    "set_enabled": (True,),
    "_redirect": (None,),
    "advance": (1.0,),
    "placed_texts": ([],),
    "_set_query_limits": (2, 1000, 1 << 33),
    "enter": (1.0,),
    "take_back": (0, 1.0),
    "make_way": (0, 1.0),
    "hold": (1,),
    "release": (1,),
    "__getitem__": (0,),
    "__class_getitem__": (int,),
    "__buffer__": (0,),
}
NAMED: dict[str, dict[str, Any]] = {
    "put": {"key": "k", "value": 1, "size_bytes": 1},
    "reweigh": {"key": "k", "size_bytes": 1},
}
# Made by PyO3, from traits of Rust that compare and hash texts.
DERIVED = {"__eq__", "__ne__", "__hash__", "__lt__", "__le__", "__gt__", "__ge__"}


def _call(value: object, member: str) -> Any:
    return getattr(value, member)(*ARGUMENTS.get(member, ()), **NAMED.get(member, {}))


def _takes_example(function: Any, name: str) -> bool:
    try:
        inspect.signature(function).bind(*ARGUMENTS.get(name, ()), **NAMED.get(name, {}))
    except TypeError:
        return False
    return True


def _view(column: Any) -> Any:
    return memoryview(column)


def _uses() -> Iterator[tuple[str, Callable[[], Any]]]:
    objects = _objects()
    kinds = {name: kind for name, kind in vars(_core).items() if inspect.isclass(kind)}
    assert kinds.keys() == objects.keys(), "a class has no example above"
    for name, function in vars(_core).items():
        if callable(function) and not inspect.isclass(function) and name != "_panic_for_tests":
            yield name, partial(function, *ARGUMENTS.get(name, ()))
    for name, value in objects.items():
        for member, found in vars(kinds[name]).items():
            if member in DERIVED or member in {"__new__", "__doc__", "__module__", "__release_buffer__"}:
                continue
            label = f"{name}.{member}"
            if inspect.isgetsetdescriptor(found):
                yield label, partial(getattr, value, member)
            else:
                yield label, partial(_call, value, member)
    yield "PatternCache()", rowpattern.PatternCache
    yield "ManualClock()", _core.ManualClock
    yield "AnswerItems()", partial(_core.AnswerItems, objects["Matches"], 2, pa.array([0]))
    yield "CancelToken()", _core.CancelToken
    yield "QueryRun()", _core.QueryRun
    yield "NearRows()", partial(_core.NearRows, pa.array([0, 1]), 1)
    yield "RowSymbols()", partial(_core.RowSymbols, objects["Pattern"], 0)
    yield "OpenPartitions()", partial(_core.OpenPartitions, objects["Pattern"])
    yield "FewRows()", partial(_core.FewRows, objects["Pattern"], [], [], [], [], "past last row", [])
    yield "Conditions()", partial(_core.Conditions, objects["Pattern"], [], [], [], {})
    yield "memoryview", partial(_view, objects["Column"])
    yield "for", partial(list, objects["MatchIterator"])


def test_every_public_function_raises_our_error(panic: Callable[[bool], None]) -> None:
    uses = list(_uses())
    assert len(uses) > 80
    for name, use in uses:
        panic(True)
        try:
            use()
        except rowpattern.InternalError as error:
            assert "asked for by a test" in str(error), name
            assert "please report" in str(error), name
        except BaseException as error:  # noqa: BLE001 - PyO3's exception is no Exception
            pytest.fail(f"{name} raised {type(error).__name__}: {error}")
        else:
            pytest.fail(f"{name} is not guarded")
        finally:
            panic(False)


def test_every_function_of_the_bindings_is_guarded() -> None:
    # Without that extension too: the attribute stands before each block of functions that Python calls.
    sources = sorted((Path(__file__).parents[2] / "rust" / "python" / "src").rglob("*.rs"))
    found = 0
    for source in sources:
        lines = source.read_text().splitlines()
        for before, line in zip(lines, lines[1:]):
            if line.startswith(("#[pymethods]", "#[pyfunction]")):
                found += 1
                assert before == "#[catch_panics]", f"{source.name}: {line} without #[catch_panics] before it"
    assert found >= 10


def test_every_public_function_has_an_example_that_it_takes() -> None:
    # Without that extension too, so that a new function is noticed before it is built.
    objects = _objects()
    functions = {
        name: function
        for name, function in vars(_core).items()
        if callable(function) and not inspect.isclass(function) and name != "_panic_for_tests"
    }
    for kind, value in objects.items():
        for member, found in vars(type(value)).items():
            if not member.startswith("__") and not inspect.isgetsetdescriptor(found):
                functions[f"{kind}.{member}"] = getattr(value, member)
    assert len(functions) > 50
    refused = [name for name, function in functions.items() if not _takes_example(function, name.rpartition(".")[2])]
    assert refused == [], "the arguments above do not fit"
    kinds = {name for name, found in vars(_core).items() if inspect.isclass(found)}
    assert kinds == objects.keys(), "a class has no example above"


def test_an_internal_error_is_one_of_ours() -> None:
    assert issubclass(rowpattern.InternalError, rowpattern.RowPatternError)
    assert issubclass(rowpattern.InternalError, RuntimeError)
