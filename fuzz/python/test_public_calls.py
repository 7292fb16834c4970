"""From every public function and method only rowpattern's errors, TypeError, ValueError and MemoryError come out.

ROWPATTERN_FUZZ_SECONDS gives each function so many seconds of random calls; without it there are few, the same each time.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import rowpattern
from rowpattern import pattern_cache
from rowpattern.production_config import MatchRecognizeConfig, reset_config, set_config

from public_calls import DOCUMENTED, Call, all_calls, right_values
from wild_values import CallersError, wild

if TYPE_CHECKING:
    import inspect
    from pathlib import Path

SECONDS = float(os.environ.get("ROWPATTERN_FUZZ_SECONDS", "0"))
CALLS = all_calls()
ALLOWED = (rowpattern.RowPatternError, TypeError, ValueError, MemoryError, KeyboardInterrupt, CallersError)


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    set_config(MatchRecognizeConfig())
    reset_config()
    pattern_cache.clear_pattern_cache()


def _argument(data: st.DataObject, parameter: inspect.Parameter) -> Any:
    right = right_values(parameter.name)
    return data.draw(wild if right is None else st.one_of(wild, right, right), label=parameter.name)


def _arguments(data: st.DataObject, call: Call) -> tuple[list[Any], dict[str, Any]]:
    positional: list[Any] = []
    named: dict[str, Any] = {}
    left_out = False
    for parameter in call.parameters():
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += data.draw(st.lists(wild, max_size=2), label="args")
        elif parameter.kind is parameter.VAR_KEYWORD:
            named |= data.draw(st.dictionaries(st.sampled_from(["t", "A", "sql"]), wild, max_size=2), label="kwargs")
        elif parameter.default is not parameter.empty and data.draw(st.booleans(), label=f"leave out {parameter.name}"):
            left_out = True
        elif parameter.kind is parameter.KEYWORD_ONLY or (left_out and parameter.kind is not parameter.POSITIONAL_ONLY):
            named[parameter.name] = _argument(data, parameter)
        elif not left_out:
            positional.append(_argument(data, parameter))
    return positional, named


def call_with_anything(call: Call, data: st.DataObject) -> None:
    """Call once; raises what must not come out."""
    positional, named = _arguments(data, call)
    allowed = ALLOWED + DOCUMENTED.get(call.name.rsplit(".", 1)[1], ())
    try:
        answer = call.bound()(*positional, **named)
        if hasattr(answer, "__next__"):
            for _ in zip(range(5), answer):
                pass
    except allowed:
        pass


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
@pytest.mark.filterwarnings("ignore")
def test_only_our_errors_come_out(call: Call) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    random_ones = settings(max_examples=200, database=None, deadline=None, suppress_health_check=checks)
    few = settings(random_ones, max_examples=25, derandomize=True)

    def run(data: st.DataObject) -> None:
        call_with_anything(call, data)

    if not SECONDS:
        few(given(st.data())(run))()
        return
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        seed(time.monotonic_ns())(random_ones(given(st.data())(run)))()
