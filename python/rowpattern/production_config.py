"""Settings of a deployment: the documented name of `rowpattern.config.process`."""

from rowpattern.config.process import (
    DEVELOPMENT_CONFIG,
    PRODUCTION_CONFIG,
    TESTING_CONFIG,
    Described,
    LoggingConfig,
    MatchRecognizeConfig,
    MonitoringConfig,
    PerformanceConfig,
    ResourceConfig,
    SecurityConfig,
    describe,
    get_config,
    reload,
    reset_config,
    set_config,
)

__all__ = [
    "DEVELOPMENT_CONFIG",
    "PRODUCTION_CONFIG",
    "TESTING_CONFIG",
    "Described",
    "LoggingConfig",
    "MatchRecognizeConfig",
    "MonitoringConfig",
    "PerformanceConfig",
    "ResourceConfig",
    "SecurityConfig",
    "describe",
    "get_config",
    "reload",
    "reset_config",
    "set_config",
]
