"""CLASSIFIER() and MATCH_NUMBER() inside aggregates of DEFINE, against the same match followed row by row in Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pyarrow as pa
import pytest

from rowpattern import match_recognize

# Texts of the rows say how a match takes them: the reluctant loop ends at the first row for which C holds.
ROWS = "abbabaabbbaababbaaba"
TABLE = pa.table({"o": range(len(ROWS)), "s": list(ROWS)})

Holds = Callable[[str, int], bool]

CONDITIONS: list[tuple[str, Holds]] = [
    ("string_agg(CLASSIFIER(), '') LIKE '%ABC'", lambda mapped, _: mapped.endswith("AB")),
    ("count(DISTINCT CLASSIFIER()) = 3", lambda mapped, _: set(mapped) == {"A", "B"}),
    (
        "sum(o) FILTER (WHERE CLASSIFIER() = 'B') > 0 AND count(*) > 2",
        lambda mapped, _: "B" in mapped and mapped != "B",
    ),
    ("max(MATCH_NUMBER()) = 1 AND count(*) = 4 OR count(*) = 6", lambda mapped, n: len(mapped) == (3 if n == 1 else 5)),
    ("len(list(CLASSIFIER(A))) = 2", lambda mapped, _: mapped.count("A") == 2),
    ("mode(CLASSIFIER(U)) = 'B'", lambda mapped, _: Counter(mapped).most_common(1)[0] >= ("B", 2)),
    ("list(CLASSIFIER() || o)[1][1] = 'B'", lambda mapped, _: mapped.startswith("B")),
    ("sum(MATCH_NUMBER()) >= 4 * MATCH_NUMBER()", lambda mapped, _: len(mapped) >= 3),
    ("count(*) FILTER (WHERE CLASSIFIER() <> s || '' OR MATCH_NUMBER() > 1) > 2", lambda mapped, _: len(mapped) >= 2),
]


def expected(holds: Holds) -> list[str]:
    found: list[str] = []
    begin = 0
    while begin < len(ROWS):
        for end in range(begin + 1, len(ROWS)):
            mapped = ROWS[begin:end].upper()
            if holds(mapped, len(found) + 1):
                found.append(mapped + "C")
                begin = end + 1
                break
        else:
            begin += 1
    return found


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS)
@pytest.mark.parametrize("partitions", [1, 3])
def test_it_is_the_match_so_far(condition: str, holds: Holds, partitions: int) -> None:
    query = f"""SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY p ORDER BY o
        MEASURES string_agg(CLASSIFIER(), '') AS mapped PATTERN ((A | B)+? C) SUBSET U = (A, B)
        DEFINE A AS s = 'a', B AS s = 'b', C AS {condition})"""
    tables = [TABLE.append_column("p", pa.array([part] * len(ROWS))) for part in range(partitions)]
    found = match_recognize(query, pa.concat_tables(tables)).to_pydict()
    if "mode" in condition:
        # Of as many As and Bs, DuckDB gives any.
        found = {"mapped": [each for each in found["mapped"] if each.count("A") != each.count("B")], "p": []}
        assert all(each.count("B") > each.count("A") for each in found["mapped"])
        return
    assert found["mapped"] == expected(holds) * partitions
    assert found["mapped"]
