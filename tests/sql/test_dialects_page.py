"""Each row of the tables of docs/dialects.md has a test that shows what it says of this system."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "dialects.md"

#: By the first cell of each row: a file of tests/sql and a test in it.
ROWS = {
    "PARTITION BY and ORDER BY take columns": "test_sql_clause.py::test_keys_may_be_expressions",
    "DEFINE is required": "test_sql_clause.py::test_empty_matches_and_unmatched_rows",
    "row patterns in windows (`OVER (... PATTERN ...)`, R020)": "test_windows.py::test_forms",
    "conditions may hold any expression over the match so far": (
        "test_classifiers_in_aggregates.py::test_it_is_the_match_so_far"
    ),
    "conditions may aggregate over the match so far": (
        "test_kept_aggregates.py::test_values_are_duckdb_s_and_are_undone"
    ),
    "RUNNING and FINAL stand before FIRST, LAST and aggregates": "test_sql_values.py::test_nothing_is_dropped",
    "window functions do not stand in a clause": "test_other_systems.py::test_words_of_other_systems",
    "subqueries without columns of the match may stand in expressions": "test_clause_subqueries.py::test_conditions",
    "in LATERAL, expressions may name columns of the tables before it": "test_lateral_clauses.py::test_random_rows",
    "a table of a WITH list is one table": "test_shared_tables.py::test_all_parts_of_a_query_see_the_same_rows",
    "a measure names columns and variables": "test_clause_forms.py::test_measures_name_earlier_ones",
    "FIRST and LAST count rows": "test_clause_forms.py::test_ignore_nulls",
    "a condition is a truth value": "test_clause_forms.py::test_numbers_as_conditions",
    "the upper bound of a quantifier is at least 1": "test_clause_forms.py::test_empty_branches_and_bounds",
    "the clause stands behind a table": "test_clause_forms.py::test_clauses_behind_a_join",
    "no pipes": "test_pipes.py::test_the_same_as_without_pipes",
    "parameters (`?`)": "test_parameters.py",
    "in which order operands are computed is not said": "test_expression_places.py",
    "NaN is no NULL": "test_sql_tables.py::test_pandas",
    "`ALL ROWS PER MATCH`": "test_sql_trino.py::test_output_modes",
    "`PERMUTE`, `{- -}`, `^`, `$`": "test_sql_trino.py::test_patterns",
    "`SUBSET`": "test_sql_trino.py::test_union_variable",
    "groups and alternation": "test_sql_trino.py::test_patterns",
    "reluctant quantifiers": "test_sql_flink.py::test_greedy_and_reluctant",
    "`PREV`, `NEXT`": "test_clause_forms.py::test_lag_and_lead",
    "`AFTER MATCH SKIP TO v` without FIRST or LAST": "test_sql_clause.py::test_skips",
    "expressions in PARTITION BY": "test_sql_clause.py::test_keys_may_be_expressions",
    "`CLASSIFIER(U)`": "test_sql_clause.py::test_union_variables",
    "aggregates in MEASURES": "test_measure_aggregates.py::test_over_whole_matches",
    "`count(A.*)`": "test_sql_clause.py::test_aggregates",
    "empty matches in `ALL ROWS PER MATCH`": "test_sql_clause.py::test_empty_matches_and_unmatched_rows",
    "a greedy loop gives rows back where the match needs them": "test_sql_flink_suite.py::test_cases",
    "`FIRST(x, n)`, RUNNING, before there are n + 1 rows": "test_sql_trino.py::test_running_first_sees_no_row_behind",
    "patterns that can match no row": "test_sql_clause.py::test_empty_matches_and_unmatched_rows",
    "a time within which a match ends": "test_within.py::test_keys_of_all_types",
    "the longest match in the place of the most preferred one": "test_longest_match.py::test_longest",
    "partitions of the answer": "test_sql_clause.py::test_partitions_come_in_order_with_null_last",
    "name of the row's place in its match": "test_clause_forms.py::test_match_sequence_number",
    "what tables are called": "test_pipes.py::test_names_of_tables",
    "`t.x` behind SET, DROP and RENAME": "test_pipes.py::test_names_of_tables",
    "columns of one name in tables that are joined": "test_pipes.py::test_names_of_tables",
    "items of AGGREGATE": "test_pipes.py::test_aggregates_and_keys",
    "keys of AGGREGATE": "test_pipes.py::test_aggregates_and_keys",
    "a clause, TABLESAMPLE, PIVOT or a join behind several tables": "test_pipes.py::test_behind_several_tables",
    "operators of GoogleSQL that are not known": "test_pipes.py::test_errors_show_the_place_in_the_text",
    "frame": "test_windows_errors.py",
    "where a match begins": "test_windows.py::test_forms",
    "what a pattern sees": "test_windows_frames.py::test_previous_rows_are_not_seen_at_the_first_row",
    "a row that a match before it skips, or without a match": "test_windows_frames.py::test_empty_matches",
    "an empty match": "test_windows_frames.py::test_empty_matches_and_rows_without_a_match",
    "RUNNING, FINAL in MEASURES": "test_windows.py",
    "functions over the window (`sum(x) OVER w`)": "test_windows.py::test_functions_over_matches",
    "windows that extend others": "test_windows.py::test_several_windows_and_extended_ones",
    "subqueries in MEASURES and DEFINE": "test_windows_trino.py::test_subqueries",
    "names": "test_windows.py::test_columns_of_several_tables_in_a_window",
    "where a call may stand": "test_windows.py::test_forms",
    "`^`, `$`, `MATCH_NUMBER()`, ONE and ALL ROWS PER MATCH": "test_windows_errors.py",
    "`WITHIN`, `IGNORE NULLS`": "test_windows_frames.py::test_values_away_are_those_of_the_frame",
    "streams, Spark, Dask, GROUP BY ALL, `unnest` in the same SELECT list": "test_windows_errors.py",
    "time": "test_windows_frames.py::test_explanations_say_how_frames_are_matched",
    "difference of timestamps, and any other interval that is computed": (
        "test_time_values.py::test_differences_are_durations"
    ),
    "intervals in a DuckDB relation, and where the query reads a column of Arrow's interval type": (
        "test_time_values.py::test_the_types_of_durations_in_each_library"
    ),
    "timestamps with a time zone": "test_time_values.py::test_expressions_are_computed_in_the_columns_zone",
    "difference of timestamps with a zone": "test_time_values.py::test_a_difference_is_the_time_between_instants",
    "ordered categories of pandas, Polars' Enum, DuckDB's ENUM, Arrow's ordered dictionaries": (
        "test_category_values.py::test_categories_are_ordered_by_rank"
    ),
    "other categories, dictionaries": "test_category_values.py::test_categories_that_are_no_order",
    "floats of 16 bits": "test_sql_tables.py::test_types_survive",
    "computed whole numbers of 128 bits, and decimals of 38 digits before the point": (
        "test_measure_aggregates.py::test_sums_beyond_64_bits"
    ),
    "lists, structs and maps in PARTITION BY and ORDER BY": "test_column_types.py::test_rows_of_equal_keys",
    "integers with NULL in pandas": "test_sql_values.py::test_integers_of_pandas_are_exact",
    "UUID": "test_sql_values.py::test_uuids_are_keys",
    "geometry and other extension types": "test_sql_values.py::test_extension_types_pass_through",
    "Polars' Int128 and UInt128": "test_sql_values.py::test_wide_integers_of_polars",
    "Polars' Time, and other times in nanoseconds": "test_column_types.py::test_times_in_nanoseconds",
    "Polars' Object": "test_sql_values.py::test_objects_of_polars_are_refused_by_name",
    "subclasses of pandas' and Polars' frames": "test_sql_values.py::test_subclasses_keep_their_kind",
    "streams": "test_stream_sources.py::test_forms",
}

_HEADS = {"the standard", "question", "values"}


def rows_of_the_page() -> list[str]:
    lines = (line for line in PAGE.read_text().splitlines() if line.startswith("| ") and not line.startswith("| ---"))
    return [first for line in lines if (first := re.split(r"(?<!\\)\|", line)[1].strip()) not in _HEADS]


def test_every_row_has_a_test() -> None:
    assert sorted(rows_of_the_page()) == sorted(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_the_test_exists(row: str) -> None:
    name, _, function = ROWS[row].partition("::")
    text = (ROOT / "tests" / "sql" / name).read_text()
    assert f"def {function or 'test_'}" in text
