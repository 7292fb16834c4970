"""Row patterns in windows, over a million days: what the valley has that begins at a day.

Peers ask the same with MATCH_RECOGNIZE, and join its answer to the table. The last bench is one of frames that are
matched by themselves, 21 rows each; its peer has frames without an end, in which the same matches are found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from polars.testing import assert_frame_equal

from rowpattern import match_recognize

from questions import prices

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

MILLION = 1_000_000

VALLEY = "PATTERN (TOP DOWN+ UP+) DEFINE DOWN AS price < PREV(price), UP AS price > PREV(price)"
MEASURES = "MEASURES FIRST(day) AS begun, LAST(DOWN.price) AS low, count(*) AS days"
FRAME = "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"
WINDOW = f"WINDOW w AS (ORDER BY day {MEASURES} {FRAME} {VALLEY})"
SHOWN = f"SELECT day, price, low OVER w AS low, days OVER w AS days FROM prices {WINDOW}"
AROUND = f"""
    SELECT day, low OVER w AS low, sum(price) OVER w AS total, price - lag(price) OVER (ORDER BY day) AS change
    FROM prices {WINDOW} ORDER BY day"""
CLAUSE = f"FROM prices MATCH_RECOGNIZE (ORDER BY day {MEASURES}, sum(price) AS total {VALLEY})"
JOINED = f"""
    SELECT p.day, p.price, m.low, m.days FROM prices p LEFT JOIN (SELECT * {CLAUSE}) m ON p.day = m.begun
    ORDER BY p.day"""
JOINED_AROUND = f"""
    SELECT p.day, m.low, m.total, p.price - lag(p.price) OVER (ORDER BY p.day) AS change
    FROM prices p LEFT JOIN (SELECT * {CLAUSE}) m ON p.day = m.begun ORDER BY p.day"""
# A valley of at most 20 days, so that frames of 21 rows have all of it.
SHORT = SHOWN.replace("DOWN+ UP+", "DOWN{1,10} UP{1,9}")
FRAMED = SHORT.replace("UNBOUNDED FOLLOWING", "20 FOLLOWING")

CONTENDERS: dict[str, dict[str, Callable[[], pl.DataFrame]]] = {
    "columns and measures": {
        "rowpattern": lambda: match_recognize(SHOWN, prices(MILLION)),
        "MATCH_RECOGNIZE, joined": lambda: match_recognize(JOINED, prices(MILLION)),
    },
    "with other windows": {
        "rowpattern": lambda: match_recognize(AROUND, prices(MILLION)),
        "MATCH_RECOGNIZE, joined": lambda: match_recognize(JOINED_AROUND, prices(MILLION)),
    },
    "frames of 21 rows": {
        "rowpattern": lambda: match_recognize(FRAMED, prices(MILLION)),
        "frames to the end": lambda: match_recognize(SHORT, prices(MILLION)),
    },
}
CASES = [(group, name) for group, contenders in CONTENDERS.items() for name in contenders]


@pytest.mark.parametrize(("group", "name"), CASES, ids=[f"{group}-{name}" for group, name in CASES])
def test_windows(benchmark: Any, group: str, name: str) -> None:
    contenders = CONTENDERS[group]
    benchmark.group = f"row patterns in windows, 1 M rows: {group}"
    assert_frame_equal(contenders[name](), contenders["rowpattern"]())
    benchmark.pedantic(contenders[name], rounds=5, warmup_rounds=1)
