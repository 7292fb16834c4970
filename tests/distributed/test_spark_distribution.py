"""Rows of a partition meet in one task of Spark, whatever the frame was made by and whatever Spark's rules do.

Every question is answered by one machine too. ROWPATTERN_LONG=1 asks all of them; a sample otherwise.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import rowpattern
from rowpattern import spark as rowpattern_spark

from distributed_cases import KEYS, LONG, in_some_order, key_values
from spark_sessions import classic_session, spark_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.filterwarnings("ignore")

ROWS = 2_000
NEVER, ALWAYS = "-1", str(2**30)

# Spark reads a part of a join's exchange elsewhere when it finds a side small enough to be broadcast, or a part large
# enough to be split; it joins small parts.
SETTINGS: dict[str, dict[str, str]] = {
    "adaptive": {"adaptive.enabled": "true", "autoBroadcastJoinThreshold": NEVER},
    "adaptive, broadcast": {"adaptive.enabled": "true", "autoBroadcastJoinThreshold": ALWAYS},
    "adaptive, broadcast found late": {
        "adaptive.enabled": "true",
        "autoBroadcastJoinThreshold": NEVER,
        "adaptive.autoBroadcastJoinThreshold": ALWAYS,
        # Small parts would be read by one task, whatever is wrong.
        "adaptive.coalescePartitions.enabled": "false",
    },
    "adaptive, skew": {
        "adaptive.enabled": "true",
        "autoBroadcastJoinThreshold": NEVER,
        "adaptive.autoBroadcastJoinThreshold": NEVER,
        "adaptive.forceOptimizeSkewedJoin": "true",
        "adaptive.skewJoin.skewedPartitionFactor": "0.01",
        "adaptive.skewJoin.skewedPartitionThresholdInBytes": "1",
        "adaptive.advisoryPartitionSizeInBytes": "100",
        "adaptive.coalescePartitions.enabled": "false",
    },
    "not adaptive": {"adaptive.enabled": "false", "autoBroadcastJoinThreshold": NEVER},
    "not adaptive, broadcast": {"adaptive.enabled": "false", "autoBroadcastJoinThreshold": ALWAYS},
}


def joined(how: str) -> Callable[[Any, list[str]], Any]:
    def make(frame: Any, keys: list[str]) -> Any:
        from pyspark.sql import functions

        # A small table of its own: Spark knows its size, and reads it by an exchange like the frame's.
        names = frame.select(*keys).distinct().sort(*keys).toArrow()
        other = spark_frame(frame.sparkSession, names.slice(0, 1 + names.num_rows // 2))
        if how not in {"left_semi", "left_anti"}:
            other = other.withColumn("other", functions.lit(1))
        return frame.join(other, keys, how).select("o", "x", *keys)

    return make


def bucketed(frame: Any, keys: list[str]) -> Any:
    frame.write.mode("overwrite").bucketBy(4, *keys).format("parquet").saveAsTable("bucketed_rows")
    table = frame.sparkSession.table("bucketed_rows")
    # A bucketed table that is joined is read bucket by bucket.
    return table.join(table.select(*keys).distinct(), keys, "left_semi")


def windowed(frame: Any, keys: list[str]) -> Any:
    from pyspark.sql import Window, functions

    return frame.withColumn("x", functions.row_number().over(Window.partitionBy(*keys).orderBy("o")).cast("long"))


def grouped(frame: Any, keys: list[str]) -> Any:
    from pyspark.sql import functions

    lists = frame.groupBy(*keys).agg(functions.collect_list(functions.struct("o", "x")).alias("rows"))
    return lists.select(functions.explode("rows").alias("r"), *keys).select("r.o", "r.x", *keys)


MADE: dict[str, Callable[[Any, list[str]], Any]] = {
    "as it is": lambda frame, keys: frame,  # noqa: ARG005
    "inner join": joined("inner"),
    "left join": joined("left"),
    "right join": joined("right"),
    "full join": joined("full"),
    "semi join": joined("left_semi"),
    "anti join": joined("left_anti"),
    "join and filter": lambda frame, keys: joined("left")(frame, keys).where("x > 1"),
    "union": lambda frame, keys: joined("inner")(frame, keys).union(joined("left_anti")(frame, keys)),
    "groupBy": grouped,
    "window": windowed,
    "cached": lambda frame, keys: joined("left")(frame, keys).cache(),
    "bucketed": bucketed,
    "repartitioned": lambda frame, keys: frame.repartition(3, *keys),
    "coalesced": lambda frame, keys: frame.repartition(5, *keys).coalesce(2),
    "rebalanced": lambda frame, keys: frame.hint("rebalance", *keys),
    "checkpointed": lambda frame, keys: joined("left")(frame, keys).localCheckpoint(),
}
PARTITIONS = {"one key": ["name"], "two keys": ["name", "double"], **{kind: [kind] for kind in KEYS}}


@pytest.fixture(scope="module")
def frame() -> Any:
    rng = random.Random(4)
    columns = {
        "o": pa.array(rng.sample(range(ROWS), ROWS)),
        "x": pa.array([rng.randrange(10) for _ in range(ROWS)]),
        # Most rows are in one partition: the others are small.
        "name": pa.array(["most" if rng.random() < 0.5 else f"n{rng.randrange(30)}" for _ in range(ROWS)]),
        **{kind: key_values(rng, kind, ROWS) for kind in KEYS},
    }
    return spark_frame(classic_session(), pa.table(columns)).repartition(3).cache()


@pytest.fixture
def settings() -> Iterator[Callable[[str], None]]:
    session = classic_session()
    names = {f"spark.sql.{name}" for each in SETTINGS.values() for name in each}

    def put(which: str) -> None:
        for name, value in SETTINGS[which].items():
            session.conf.set(f"spark.sql.{name}", value)

    yield put
    for name in names:
        session.conf.unset(name)


def cases() -> list[tuple[str, str, str]]:
    every = [(made, setting, keys) for made in MADE for setting in SETTINGS for keys in PARTITIONS]
    if LONG:
        return every
    # Those that were wrong once, and each way, setting and kind of keys at least once.
    chosen = [(made, "adaptive, broadcast found late", "one key") for made in ("left join", "semi join")]
    chosen.append(("inner join", "adaptive, skew", "one key"))
    settings, keys = list(SETTINGS), list(PARTITIONS)
    chosen += [(made, settings[at % len(settings)], keys[at % len(keys)]) for at, made in enumerate(MADE)]
    return list(dict.fromkeys(chosen))


@pytest.mark.parametrize(("made", "setting", "keys"), cases())
def test_each_partition_is_in_one_task(
    frame: Any, settings: Callable[[str], None], made: str, setting: str, keys: str
) -> None:
    from pyspark.sql import functions

    settings(setting)
    by = PARTITIONS[keys]
    data = MADE[made](frame, by).select("o", "x", *by)
    # Matches whole partitions, so that each gives one row, in the task that matched it.
    sql = f"""SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY {", ".join(f'"{key}"' for key in by)} ORDER BY o
        MEASURES count(*) AS rows, FIRST(o) AS first, LAST(o) AS last, sum(x) AS total PATTERN (A+))"""
    answer = rowpattern_spark.match_recognize(sql, data).withColumn("task", functions.spark_partition_id())
    found = answer.toArrow().drop_columns(["task"])
    local = rowpattern.match_recognize(sql, data.toArrow())
    # A join may leave one of a few keys, or none.
    assert local.num_rows > 1 or keys in KEYS
    # A partition that two tasks have would come twice.
    assert in_some_order(found) == in_some_order(local)


def test_the_exchange_is_there(frame: Any, settings: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    settings("adaptive, broadcast found late")
    sql = "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY name ORDER BY o MEASURES count(*) AS n PATTERN (A+))"
    answer = rowpattern_spark.match_recognize(sql, joined("left")(frame, ["name"]))
    answer.collect()
    answer.explain()
    plan = capsys.readouterr().out.split("== Initial Plan ==")[0]
    below = plan[plan.index("MapInArrow") :]
    # Nothing but the exchange's own reading is between it and the tasks, and that reads whole parts.
    read = below[: below.index("Exchange")]
    assert "local" not in read
    assert "skewed" not in read
    assert "REPARTITION_BY_COL" in below
