"""Apache Flink's MATCH_RECOGNIZE on rows in a CSV file, timed from inside; `test_flink` runs it in Flink's environment.

python benches/flink_peer.py ROWS.csv QUERY ROUNDS ANSWERS

Prints JSON: the least time in seconds to read the rows and do nothing with them, and the least time to answer the
query. The first round of each warms the Java machine up and does not count. Answers are left as CSV in a folder.
"""

from __future__ import annotations

import json
import sys
import time

from pyflink.table import EnvironmentSettings, TableEnvironment


def main() -> None:
    """Measure, and print."""
    path, query, rounds, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    environment = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    environment.get_config().set("parallelism.default", "2")
    environment.execute_sql(f"""
        CREATE TABLE ticks (symbol BIGINT, seen TIMESTAMP(3), price DOUBLE, WATERMARK FOR seen AS seen)
        WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'csv')""")
    environment.execute_sql("""
        CREATE TABLE nothing (symbol BIGINT, seen TIMESTAMP(3), price DOUBLE) WITH ('connector' = 'blackhole')""")
    environment.execute_sql("""
        CREATE TABLE answers (symbol BIGINT, high DOUBLE, low DOUBLE, ended DOUBLE) WITH ('connector' = 'blackhole')""")

    def least(statement: str) -> float:
        times = []
        for _ in range(rounds + 1):
            begun = time.perf_counter()
            environment.execute_sql(statement).wait()
            times.append(time.perf_counter() - begun)
        return min(times[1:])

    reading = least("INSERT INTO nothing SELECT * FROM ticks")
    answering = least(f"INSERT INTO answers {query}")
    environment.execute_sql(f"""
        CREATE TABLE kept (symbol BIGINT, high DOUBLE, low DOUBLE, ended DOUBLE)
        WITH ('connector' = 'filesystem', 'path' = '{folder}', 'format' = 'csv')""")
    environment.execute_sql(f"INSERT INTO kept {query}").wait()
    print(json.dumps({"reading": reading, "answering": answering}))


if __name__ == "__main__":
    main()
