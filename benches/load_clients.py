"""Clients in one process, each of which asks its next question when the last one is answered: what test_load.py starts.

python benches/load_clients.py rowpattern --clients 16 --queries 1000

Writes `ready` when each question was asked once (not so with --cold); begins when a line comes in; writes `done` when
all but explosive questions are answered; compares the answers with DuckDB's; ends with a line of JSON, a `Report`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from rowpattern import QueryLimitError, match_recognize

from load_questions import EXPLOSIVE, KINDS, QUESTIONS, SIZES, table

if TYPE_CHECKING:
    import pyarrow as pa

Question = tuple[str, int]
Client = Callable[[Question], Any]

EXPLODES: Question = ("explosive", 10_000)
#: Of an explosive question, in seconds.
LIMIT = 0.5
PAGE = 4096


@dataclass
class Report:
    """What was seen."""

    #: Of each question that is not explosive.
    each: list[float] = field(default_factory=list)
    #: Of the processor, of all threads, until all of these were answered.
    cpu: float = 0.0
    explosive: int = 0
    #: Bytes of the process in memory, after every fifty questions.
    memory: list[int] = field(default_factory=list)
    #: The most threads of the system.
    threads: int = 0
    wrong: list[str] = field(default_factory=list)


def rowpattern_clients(tables: dict[int, pa.Table]) -> Callable[[], Client]:
    """Return what makes clients of this package."""
    return lambda: lambda question: match_recognize(KINDS[question[0]][0], tables[question[1]])


def duckdb_clients(tables: dict[int, pa.Table]) -> Callable[[], Client]:
    """Return what makes clients of one DuckDB, which has tables of its own and a cursor for each client."""
    # Not before it is needed: in a cold burst, importing it is this package's own affair.
    import duckdb

    connection = duckdb.connect()
    for rows, given in tables.items():
        connection.register("given", given)
        connection.execute(f"CREATE TABLE t{rows} AS SELECT * FROM given")

    def client() -> Client:
        cursor = connection.cursor()
        return lambda question: cursor.sql(
            KINDS[question[0]][1].replace("FROM t", f"FROM t{question[1]}")
        ).to_arrow_table()

    return client


CONTENDERS = {"rowpattern": rowpattern_clients, "DuckDB": duckdb_clients}


def in_order(answer: pa.Table) -> list[tuple[Any, ...]]:
    """Return the rows of an answer, sorted."""
    return sorted(zip(*(column.to_pylist() for column in answer.columns)))


class Load:
    """Clients that share a list of questions."""

    def __init__(self, asked: list[Question], first: dict[Question, pa.Table], *, ordered: bool) -> None:
        """Make it.

        Args:
            asked: what is asked, in turn.
            first: the first answer to each question, as far as there is one; others are added.
            ordered: whether the rows of most answers come in the same order each time, so that it takes little to
                compare them.
        """
        self._asked, self._first, self._ordered = iter(asked), first, ordered
        self._explosive = table(EXPLODES[1])
        self._lock = threading.Lock()
        self._left = len(asked) - asked.count(EXPLODES)
        self._cpu = 0.0
        self.report = Report()

    def run(self, clients: list[Client]) -> None:
        """Have all of them ask until nothing is left."""
        self._cpu = time.process_time()
        threads = [threading.Thread(target=self._ask, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _next(self) -> Question | None:
        with self._lock:
            return next(self._asked, None)

    def _ask(self, client: Client) -> None:
        while (question := self._next()) is not None:
            try:
                if question == EXPLODES:
                    self._explode()
                else:
                    self._ask_one(client, question)
            except Exception as error:  # noqa: BLE001 - each is reported
                self.report.wrong.append(f"{question}: {error!r}")
            if question != EXPLODES:
                self._count_down()

    def _count_down(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self.report.cpu = time.process_time() - self._cpu
                print("done", flush=True)

    def _ask_one(self, client: Client, question: Question) -> None:
        begun = time.perf_counter()
        answer = client(question)
        self.report.each.append(time.perf_counter() - begun)
        self._first.setdefault(question, answer)
        first = self._first[question]
        # Only what DuckDB selects from the matches may have its rows in another order.
        same = answer.equals(first) or in_order(answer) == in_order(first) if self._ordered else True
        if answer.num_rows != first.num_rows or not same:
            self.report.wrong.append(f"{question}: another answer than the first time")
        if len(self.report.each) % 50 == 0:
            self.report.memory.append(int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE)
            self.report.threads = max(self.report.threads, len(list(Path("/proc/self/task").iterdir())))

    def _explode(self) -> None:
        try:
            match_recognize(EXPLOSIVE, self._explosive, timeout_seconds=LIMIT)
        except QueryLimitError:
            self.report.explosive += 1
        else:
            self.report.wrong.append("an explosive question was answered")


def list_of_questions(queries: int, explosive: float, seed: int) -> list[Question]:
    """Return as many questions of each kind and size, mixed; and explosive ones, a share of all."""
    asked = QUESTIONS * (queries // len(QUESTIONS))
    asked += [EXPLODES] * round(len(asked) * explosive / (1 - explosive))
    random.Random(seed).shuffle(asked)
    return asked


def main() -> None:
    """Prepare, wait, ask, compare, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--explosive", type=float, default=0.0, help="the share of explosive queries")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cold", action="store_true", help="a question for each client, the first of the process")
    options = parser.parse_args()
    tables = {rows: table(rows) for rows in SIZES}
    new_client = CONTENDERS[options.contender](tables)
    first: dict[Question, pa.Table] = {}
    if options.cold:
        asked = sorted(QUESTIONS, key=lambda question: question[1])[: options.clients]
    else:
        first = {question: new_client()(question) for question in QUESTIONS}
        asked = list_of_questions(options.queries, options.explosive, options.seed)
    load = Load(asked, first, ordered=options.contender == "rowpattern")
    clients = [new_client() for _ in range(options.clients)]
    print("ready", flush=True)
    sys.stdin.readline()
    load.run(clients)
    peer = duckdb_clients(tables)()
    load.report.wrong += [
        f"{question}: not as DuckDB answers"
        for question in first
        if in_order(first[question]) != in_order(peer(question))
    ]
    print(json.dumps(asdict(load.report)), flush=True)


if __name__ == "__main__":
    main()
