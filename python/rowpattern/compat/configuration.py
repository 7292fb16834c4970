"""A configuration module of an installed `src` that does more than ours: it stays, and the cache's limits come from it.

The newest versions of the pure-Python system compute limits from a profile of the machine
(`MatchRecognizeConfig.from_env(resource_profile)`), and their engine asks for the results. Ours in the place of that
module would take them away.
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
from rowpattern.config.performance import Origin, PerformanceConfig
from rowpattern.config.process import MatchRecognizeConfig
from rowpattern.errors import ConfigurationError
from rowpattern.events import log_event

if TYPE_CHECKING:
    from types import ModuleType

    from rowpattern.config.sources import Given

__all__ = ["NAME", "OriginalConfiguration", "does_more"]

#: Their module.
NAME = "src.config.production_config"

# What is read from theirs: the settings of the cache that both have.
_SETTINGS = (
    "enable_caching",
    "cache_size_limit",
    "cache_memory_limit_mb",
    "cache_ttl_seconds",
    "cache_clear_threshold_mb",
    "cache_monitoring_interval_seconds",
)


def does_more(module: ModuleType) -> bool:
    """Whether a configuration module computes limits from a resource profile, or has settings that ours has not."""
    theirs = getattr(module, "MatchRecognizeConfig", None)
    if not isinstance(theirs, type) or not dataclasses.is_dataclass(theirs):
        return False
    if inspect.signature(theirs.from_env).parameters:  # type: ignore[attr-defined]
        return True
    return not _settings(theirs()) <= _settings(MatchRecognizeConfig())


def _settings(config: Any) -> set[tuple[str, str]]:
    """Return the settings of a configuration, by section and name."""
    found = set()
    for each in dataclasses.fields(config):
        value = getattr(config, each.name)
        inner = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
        found |= {(each.name, setting.name) for setting in inner} or {("", each.name)}
    return found


class OriginalConfiguration:
    """Their module as a source of our settings (`rowpattern.config.process.read_from`)."""

    def __init__(self) -> None:
        self._module: ModuleType | None = None

    def follow(self, module: ModuleType) -> None:
        """Read limits from their module, and take what its `set_config` sets at once."""
        self._module = module
        theirs = vars(module)
        for name, ours in (("set_config", self._take), ("reset_config", self._forget)):
            if name in theirs:
                setattr(module, name, _followed(theirs[name], ours))
        held = theirs.get("_config")
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
        """Return what their module says for the process, from the environment and the machine.

        Raises:
            ConfigurationError: it cannot read its variables.
        """
        module = self._imported()
        if module is None:
            return {}
        try:
            theirs = module.MatchRecognizeConfig.from_env()
        except Exception as error:
            raise ConfigurationError(f"{NAME} cannot read its settings: {type(error).__name__}: {error}") from error
        return {"performance": _origins(theirs, "environment")}

    def convert(self, config: object) -> MatchRecognizeConfig | None:
        """Return a configuration of theirs as one of ours; None for anything else."""
        if self._module is None or not isinstance(config, self._module.MatchRecognizeConfig):
            return None
        return MatchRecognizeConfig(performance=PerformanceConfig.from_origins(_origins(config, "call")))

    def _imported(self) -> ModuleType | None:
        """Return their module where one is installed that stays; it is imported where nobody has done that yet."""
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


def _followed(theirs: Any, ours: Any) -> Any:
    """Return a function of theirs that ours is called after."""

    @functools.wraps(theirs)
    def both(*arguments: Any, **named: Any) -> Any:
        answer = theirs(*arguments, **named)
        ours(*arguments, **named)
        return answer

    return both


def _origins(config: Any, source: str) -> dict[str, Origin]:
    values = {name: getattr(config.performance, name) for name in _SETTINGS if hasattr(config.performance, name)}
    threshold, limit = values.get("cache_clear_threshold_mb"), values.get("cache_memory_limit_mb")
    if threshold is not None and limit is not None and threshold >= limit > 0:
        # Theirs may be at the limit, which memory never passes here; ours follows the limit then.
        del values["cache_clear_threshold_mb"]
    return {name: Origin(value, source, NAME) for name, value in values.items()}
