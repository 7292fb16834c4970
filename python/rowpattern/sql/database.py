"""How many queries DuckDB goes on with in the background: a documented name of `rowpattern.sql.duckdb.connection`."""

from rowpattern.sql.duckdb.connection import abandoned_queries

__all__ = ["abandoned_queries"]
