"""The settings that decide something here: of the pattern cache, and limits of queries."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from rowpattern.config.container import available_cores, memory_limit
from rowpattern.config.values import (
    choice,
    count,
    flag,
    flag_or,
    megabytes,
    not_a_setting,
    optional_text,
    placed,
    positive_seconds,
    seconds,
    shown,
    threads,
)
from rowpattern.errors import ConfigurationError, ConfigurationWarning

if TYPE_CHECKING:
    from typing_extensions import Self

    from rowpattern.config.values import Reader

__all__ = ["READERS", "SOURCES", "Origin", "PerformanceConfig"]

READERS: dict[str, Reader] = {
    "enable_caching": flag,
    "cache_size_limit": count,
    "cache_memory_limit_mb": megabytes,
    "cache_ttl_seconds": positive_seconds,
    "cache_clear_threshold_mb": megabytes,
    "cache_monitoring_interval_seconds": positive_seconds,
    "cache_threshold_action": choice("evict", "clear"),
    "cache_optimize_size": flag_or("shrink"),
    "cache_policy": choice("lru", "tinylfu"),
    "warm_file": optional_text,
    "warm_strict": flag,
    "execution_timeout_seconds": positive_seconds,
    "max_memory_mb": megabytes,
    "max_workers": threads,
    "max_concurrent_queries": threads,
    "query_queue_size": count,
    "plan_cache_size_limit": count,
    "plan_cache_memory_limit_mb": megabytes,
    "slow_query_seconds": seconds,
    "slow_query_literals": flag,
}

_PRESETS: dict[str, dict[str, Any]] = {
    "memory-constrained": {"cache_size_limit": 1000, "cache_memory_limit_mb": 200},
    "balanced": {"cache_size_limit": 10_000, "cache_memory_limit_mb": 500},
    "performance-focused": {"cache_size_limit": 50_000, "cache_memory_limit_mb": 2000},
}


class _MemoryDefault(NamedTuple):
    """A default that fits the memory of the process: at most one part in `divisor` of it."""

    documented_mb: int
    divisor: int
    share: str
    # A value that was given is warned of when it is more than this part of the memory.
    warning_divisor: int
    warning_share: str


_MEMORY_DEFAULTS = {
    "cache_memory_limit_mb": _MemoryDefault(500, 4, "a quarter", 2, "half"),
    "max_memory_mb": _MemoryDefault(8192, 2, "half", 1, "all"),
    "plan_cache_memory_limit_mb": _MemoryDefault(64, 16, "a sixteenth", 4, "a quarter"),
}


#: Where values come from, the strongest last.
SOURCES = ("default", "container", "file", "environment", "call")


class Origin(NamedTuple):
    """Where a value came from.

    Attributes:
        value: the value then; one that differs now was set later, by a call.
        source: one of `SOURCES`.
        detail: the file, the variable, or how it was computed; empty where there is nothing to say.
    """

    value: object
    source: str
    detail: str = ""


class _Attributed:
    """Notes which fields of the dataclass below are given when it is made."""

    _given: dict[str, Origin]

    def __new__(cls, *positional: object, **named: object) -> Self:
        """Note which settings are given, and refuse unknown ones as a file's are refused."""
        defaults = {setting.name: setting.default for setting in fields(cls)}  # type: ignore[arg-type]
        for name in named:
            if name not in defaults:
                raise ConfigurationError(not_a_setting(name, READERS))
        made = super().__new__(cls)
        given = {**dict(zip(defaults, positional)), **named}
        # None, where it is the default, is nothing given.
        made._given = {
            name: Origin(value, "call")
            for name, value in given.items()
            if value is not None or defaults[name] is not None
        }
        return made


