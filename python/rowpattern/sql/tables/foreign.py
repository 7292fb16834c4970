"""Values that look like tables and are none here: frames of Spark and Dask, names of files, columns as a mapping."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from rowpattern.counted import with_article

__all__ = ["foreign_hint", "is_file_name"]

# Endings that files with tables have, packed or not.
_FILE = re.compile(
    r"[/\\]|\.(?:csv|tsv|txt|json|jsonl|ndjson|parquet|arrow|feather|ipc|orc|avro|xlsx?|db|duckdb|sqlite)(?:\.\w{1,4})?$",
    re.IGNORECASE,
)


def foreign_hint(value: Any) -> str | None:
    """Return what a value that is no table is, and what to do with it; None for what looks like no table."""
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
    kind = with_article(type(value).__name__)
    if isinstance(value, (str, os.PathLike)):
        return (
            f"{kind}; the path of a Parquet or Arrow IPC file needs stream=True, and other files are read first, as by "
            "pandas.read_csv(path)"
        )
    if isinstance(value, Mapping):
        return (
            f"{kind}; give a table of its columns, as pyarrow.table(columns) makes it, or several tables by name, as "
            "match_recognize(sql, a=..., b=...)"
        )
    return None


def is_file_name(name: str) -> bool:
    """Say whether the name of a table is that of a file: it has a separator of folders, or ends as files do."""
    return _FILE.search(name) is not None
