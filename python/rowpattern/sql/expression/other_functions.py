"""Functions of other systems that DuckDB does not have, and what to write in their place."""

from __future__ import annotations

__all__ = ["INSTEAD_OF_FUNCTIONS"]

#: By the function's name.
INSTEAD_OF_FUNCTIONS = {
    "!": "NOT x",
    "add_months": "x + INTERVAL 1 MONTH",
    "collect_list": "array_agg(x)",
    "collect_set": "array_agg(DISTINCT x)",
    "date_format": "strftime(x, '%Y-%m-%d')",
    "date_parse": "strptime(x, '%Y-%m-%d')",
    "dateadd": "x + INTERVAL 1 DAY",
    "final": "FINAL LAST(x)",
    "from_iso8601_timestamp": "CAST(x AS TIMESTAMP)",
    "from_unixtime": "to_timestamp(x)",
    "getdate": "now()",
    "iff": "if(condition, x, y)",
    "isnull": "x IS NULL",
    "match_length": "count(*)",
    "match_proctime": "now()",
    "match_rowtime": "LAST of the column of ORDER BY",
    "months_between": "date_diff('month', x, y)",
    "notnull": "x IS NOT NULL",
    "nvl": "coalesce(x, y)",
    "nvl2": "if(x IS NOT NULL, y, z)",
    "proctime": "a column that has the time of a row",
    "regexp_like": "regexp_matches(x, y)",
    "running": "RUNNING LAST(x)",
    "shift": "PREV(x)",
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
