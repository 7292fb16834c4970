"""What is asked of DuckDB beside running queries: its parser, and which of its functions and types a query may use."""
