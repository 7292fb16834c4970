"""The cache of a running process, from its metrics page, for `rowpattern stats`."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

from rowpattern.dependencies import missing
from rowpattern.errors import ConfigurationError

__all__ = ["shown_figures"]

# More than any metrics page of this package.
_LARGEST_PAGE = 16 << 20


def shown_figures(url: str) -> str:
    """Return the figures of a process's cache, one in each line, from its metrics page.

    Raises:
        ConfigurationError: the URL is none of a metrics page.
        OSError: it does not answer.
        MissingDependencyError: prometheus_client is not installed.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"the URL is {url!r}; allowed is one that begins with http:// or https://")
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError as error:
        raise missing(error, "prometheus") from None
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - checked above
            page = answer.read(_LARGEST_PAGE)
    except urllib.error.URLError as error:
        raise OSError(f"{url} does not answer: {error.reason}") from None
    except (http.client.HTTPException, ValueError) as error:
        # ValueError: the URL is malformed.
        raise OSError(f"{url} does not answer: {type(error).__name__}: {str(error).strip()}") from None
    try:
        values = {
            (sample.name, sample.labels.get("cause")): sample.value
            for family in text_string_to_metric_families(page.decode())
            for sample in family.samples
        }
    except ValueError:
        # Not a metrics page; /health is none, for example.
        values = {}
    if ("pattern_cache_size", None) not in values:
        raise ConfigurationError(
            f"{url} has no figures of a pattern cache; allowed is a metrics page, as http://127.0.0.1:8000/metrics"
        )

    def value(name: str, cause: str | None = None) -> float:
        return float(values.get((name, cause), 0.0))

    causes = ("size", "memory", "threshold")
    evictions = {cause: value("rowpattern_cache_evictions_total", cause) for cause in causes}
    lines = {
        "entries": f"{value('pattern_cache_size'):,.0f} of {value('rowpattern_cache_max_entries'):,.0f}",
        "memory": f"{value('pattern_cache_memory_mb'):,.2f} of {value('rowpattern_cache_max_bytes') / 2**20:,.0f} MB",
        "efficiency": f"{value('pattern_cache_efficiency'):.1f} % "
        f"({value('pattern_cache_hits'):,.0f} hits, {value('pattern_cache_misses'):,.0f} misses)",
        "evicted": f"{sum(evictions.values()):,.0f} ("
        + ", ".join(f"{count:,.0f} by {cause}" for cause, count in evictions.items())
        + ")",
        "expired": f"{value('rowpattern_cache_expirations_total'):,.0f}",
        "compile time": f"{value('rowpattern_compile_seconds_sum'):,.3f} s for "
        f"{value('rowpattern_compile_seconds_count'):,.0f}, "
        f"{value('rowpattern_cache_saved_seconds_total'):,.3f} s saved by hits",
        "caching": "enabled" if value("rowpattern_cache_enabled") else "disabled",
    }
    return "\n".join(f"{name:<14}{text}" for name, text in lines.items())
