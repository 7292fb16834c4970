"""Types of columns by the names that DuckDB has for them, and columns as the engine reads them.

What DuckDB calls a type is what it makes of Arrow's when it is given a table (`Database.project`);
`tests/sql/test_typed_expressions.py` compares this table with it.
"""

from __future__ import annotations

from functools import lru_cache

import pyarrow as pa

from rowpattern.sql.duckdb.names import quoted

__all__ = ["duckdb_type"]

_NAMES = {
    pa.null(): "NULL",
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.float16(): "FLOAT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.large_string(): "VARCHAR",
    pa.string_view(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.large_binary(): "BLOB",
    pa.binary_view(): "BLOB",
    pa.date32(): "DATE",
    pa.date64(): "DATE",
    pa.time32("s"): "TIME",
    pa.time32("ms"): "TIME",
    pa.time64("us"): "TIME",
    pa.time64("ns"): "TIME_NS",
    pa.timestamp("s"): "TIMESTAMP_S",
    pa.timestamp("ms"): "TIMESTAMP_MS",
    pa.timestamp("us"): "TIMESTAMP",
    pa.timestamp("ns"): "TIMESTAMP_NS",
    pa.month_day_nano_interval(): "INTERVAL",
}


@lru_cache(maxsize=1000)
def duckdb_type(kind: pa.DataType) -> str | None:
    """Return what DuckDB calls the type of a column, as SQL; None where that is not known here.

    Ordered categories are no types of their own: DuckDB's ENUM has their texts (`rowpattern.sql.duckdb.enums`).

    >>> import pyarrow as pa
    >>> from rowpattern.sql.duckdb.arrow_types import duckdb_type
    >>> duckdb_type(pa.decimal128(12, 2)), duckdb_type(pa.list_(pa.timestamp("us", "Europe/Berlin")))
    ('DECIMAL(12,2)', 'TIMESTAMP WITH TIME ZONE[]')
    """
    types = pa.types
    found = _NAMES.get(kind)
    if found is not None:
        return found
    if types.is_timestamp(kind):
        return "TIMESTAMPTZ_NS" if kind.unit == "ns" else "TIMESTAMP WITH TIME ZONE"
    if types.is_duration(kind):
        return "INTERVAL"
    if types.is_decimal128(kind) or types.is_decimal32(kind) or types.is_decimal64(kind):
        return f"DECIMAL({kind.precision},{kind.scale})" if kind.scale >= 0 else None
    if types.is_fixed_size_binary(kind):
        return "BLOB"
    if types.is_dictionary(kind):
        return None if kind.ordered else duckdb_type(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind):
        inside = duckdb_type(kind.value_type)
        return None if inside is None or inside == "NULL" else f"{inside}[]"
    if types.is_fixed_size_list(kind):
        inside = duckdb_type(kind.value_type)
        return None if inside is None or inside == "NULL" else f"{inside}[{kind.list_size}]"
    if types.is_struct(kind):
        inner = [(field.name, duckdb_type(field.type)) for field in kind]
        known = [f"{quoted(name)} {each}" for name, each in inner if each is not None and each != "NULL"]
        return f"STRUCT({', '.join(known)})" if known and len(known) == len(inner) else None
    if types.is_map(kind):
        key, item = duckdb_type(kind.key_type), duckdb_type(kind.item_type)
        return None if {key, item} & {None, "NULL"} else f"MAP({key}, {item})"
    if isinstance(kind, pa.UuidType):
        return "UUID"
    return None
