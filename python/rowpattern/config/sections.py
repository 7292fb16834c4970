"""Sections of the pure-Python system's configuration that this package has no use for.

They are here so that its files, and code that builds its configurations, go on working; names and defaults are its
own. Nothing in this package reads them, but for `LoggingConfig` in `MatchRecognizeConfig.setup_logging`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LoggingConfig", "MonitoringConfig", "ResourceConfig", "SecurityConfig"]


@dataclass
class LoggingConfig:
    """Where log lines go; used by `MatchRecognizeConfig.setup_logging` only.

    Examples:
        >>> from rowpattern.production_config import LoggingConfig, MatchRecognizeConfig
        >>> MatchRecognizeConfig(logging=LoggingConfig(level="DEBUG")).logging.level
        'DEBUG'
    """

    level: str = "INFO"
    format: str = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
    enable_structured_logging: bool = True
    log_file: str | None = None
    max_log_size_mb: int = 100
    backup_count: int = 5


@dataclass
class SecurityConfig:
    """Not used here: limits of patterns are those of `rowpattern.compile`.

    Examples:
        >>> from rowpattern.production_config import SecurityConfig
        >>> SecurityConfig(max_pattern_length=1000).max_pattern_length
        1000
    """

    validate_input: bool = True
    max_query_complexity: int = 1000
    rate_limit_queries_per_minute: int = 60
    enable_query_sanitization: bool = True
    max_pattern_length: int = 50_000
    max_nesting_depth: int = 100
    max_permute_variables: int = 50


@dataclass
class MonitoringConfig:
    """Not used here: see `rowpattern.cache_monitor`, `rowpattern.endpoints` and `rowpattern.metrics`.

    Examples:
        >>> from rowpattern.production_config import MonitoringConfig
        >>> MonitoringConfig(enable_metrics=False).enable_metrics
        False
    """

    enable_metrics: bool = True
    metrics_endpoint: str = "/metrics"
    metrics_interval_seconds: int = 60
    enable_health_checks: bool = True
    health_check_endpoint: str = "/health"
    health_check_interval_seconds: int = 30
    enable_profiling: bool = False
    profiling_sample_rate: float = 0.01
    enable_tracing: bool = False
    sample_rate: float = 0.1
    alert_on_high_memory: bool = True
    alert_memory_threshold_mb: int = 800
    alert_on_slow_queries: bool = True
    alert_slow_query_threshold_seconds: float = 10.0


@dataclass
class ResourceConfig:
    """Not used here: how many queries work and wait is said by settings of the same names in `performance`.

    Examples:
        >>> from rowpattern.production_config import ResourceConfig
        >>> ResourceConfig(query_queue_size=10).query_queue_size
        10
    """

    max_concurrent_queries: int = 10
    query_queue_size: int = 100
    enable_resource_limits: bool = True
    cpu_usage_threshold: float = 80.0
    memory_usage_threshold: float = 85.0
    disk_usage_threshold: float = 90.0
    enable_graceful_degradation: bool = True
    emergency_cache_clear_threshold: float = 95.0
