"""Event time against a reference in plain Python: late rows, watermarks of several sources, the order of rows."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rowpattern import CheckpointError, ConfigurationError, LateRowError
from rowpattern.continuous_query.admitted import Admitted
from rowpattern.continuous_query.event_keys import EventKey, OrderKey, duration_nanoseconds
from rowpattern.continuous_query.event_time import EventTime

from event_reference import Arrival, EventReference, OrderBy

KINDS = [pa.int64(), pa.float64(), pa.timestamp("s"), pa.int8(), pa.decimal128(5, 1), pa.uint64(), pa.date32()]


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Return small whole numbers, NULL or NaN as values of a type."""
    if pa.types.is_floating(kind):
        return pa.array(values, kind)
    plain = [None if value is None or value != value else int(value) for value in values]  # noqa: PLR0124 - NaN
    if pa.types.is_decimal(kind):
        return pa.array([None if value is None else Decimal(value) for value in plain], kind)
    if pa.types.is_date32(kind):
        return pa.array(plain, pa.int32()).cast(kind)
    return pa.array(plain, pa.int64()).cast(kind)


def _lateness(width: int | None, kind: pa.DataType) -> Any:
    if width is None or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return width
    return f"{width} {'days' if pa.types.is_date32(kind) else 's'}"


def _batch(rows: list[Arrival], kind: pa.DataType) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "at": _column([row.keys[0] for row in rows], kind),
            "text": pa.array([row.keys[1] if len(row.keys) > 1 else None for row in rows], pa.string()),
            "part": pa.array([row.partition for row in rows], pa.int64()),
            "number": pa.array([row.number for row in rows], pa.int64()),
        }
    )


def _numbers(table: pa.Table) -> list[int]:
    numbers: list[int] = table["number"].to_pylist()
    return numbers


def _random_rows(chance: random.Random, count: int, first: int, keys: int, gap: int) -> list[Arrival]:
    rows = []
    for number in range(first, first + count):
        time: Any = number // 3 + chance.randrange(-gap, gap + 1)
        if chance.random() < 0.03:
            time = chance.choice([None, float("nan")])
        more = (chance.choice(["a", "b", "b\u00e4", None]),) if keys > 1 else ()
        rows.append(
            Arrival((time if time is None or math.isnan(time) else max(0, time), *more), chance.randrange(3), number)
        )
    return rows


