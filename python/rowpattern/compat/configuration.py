"""A configuration module of an installed `src` that does more than this package's stays, and sets the cache's limits.

The newest versions of the pure-Python system compute limits from a profile of the machine
(`MatchRecognizeConfig.from_env(resource_profile)`), and its engine asks for the results. This package's in place of
that module would take them away.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.util
import inspect
import logging
from typing import TYPE_CHECKING, Any

from rowpattern.config import process as process_config
from rowpattern.config.configuration import MatchRecognizeConfig
from rowpattern.config.performance import Origin, PerformanceConfig
from rowpattern.errors import ConfigurationError
from rowpattern.events import log_event

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from rowpattern.config.sources import Given

__all__ = ["NAME", "OriginalConfiguration", "does_more"]

#: The original module.
NAME = "src.config.production_config"

# What is read from it: the settings of the cache that both modules have.
_LIMITS = (
    "enable_caching",
    "cache_size_limit",
    "cache_memory_limit_mb",
    "cache_ttl_seconds",
    "cache_clear_threshold_mb",
)
# Only of what is set by a call: its `from_env` reads no variable for it, and this package's does.
_INTERVAL = "cache_monitoring_interval_seconds"


def does_more(module: ModuleType) -> bool:
    """Whether a configuration module computes limits from a resource profile, or has settings unknown here."""
    original = getattr(module, "MatchRecognizeConfig", None)
    if not isinstance(original, type) or not dataclasses.is_dataclass(original):
        return False
    if inspect.signature(original.from_env).parameters:  # type: ignore[attr-defined]
        return True
    return not _settings(original()) <= _settings(MatchRecognizeConfig())


def _settings(config: Any) -> set[tuple[str, str]]:
    """Return the settings of a configuration, by section and name."""
    found = set()
    for each in dataclasses.fields(config):
        value = getattr(config, each.name)
        inner = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
        found |= {(each.name, setting.name) for setting in inner} or {("", each.name)}
    return found


class OriginalConfiguration:
    """The original module as a source of settings (`rowpattern.config.process.read_from`)."""

    def __init__(self) -> None:
        self._module: ModuleType | None = None

    def follow(self, module: ModuleType) -> None:
        """Read limits from the original module, and take what its `set_config` sets at once."""
        self._module = module
        original = vars(module)
        for name, follower in (("set_config", self._take), ("reset_config", self._forget)):
            if name in original:
                setattr(module, name, _followed(original[name], follower))
        held = original.get("_config")
        if held is not None:
            # It was set before.
            self._take(held)

    @staticmethod
    def _take(config: object) -> None:
        process_config.set_config(process_config.checked_config(config))

    @staticmethod
    def _forget() -> None:
        process_config.reset_config()

    def given(self) -> Given:
        """Return what the original module says for the process, from the environment and the machine.

        Raises:
            ConfigurationError: it cannot read its variables.
        """
        module = self._imported()
        if module is None:
            return {}
        try:
            original = module.MatchRecognizeConfig.from_env()
        except Exception as error:
            raise ConfigurationError(f"{NAME} cannot read its settings: {type(error).__name__}: {error}") from error
        return {"performance": _origins(original, _LIMITS, "environment")}

    def convert(self, config: object) -> MatchRecognizeConfig | None:
        """Return a configuration of the original module as one of this package's; None for anything else."""
        if self._module is None or not isinstance(config, self._module.MatchRecognizeConfig):
            return None
        return MatchRecognizeConfig(
            performance=PerformanceConfig.from_origins(_origins(config, (*_LIMITS, _INTERVAL), "call"))
        )

    def _imported(self) -> ModuleType | None:
        """Return the original module where one is installed that stays; it is imported if need be."""
        if self._module is None:
            try:
                package = importlib.util.find_spec("src")
                # The empty package that stands in for one that is not installed has no folders.
                if package is not None and package.submodule_search_locations:
                    # The loader calls `follow` where it stays.
                    importlib.import_module(NAME)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no reason to go without a cache
                log_event(
                    "cache",
                    logging.WARNING,
                    "configuration",
                    "limits are not read from %(source)s: %(error)s",
                    source=NAME,
                    error=f"{type(error).__name__}: {error}",
                )
        return self._module


def _followed(original: Any, follower: Any) -> Any:
    """Return an original function after which another one is called."""

    @functools.wraps(original)
    def both(*arguments: Any, **named: Any) -> Any:
        answer = original(*arguments, **named)
        follower(*arguments, **named)
        return answer

    return both


def _origins(config: Any, settings: Iterable[str], source: str) -> dict[str, Origin]:
    values = {name: getattr(config.performance, name) for name in settings if hasattr(config.performance, name)}
    threshold, limit = values.get("cache_clear_threshold_mb"), values.get("cache_memory_limit_mb")
    if threshold is not None and limit is not None and threshold >= limit > 0:
        # The original threshold may be at the limit, which memory never passes here. A variable that says so may be
        # there too, so that to leave it out is not enough.
        values["cache_clear_threshold_mb"] = limit * 4 / 5
    return {name: Origin(value, source, NAME) for name, value in values.items()}
