"""Columns of answers that are read from matches, beside plain Python over lists."""

from __future__ import annotations

import decimal
import random
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest

import rowpattern
from rowpattern._core import AnswerItems
from rowpattern.sql.arrow.stored import stored

PATTERNS = ["A+ B*", "(A | B C)+ D?", "A*", "(A B{0,3})+? {- C -}? D*", "A {- B* -} C?", "(A | B | C | D)+"]
PATTERNS += ["A+ B+ C??", "(A | B)?? C+? D??"]
SKIPS: list[Any] = ["past last row", "to next row"]


class Case:
    """Matches of random rows, and what is read from them by definition."""

    def __init__(self, random_: random.Random, rows: int) -> None:
        text = random_.choice(PATTERNS)
        self.pattern = rowpattern.compile(text)
        self.rows = rows
        self.starts = (
            sorted({0, *(random_.randrange(rows) for _ in range(random_.choice([0, 3, rows // 5])))}) if rows else []
        )
        # Runs make long matches.
        labels = "".join(letter * random_.choice([1, 1, 2, 30]) for letter in random_.choices("ABCDX", k=rows))[:rows]
        skip = random_.choice(SKIPS)
        prefer: Literal["first", "longest"] = random_.choice(["first", "first", "longest"])
        self.matches = self.pattern.match(labels, partitions=("starts", self.starts), skip=skip, prefer=prefer)
        mapped = iter(np.asarray(self.matches.rows.classifier).tolist())
        excluded = iter(np.asarray(self.matches.rows.excluded).tolist())
        self.found = []
        spans = zip(
            *(np.asarray(getattr(self.matches, name)).tolist() for name in ("start", "end", "number", "partition"))
        )
        for start, end, number, partition in spans:
            of_rows = [(next(mapped), next(excluded)) for _ in range(start, end)]
            self.found.append((start, end, number, partition, of_rows))
        self.order = random_.sample(range(rows), rows) if random_.random() < 0.7 else None

    def items(self, *, excluded: bool, empty: bool, unmatched: bool) -> list[tuple[int | None, int, int | None]]:
        """Of each item its match, its row, and how many rows of the match are up to it; ONE ROW PER MATCH is other."""
        found: list[tuple[int, int, int | None, int, int | None]] = []
        for at, (start, end, _, _, of_rows) in enumerate(self.found):
            if start == end and empty:
                found.append((start, 0, at, start, 0))
            found += [
                (start, place, at, start + place, place + 1)
                for place, (_, is_excluded) in enumerate(of_rows)
                if excluded or not is_excluded
            ]
        if unmatched:
            taken = {
                row
                for start, end, *_ in self.found
                for row in (range(start, end) if start < end or not empty else [start])
            }
            found += [(row, 0, None, row, None) for row in range(self.rows) if row not in taken]
        found.sort(key=lambda item: item[:2])
        return [item[2:] for item in found]

    def row(self, item: tuple[int | None, int, int | None], at: Any) -> int | None:
        """The row to which navigation leads from an item."""
        match, own, so_far = item
        if at is None or (at == "partition" and match is None):
            return own
        if match is None:
            return None
        if at == "partition":
            of_partition: int = self.starts[self.found[match][3]]
            return of_partition
        variables, first, offset, rows, running = at
        start, _, _, partition, of_rows = self.found[match]
        seen = of_rows[:so_far] if running and so_far is not None else of_rows
        names = self.pattern.variables
        there = [
            start + at for at, (variable, _) in enumerate(seen) if variables is None or names[variable] in variables
        ]
        if offset >= len(there):
            return None
        row: int = (there[offset] if first else there[-1 - offset]) + rows
        bounds = [*self.starts, self.rows]
        return row if rows == 0 or bounds[partition] <= row < bounds[partition + 1] else None

    def classifier(self, item: tuple[int | None, int, int | None], at: Any) -> bytes | None:
        match, row = item[0], self.row(item, at)
        if match is None or row is None:
            return None
        start, end, _, _, of_rows = self.found[match]
        return self.pattern.variables[of_rows[row - start][0]].encode() if start <= row < end else None

    def count(self, item: tuple[int | None, int, int | None], variables: list[str], running: bool) -> int | None:
        match, _, so_far = item
        if match is None:
            return None
        seen = self.found[match][4][: so_far if running else None]
        return sum(self.pattern.variables[variable] in variables for variable, _ in seen)


def columns(random_: random.Random, rows: int) -> list[pa.Array]:
    """One column of each kind that the core takes rows from; some values are NULL in some."""
    numbers = [random_.choice([None, 0, 1, -1, 5, 127, -128]) for _ in range(rows)]
    texts = [None if number is None else "é" * (number % 5) + str(number) for number in numbers]
    whole = [number or 0 for number in numbers]
    return [
        *(
            pa.array(numbers, kind())
            for kind in (pa.int8, pa.int16, pa.int32, pa.int64, pa.float32, pa.float64, pa.date32)
        ),
        *(pa.array(numbers, pa.int64()).cast(kind) for kind in (pa.timestamp("ns", "UTC"), pa.duration("s"))),
        pa.array(whole, pa.int64()).view(pa.uint64()),
        pa.array([abs(each) for each in whole], pa.int64()).cast(pa.time64("ns")),
        pa.array(numbers, pa.date32()).cast(pa.date64()),
        pa.array(np.array(whole, dtype=np.float16)),
        pa.array([None if each is None else each % 2 == 0 for each in numbers], pa.bool_()),
        pa.array([each % 2 == 0 for each in whole]),
        pa.array([None if each is None else decimal.Decimal(each) for each in numbers], pa.decimal128(30, 2)),
        pa.array([None if each is None else decimal.Decimal(each) for each in numbers], pa.decimal64(12, 2)),
        pa.array(
            [None if each is None else pa.MonthDayNano((each, each, each)) for each in numbers],
            pa.month_day_nano_interval(),
        ),
        *(pa.array(texts, kind) for kind in (pa.string(), pa.large_string())),
        *(pa.array([str(each).encode() for each in whole], kind) for kind in (pa.binary(), pa.large_binary())),
        pa.array([None if each is None else f"{each:5}".encode()[:5] for each in numbers], pa.binary(5)),
        pa.array(texts, pa.string()).dictionary_encode(),
        pa.DictionaryArray.from_arrays(
            pa.array([each % 3 for each in whole], pa.int8()), ["x", "y", "z"], ordered=True
        ),
        pa.ExtensionArray.from_storage(
            pa.uuid(), pa.array([bytes([each % 256] * 16) for each in whole], pa.binary(16))
        ),
    ]


def chunked(random_: random.Random, values: pa.Array) -> pa.ChunkedArray:
    """The values in one piece, cut out of others, or in several chunks of which some are empty."""
    way = random_.choice(["one", "slice", "chunks"])
    if way == "one":
        return pa.chunked_array([values])
    if way == "slice":
        around = values.slice(0, 3)
        return pa.chunked_array([pa.concat_arrays([around, values, around]).slice(len(around), len(values))])
    cuts = sorted(random_.choices(range(len(values) + 1), k=3))
    return pa.chunked_array([values[a:b] for a, b in zip([0, *cuts], [*cuts, len(values)])], values.type)


def navigation(random_: random.Random, names: tuple[str, ...], running: bool) -> Any:
    variables = random_.choice([None, [random_.choice(names)], random_.sample(names, random_.randint(1, len(names)))])
    return (
        variables,
        random_.random() < 0.5,
        random_.choice([0, 0, 1, 2, 40]),
        random_.choice([0, 0, 0, -1, 1, -7, 10**12]),
        running,
    )


def check(random_: random.Random, rows: int, kinds: int) -> None:  # noqa: PLR0915 - one list of all that is read
    case = Case(random_, rows)
    names = case.pattern.variables
    per_row = random_.random() < 0.7
    flags: dict[str, Any] = {name: per_row and random_.random() < 0.5 for name in ("excluded", "empty", "unmatched")}
    of_matches = [(at, start, None) for at, (start, *_) in enumerate(case.found)]
    items = case.items(**flags) if per_row else of_matches
    core = AnswerItems(
        case.matches,
        rows,
        pa.array(case.starts, pa.int64()),
        None if case.order is None else pa.array(case.order, random_.choice([pa.uint32(), pa.int64()])),
        per_row=per_row,
        **flags,
    )
    assert len(core) == len(items)
    running = per_row and random_.random() < 0.5
    source = [chunked(random_, each) for each in random_.sample(columns(random_, rows), kinds)]
    given = [(each, random_.random() < 0.5) for each in source]
    forms = [stored(each) for each in source]
    places: list[Any] = [None, "partition", *(navigation(random_, names, running) for _ in range(6))]
    counted = random_.sample(names, random_.randint(0, len(names)))
    reads: list[Any] = [
        *(("value", at, number) for at in places for number in range(len(source)) if rows),
        *((kind, at) for at in places[2:] for kind in ("exists", "classifier")),
        *(("row", at, random_.random() < 0.5) for at in places),
        *[("number",), ("match",), ("count", counted, running)],
    ]
    if per_row:
        reads.append(("place",))
    plain = [(form.values, flag) for form, (_, flag) in zip(forms, given) if form is not None]
    found = core.read(reads, plain, threads=random_.choice([1, 2, 8]))

    def in_table(row: int | None, through: bool) -> int | None:
        return row if row is None or case.order is None or not through else case.order[row]

    place = {}
    for at, (start, end, *_) in enumerate(case.found):
        place[at] = sum(end - start for start, end, *_ in case.found[:at]) if rows < 200 else 0
    for read, chunks in zip(reads, found):
        arrays = [pa.array(chunk) for chunk in chunks]
        what = read[0]
        if what == "value":
            values, through = given[read[2]]
            form = forms[read[2]]
            assert form is not None
            own = pa.chunked_array([form.of_type(each) for each in arrays], values.type)
            own.validate(full=True)
            listed = values.to_pylist()
            rows_read = [in_table(case.row(item, read[1]), through) for item in items]
            assert str(own.to_pylist()) == str([None if row is None else listed[row] for row in rows_read]), read
            continue
        got = [value for array in arrays for value in array.to_pylist()]
        expected: list[Any]
        if what == "exists":
            expected = [case.row(item, read[1]) is not None for item in items]
        elif what == "classifier":
            expected = [case.classifier(item, read[1]) for item in items]
        elif what == "row":
            expected = [in_table(case.row(item, read[1]), read[2]) for item in items]
        elif what == "number":
            expected = [None if item[0] is None else case.found[item[0]][2] for item in items]
        elif what == "match":
            expected = [item[0] for item in items]
        elif what == "count":
            expected = [case.count(item, read[1], read[2] and per_row) for item in items]
        elif rows < 200:
            expected = [None if item[0] is None or not item[2] else place[item[0]] + item[2] - 1 for item in items]
        else:
            continue
        assert got == expected, read
    first = core.first_row
    if per_row and items and case.order is None:
        own_rows = [item[1] for item in items]
        consecutive = own_rows == list(range(own_rows[0], own_rows[0] + len(own_rows)))
        assert first is None or (consecutive and first == own_rows[0])
        assert first is not None or not consecutive or flags["excluded"] is False


@pytest.mark.parametrize("seed", range(300))
def test_small(seed: int) -> None:
    random_ = random.Random(seed)
    check(random_, random_.choice([0, 1, 2, 7, 30, 90]), kinds=5)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.slow
def test_several_blocks_and_morsels(seed: int) -> None:
    check(random.Random(1000 + seed), 9_000, kinds=2)


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_long_matches(running: bool, threads: int) -> None:
    # A match of more rows than a morsel has, between short ones.
    labels = "AB" * 50_000 + "X" + "B" * 200_000 + "A" + "B" * 150_000
    matches = rowpattern.compile("A? B+").match(labels)
    items = AnswerItems(matches, len(labels), pa.array([0]), per_row=True, unmatched=True)
    at = (["A"], False, 0, 0, running)
    value = pa.array(np.arange(len(labels)))
    reads: list[Any] = [("row", None, False), ("count", ["B"], running), ("value", at, 0)]
    row, count, last = items.read(reads, [(value, False)], threads=threads)
    assert np.array_equal(pa.array(row[0]), np.arange(len(labels)))
    counts = pa.array(count[0])
    assert counts.null_count == 1
    assert counts[-1].as_py() == 150_000
    assert counts[100_001].as_py() == (1 if running else 200_000)
    assert pa.array(last[0])[-1].as_py() == labels.rindex("A")
    assert pa.array(last[0])[100_001].as_py() is None


def test_what_is_not_read() -> None:
    matches = rowpattern.compile("A").match("AA")
    starts = pa.array([0])
    items = AnswerItems(matches, 2, starts)
    with pytest.raises(rowpattern.UnknownVariableError, match="X"):
        items.read([("count", ["X"], False)], [])
    with pytest.raises(rowpattern.UnknownVariableError, match="X"):
        items.read([("exists", (["X"], False, 0, 0, False))], [])
    with pytest.raises(ValueError, match="no column 1"):
        items.read([("value", None, 1)], [(pa.array([1, 2]), False)])
    with pytest.raises(ValueError, match="needs navigation"):
        items.read([("classifier", None)], [])
    with pytest.raises(rowpattern.RowsError, match="column 0"):
        items.read([("value", None, 0)], [(pa.array([[1], [2]]), False)])
    for wrong in (pa.array([0, None]), pa.array([0], pa.int32())):
        with pytest.raises(rowpattern.RowsError, match="starts"):
            AnswerItems(matches, 2, wrong)
    with pytest.raises(rowpattern.RowsError, match="order"):
        AnswerItems(matches, 2, starts, pa.array([0.0, 1.0]))


def test_rows_that_are_not_there_are_null() -> None:
    # Wrong arguments of the package's own: nothing may be read out of bounds.
    matches = rowpattern.compile("A").match("AAA")
    items = AnswerItems(matches, 3, pa.array([0]), pa.array([5, 0, -1]))
    ((chunk,),) = items.read([("value", None, 0)], [(pa.array([7]), True)])
    assert pa.array(chunk).to_pylist() == [None, 7, None]


def test_limits() -> None:
    matches = rowpattern.compile("A").match("A" * 100_000)
    items = AnswerItems(matches, 100_000, pa.array([0]))
    column = (pa.array(np.arange(100_000)), False)
    with pytest.raises(rowpattern.QueryLimitError, match="memory"):
        items.read([("value", None, 0)], [column], memory_limit_mb=0.5)
    with pytest.raises(rowpattern.QueryLimitError, match="longer"):
        items.read([("value", None, 0)], [column], timeout_seconds=0)
    assert len(pa.array(items.read([("value", None, 0)], [column], memory_limit_mb=1)[0][0])) == 100_000
