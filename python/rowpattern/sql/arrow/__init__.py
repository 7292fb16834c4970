"""Columns: what is done with Arrow arrays and numpy arrays, whatever the query."""
