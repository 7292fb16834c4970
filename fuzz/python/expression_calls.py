"""The calls of scalar functions that `expression_values.py` asks DuckDB about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import expression_pools as pools
from expression_pools import Pool, words

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Call:
    """A call: the Rust function (then a part, types or digits), the SQL over `a`, `b` and `c`, how many cases."""

    name: str
    sql: str
    arguments: tuple[Pool, ...]
    cases: int

    @property
    def family(self) -> str:
        """The module of the Rust function, and the file of its values."""
        return self.name.split("::")[0]


_DATE_PARTS = words("year month day decade century millennium quarter dow isodow doy week isoyear yearweek era julian")
_CLOCK_PARTS = words("hour minute second millisecond microsecond epoch")
_ZONE_PARTS = words("timezone timezone_hour timezone_minute")
_PARTS = {
    "timestamp": (pools.TIMESTAMPS, [*_DATE_PARTS, *_CLOCK_PARTS, *_ZONE_PARTS]),
    "date": (pools.DATES, [*_DATE_PARTS, *_CLOCK_PARTS]),
    "interval": (pools.INTERVALS, [*_DATE_PARTS[:7], *_CLOCK_PARTS]),
    "time": (pools.TIMES, _CLOCK_PARTS),
    "timestamp_ns": (pools.TIMESTAMPS_NS, _CLOCK_PARTS),
}
# What else the parts are called.
_ALIASES = words(
    "Year yr y years YRS mon months mons days d dayofmonth dec decades decs cent centuries c mil millenniums millennia "
    "mils quarters dayofweek weekday dayofyear weeks w weekofyear hr hours hrs h min minutes mins m sec seconds secs s "
    "milliseconds ms msec msecs msecond mseconds microseconds us usec usecs usecond useconds jd"
)
_TRUNCATED = [part for part in (*_DATE_PARTS, *_CLOCK_PARTS) if part != "era"]
_STAMPS = {
    "timestamp": pools.TIMESTAMPS,
    "timestamp_s": pools.TIMESTAMPS_S,
    "timestamp_ms": pools.TIMESTAMPS_MS,
    "timestamp_ns": pools.TIMESTAMPS_NS,
    "date": pools.DATES,
}
# The first cast raises an error for every value, the second one that closes the database for values that are too large.
_BROKEN_CASTS = {("timestamp_ns", "timestamp_s"), ("timestamp_ms", "timestamp_s")}


def _interval_calls() -> Iterator[Call]:
    near = {"timestamp": pools.NEAR_TIMESTAMPS, "date": pools.NEAR_DATES}
    for kind, pool in {**_STAMPS, "time": pools.TIMES}.items():
        cases = {"timestamp": 400, "date": 300, "timestamp_ns": 250}.get(kind, 80)
        for name, sign in (("plus", "+"), ("minus", "-")):
            yield Call(f"interval::{kind}_{name}", f"a {sign} b", (pool, pools.INTERVALS), cases // 2)
            yield Call(f"interval::{kind}_{name}", f"a {sign} b", (near.get(kind, pool), pools.NEAR_INTERVALS), cases)
    yield Call("interval::timestamp_difference", "a - b", (pools.TIMESTAMPS, pools.TIMESTAMPS), 200)
    yield Call("interval::date_difference", "a - b", (pools.DATES, pools.DATES), 100)
    yield Call("interval::date_plus_days", "a + b", (pools.DATES, pools.INTEGERS), 120)
    yield Call("interval::date_minus_days", "a - b", (pools.DATES, pools.INTEGERS), 120)
    yield Call("interval::date_plus_time", "a + b", (pools.DATES, pools.TIMES), 100)
    yield Call("interval::plus", "a + b", (pools.INTERVALS, pools.INTERVALS), 150)
    yield Call("interval::minus", "a - b", (pools.INTERVALS, pools.INTERVALS), 150)
    yield Call("interval::negate", "-a", (pools.INTERVALS,), 100)
    yield Call("interval::times", "a * b", (pools.INTERVALS, pools.BIGINTS), 150)
    yield Call("interval::times", "a * b", (pools.NEAR_INTERVALS, pools.SMALL), 100)
    yield Call("interval::less", "a < b", (pools.INTERVALS, pools.INTERVALS), 300)
    yield Call("interval::equal", "a = b", (pools.INTERVALS, pools.INTERVALS), 300)
    yield Call("interval::greatest", "greatest(a, b)", (pools.INTERVALS, pools.INTERVALS), 100)
    yield Call("interval::least", "least(a, b)", (pools.INTERVALS, pools.INTERVALS), 100)
    yield Call("interval::age", "age(a, b)", (pools.TIMESTAMPS, pools.TIMESTAMPS), 300)
    for unit in words("millennia centuries decades years quarters months weeks days hours minutes microseconds"):
        yield Call(f"interval::to_{unit}", f"to_{unit}(a)", (pools.BIGINTS,), 100)
    for unit in ("seconds", "milliseconds"):
        yield Call(f"interval::to_{unit}", f"to_{unit}(a)", (pools.DOUBLES,), 100)


def _part_calls() -> Iterator[Call]:
    for kind, (pool, parts) in _PARTS.items():
        for part in parts:
            yield Call(
                f"date_part::{kind} {part}", f"date_part('{part}', a)", (pool,), 60 if part in _TRUNCATED else 10
            )
        # DuckDB answers epoch_ms of nanoseconds with an error, whatever the value.
        for unit in ("us", "ns") if kind == "timestamp_ns" else ("ms", "us", "ns"):
            yield Call(f"date_part::{kind}_epoch_{unit}", f"epoch_{unit}(a)", (pool,), 70)
        if kind in ("timestamp", "date", "interval"):
            for part in _TRUNCATED:
                yield Call(f"date_trunc::{kind} {part}", f"date_trunc('{part}', a)", (pool,), 50)
        if kind in ("timestamp", "date", "time"):
            for part in _CLOCK_PARTS if kind == "time" else _TRUNCATED:
                yield Call(f"date_diff::{kind} {part}", f"date_diff('{part}', a, b)", (pool, pool), 50)
                yield Call(f"date_diff::{kind}_sub {part}", f"date_sub('{part}', a, b)", (pool, pool), 50)
    for part in _ALIASES:
        yield Call(f"date_part::timestamp {part}", f"date_part('{part}', a)", (pools.NEAR_TIMESTAMPS,), 20)
    near = (pools.NEAR_TIMESTAMPS, pools.NEAR_TIMESTAMPS)
    for part in ("month", "quarter", "year", "week", "day", "hour"):
        yield Call(f"date_diff::timestamp {part}", f"date_diff('{part}', a, b)", near, 100)
        yield Call(f"date_diff::timestamp_sub {part}", f"date_sub('{part}', a, b)", near, 100)


def _calendar_calls() -> Iterator[Call]:
    for source, pool in _STAMPS.items():
        for target in _STAMPS:
            if source != target and (source, target) not in _BROKEN_CASTS:
                yield Call(f"calendar::{source}_to_{target}", f"a::{target}", (pool,), 110)
    yield Call("calendar::timestamp_to_time", "a::TIME", (pools.TIMESTAMPS,), 70)
    yield Call("calendar::timestamp_ns_to_time", "a::TIME", (pools.TIMESTAMPS_NS,), 70)
    yield Call("calendar::from_epoch_ms", "epoch_ms(a)", (pools.BIGINTS,), 60)
    yield Call("calendar::make_timestamp", "make_timestamp(a)", (pools.BIGINTS,), 60)
    yield Call("calendar::make_timestamp_ns", "make_timestamp_ns(a)", (pools.BIGINTS,), 60)
    yield Call("calendar::make_date", "make_date(a, b, c)", (pools.YEARS, pools.MONTHS, pools.DAYS), 250)
    for kind in ("date", "timestamp"):
        yield Call(f"calendar::{kind}_last_day", "last_day(a)", (_STAMPS[kind],), 70)
        yield Call(f"calendar::{kind}_is_finite", "isfinite(a)", (_STAMPS[kind],), 70)
        yield Call(f"calendar::{kind}_is_infinite", "isinf(a)", (_STAMPS[kind],), 70)
    yield Call("calendar::day_name", "dayname(a)", (pools.DATES,), 60)
    yield Call("calendar::month_name", "monthname(a)", (pools.DATES,), 60)


def _text_calls() -> Iterator[Call]:
    texts, needles, small = pools.TEXTS, pools.NEEDLES, pools.SMALL
    yield Call("pattern::like", "a LIKE b", (texts, pools.PATTERNS), 700)
    yield Call("pattern::like_escape", "a LIKE b ESCAPE c", (texts, pools.PATTERNS, pools.ESCAPES), 700)
    yield Call("pattern::not_like_escape", "a NOT LIKE b ESCAPE c", (texts, pools.PATTERNS, pools.ESCAPES), 60)
    yield Call("text::starts_with", "starts_with(a, b)", (texts, needles), 150)
    yield Call("text::ends_with", "ends_with(a, b)", (texts, needles), 150)
    yield Call("text::contains", "contains(a, b)", (texts, needles), 150)
    yield Call("text::position", "instr(a, b)", (texts, needles), 200)
    yield Call("text::concat", "a || b", (texts, needles), 60)
    yield Call("text::length", "length(a)", (texts,), 60)
    yield Call("text::byte_length", "strlen(a)", (texts,), 60)
    yield Call("text::substring", "substring(a, b, c)", (texts, small, small), 700)
    yield Call("text::substring_from", "substring(a, b)", (texts, small), 300)
    yield Call("text::left", "left(a, b)", (texts, small), 250)
    yield Call("text::right", "right(a, b)", (texts, small), 250)
    yield Call("text::code_point", "unicode(a)", (texts,), 60)
    yield Call("text::ascii", "ascii(a)", (texts,), 60)
    yield Call("text::character", "chr(a)", (pools.POINTS,), 60)
    yield Call("text::less", "a < b", (texts, texts), 200)
    yield Call("text::greatest", "greatest(a, b)", (texts, texts), 60)
    yield Call("text::least", "least(a, b)", (texts, texts), 60)
    for name in ("trim", "ltrim", "rtrim"):
        yield Call(f"text::{name}", f"{name}(a)", (texts,), 60)
        yield Call(f"text::{name}_of", f"{name}(a, b)", (texts, pools.TRIMMED), 150)


def _cast_calls() -> Iterator[Call]:
    numeric = {**pools.WHOLE, "FLOAT": pools.FLOATS, "DOUBLE": pools.DOUBLES, "BOOLEAN": pools.BOOLEANS}
    for source, pool in numeric.items():
        cases = 45 if source in ("FLOAT", "DOUBLE", "HUGEINT", "BIGINT", "UBIGINT") else 12
        for target in numeric:
            if source != target:
                yield Call(f"cast::cast {source} {target}", f"a::{target}", (pool,), cases)


def _whole_calls() -> Iterator[Call]:
    operators = {"divide": "//", "remainder": "%", "add": "+", "subtract": "-", "multiply": "*", "and": "&", "or": "|"}
    for kind, pool in pools.WHOLE.items():
        cases = 60 if kind in ("INTEGER", "BIGINT", "HUGEINT") else 25
        for name, sign in operators.items():
            yield Call(f"whole::{name} {kind}", f"a {sign} b", (pool, pool), cases)
        yield Call(f"whole::xor {kind}", "xor(a, b)", (pool, pool), cases)
        yield Call(f"whole::shift_left {kind}", "a << b", (pool, pools.shifts(kind)), 2 * cases)
        yield Call(f"whole::shift_right {kind}", "a >> b", (pool, pools.shifts(kind)), 2 * cases)
        for name, sql in (("negate", "-a"), ("abs", "abs(a)"), ("sign", "sign(a)"), ("not", "~a")):
            yield Call(f"whole::{name} {kind}", sql, (pool,), 20)
        yield Call(f"whole::trunc_digits {kind}", "trunc(a, b)", (pool, pools.DIGITS), cases)
        if not kind.startswith("U"):
            yield Call(f"whole::round_digits {kind}", "round(a, b)", (pool, pools.DIGITS), 2 * cases)


def _float_calls() -> Iterator[Call]:
    operators = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "whole_divide": "//", "remainder": "%"}
    for kind, pool in (("DOUBLE", pools.DOUBLES), ("FLOAT", pools.FLOATS)):
        for name, sign in {**operators, "less": "<", "equal": "="}.items():
            yield Call(f"float::{name} {kind}", f"a {sign} b", (pool, pool), 150)
        for name in ("greatest", "least"):
            yield Call(f"float::{name} {kind}", f"{name}(a, b)", (pool, pool), 150)
        for name in words("floor ceil trunc round abs sign isnan isinf isfinite signbit"):
            yield Call(f"float::{name} {kind}", f"{name}(a)", (pool,), 70)
        yield Call(f"float::negate {kind}", "-a", (pool,), 70)
        yield Call(f"float::trunc_digits {kind}", "trunc(a, b)", (pool, pools.DIGITS), 300)
    for name in words("sqrt ln log10 log2 exp degrees radians"):
        yield Call(f"float::{name}", f"{name}(a)", (pools.DOUBLES,), 70)
    yield Call("float::power", "pow(a, b)", (pools.DOUBLES, pools.DOUBLES), 300)
    yield Call("float::log", "log(a, b)", (pools.DOUBLES, pools.DOUBLES), 100)


def _decimal_calls() -> Iterator[Call]:
    for shape in ((4, 1), (9, 2), (12, 2), (17, 4), (18, 3), (30, 5), (37, 2), (38, 2)):
        pair = (pools.decimals(*shape), pools.decimals(*shape))
        yield Call("decimal::add", "a + b", pair, 60)
        yield Call("decimal::subtract", "a - b", pair, 60)
        yield Call("decimal::remainder", "a % b", pair, 40)
        yield Call("decimal::greatest", "greatest(a, b)", pair, 10)
        yield Call("decimal::multiply", "a * b", pair, 60)
    for left, right in (((9, 2), (4, 3)), ((18, 3), (2, 1)), ((30, 5), (8, 1)), ((20, 10), (20, 10))):
        yield Call("decimal::multiply", "a * b", (pools.decimals(*left), pools.decimals(*right)), 60)
    shapes = ((4, 1), (9, 2), (12, 2), (18, 0), (18, 4), (18, 18), (30, 5), (38, 0), (38, 10), (38, 37))
    for shape in shapes:
        pool, kind = pools.decimals(*shape), "DECIMAL({},{})".format(*shape)
        for target in shapes:
            if target != shape:
                yield Call("decimal::cast_to_decimal", "a::DECIMAL({},{})".format(*target), (pool,), 24)
        for name, whole in pools.WHOLE.items():
            yield Call(f"decimal::cast_to_whole {name}", f"a::{name}", (pool,), 30)
            yield Call(f"decimal::cast_from_whole {name}", f"a::{kind}", (whole,), 20)
        for name, floating in (("double", pools.DOUBLES), ("float", pools.FLOATS)):
            yield Call(f"decimal::cast_to_{name}", f"a::{name}", (pool,), 40)
            yield Call(f"decimal::cast_from_{name}", f"a::{kind}", (floating,), 70)
        yield Call("decimal::cast_to_boolean", "a::BOOLEAN", (pool,), 20)
        yield Call("decimal::cast_from_boolean", f"a::{kind}", (pools.BOOLEANS,), 2)
        yield Call("decimal::negate", "-a", (pool,), 20)
        for name in ("round", "floor", "ceil", "trunc", "abs", "sign"):
            yield Call(f"decimal::{name}", f"{name}(a)", (pool,), 30)
        for digits in (-40, -19, -5, -1, 0, 1, 2, 4, 9, 20, 40):
            yield Call(f"decimal::round_digits {digits}", f"round(a, {digits})", (pool,), 20)
            yield Call(f"decimal::trunc_digits {digits}", f"trunc(a, {digits})", (pool,), 20)


CALLS = [
    *_interval_calls(),
    *_part_calls(),
    *_calendar_calls(),
    *_text_calls(),
    *_cast_calls(),
    *_whole_calls(),
    *_float_calls(),
    *_decimal_calls(),
]
