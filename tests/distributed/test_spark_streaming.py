"""rowpattern.spark over streaming frames: the batch's answers, late rows, and a restart from Spark's checkpoint."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import rowpattern
from rowpattern import spark as rowpattern_spark

from spark_sessions import classic_session, connect_session

if TYPE_CHECKING:
    from pathlib import Path

# Py4J and Spark leave sockets and pandas' old names to warn about.
pytestmark = pytest.mark.filterwarnings("ignore")

FRAUD = """
    SELECT * FROM payments MATCH_RECOGNIZE (
        PARTITION BY card ORDER BY at
        MEASURES TESTED.at AS tested, TAKEN.at AS taken, TAKEN.amount AS sum, COUNT(*) AS number, TAKEN.tag AS last_tag
        {rows}
        PATTERN (TESTED OTHERS*? TAKEN) WITHIN INTERVAL 15 MINUTES
        DEFINE TESTED AS amount < 5, TAKEN AS amount > 500 AND city <> TESTED.city)"""
COLUMNS = "card BIGINT, at TIMESTAMP, amount DOUBLE, city STRING, tag BIGINT"
BEGIN = dt.datetime(2026, 3, 2, 10, tzinfo=dt.timezone.utc)
LATENESS_SECONDS = 60
# Past all deadlines, of a card of its own.
LAST: dict[str, Any] = {"card": -1, "at": BEGIN + dt.timedelta(days=1), "amount": 50.0, "city": "Rome", "tag": None}


@pytest.fixture(scope="module")
def session() -> Any:
    found = classic_session()
    store = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    found.conf.set("spark.sql.streaming.stateStore.providerClass", store)
    return found


def payments(seed: int, count: int) -> list[dict[str, Any]]:
    """Make up payments in the order in which they arrive, none of them late."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        amount = chance.choice([1.0, 1.0, 50.0, 50.0, 900.0])
        at = BEGIN + dt.timedelta(seconds=10 * number - chance.uniform(0, LATENESS_SECONDS - 1))
        tag = chance.choice([None, 2**60 + number])
        city = chance.choice(["Rome", "Oslo"])
        rows.append({"card": chance.randrange(7), "at": at, "amount": amount, "city": city, "tag": tag})
    return rows


def write(folder: Path, number: int, rows: list[dict[str, Any]]) -> None:
    """Add a file, which is a micro-batch."""
    lines = [json.dumps({**row, "at": row["at"].isoformat()}) for row in rows]
    part = folder.parent / "part"
    part.write_text("\n".join(lines))
    # Spark takes files in the order of their times.
    os.utime(part, (1_700_000_000 + number,) * 2)
    part.rename(folder / f"{number:03}.json")


def streamed(session: Any, folder: Path, sql: str, **options: Any) -> Any:
    """Return the answer over a folder's files as a streaming frame."""
    read = session.readStream.schema(COLUMNS).option("maxFilesPerTrigger", 1).json(str(folder))
    return rowpattern_spark.match_recognize(sql, read, lateness=f"{LATENESS_SECONDS} s", **options)


def run(frame: Any, folder: Path) -> None:
    """Do all micro-batches that there are, and one more if the watermark has moved; answers are added to a folder."""
    writing = frame.writeStream.format("parquet").outputMode("append").option("path", str(folder / "answers"))
    query = writing.option("checkpointLocation", str(folder / "checkpoint")).trigger(availableNow=True).start()
    assert query.awaitTermination(300)
    assert query.exception() is None


def in_some_order(frame: Any) -> list[tuple[Any, ...]]:
    return sorted(map(tuple, frame.collect()), key=str)


def answers(session: Any, folder: Path) -> list[tuple[Any, ...]]:
    return in_some_order(session.read.parquet(str(folder / "answers")))