@pytest.mark.parametrize("seed", range(40))
def test_rows_are_let_through_as_the_reference_says(seed: int) -> None:  # noqa: PLR0915 - one step after another
    """Whatever the types, keys, sources and cuts; each step twice, and now and then from a stored state."""
    for case in range(20):
        chance = random.Random(1000 * seed + case)
        kind = chance.choice(KINDS)
        keys = chance.choice([1, 2])
        order_by = [OrderBy(chance.random() < 0.3, chance.random() < 0.5) for _ in range(keys)]
        width = chance.choice([None, 0, 1, 3, 10])
        lateness = _lateness(width, kind)
        by = [OrderKey(name, *each) for name, each in zip(["at", "text"], order_by)]
        schema = _batch([], kind).schema

        def made(by: list[OrderKey] = by, schema: pa.Schema = schema, lateness: Any = lateness) -> EventTime:
            return EventTime(by, schema, partition_by=["part"], lateness=lateness, late="collect")

        ours, reference = made(), EventReference(order_by, width)
        sign = -1 if order_by[0].descending else 1
        number = 0
        sources = ["p0", "p1", ""][: chance.choice([1, 1, 3])]
        for _ in range(chance.randrange(1, 12)):
            source = chance.choice(sources)
            late_before = len(reference.late)
            what = chance.random()
            if what < 0.8:
                rows = _random_rows(chance, chance.choice([0, 1, 3, 20]), number, keys, chance.choice([0, 0, 4]))
                if sign < 0:
                    rows = [row._replace(keys=(_turned(row.keys[0]), *row.keys[1:])) for row in rows]
                number += len(rows)
                given: Any = _batch(rows, kind)
                given = chance.choice([given, pa.Table.from_batches([given.slice(0, 1), given.slice(1)])])
                ours.admit(given, source)
                step, expected = ours.admit(given, source), reference.push(rows, source)
            elif what < 0.9 and not pa.types.is_uint64(kind):
                time = sign * (number // 3 - chance.randrange(3)) if sign > 0 else 100 - number // 3
                time = max(0, time)
                of = chance.choice([None, source])
                step = ours.advance(_column([time], kind)[0], of)
                expected = reference.advance(sign * time, of)
            elif source in ours.sources:
                step, expected = ours.mark_idle(source), reference.mark_idle(source)
            else:
                continue
            assert _numbers(step.rows) == [row.number for row in expected], (seed, case)
            assert _numbers(step.late) == [row.number for row in reference.late[late_before:]], (seed, case)
            if reference.watermark is None:
                assert step.watermark is None
            elif not pa.types.is_int8(kind) or abs(reference.watermark) < 100:
                expected_mark = max(0, reference.watermark) if pa.types.is_uint64(kind) else reference.watermark
                if sign > 0 and not pa.types.is_uint64(kind):
                    assert step.watermark == _column([expected_mark], kind)[0] or pa.types.is_decimal(kind), (
                        seed,
                        case,
                    )
            ours.commit(step)
            assert ours.late_rows == len(reference.late)
            assert ours.unreleased_rows == len(reference.waiting)
            if chance.random() < 0.2:
                state, rows_kept = ours.state()
                ours = made()
                ours.restore(json.loads(json.dumps(state)), rows_kept)
        assert _numbers(ours.finish().rows) == [row.number for row in reference.finish()], (seed, case)


def _turned(time: Any) -> Any:
    return time if time is None else 100 - time


NOON = dt.datetime(2026, 3, 2, 12)  # noqa: DTZ001 - for columns without a zone
ZONED = NOON.replace(tzinfo=dt.timezone.utc)
TIMES = pa.schema({"card": pa.int64(), "at": pa.timestamp("us"), "amount": pa.float64()})


def _payments(*minutes: int | None) -> pa.RecordBatch:
    times = [None if minute is None else NOON.replace(hour=10, minute=minute) for minute in minutes]
    columns = {"card": list(range(len(minutes))), "at": times, "amount": [1.0] * len(minutes)}
    return pa.RecordBatch.from_pydict(columns, schema=TIMES)


def test_an_error_names_the_row_its_partition_and_what_was_allowed() -> None:
    time = EventTime([OrderKey("at")], TIMES, partition_by=["card"], lateness="5 minutes")
    time.commit(time.admit(_payments(10)))
    before = time.state()
    with pytest.raises(LateRowError) as found:
        time.admit(_payments(20, 16, 14))
    assert str(found.value) == (
        "row 2 (from 0) of the partition card = 2 is late: at = 2026-03-02 10:14:00, and rows of its source from"
        ' 2026-03-02 10:15:00 on are not; raise lateness=\'5 minutes\', or say late="drop" or late="collect"'
    )
    with pytest.raises(LateRowError, match=r"row 1 .* has at = NULL, so that its place is not known"):
        time.admit(_payments(20, None))
    assert time.state() == before


def test_without_lateness_rows_have_to_come_in_order() -> None:
    time = EventTime([OrderKey("at")], TIMES, partition_by=["card"])
    time.commit(time.admit(_payments(10, 10, 12), "p0"))
    with pytest.raises(
        LateRowError, match=r'row 0 .* card = 0 is out of order: at = 2026-03-02 10:11:00 .* lateness="5s"'
    ):
        time.admit(_payments(11), "p1")
    assert time.admit(_payments(12), "p1").rows.num_rows == 1


def test_only_the_last_step_can_be_committed_and_once() -> None:
    time = EventTime([OrderKey("at")], TIMES, lateness="1s")
    first, second = time.admit(_payments(1)), time.admit(_payments(2))
    time.commit(second)
    for step in (first, second):
        with pytest.raises(RuntimeError, match="another step was committed"):
            time.commit(step)


def test_rows_that_wait_are_copied() -> None:
    """The caller may use a buffer again."""
    numbers = np.arange(10)
    time = EventTime([OrderKey("at")], pa.schema({"at": pa.int64()}), lateness=100)
    time.commit(
        time.admit(
            pa.RecordBatch.from_arrays([pa.Array.from_buffers(pa.int64(), 10, [None, pa.py_buffer(numbers)])], ["at"])
        )
    )
    numbers[:] = 7
    assert time.finish().rows["at"].to_pylist() == list(range(10))


def test_rows_of_a_partition_alone_can_be_finished() -> None:
    time = EventTime([OrderKey("at")], TIMES, lateness="1 hour")
    for minutes in ((3, 1), (2, 5)):
        time.commit(time.admit(_payments(*minutes)))
    step = time.finish(lambda rows: np.asarray(rows["card"]) == 0)
    assert [at.minute for at in step.rows["at"].to_pylist()] == [2, 3]
    time.commit(step)
    assert time.unreleased_rows == 2
    assert [at.minute for at in time.finish().rows["at"].to_pylist()] == [1, 5]


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("5s", 5 * 10**9),
        ("15 minutes", 900 * 10**9),
        ("1 h 30 min", 5400 * 10**9),
        (" 1.5ms ", 1_500_000),
        ("2d", 2 * 86_400 * 10**9),
        ("0s", 0),
        ("1000000 days", 10**6 * 86_400 * 10**9),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert duration_nanoseconds(text, "lateness") == nanoseconds


@pytest.mark.parametrize(
    "text", ["", "5", "s", "5 m", "-5s", "5s!", "5s -3s", "1 month", "nan s", "5s" * 1000, "\u0665s"]
)
def test_texts_that_are_no_durations(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"lateness is .*write a number and a unit"):
        duration_nanoseconds(text, "lateness")


@pytest.mark.parametrize(
    ("kind", "lateness"),
    [
        (pa.int64(), "5s"),
        (pa.int64(), -1),
        (pa.float64(), float("nan")),
        (pa.timestamp("us"), 5),
        (pa.timestamp("us"), dt.timedelta(-1)),
        (pa.int64(), True),
        (pa.string(), "5s"),
        (pa.decimal128(38, 0), 1),
        (pa.float64(), float("inf")),
    ],
)
def test_what_is_no_lateness_of_a_key(kind: pa.DataType, lateness: Any) -> None:
    with pytest.raises(ConfigurationError, match="lateness"):
        EventTime([OrderKey("at")], pa.schema({"at": kind}), lateness=lateness)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    ("kind", "time", "expected"),
    [
        (pa.timestamp("us"), NOON, NOON),
        (pa.timestamp("s"), NOON.isoformat(), NOON),
        (pa.timestamp("ns"), pd.Timestamp(NOON), NOON),
        (pa.timestamp("ns"), np.datetime64(NOON), NOON),
        (pa.timestamp("ms", "Europe/Rome"), ZONED, ZONED),
        (pa.timestamp("ms", "UTC"), "2026-03-02 14:00:00+02:00", ZONED),
        (pa.date32(), NOON.date(), NOON.date()),
        (pa.time64("us"), NOON.time(), NOON.time()),
        (pa.duration("s"), dt.timedelta(hours=1), dt.timedelta(hours=1)),
        (pa.int16(), 7, 7),
        (pa.uint64(), 2**64 - 1, 2**64 - 1),
        (pa.float32(), 0.5, 0.5),
        (pa.decimal128(10, 2), Decimal("1.25"), Decimal("1.25")),
        (pa.timestamp("us"), pa.scalar(NOON, pa.timestamp("us")), NOON),
    ],
)
def test_values_of_keys_are_numbers_and_values_again(
    kind: pa.DataType, time: Any, expected: Any, descending: bool
) -> None:
    key = EventKey(OrderKey("at", descending), kind)
    value = key.value(key.point(time))
    assert value.as_py() == expected
    numbers, missing = key.numbers(pa.array([value.as_py(), None], kind))
    assert numbers[0] == key.point(time)
    assert missing is not None
    assert missing.tolist() == [False, True]


