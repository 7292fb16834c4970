"""The tables of random queries in other types, and how their answers are compared."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import uuid
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    import query_reference
    from query_types import Kind

__all__ = ["given", "has_several_zones", "limit_length", "plain", "same"]

# Other types in which the columns of a table are given, each with what the reference's values are in it; the order of
# values stays the same. `s` is only compared for equality, so its categories come in any order.
_DAY = dt.datetime(2024, 3, 30, 20, tzinfo=dt.timezone.utc)


def _same_value(value: Any) -> Any:
    return value


def _instant(value: Any) -> Any:
    """Each half an hour after the other, over a change of clocks in Berlin."""
    return _DAY + dt.timedelta(minutes=30 * (value if isinstance(value, int) else "abc".index(value)))


def _local(value: Any) -> Any:
    return _instant(value).replace(tzinfo=None)


def _length(value: Any) -> Any:
    return dt.timedelta(seconds=value if isinstance(value, int) else "abc".index(value))


TYPES: dict[str, list[tuple[pa.DataType, Callable[[Any], Any]]]] = {
    "p": [
        (pa.string(), _same_value),
        (pa.timestamp("us", "Europe/Berlin"), _instant),
        (pa.duration("ms"), _length),
        (pa.uuid(), lambda value: uuid.UUID(int="abc".index(value) << 100)),
        (pa.decimal128(9, 2), lambda value: decimal.Decimal("abc".index(value)) / 4),
    ],
    "o": [
        (pa.int64(), _same_value),
        (pa.timestamp("ns"), _local),
        (pa.timestamp("ns", "Europe/Berlin"), _instant),
        (pa.duration("us"), _length),
    ],
    "x": [(pa.int64(), _same_value), (pa.int8(), _same_value), (pa.decimal128(9, 2), decimal.Decimal)],
    "y": [(pa.float64(), _same_value), (pa.float32(), _same_value), (pa.decimal128(9, 1), decimal.Decimal)],
    "s": [(pa.string(), _same_value), (pa.dictionary(pa.int8(), pa.string(), ordered=True), _same_value)],
}


def given(
    rng: random.Random,
    table: list[query_reference.Row],
    kind: Kind,
    names: dict[str, str],
    kinds_used: Mapping[str, int] | None = None,
) -> tuple[list[query_reference.Row], pa.Table]:
    """Return a table in other types: the rows for the reference, and the same for a query.

    Args:
        rng: what decides.
        table: the rows.
        kind: the type of column z.
        names: what columns are called.
        kinds_used: for some columns, how many of their types may be chosen.
    """
    rows: list[query_reference.Row] = [dict(row) for row in table]
    columns = {}
    for name, kinds in TYPES.items():
        arrow, changed = rng.choice(kinds[: (kinds_used or {}).get(name, len(kinds))])
        values = [None if row[name] is None else changed(row[name]) for row in rows]
        if pa.types.is_dictionary(arrow):
            places = pa.array([None if value is None else "wuv".index(value) for value in values], pa.int8())
            columns[name] = pa.DictionaryArray.from_arrays(places, pa.array(list("wuv")), ordered=True)
        elif isinstance(arrow, pa.UuidType):
            stored = pa.array([None if value is None else value.bytes for value in values], pa.binary(16))
            columns[name] = pa.ExtensionArray.from_storage(arrow, stored)
        else:
            columns[name] = pa.array(values, arrow)
        if name in {"p", "o"}:
            for row, value in zip(rows, values):
                row[name] = value
    columns["z"] = kind.column([row["z"] for row in rows])
    return rows, pa.table({names[name]: values for name, values in columns.items()})


def limit_length(rng: random.Random, query: query_reference.Query, kind: pa.DataType) -> None:
    """Give some queries a WITHIN, in the type of column o."""
    steps = rng.randrange(60)
    if rng.random() < 0.7:
        return
    if pa.types.is_integer(kind):
        query.within, query.within_text = steps, str(steps)
    elif pa.types.is_duration(kind):
        query.within, query.within_text = dt.timedelta(seconds=steps), f"INTERVAL '{steps}' SECOND"
    else:
        query.within, query.within_text = dt.timedelta(minutes=30 * steps), f"INTERVAL {30 * steps} MINUTE"


def has_several_zones(table: pa.Table) -> bool:
    """Say whether columns have different time zones."""
    return len({kind.tz for kind in table.schema.types if pa.types.is_timestamp(kind) and kind.tz is not None}) > 1


def plain(value: Any, *, of_duckdb: bool = False) -> Any:
    """Return a value of an answer, or of the reference, for comparison; what DuckDB gives of a UUID is its text."""
    if isinstance(value, list):
        return [plain(each, of_duckdb=of_duckdb) for each in value]
    if of_duckdb and isinstance(value, uuid.UUID):
        return str(value)
    return value[1] if isinstance(value, tuple) else value


def same(found: Any, wanted: Any) -> bool:
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(found, dt.datetime) and hasattr(found, "to_pydatetime"):
        found = found.to_pydatetime()
    if isinstance(found, dt.datetime) and isinstance(wanted, dt.datetime) and found.tzinfo and wanted.tzinfo:
        # Python says that two clocks of different zones differ while one of them goes back.
        return found.timestamp() == wanted.timestamp()
    if isinstance(found, float) and isinstance(wanted, (int, float, decimal.Decimal)):
        if math.isnan(found) or math.isnan(wanted):
            return math.isnan(found) and math.isnan(wanted)
        return math.isclose(found, wanted, rel_tol=1e-7, abs_tol=1e-9)
    if isinstance(found, decimal.Decimal) and isinstance(wanted, float):
        return math.isclose(found, wanted, abs_tol=1e-9)
    return bool(found == wanted) and (found is None) == (wanted is None)
