"""Values that look like tables and are none here: frames of Spark and Dask, names of files."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["adapter_hint", "is_file_name"]

# Endings that files with tables have, packed or not.
_FILE = re.compile(
    r"[/\\]|\.(?:csv|tsv|txt|json|jsonl|ndjson|parquet|arrow|feather|ipc|orc|avro|xlsx?|db|duckdb|sqlite)(?:\.\w{1,4})?$",
    re.IGNORECASE,
)


def adapter_hint(value: Any) -> str | None:
    """Return what answers queries over a frame of Spark or Dask; None for anything else."""
    module = type(value).__module__.split(".")[0]
    if module == "pyspark" and type(value).__name__ == "DataFrame":
        return (
            "a frame of Spark; call rowpattern.spark.match_recognize(sql, frame) or "
            "rowpattern.spark.recognize(frame, ...), which match in its executors"
        )
    if module in {"dask", "dask_expr"} and hasattr(value, "dask"):
        return (
            "a collection of Dask; call rowpattern.dask.match_recognize(sql, frame) or "
            "rowpattern.dask.recognize(frame, ...), which match in its workers"
        )
    return None


def is_file_name(name: str) -> bool:
    """Say whether the name of a table is that of a file: it has a separator of folders, or ends as files do."""
    return _FILE.search(name) is not None
