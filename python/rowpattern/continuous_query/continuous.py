"""`rowpattern.continuous`: queries over rows that come batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from rowpattern.errors import CheckpointError, ConfigurationError, QueryError, QueryLimitError
from rowpattern.sql.first_use import query_module
from rowpattern.sql.options import execution_context
from rowpattern.sql.runtime.imports import imported
from rowpattern.sql.text.source_location import candidates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Unpack

    from rowpattern._core import CancelToken
    from rowpattern.continuous_query.event_keys import Lateness
    from rowpattern.continuous_query.query import ContinuousQuery
    from rowpattern.recognition.arguments import PartitionedClause
    from rowpattern.sql.kinds import Parameters
    from rowpattern.sql.parse.clause_arguments import Question

__all__ = ["Continuous", "continuous"]

# What a checkpoint may have when it is restored without a limit of memory.
_MOST_CHECKPOINT_BYTES = 1 << 36
# Arguments of `rowpattern.continuous` that a checkpoint has.
_STORED = frozenset({"schema", "tables", "lateness", "late", "order", "idle", "time_zone", "prefer"})


class Continuous:
    """What `rowpattern.continuous` is: a function that makes continuous queries, with `restore` beside it.

    Examples:
        >>> import pyarrow as pa
        >>> import rowpattern
        >>> parts = {"order_by": "at", "pattern": "A B", "define": {"B": "x < A.x"}, "measures": {"at": "B.at"}}
        >>> query = rowpattern.continuous(schema={"at": pa.int64(), "x": pa.int64()}, **parts)
        >>> query.push(pa.table({"at": [1], "x": [5]})).num_rows
        0
        >>> again = rowpattern.continuous.restore(query.checkpoint(), **parts)
        >>> again.push(pa.table({"at": [2], "x": [4]})).to_pylist()
        [{'at': 2}]
    """

    @overload
    def __call__(
        self,
        sql: str,
        schema: Any,
        *,
        tables: Mapping[str, Any] | None = None,
        lateness: Lateness | None = None,
        late: Literal["raise", "drop", "collect"] = "raise",
        order: Literal["match", "certain"] = "match",
        idle: Lateness | None = None,
        memory_limit_mb: float | None = None,
        threads: int | None = None,
        time_zone: str | None = None,
        prefer: Literal["first", "longest"] = "first",
        parameters: Parameters = None,
        cancel: CancelToken | None = None,
    ) -> ContinuousQuery: ...
    @overload
    def __call__(
        self,
        sql: None = None,
        schema: Any = None,
        *,
        tables: Mapping[str, Any] | None = None,
        lateness: Lateness | None = None,
        late: Literal["raise", "drop", "collect"] = "raise",
        order: Literal["match", "certain"] = "match",
        idle: Lateness | None = None,
        memory_limit_mb: float | None = None,
        threads: int | None = None,
        time_zone: str | None = None,
        prefer: Literal["first", "longest"] = "first",
        parameters: Parameters = None,
        cancel: CancelToken | None = None,
        **clause: Unpack[PartitionedClause],
    ) -> ContinuousQuery: ...
    def __call__(
        self,
        sql: str | None = None,
        schema: Any = None,
        *,
        tables: Mapping[str, Any] | None = None,
        lateness: Lateness | None = None,
        late: Literal["raise", "drop", "collect"] = "raise",
        order: Literal["match", "certain"] = "match",
        idle: Lateness | None = None,
        memory_limit_mb: float | None = None,
        threads: int | None = None,
        time_zone: str | None = None,
        prefer: Literal["first", "longest"] = "first",
        parameters: Parameters = None,
        cancel: CancelToken | None = None,
        **clause: Any,
    ) -> ContinuousQuery:
        """Answer a query while rows come: a match is given as soon as it is certain, whatever rows follow.

        Args:
            sql: one query with one MATCH_RECOGNIZE clause over one table, as for `match_recognize`. Around the clause
                may stand SELECT of expressions and WHERE. Left out where the clause is given by the arguments of
                `recognize`: `pattern`, `define`, `measures`, `partition_by`, `order_by`, `rows_per_match`,
                `after_match`, `subset` and `within`.
            schema: the columns of the rows: a `pyarrow.Schema`, a dict of names to Arrow's types, or any table that has
                them, with rows or without.
            tables: by their names, the tables that subqueries in the clause read, of any kind that `match_recognize`
                takes. Subqueries are computed once, when the query is made; a checkpoint has what they gave. The table
                whose rows are pushed is not among them.
            lateness: how late a row may be, in the first key of ORDER BY, behind the greatest one of its source: a
                duration as `"5s"` or `"15 minutes"` or a timedelta for dates and times, a number for numbers. Rows wait
                so long and are brought in order. None: rows come in order of ORDER BY, which is checked.
            late: what becomes of later ones: `"raise"` is a LateRowError and the batch is not taken, `"drop"` counts
                them, `"collect"` gives them as `late_rows`.
            order: in which order the matches of a partition are given: `"match"`, that of the batch's answer, or, with
                AFTER MATCH SKIP TO NEXT ROW, `"certain"`: each as soon as it alone is certain.
            idle: a partition that had no row for so long, in the first key of ORDER BY, ends; its keys are in
                `expired`.
            memory_limit_mb: the most that is kept, in MB of 2**20 bytes; a batch for which there is no room is refused.
                By default no more than what every query of the process may take.
            threads: the most threads that work on a batch; as for `match_recognize`.
            time_zone: as for `match_recognize`.
            prefer: as for `match_recognize`.
            parameters: as for `match_recognize`.
            cancel: a token by which another thread ends the call that works, and all further ones.
            clause: the arguments of the clause, in the place of `sql`.

        Returns:
            a `ContinuousQuery`: `push` takes batches and gives what is certain, `advance` says what time it is,
            `finish` ends the stream, `checkpoint` gives its state as bytes.

        Raises:
            UnsupportedQueryError: the query cannot be answered batch by batch, and the message says why: something
                around the clause, or a subquery over the rows that are pushed, needs all rows at once, a function gives
                another value for each batch, a condition is computed by another library.
            ConfigurationError: an option has a value that it cannot have.
            What `match_recognize` raises for a table of these columns without rows.

        All pushes and `finish` together give what `match_recognize` gives over all rows, in an order that does not
        depend on how rows are cut into batches. Conditions, all skip modes, ONE ROW and ALL ROWS PER MATCH, WITHIN, and
        conditions that depend on the match work as there. Time is linear in the rows where rows alone decide
        conditions. Memory: the rows from the first one on at which a match may still begin, for each partition;
        `explain` says whether that is bounded.

        Example:
            >>> import pyarrow as pa
            >>> import rowpattern
            >>> query = rowpattern.continuous(
            ...     schema={"at": pa.int64(), "event": pa.string()},
            ...     order_by="at",
            ...     pattern="FAILED{2,} SUCCEEDED",
            ...     define={"FAILED": "event = 'failure'", "SUCCEEDED": "event = 'success'"},
            ...     measures={"failures": "count(FAILED.*)"},
            ... )
            >>> query.push(pa.table({"at": [1, 2], "event": ["failure", "failure"]})).num_rows
            0
            >>> query.push(pa.table({"at": [3], "event": ["success"]})).to_pylist()
            [{'failures': 2}]
        """
        query_module()
        options = imported("rowpattern.continuous_query.options").Options(
            lateness, late, order, idle, memory_limit_mb, threads, time_zone, prefer, parameters, cancel
        )
        question = _question("continuous", sql, clause)
        if schema is None:
            raise TypeError("a continuous query needs schema=: the columns of its rows, as a pyarrow.Schema")
        given = imported("rowpattern.continuous_query.given_tables").GivenTables(tables)
        found: ContinuousQuery = imported("rowpattern.continuous_query.query").new_query(
            question, schema, options, given
        )
        return found

    @overload
    def restore(
        self,
        blob: bytes,
        sql: str,
        *,
        memory_limit_mb: float | None = None,
        threads: int | None = None,
        parameters: Parameters = None,
        cancel: CancelToken | None = None,
    ) -> ContinuousQuery: ...
    @overload
    def restore(
        self,
        blob: bytes,
        sql: None = None,
        *,
        memory_limit_mb: float | None = None,
        threads: int | None = None,
        parameters: Parameters = None,
        cancel: CancelToken | None = None,
        **clause: Unpack[PartitionedClause],
    ) -> ContinuousQuery: ...
    def restore(
        self,
        blob: bytes,
        sql: str | None = None,
        *,
        memory_limit_mb: float | None = None,
        threads: int | None = None,
        parameters: Parameters = None,
        cancel: CancelToken | None = None,
        **clause: Any,
    ) -> ContinuousQuery:
        """Make a query again from what its `checkpoint` gave, in this process or another.

        Args:
            blob: the checkpoint.
            sql: the query's text, or the arguments of the clause, as they were given to `rowpattern.continuous`. The
                order of variables in `define` does not count, nor space around a text.
            memory_limit_mb: as for `rowpattern.continuous`; it is not stored.
            threads: as for `rowpattern.continuous`; it is not stored.
            parameters: the same values as then; they are not stored. Tables are not needed again.
            cancel: as for `rowpattern.continuous`.
            clause: the arguments of the clause, where there is no text.

        Returns:
            a query that goes on as the one did whose checkpoint it is, with the kind of table that was given last. Its
            `positions` are those given to `checkpoint`.

        Raises:
            CheckpointError: it is damaged, of another version, or of another query.
            ConfigurationError: a limit has a value that it cannot have.
            TypeError: an argument is of another type.

        Takes time linear in what was kept.
        """
        query_module()
        checkpoints: Any = imported("rowpattern.continuous_query.checkpoint")
        options: Any = imported("rowpattern.continuous_query.options")
        # So that an invalid limit is refused before it is used.
        limits = execution_context(memory_limit_mb, None, threads, None, None, cancel)
        most = _MOST_CHECKPOINT_BYTES if memory_limit_mb is None else int(limits.memory_mb * (1 << 20))
        stored = checkpoints.open_checkpoint(blob, most_bytes=most)
        question = _question("restore", sql, clause)
        # Before the query is looked up: its options and columns are another one's then.
        stored.check_same(checkpoints.query_fingerprint(question, parameters))
        own = {"memory_limit_mb": memory_limit_mb, "threads": threads, "parameters": parameters, "cancel": cancel}
        found_options = options.options_from(stored.metadata.get("options") or {}, **own)
        schema = stored.schema("columns")
        given_tables: Any = imported("rowpattern.continuous_query.given_tables")
        # What subqueries gave before, as their tables may be others now.
        computed = stored.table("subqueries", given_tables.SUBQUERIES) if "subqueries" in stored.names else None
        given = given_tables.GivenTables(None, computed)
        try:
            query: ContinuousQuery = imported("rowpattern.continuous_query.query").new_query(
                question, schema, found_options, given
            )
        except QueryLimitError:
            raise
        except (ConfigurationError, QueryError) as error:
            # It was a query over the columns that it was made with.
            raise CheckpointError(f"the checkpoint's options and columns do not fit its query: {error}") from None
        query._restore(stored)  # noqa: SLF001 - what it has stored itself
        return query


def _question(function: str, sql: str | None, clause: dict[str, Any]) -> Question:
    from rowpattern.recognition.arguments import CLAUSE_PARTS, asked

    for name in clause:
        if name in _STORED and function == "restore":
            raise TypeError(f"restore() has no argument {name}: the checkpoint has it; leave it out")
        if name not in CLAUSE_PARTS:
            raise TypeError(
                f"{function}() has no argument {name}; {candidates(name, CLAUSE_PARTS, 'parts of a clause')}"
            )
    if sql is not None:
        if not isinstance(sql, str):
            raise TypeError(f"sql is a text, not {type(sql).__name__}")
        if clause:
            raise TypeError(f"give a query or the parts of a clause, not both: sql and {', '.join(clause)}")
        return sql
    if "pattern" not in clause:
        raise TypeError("give a query as sql, or the parts of a clause, as pattern=... and define=...")
    return asked(None, **clause).clause


#: Answers queries while rows come; see `Continuous`.
continuous = Continuous()
