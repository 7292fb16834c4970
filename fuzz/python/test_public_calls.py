"""From every public function and method only rowpattern's errors, TypeError, ValueError and MemoryError come out.

ROWPATTERN_FUZZ_SECONDS runs random calls for so long, over all functions; without it there are few, the same each time.
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
from wild_values import CallersError, Odd, wild

if TYPE_CHECKING:
    import inspect
    from pathlib import Path

SECONDS = float(os.environ.get("ROWPATTERN_FUZZ_SECONDS", "0"))
CALLS = all_calls()
ALLOWED = (rowpattern.RowPatternError, TypeError, ValueError, MemoryError, KeyboardInterrupt)


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    set_config(MatchRecognizeConfig())
    reset_config()
    pattern_cache.clear_pattern_cache()


class Arguments:
    """Arguments of a call. Shown by type: values that misbehave cannot be shown by themselves."""

    def __init__(self, positional: list[Any], named: dict[str, Any]) -> None:
        self.positional = positional
        self.named = named

    def __repr__(self) -> str:
        named = [f"{name}={_shown(value)}" for name, value in self.named.items()]
        return f"({', '.join([*map(_shown, self.positional), *named])})"


def _shown(value: Any) -> str:
    kind = type(value)
    if kind in {int, float, bool, str, type(None)}:
        return repr(value)[:60]
    own = sorted(name for name in vars(kind) if name not in vars(object)) if issubclass(kind, Odd) else ""
    return f"<{kind.__module__}.{kind.__name__}{own or ''}>"


@st.composite
def arguments(draw: st.DrawFn, parameters: list[inspect.Parameter]) -> Arguments:
    """Draw values for some of the parameters, and for all that need one; right ones often."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    left_out = False
    for parameter in parameters:
        right = right_values(parameter.name)
        value = wild if right is None else st.one_of(wild, right, right)
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += draw(st.lists(wild, max_size=2))
        elif parameter.kind is parameter.VAR_KEYWORD:
            named |= draw(st.dictionaries(st.sampled_from(["t", "A", "sql"]), wild, max_size=2))
        elif parameter.default is not parameter.empty and draw(st.booleans()):
            left_out = True
        elif parameter.kind is parameter.KEYWORD_ONLY or (left_out and parameter.kind is not parameter.POSITIONAL_ONLY):
            named[parameter.name] = draw(value)
        elif not left_out:
            positional.append(draw(value))
    return Arguments(positional, named)


def is_callers(error: Exception) -> bool:
    """Whether an error is of the caller's own object: raised by it, or said of what it lacks."""
    return isinstance(error, CallersError) or (isinstance(error, AttributeError) and isinstance(error.obj, Odd))


def call_with_anything(call: Call, given_arguments: Arguments) -> None:
    """Call once; raises what must not come out."""
    name = call.name.rsplit(".", 1)[1]
    allowed = ALLOWED + DOCUMENTED.get(name, ())
    try:
        answer = call.bound()(*given_arguments.positional, **given_arguments.named)
        if hasattr(answer, "__next__"):
            for _ in zip(range(5), answer):
                pass
    except allowed:
        pass
    except Exception as error:
        if not is_callers(error):
            raise


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
@pytest.mark.filterwarnings("ignore")
def test_only_our_errors_come_out(call: Call) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    random_ones = settings(max_examples=200, database=None, deadline=None, suppress_health_check=checks)
    few = settings(random_ones, max_examples=25, derandomize=True)

    drawn = given(arguments(call.parameters()))

    def run(given_arguments: Arguments) -> None:
        call_with_anything(call, given_arguments)

    if not SECONDS:
        few(drawn(run))()
        return
    end = time.monotonic() + SECONDS / len(CALLS)
    while time.monotonic() < end:
        seed(time.monotonic_ns())(random_ones(drawn(run)))()
