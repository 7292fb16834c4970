"""Fraud within 15 minutes over Redis Streams: each match is written exactly once, whenever a worker is killed.

    python examples/continuous_redis.py produce --payments 100000
    python examples/continuous_redis.py work --stop-when-idle
    python examples/continuous_redis.py show

A worker reads payments from a stream, pushes them into a continuous query, and writes what it finds, the late rows, the
query's state and its place in the stream in one transaction (MULTI, EXEC). So after a kill, at any moment, the next
worker goes on from the last transaction as though nothing had happened. Two workers on one state cannot both write: a
transaction is refused when somebody else has written since (WATCH).

Needs a Redis server from 6.2 on, and the package `redis`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import redis

import rowpattern

if TYPE_CHECKING:
    from collections.abc import Iterator

FRAUD = """
SELECT * FROM payments MATCH_RECOGNIZE (
    PARTITION BY card ORDER BY at
    MEASURES TESTED.at AS tested, TAKEN.at AS taken, TAKEN.amount AS amount, COUNT(*) AS payments
    AFTER MATCH SKIP PAST LAST ROW
    PATTERN (TESTED OTHERS*? TAKEN) WITHIN INTERVAL 15 MINUTES
    DEFINE TESTED AS amount < 5, TAKEN AS amount > 500 AND city <> TESTED.city
)"""

PAYMENTS = pa.schema({"card": pa.int64(), "at": pa.timestamp("ms"), "amount": pa.float64(), "city": pa.string()})
LATENESS = "10 s"

# Names of keys. The braces have Redis Cluster keep all of them on one node, as a transaction needs.
INCOMING, ALERTS, LATE, STATE, PLACE = (
    f"{{fraud}}:{name}" for name in ("payments", "alerts", "late", "state", "place")
)


class OtherWorkerError(RuntimeError):
    """Somebody else has written the state that this worker would write."""


def parsed(entries: list[tuple[bytes, dict[bytes, bytes]]]) -> pa.RecordBatch:
    """Return entries of the stream as rows."""
    columns = [[fields[name.encode()] for _, fields in entries] for name in PAYMENTS.names]
    cards, times, amounts, cities = columns
    return pa.record_batch(
        [
            pa.array([int(card) for card in cards], pa.int64()),
            pa.array([int(time) for time in times], pa.timestamp("ms")),
            pa.array([float(amount) for amount in amounts], pa.float64()),
            pa.array([city.decode() for city in cities], pa.string()),
        ],
        schema=PAYMENTS,
    )


def begun(client: Any) -> tuple[Any, bytes]:
    """Return the query as it was left, and the place in the stream behind which it goes on."""
    # Both are read at one moment: a transaction writes both.
    with client.pipeline(transaction=True) as both:
        state, place = both.get(STATE).get(PLACE).execute()
    if state is None:
        return rowpattern.continuous(FRAUD, PAYMENTS, lateness=LATENESS, late="collect"), b"0-0"
    query = rowpattern.continuous.restore(state, FRAUD)
    if query.positions != place:
        raise OtherWorkerError(f"the state is of place {query.positions!r}, and the stream's place is {place!r}")
    return query, place


def write(client: Any, before: bytes, place: bytes, query: Any, found: pa.Table) -> None:
    """Write an answer, the late rows, the state and the place, all or nothing.

    Raises:
        OtherWorkerError: the place is not the one that this worker has written last.
    """
    with client.pipeline(transaction=True) as writing:
        writing.watch(PLACE)
        if (writing.get(PLACE) or b"0-0") != before:
            raise OtherWorkerError("another worker has gone on")
        writing.multi()
        for row in found.to_pylist():
            writing.xadd(ALERTS, {"alert": json.dumps(row, default=str)})
        for row in query.late_rows.to_pylist():
            writing.xadd(LATE, {"payment": json.dumps(row, default=str)})
        writing.set(STATE, query.checkpoint(positions=place))
        writing.set(PLACE, place)
        try:
            writing.execute()
        except redis.WatchError as error:
            raise OtherWorkerError("another worker has gone on") from error


def work(client: Any, *, batch: int, stop_when_idle: bool) -> int:
    """Read payments and write alerts, until the end where it is asked to stop there; return how many there were.

    Args:
        client: of Redis.
        batch: the most payments of a transaction.
        stop_when_idle: whether to finish the query where no payment comes for half a second: what is open is decided.
    """
    query, place = begun(client)
    count: int = 0
    while True:
        read = client.xread({INCOMING: place}, count=batch, block=500)
        if not read:
            if not stop_when_idle:
                continue
            found = query.finish()
            write(client, place, place, query, found)
            return count + int(found.num_rows)
        ((_, entries),) = read
        found = query.push(parsed(entries))
        write(client, place, entries[-1][0], query, found)
        place = entries[-1][0]
        count += found.num_rows


def payments(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Make up payments: of 1,000 cards, in time but for some seconds; one in 200 comes too late."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    begin = dt.datetime(2026, 3, 2, tzinfo=dt.timezone.utc).timestamp() * 1000
    for number in range(count):
        late = chance.uniform(0, 9_000) if chance.random() > 1 / 200 else 60_000
        amounts = [chance.uniform(0.5, 5), 42.0, chance.uniform(500, 990)]
        (amount,) = chance.choices(amounts, [20, 75, 5])
        yield {
            "card": chance.randrange(1_000),
            "at": int(begin + number * 100 - late),
            "amount": round(amount, 2),
            "city": chance.choice(["Rome", "Oslo", "Bonn"]),
        }


def produce(client: Any, count: int, seed: int) -> None:
    """Add payments to the stream."""
    made = payments(count, seed)
    while some := list(itertools.islice(made, 1_000)):
        with client.pipeline(transaction=False) as sending:
            for payment in some:
                sending.xadd(INCOMING, payment)
            sending.execute()


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Fraud within 15 minutes over Redis Streams.")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379", help="the server's URL")
    commands = parser.add_subparsers(dest="command", required=True)
    producing = commands.add_parser("produce", help="add payments that are made up")
    producing.add_argument("--payments", type=int, default=10_000)
    producing.add_argument("--seed", type=int, default=0)
    working = commands.add_parser("work", help="find fraud")
    working.add_argument("--batch", type=int, default=1_000, help="the most payments of a transaction")
    working.add_argument("--stop-when-idle", action="store_true", help="finish where no payment comes")
    commands.add_parser("show", help="print alerts")
    arguments = parser.parse_args()
    client: Any = redis.Redis.from_url(arguments.redis)
    if arguments.command == "produce":
        produce(client, arguments.payments, arguments.seed)
    elif arguments.command == "work":
        print(work(client, batch=arguments.batch, stop_when_idle=arguments.stop_when_idle), "alerts")
    else:
        for _, fields in client.xrange(ALERTS):
            print(fields[b"alert"].decode())


if __name__ == "__main__":
    main()
