"""`rowpattern.continuous`: queries over rows that come batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rowpattern.sql.first_use import query_module
from rowpattern.sql.runtime.imports import imported

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rowpattern._core import CancelToken
    from rowpattern.continuous_query.event_keys import Lateness
    from rowpattern.continuous_query.query import ContinuousQuery
    from rowpattern.recognition.arguments import ClauseParts, Keys
    from rowpattern.sql.kinds import Parameters

__all__ = ["Continuous", "continuous"]


class Continuous:
    """What `rowpattern.continuous` is: a function, and `restore` beside it."""

    def __call__(
        self,
        sql: str | None = None,
        schema: Any = None,
        *,
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
        query_module()
        query = imported("rowpattern.continuous_query.query")
        options = query.QueryOptions(
            lateness, late, order, idle, memory_limit_mb, threads, time_zone, prefer, parameters, cancel
        )
        return query.ContinuousQuery(_question(sql, schema, clause), schema, options)


def _question(sql: str | None, schema: Any, clause: dict[str, Any]) -> Any:
    if sql is not None:
        if clause:
            raise TypeError(f"give a query or the parts of a clause, not both: sql and {', '.join(clause)}")
        return sql
    from rowpattern.recognition.arguments import asked

    return asked(schema, **clause).clause


#: Makes a continuous query.
continuous = Continuous()
