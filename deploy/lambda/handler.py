"""An AWS Lambda function over row patterns, which starts warm.

Put a file that `rowpattern.pattern_cache.dump` wrote beside this one as `patterns.dump`, or name it by `MR_WARM_FILE`
(`rowpattern warm patterns.txt --output patterns.dump` makes one from texts). It is loaded while the function starts, so
the first request finds its pattern compiled. Lambda keeps the process between requests, and the cache with it; no
thread runs between them, so there is no monitor here: each answer carries the statistics instead.

What a caller gets wrong is answered with 400; what this function gets wrong, as a setting, with 500 and a log line.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import rowpattern
from rowpattern import pattern_cache
from rowpattern.production_config import get_config
from rowpattern.warming import load_at_start

BESIDE = Path(__file__).with_name("patterns.dump")

log = logging.getLogger("handler")
starts = {"cold": True}


def load() -> int:
    """Load the patterns; a setting that is wrong is met again, and told, by each request."""
    try:
        get_config().setup_logging()
        if get_config().performance.warm_file is None:
            return load_at_start(BESIDE) if BESIDE.exists() else 0
        return load_at_start()
    except rowpattern.ConfigurationError:
        log.exception("the function starts with a setting that is wrong")
        return 0


loaded = load()


def handler(event: Any, _context: object = None) -> dict[str, Any]:
    """Count the matches of `event["pattern"]` in `event["rows"]`, a mapping of variables to lists of booleans."""
    cold, starts["cold"] = starts["cold"], False
    if not isinstance(event, dict) or not {"pattern", "rows"} <= event.keys():
        return {"statusCode": 400, "error": 'the event must be an object with "pattern" and "rows"'}
    try:
        matches = rowpattern.compile(event["pattern"]).count(event["rows"])
        statistics = pattern_cache.get_cache_stats()
    except Exception as error:
        by_caller = isinstance(error, (rowpattern.RowPatternError, TypeError))
        if by_caller and not isinstance(error, rowpattern.ConfigurationError):
            return {"statusCode": 400, "error": str(error)}
        # The log has the reason; settings are nothing for callers.
        log.exception("a request could not be answered")
        return {"statusCode": 500, "error": "the function failed; its log says why"}
    return {
        "statusCode": 200,
        "matches": matches,
        "cold": cold,
        "loaded": loaded,
        "cache": {name: statistics[name] for name in ("hits", "misses", "size", "memory_used_mb", "cache_efficiency")},
    }