@pytest.mark.parametrize(
    ("kind", "time"),
    [
        (pa.timestamp("us"), ZONED),
        (pa.timestamp("us", "UTC"), NOON),
        (pa.timestamp("us"), "noon"),
        (pa.int64(), "7"),
        (pa.int64(), float("nan")),
        (pa.date32(), 7),
        (pa.time64("us"), NOON),
        (pa.timestamp("us"), None),
    ],
)
def test_what_is_no_time_of_a_key(kind: pa.DataType, time: Any) -> None:
    event_time = EventTime([OrderKey("at")], pa.schema({"at": kind}))
    with pytest.raises(ConfigurationError, match="time is"):
        event_time.advance(time)


def test_a_time_between_two_values_promises_no_more_than_it_says() -> None:
    for descending, expected in ((False, 7), (True, 8)):
        assert (
            EventKey(OrderKey("at", descending), pa.int64())
            .value(EventKey(OrderKey("at", descending), pa.int64()).point(7.5))
            .as_py()
            == expected
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"late_rows": -1},
        {"arrived_rows": "3"},
        {"sources": None},
        {"sources": {"floor": "x", "promise": None, "sources": []}},
        {"sources": {"floor": str(1 << 70), "promise": None, "sources": []}},
        {"arrived_rows": 1},
        {"sources": {"floor": None, "promise": None, "sources": [["a", None, None, 3]]}},
    ],
)
def test_states_that_are_none_are_refused_and_change_nothing(changes: dict[str, Any]) -> None:
    def made() -> EventTime:
        return EventTime([OrderKey("at")], TIMES, lateness="1h")

    time = made()
    time.commit(time.admit(_payments(3, 1)))
    state, rows = time.state()
    other = made()
    with pytest.raises(CheckpointError, match="event time cannot be read"):
        other.restore({**state, **changes}, rows)
    assert other.unreleased_rows == 0
    other.restore(state, rows)
    assert other.finish().rows == time.finish().rows


def test_what_was_admitted_is_typed() -> None:
    time = EventTime([], pa.schema({"x": pa.int64()}))
    step = time.admit(pa.table({"x": [1]}))
    assert isinstance(step, Admitted)
    assert step.watermark is None
    with pytest.raises(ConfigurationError, match="no ORDER BY"):
        time.advance(3)
