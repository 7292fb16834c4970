"""The questions of examples/flights.py, answered by hand with pandas."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from rowpattern import match_recognize

from example_modules import load

EXAMPLE = load("flights")


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    frame: pd.DataFrame = EXAMPLE.read_flights()
    return frame


def test_streaks_of_delays(flights: pd.DataFrame) -> None:
    ordered = flights.sort_values(["tailnum", "day", "sched_dep_time"], kind="stable")
    late = ordered["dep_delay"] > 30
    run = ((late != late.shift()) | (ordered["tailnum"] != ordered["tailnum"].shift())).cumsum()
    streaks = (
        ordered[late]
        .groupby(run[late])
        .agg(
            tailnum=("tailnum", "first"),
            begun=("day", "first"),
            ended=("day", "last"),
            flights=("day", "size"),
            average_minutes=("dep_delay", "mean"),
        )
    )
    longest = streaks[streaks["flights"] >= 5].sort_values(
        ["flights", "average_minutes", "tailnum"], ascending=[False, False, True]
    )
    answer = match_recognize(EXAMPLE.DELAY_STREAKS, flights)
    assert len(answer) == 10
    pd.testing.assert_frame_equal(answer, longest.head(10).reset_index(drop=True), check_dtype=False)


def test_recovery(flights: pd.DataFrame) -> None:
    ordered = flights.sort_values(["tailnum", "day", "sched_dep_time"], kind="stable")
    starts: list[tuple[str, float | None]] = []
    rows = zip(*(ordered[name].tolist() for name in ("tailnum", "day", "carrier", "dep_delay")))
    for _, flown in itertools.groupby(rows, key=lambda row: row[:2]):
        (*_, carrier, first), *later = flown
        if first > 30:
            again = next((number for number, (*_, delay) in enumerate(later, 1) if delay <= 5), None)
            starts.append((carrier, again))
    frame = pd.DataFrame(starts, columns=["carrier", "recovered"])
    wanted = (
        frame.groupby("carrier")["recovered"]
        .agg(late_starts="size", recovered="count", average_flights="mean")
        .reset_index()
    )
    answer = match_recognize(EXAMPLE.RECOVERY, flights)
    assert answer["late_starts"].sum() > 10_000
    pd.testing.assert_frame_equal(answer, wanted, check_dtype=False)


def test_skipped_routines(flights: pd.DataFrame) -> None:
    ordered = flights.sort_values(["tailnum", "day", "sched_dep_time"], kind="stable")
    wanted = []
    for tailnum, plane in ordered.groupby("tailnum", sort=True):
        dests, days = plane["dest"].tolist(), plane["day"].tolist()
        at = 0
        while at < len(dests):
            same = at + 1
            while same < len(dests) and dests[same] == dests[at]:
                same += 1
            if same - at >= 5 and same + 1 < len(dests) and dests[same + 1] == dests[at]:
                wanted.append((tailnum, dests[at], dests[same], days[same], same - at))
                # The flight back belongs to this match.
                at = same + 2
            else:
                at = same if same - at < 5 else same - 4
                # From any row of the run but the last four another match could begin, with the same end: it fails too.
    answer = match_recognize(EXAMPLE.SKIPPED_ROUTINES, flights)
    assert len(answer) > 100
    assert list(answer.itertuples(index=False, name=None)) == wanted