def batch(session: Any, sql: str, rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return the batch's answer, by Spark as well: the same types."""
    names = [column.split()[0] for column in COLUMNS.split(", ")]
    frame = session.createDataFrame([tuple(row[name] for name in names) for row in rows], COLUMNS)
    found = in_some_order(rowpattern_spark.match_recognize(sql, frame))
    table = pd.DataFrame(rows).astype({"tag": "Int64"})
    assert len(found) == len(rowpattern.match_recognize(sql, table))
    return found


def test_the_stream_s_answers_are_the_batch_s_also_after_a_restart(session: Any, tmp_path: Path) -> None:
    sql = FRAUD.format(rows="ALL ROWS PER MATCH").replace("DEFINE", "DEFINE OTHERS AS NEXT(tag IGNORE NULLS) > 0,")
    sql = sql.replace("AS last_tag", "AS last_tag, PREV(TESTED.tag IGNORE NULLS, 2) AS before")
    rows = payments(1, 200)
    files = tmp_path / "payments"
    files.mkdir()
    for number in range(3):
        write(files, number, rows[50 * number : 50 * number + 50])
    run(streamed(session, files, sql), tmp_path)
    so_far = answers(session, tmp_path)
    # Another query goes on from the checkpoint.
    write(files, 3, rows[150:])
    # A value of each card, by which conditions on values behind a row are known; and a row behind these.
    last = [{**LAST, "card": card, "tag": 1} for card in range(7)]
    last.append({**LAST, "at": LAST["at"] + dt.timedelta(days=1)})
    write(files, 4, last)
    run(streamed(session, files, sql), tmp_path)
    wanted = batch(session, sql, [*rows, *last])
    assert len(wanted) > 20
    assert answers(session, tmp_path) == wanted
    assert 0 < len(so_far) < len(wanted)
    assert set(so_far) < set(wanted)


def test_a_stream_of_spark_connect_gives_the_batch_s_answers(session: Any, tmp_path: Path) -> None:
    store = session.conf.get("spark.sql.streaming.stateStore.providerClass")
    connected = connect_session()
    connected.conf.set("spark.sql.streaming.stateStore.providerClass", store)
    sql, rows = FRAUD.format(rows="ONE ROW PER MATCH"), payments(3, 100)
    files = tmp_path / "payments"
    files.mkdir()
    write(files, 0, rows)
    write(files, 1, [LAST])
    run(streamed(connected, files, sql), tmp_path)
    wanted = batch(session, sql, [*rows, LAST])
    assert len(wanted) > 5
    assert answers(session, tmp_path) == wanted


def test_what_spark_drops_as_late_is_in_no_match(session: Any, tmp_path: Path) -> None:
    rows = payments(2, 60)
    files = tmp_path / "payments"
    files.mkdir()
    write(files, 0, rows)
    # Rows of the first micro-batch make rows late from the third one on; this one stands between.
    write(files, 1, [{**LAST, "at": rows[-1]["at"]}])
    # More than a minute before the latest row.
    late = [{**row, "at": row["at"] + dt.timedelta(seconds=1), "amount": 1.0} for row in rows[:20]]
    write(files, 2, late)
    write(files, 3, [LAST])
    sql = FRAUD.format(rows="ONE ROW PER MATCH")
    run(streamed(session, files, sql), tmp_path)
    assert answers(session, tmp_path) == batch(session, sql, [*rows, LAST])


@pytest.mark.parametrize(
    ("sql", "options", "message"),
    [
        (FRAUD.replace("ORDER BY at", "ORDER BY at DESC"), {}, "ORDER BY at falls"),
        (
            FRAUD.replace("ORDER BY at", "ORDER BY tag").replace("WITHIN INTERVAL 15 MINUTES", ""),
            {},
            "watermarks are time stamps",
        ),
        (FRAUD, {"lateness": None}, "has no watermark on at"),
    ],
)
def test_what_no_stream_can_be_asked(
    session: Any, tmp_path: Path, sql: str, options: dict[str, Any], message: str
) -> None:
    read = session.readStream.schema(COLUMNS).json(str(tmp_path))
    with pytest.raises(rowpattern.UnsupportedQueryError, match=message):
        rowpattern_spark.match_recognize(sql.format(rows=""), read, **{"lateness": "1 min", **options})


@pytest.mark.parametrize("lateness", [dt.timedelta(seconds=-1), 5, "soon"])
def test_what_is_no_lateness(session: Any, tmp_path: Path, lateness: Any) -> None:
    read = session.readStream.schema(COLUMNS).json(str(tmp_path))
    with pytest.raises(rowpattern.ConfigurationError, match=r"lateness is .*write a"):
        rowpattern_spark.match_recognize(FRAUD.format(rows=""), read, lateness=lateness)


def test_lateness_is_for_streams(session: Any) -> None:
    frame = session.createDataFrame([], COLUMNS)
    with pytest.raises(rowpattern.ConfigurationError, match="this frame ends"):
        rowpattern_spark.match_recognize(FRAUD.format(rows=""), frame, lateness="1 min")