@dataclass
class PerformanceConfig(_Attributed):
    """Settings of the pattern cache, and limits of queries.

    Attributes:
        enable_caching: whether patterns are cached at all.
        cache_size_limit: the most entries.
        cache_memory_limit_mb: the most memory, in MB of 2**20 bytes. By default 500, or a quarter of the memory that
            the process may have (`rowpattern.config.container.memory_limit`), whichever is less.
        cache_ttl_seconds: how long an entry lives after it was inserted, in seconds.
        cache_clear_threshold_mb: above this memory a monitor sheds entries, in MB; by default 80 % of the limit. It is
            below the limit, or 0: memory never passes the limit.
        cache_monitoring_interval_seconds: how often a monitor looks, in seconds.
        cache_threshold_action: what a monitor does above the threshold: `"evict"` the entries used longest ago until
            it is met, or `"clear"` all.
        cache_optimize_size: whether a monitor changes the entry limit: True grows one that is below
            `cache_size_limit` back towards it, `"shrink"` may also go below it where places are not used.
        cache_policy: which entries stay when there are too many: `"lru"`, those used most recently, or `"tinylfu"`,
            where the entry used longest ago is evicted only for a key that was asked for more often lately.
        warm_file: a file of `rowpattern.pattern_cache.dump`, which services of `deploy/` load when they start.
        warm_strict: whether a warm file that cannot be read is an error; otherwise it is a warning.
        execution_timeout_seconds: the most time that a query of `match_recognize` may take, in seconds.
        max_memory_mb: the most memory that all queries of the process may take together beyond the tables given, in MB
            of 2**20 bytes, and one of them where its call says nothing else. By default 8192, or half of the memory
            that the process may have, whichever is less.
        max_workers: the most threads that work on it, where there are as many cores.
        max_concurrent_queries: how many queries work at once; others wait for their turn. By default one for each core
            that the process may use.
        query_queue_size: the most queries that wait; more are refused with `QueryBusyError`.
        plan_cache_size_limit: the most plans of queries that are kept, two for each query of one clause.
        plan_cache_memory_limit_mb: the most memory of these, in MB of 2**20 bytes. By default 64, or a sixteenth of the
            memory that the process may have, whichever is less.
        slow_query_seconds: queries that take as long or longer are logged, under `rowpattern.queries`; 0 logs none.
        slow_query_literals: whether the log shows numbers and texts of a query, or `?` in their places.

    The others are the pure-Python system's and not read here.

    Raises:
        ConfigurationError: a value is out of range, does not fit another one, or there is no such setting.

    Examples:
        >>> from rowpattern.production_config import PerformanceConfig
        >>> settings = PerformanceConfig(cache_size_limit=2000, cache_memory_limit_mb=100)
        >>> settings.cache_clear_threshold_mb, settings.origin("cache_clear_threshold_mb").detail
        (80, '80 % of cache_memory_limit_mb')
        >>> settings.threshold_within(50)
        40.0
        >>> PerformanceConfig.preset("memory-constrained").cache_size_limit
        1000
        >>> settings.warn_of_memory()
        >>> settings.validate()
    """

    enable_caching: bool = True
    cache_size_limit: int = 10_000
    # Those with None here are never None once they are made.
    cache_memory_limit_mb: float = None  # type: ignore[assignment]
    cache_ttl_seconds: float = 3600
    cache_clear_threshold_mb: float = None  # type: ignore[assignment]
    cache_monitoring_interval_seconds: float = 300
    cache_threshold_action: str = "evict"
    cache_optimize_size: bool | str = True
    max_partition_size: int = -1
    execution_timeout_seconds: float = 300
    max_memory_mb: float = None  # type: ignore[assignment]
    parallel_processing: bool = False
    max_workers: int = 4
    enable_streaming_processing: bool = False
    enable_early_termination: bool = True
    enable_pattern_optimization: bool = True
    enable_memory_mapping: bool = False
    progress_reporting: bool = True
    optimize_for_unlimited_size: bool = False
    cache_policy: str = "lru"
    warm_file: str | None = None
    warm_strict: bool = False
    max_concurrent_queries: int = None  # type: ignore[assignment]
    query_queue_size: int = 1000
    plan_cache_size_limit: int = 2000
    plan_cache_memory_limit_mb: float = None  # type: ignore[assignment]
    slow_query_seconds: float = 0
    slow_query_literals: bool = True

    @classmethod
    def from_origins(cls, given: dict[str, Origin]) -> PerformanceConfig:
        """Make the settings of values that came from several sources, before which errors are placed.

        Raises:
            ConfigurationError: as for a call.
            TypeError: it is no dict of origins.

        Examples:
            >>> from rowpattern.config.performance import Origin
            >>> from rowpattern.production_config import PerformanceConfig
            >>> origin = Origin("5", "file", "config.json")
            >>> PerformanceConfig.from_origins({"cache_size_limit": origin}).cache_size_limit
            5
        """
        if not isinstance(given, dict) or not all(isinstance(origin, Origin) for origin in given.values()):
            raise TypeError("given must be a dict of settings, each with its Origin")
        values = {}
        for setting, origin in given.items():
            with placed(origin.detail):
                if setting not in {each.name for each in fields(cls)}:
                    raise ConfigurationError(not_a_setting(setting, READERS))
                values[setting] = READERS[setting](setting, origin.value) if setting in READERS else origin.value
        made = cls.__new__(cls)
        made._given = given  # noqa: SLF001 - of this class
        made.__init__(**values)  # type: ignore[misc]
        return made

    def __post_init__(self) -> None:
        # Not a field: two configurations with the same values are equal, whatever gave them.
        self._origins: dict[str, Origin] = {}
        for setting, read in READERS.items():
            value, given = getattr(self, setting), self._given.get(setting)
            if given is not None:
                self._record(setting, read(setting, value), given.source, given.detail)
            elif setting in _MEMORY_DEFAULTS:
                self._take_memory_default(setting)
            elif value is None and setting == "max_concurrent_queries":
                self._record(setting, available_cores(), "default", "one for each core")
            else:
                self._record(setting, value, "default")
        self._settle_threshold()

    def _record(self, setting: str, value: object, source: str, detail: str = "") -> None:
        setattr(self, setting, value)
        self._origins[setting] = Origin(value, source, detail)

    def _take_memory_default(self, setting: str) -> None:
        default, limit = _MEMORY_DEFAULTS[setting], memory_limit()
        share = None if limit is None else limit.bytes / 2**20 / default.divisor
        if share is None or share >= default.documented_mb:
            self._record(setting, default.documented_mb, "default")
        else:
            detail = f"{default.share} of the {limit}"
            self._record(setting, int(share) if share >= 1 else share, "container", detail)

    def _settle_threshold(self) -> None:
        """Bring the threshold below the memory limit, or say that it is not."""
        name, limit = "cache_clear_threshold_mb", self.cache_memory_limit_mb
        if self.origin(name).source == "default":
            threshold = megabytes(name, limit * 4 / 5)
            self._record(name, threshold, "default", "80 % of cache_memory_limit_mb")
        elif not self._fires(limit):
            given = shown(self.cache_clear_threshold_mb)
            if not self._gives_way(name, "cache_memory_limit_mb"):
                text = (
                    f"{name} is {given}; allowed is less than cache_memory_limit_mb, which is {shown(limit)}: "
                    "memory never passes the limit, so the threshold would never be met"
                )
                with placed(self.origin(name).detail):
                    raise ConfigurationError(text)
            detail = f"80 % of cache_memory_limit_mb, in place of {given}, which does not fit it"
            self._record(name, megabytes(name, limit * 4 / 5), "default", detail)

    def _gives_way(self, setting: str, other: str) -> bool:
        """Whether a value gives way to another one that it does not fit, instead of being a mistake.

        It does where the other one comes from a stronger source (a variable against a file), and where the other one is
        the container's: the same settings are right where there is more memory.
        """
        source, strength = self.origin(other).source, SOURCES.index
        return source == "container" or strength(source) > strength(self.origin(setting).source)

    def _fires(self, limit_mb: float) -> bool:
        return self.cache_clear_threshold_mb == 0 or self.cache_clear_threshold_mb < limit_mb

    def origin(self, setting: str) -> Origin:
        """Return where the value of a setting came from.

        Raises:
            ConfigurationError: there is no such setting.
        """
        if setting not in self._origins:
            raise ConfigurationError(not_a_setting(setting, READERS))
        value, origin = getattr(self, setting), self._origins[setting]
        return origin if value == origin.value else Origin(value, "call")

    def threshold_within(self, limit_mb: float) -> float:
        """Return the threshold for a cache whose memory limit was changed since: below it in any case, in MB."""
        return self.cache_clear_threshold_mb if self._fires(limit_mb) else limit_mb * 4 / 5

    def validate(self) -> None:
        """Check the settings that are read; a threshold that nobody gave follows the memory limit.

        Raises:
            ConfigurationError: one was changed to what is not allowed.
        """
        for setting, read in READERS.items():
            read(setting, getattr(self, setting))
        self._settle_threshold()

    def warn_of_memory(self) -> None:
        """Warn of memory limits, given by somebody, that are more than the process may use."""
        limit = memory_limit()
        for setting, default in _MEMORY_DEFAULTS.items():
            value = getattr(self, setting)
            chosen = self.origin(setting).source not in {"default", "container"}
            if limit is not None and chosen and value > limit.bytes / 2**20 / default.warning_divisor:
                text = f"{setting} is {shown(value)}, more than {default.warning_share} of the {limit}"
                warnings.warn(text, ConfigurationWarning, stacklevel=2)

    @classmethod
    def preset(cls, name: str) -> PerformanceConfig:
        """Return one of the guide's presets.

        Args:
            name: `"memory-constrained"` (1,000 entries, 200 MB), `"balanced"` (10,000, 500 MB) or
                `"performance-focused"` (50,000, 2,000 MB); `_` and capitals are taken too.

        Raises:
            TypeError: the name is no text.
            ConfigurationError: there is no such preset.
        """
        if not isinstance(name, str):
            raise TypeError(f"the preset must be a str, not {type(name).__name__}")
        settings = _PRESETS.get(name.strip().lower().replace("_", "-").replace(" ", "-"))
        if settings is None:
            raise ConfigurationError(f"the preset is {shown(name)}; allowed are {', '.join(_PRESETS)}")
        return cls(**settings)
