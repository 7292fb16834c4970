"""SQL expressions as trees: read from DuckDB's parser, checked node by node, written back as DuckDB's SQL."""
