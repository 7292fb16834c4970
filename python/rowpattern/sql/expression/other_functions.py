"""Functions of other systems that DuckDB does not have, and what to write in their place."""

from __future__ import annotations

__all__ = ["INSTEAD_OF_FUNCTIONS"]

#: By the function's name.
INSTEAD_OF_FUNCTIONS = {
    "collect_list": "array_agg(x)",
    "collect_set": "array_agg(DISTINCT x)",
    "dateadd": "x + INTERVAL 1 DAY",
    "getdate": "now()",
    "iff": "if(condition, x, y)",
    "match_proctime": "now()",
    "match_rowtime": "LAST of the column of ORDER BY",
    "nvl": "coalesce(x, y)",
    "nvl2": "if(x IS NOT NULL, y, z)",
    "sysdate": "now()",
    "timestampadd": "x + INTERVAL 1 DAY",
    "timestampdiff": "date_diff('minute', x, y)",
    "to_char": "strftime(x, '%Y-%m-%d')",
    "to_date": "strptime(x, '%Y-%m-%d')::DATE",
    "to_number": "CAST(x AS DECIMAL(18, 2))",
    "tumble_start": "time_bucket(INTERVAL 1 HOUR, x)",
    "unix_timestamp": "epoch(x)",
    "zeroifnull": "coalesce(x, 0)",
}
