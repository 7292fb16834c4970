"""What the extension calls in Python, handed over at import; each function imports its module at its first call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern._core import _connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rowpattern._core import Match, Matches, Pattern, PatternCache
    from rowpattern.match_spans import MatchSpan


def _make_process_cache() -> PatternCache:
    from rowpattern.pattern_cache import _configured_cache

    return _configured_cache()


def _weigh(value: object) -> int:
    from rowpattern.cache.weighing import weigh

    return weigh(value)


def _log_failure(what: str, subject: object, error: BaseException) -> None:
    from rowpattern.compat.failures import log_failure

    log_failure(what, subject, error)


def _general_key(*arguments: Any) -> str:
    from rowpattern.cache.keys import general_key

    return general_key(*arguments)


def _find_by_conditions(*arguments: Any) -> Any:
    from rowpattern.sql import find_by_conditions

    return find_by_conditions(*arguments)


def _display(value: Match | Matches | Pattern, form: str) -> str:
    from rowpattern.pictures.notebook import display

    return display(value, form)


def _iterate_spans(matches: Matches) -> Iterator[MatchSpan]:
    from rowpattern.match_spans import iterate_spans

    return iterate_spans(matches)


_connect(
    make_process_cache=_make_process_cache,
    weigh=_weigh,
    log_failure=_log_failure,
    general_key=_general_key,
    find_by_conditions=_find_by_conditions,
    display=_display,
    iterate_spans=_iterate_spans,
)
