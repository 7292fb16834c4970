"""An AWS Lambda function over row patterns, which starts warm.

Put a file that `rowpattern.pattern_cache.dump` wrote beside this one as `patterns.dump` (`rowpattern warm patterns.txt
--output patterns.dump` makes one from texts). It is loaded while the function starts, so the first request finds its
pattern compiled. Lambda keeps the process between requests, and the cache with it; no thread runs between them, so
there is no monitor here: each answer carries the statistics instead.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import rowpattern
from rowpattern import pattern_cache

PATTERNS = Path(os.environ.get("PATTERNS_FILE", str(Path(__file__).with_name("patterns.dump"))))

loaded = pattern_cache.load(PATTERNS) if PATTERNS.exists() else 0
starts = {"cold": True}


def handler(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Count the matches of `event["pattern"]` in `event["rows"]`, a mapping of variables to lists of booleans."""
    cold, starts["cold"] = starts["cold"], False
    try:
        matches = rowpattern.compile(event["pattern"]).count(event["rows"])
    except rowpattern.RowPatternError as error:
        return {"statusCode": 400, "error": str(error)}
    statistics = pattern_cache.get_cache_stats()
    return {
        "statusCode": 200,
        "matches": matches,
        "cold": cold,
        "loaded": loaded,
        "cache": {name: statistics[name] for name in ("hits", "misses", "size", "memory_used_mb", "cache_efficiency")},
    }
