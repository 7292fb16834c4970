"""Values for the arguments of scalar functions: those at which something changes, and random ones.

Values are in physical form, as Rust has them: days, units of a timestamp's type, units of decimals, and for intervals
months, days and microseconds.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    import random


@dataclass(frozen=True)
class Pool:
    """Values of a type: those at which something changes, and how a random one is made."""

    kind: str
    edges: tuple[Any, ...]
    random: Callable[[random.Random], Any]


def words(text: str, separator: str | None = None) -> list[str]:
    """What a text consists of: a list that is easy to read and to write."""
    return text.split(separator)


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers that are separated by spaces, among them powers: `2**31-1`."""
    found = []
    for word in text.split():
        sign = -1 if word.startswith("-") else 1
        power, _, less = word.lstrip("-").partition("-")
        base, _, exponent = power.partition("**")
        found.append(sign * (int(base.replace("_", ""), 0) ** int(exponent or 1) - int(less or 0)))
    return tuple(found)


def _wide(chance: random.Random, digits: int) -> int:
    """A random number of any size up to so many digits."""
    return chance.randint(-(10 ** chance.randint(1, digits)), 10 ** chance.randint(1, digits))


# Dates, times, timestamps and intervals.
DAY = 86_400_000_000


def _date(chance: random.Random) -> int:
    """A random date, one in two from four years, so that days of months meet."""
    return chance.randint(10_900, 12_400) if chance.random() < 0.5 else _wide(chance, 9)


def _timestamp(chance: random.Random, digits: int, unit: int = DAY) -> int:
    """A random timestamp of a unit that a day has so many of, one in two from four years at a few times of the day."""
    if chance.random() < 0.5:
        return chance.randint(10_900, 12_400) * unit + chance.choice(
            (0, 1, unit // 2, unit - 1, chance.randrange(unit))
        )
    return _wide(chance, digits)


DATE_INFINITY = 2**31 - 1
INFINITY = 2**63 - 1

# Around the epoch, leap days, ends of months and years, weeks of ISO years, the years 0, 1 and 9999.
_DAYS = numbers(
    "0 -1 1 30 58 59 60 365 11015 11016 18321 19782 19783 19784 -25509 -25508 47541 18992 18259 18260 18261 18624 "
    "18625 18630 18631 16800 16801 16804 20453 20454 20816 20817 -719162 -719163 -719528 -719529 -719893 -730000 "
    "2932896 2932895 10956 10957 -36525"
)
_DAY_LIMITS = numbers("106751991 106751992 -106751991 -106751992 106751 106752 -106752 -106753")
_FAR_DAYS = (DATE_INFINITY, -DATE_INFINITY, DATE_INFINITY - 1, 1 - DATE_INFINITY)
_CLOCK = numbers("0 1 999 1000 999999 1000000 59999999 60000000 3599999999 3600000000 45296123456 86399999999")
_MICROS = sorted(
    {day * DAY + _CLOCK[(place * 5 + more) % len(_CLOCK)] for place, day in enumerate(_DAYS) for more in (0, 3)}
)
_FAR_MICROS = (INFINITY, -INFINITY, INFINITY - 1, -9_223_372_022_400_000_000, 1 - INFINITY, DAY * 106_751_991)
_NANOS = [micros * 1_000 + place % 1_000 for place, micros in enumerate(_MICROS) if abs(micros) < 9 * 10**15]
_INFINITIES = (INFINITY, -INFINITY)

DATES = Pool("DATE", (*_DAYS, *_DAY_LIMITS, *_FAR_DAYS), _date)
NEAR_DATES = Pool("DATE", _DAYS, lambda chance: chance.randint(-800_000, 3_000_000))
TIMES = Pool("TIME", (*_CLOCK, DAY - 1_000_000, DAY), lambda chance: chance.randrange(DAY))
TIMESTAMPS = Pool("TIMESTAMP", (*_MICROS, *_FAR_MICROS), partial(_timestamp, digits=18))
NEAR_TIMESTAMPS = Pool("TIMESTAMP", tuple(_MICROS), partial(_timestamp, digits=16))
TIMESTAMPS_S = Pool(
    "TIMESTAMP_S",
    (
        *sorted({micros // 1_000_000 for micros in _MICROS}),
        *_INFINITIES,
        *numbers("9223372036854 9223372036855 -9223372022400 -9223372036855"),
    ),
    partial(_timestamp, digits=12, unit=DAY // 1_000_000),
)
TIMESTAMPS_MS = Pool(
    "TIMESTAMP_MS",
    (
        *sorted({micros // 1_000 for micros in _MICROS}),
        *_INFINITIES,
        *numbers("9223372036854775 9223372036854776 -9223372036854776"),
    ),
    partial(_timestamp, digits=15, unit=DAY // 1_000),
)
TIMESTAMPS_NS = Pool(
    "TIMESTAMP_NS",
    (
        *_NANOS,
        *_INFINITIES,
        *numbers("2**63-2 -2**63-2 -9223286400000000000 1 -1 499 500 501 -499 -500 -501 999 -999 -1500 1500"),
    ),
    partial(_timestamp, digits=18, unit=DAY * 1_000),
)

_MONTHS = numbers("0 1 -1 2 11 12 -12 13 -13 25 1200 12000 -24000 2**31-1 -2**31")
_INTERVAL_DAYS = numbers("0 1 -1 7 29 30 31 -30 -31 365 106751991 2**31-1 -2**31")
_INTERVAL_MICROS = numbers(
    "0 1 -1 999 -1500 1000000 -1000001 3600000000 86399999999 86400000000 -86400000000 86400000001 2678400000000 "
    "2**63-1 -2**63"
)
_MIXED = """1 1 1, -1 30 0, 1 -30 0, 0 29 86400000000, 0 -1 86400000000, 12 -1 1, -13 40 -7776000000000,
    14 3 14706007008, 0 31 -86400000000, 1 0 -2592000000000, 0 30 0, 0 0 2592000000000,
    2**31-1 2**31-1 2**63-1, -2**31 -2**31 -2**63"""
_INTERVALS = (
    *((months, 0, 0) for months in _MONTHS),
    *((0, days, 0) for days in _INTERVAL_DAYS),
    *((0, 0, micros) for micros in _INTERVAL_MICROS),
    *(numbers(parts) for parts in words(_MIXED, ",")),
)


def _interval(chance: random.Random) -> tuple[int, int, int]:
    if chance.random() < 0.5:
        # Many of them are equal, or less than a day from each other.
        return chance.randint(-3, 3), chance.randint(-95, 95), DAY // 2 * chance.randint(-9, 9)
    return (
        chance.choice((0, chance.randint(-40, 40), chance.randint(-(10**6), 10**6))),
        chance.choice((0, chance.randint(-100, 100), chance.randint(-(10**8), 10**8))),
        chance.choice((0, chance.randint(-(10**12), 10**12), chance.randint(-(10**18), 10**18))),
    )


INTERVALS = Pool("INTERVAL", _INTERVALS, _interval)
NEAR_INTERVALS = Pool(
    "INTERVAL",
    tuple(one for one in _INTERVALS if abs(one[0]) < 10**5 and abs(one[1]) < 10**6 and abs(one[2]) < 10**15),
    _interval,
)
YEARS = Pool(
    "BIGINT",
    numbers("0 1 -1 4 100 1900 1970 2000 2024 2023 9999 5881580 5881581 -5877641 -5877642 2**31 -2**63"),
    lambda chance: chance.randint(-3000, 3000),
)
MONTHS = Pool("BIGINT", numbers("0 1 2 6 7 12 13 -1 4294967297"), lambda chance: chance.randint(1, 12))
DAYS = Pool("BIGINT", numbers("0 1 10 11 24 28 29 30 31 32 -1 4294967297"), lambda chance: chance.randint(1, 31))

# Numbers.
RANGES = {
    "TINYINT": numbers("-2**7 2**7-1"),
    "SMALLINT": numbers("-2**15 2**15-1"),
    "INTEGER": numbers("-2**31 2**31-1"),
    "BIGINT": numbers("-2**63 2**63-1"),
    "HUGEINT": numbers("-2**127 2**127-1"),
    "UTINYINT": numbers("0 2**8-1"),
    "USMALLINT": numbers("0 2**16-1"),
    "UINTEGER": numbers("0 2**32-1"),
    "UBIGINT": numbers("0 2**64-1"),
}


def _whole(kind: str) -> Pool:
    low, high = RANGES[kind]
    edges = {low // 2, high // 2, high // 2 + 1, 2**53 + 1, 2**24 + 1, 10**18, -(10**18)}
    edges |= set(numbers("0 1 -1 2 3 5 7 8 10 15 25 -5 -7 -15 50 99 100 -150 12345"))
    edges |= {value + more for limits in RANGES.values() for value in limits for more in (-1, 0, 1)}

    def one(chance: random.Random) -> int:
        size = chance.randint(1, high.bit_length())
        return max(low, min(high, chance.randint(-(2**size), 2**size)))

    return Pool(kind, tuple(sorted(value for value in edges if low <= value <= high)), one)


WHOLE = {kind: _whole(kind) for kind in RANGES}
BIGINTS, INTEGERS = WHOLE["BIGINT"], WHOLE["INTEGER"]
SMALL = Pool(
    "BIGINT",
    numbers("-2**63 -100 -3 -2 -1 0 1 2 3 4 100 2**31 2**62 2**63-1"),
    lambda chance: chance.randint(-12, 12),
)
DIGITS = Pool(
    "INTEGER",
    numbers("-2**31 -400 -40 -20 -19 -18 -10 -3 -2 -1 0 1 2 3 5 10 15 16 17 20 40 309 400 2**31-1"),
    lambda chance: chance.randint(-20, 20),
)


def shifts(kind: str) -> Pool:
    """How many bits a type of whole numbers is shifted by."""
    low, high = RANGES[kind]
    bits = numbers("-1 0 1 2 6 7 8 15 16 31 32 62 63 64 100 126 127")
    return Pool(kind, tuple(value for value in bits if low <= value <= high), lambda chance: chance.randint(0, 7))


_DOUBLES = tuple(
    float(word)
    for word in words(
        "0 -0.0 0.5 -0.5 1.5 2.5 -1.5 -2.5 0.1 1 -1 2 3 -3 10 0.49999999999999994 1.005 2.675 1e-300 5e-324 "
        "1000000000000000.5 127 127.4 127.5 128 -128.5 -128.6 255.5 32767.5 65535.4 2147483647 2147483647.5 "
        "-2147483648.5 -2147483649 4294967295.5 9007199254740992 9.007199254740994e15 4611686018427387904 "
        "9223372036854775808 -9223372036854775808 9.223372036854774e+18 -9.223372036854778e+18 "
        "18446744073709551616 1.844674407370955e+19 1.7014118346046923e+38 -1.7014118346046923e+38 1e38 1.8e38 "
        "3.4028234663852886e+38 3.5e38 1.7976931348623157e308 -1e308 inf -inf nan 1e18 999999999.995 0.005 0.015 "
        "123456.789 -123456.789"
    )
)


def _double(chance: random.Random) -> float:
    return chance.choice(
        (
            chance.uniform(-10, 10),
            round(chance.uniform(-1000, 1000), chance.randint(0, 3)),
            chance.randint(-20, 20) / 2,
            chance.uniform(-1, 1) * 10.0 ** chance.randint(-300, 300),
        )
    )


def _float(value: float) -> float:
    if math.isfinite(value) and abs(value) > 3.4028234663852886e38:
        return math.copysign(math.inf, value)
    return float(struct.unpack("f", struct.pack("f", value))[0])


DOUBLES = Pool("DOUBLE", _DOUBLES, _double)
FLOATS = Pool("FLOAT", tuple(map(_float, _DOUBLES)), lambda chance: _float(_double(chance)))
BOOLEANS = Pool("BOOLEAN", (True, False), lambda chance: chance.random() < 0.5)


def decimals(width: int, scale: int) -> Pool:
    """Decimals as their units."""
    limit, one = 10**width, 10**scale
    edges = set(numbers("0 1 -1 5 -5 4 6 9 10 15 -15 45 50 51 -50 -51 49 55 100 149 150 -150 995 999 12345 -12345"))
    edges |= {10**digits - less for digits in range(1, width + 1) for less in (1, 5, 6)}
    edges |= {5 * 10**digits for digits in range(width)} | {limit // 10, limit // 2, -(limit // 2), 1 - limit}
    edges |= {127 * one, 128 * one, -(128 * one) - one // 2, 2**31 * one, 2**63 * one - 1, 2**64 * one}
    kept = tuple(sorted(value for value in edges if abs(value) < limit))
    return Pool(f"DECIMAL({width},{scale})", kept, lambda chance: max(1 - limit, min(limit - 1, _wide(chance, width))))


# Text: empty, ASCII, two to four bytes for a character, combining marks, control characters.
_WORDS = (
    "",
    *words(
        "a|A|ab|abc|aba|abab|aaa|ABC|a_c|a%c|%|_|\\|a\\c|a\\%c|  a b | |\t|a\nb|z|ß|é|e\u0301|äöü|Straße|日本語", "|"
    ),
    *words(
        "🦆|🦆🦆a|a🦆b|🤦🏼\u200d♂️|\u0130|\u0131|\u017f|\u01c5|é%|\0|a\0b|\u00a0x|\u3000x\u3000|\x7f|xyxxy|aXbXc", "|"
    ),
)
_PATTERNS = (
    "",
    *words("%|_|%%|__|_%|%_|a|a%|%a|%a%|a_c|a%c|a\\%c|ab%|%bc|%b%|_b_|a%b%|%a%b%|%a_b%|a%a|%ab%ab%|é|_\u0301|%é%", "|"),
    *words("🦆%|_a_|%🦆|日_語|日%|\\|\\%|%\\|A%|%ß%|%x%y|x_x%|%%a%%|a%%%b|%_%|%__%|\0%|ÄÖÜ|%ä%", "|"),
)
_LETTERS = "aaabbbABxy%_\\é🦆日 "


def _text(chance: random.Random) -> str:
    return "".join(chance.choice(_LETTERS) for _ in range(chance.randint(0, 9)))


TEXTS = Pool("VARCHAR", _WORDS, _text)
PATTERNS = Pool("VARCHAR", _PATTERNS, _text)
ESCAPES = Pool("VARCHAR", ("\\", "", "a", "%", "_", "!", "é"), lambda chance: chance.choice(("\\", "a", "%", "_", "")))
NEEDLES = Pool(
    "VARCHAR",
    ("", *words("a|b|ab|ba|c|aa|é|🦆|\u0301|本|x|X|\0| ", "|")),
    lambda chance: _text(chance)[:2],
)
TRIMMED = Pool("VARCHAR", ("", *words("a|ab|ba|🦆|aé| |xy", "|")), lambda chance: _text(chance)[:3])
POINTS = Pool(
    "INTEGER",
    numbers(
        "-1 0 1 65 127 128 255 256 0x7ff 0x800 0xd7ff 0xd800 0xdfff 0xe000 0xffff 0x10000 0x1f986 0x10ffff 0x110000 "
        "2**31-1 -2**31"
    ),
    lambda chance: chance.randint(0, 0x11FFFF),
)
