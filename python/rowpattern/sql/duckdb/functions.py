"""Which functions of DuckDB a query may call: those that read only their arguments, the clock or random numbers.

A function in none of the lists is refused, so that what a newer DuckDB adds is refused until somebody has reviewed it.
`tests/sql/test_sql_functions.py` fails on functions of the installed DuckDB that are in no list (reviewed: 2.0.1).
"""

from __future__ import annotations

__all__ = [
    "AGGREGATES",
    "AROUND_CLAUSES",
    "CALLS_AGGREGATE",
    "CHANGING",
    "LAMBDA_FUNCTIONS",
    "NAMES_FIELDS",
    "OPERATORS",
    "RANDOM",
    "REFUSED",
    "SCALARS",
    "TABLE_FUNCTIONS",
    "WINDOWS",
]

#: Scalar functions.
SCALARS = frozenset(
    """
    abs acos acosh add age aggregate ago apply array_aggr array_aggregate array_append array_apply array_cat
    array_concat array_contains array_cosine_distance array_cosine_similarity array_cross_product array_distance
    array_distinct array_dot_product array_extract array_filter array_grade_up array_has array_has_all
    array_has_any array_indexof array_inner_product array_intersect array_length array_negative_dot_product
    array_negative_inner_product array_pop_back array_pop_front array_position array_prepend array_push_back
    array_push_front array_reduce array_resize array_reverse array_reverse_sort array_select array_slice
    array_sort array_to_json array_to_string array_to_string_comma_default array_transform array_unique
    array_value array_where array_zip ascii asin asinh atan atan2 atanh bar base64 bin binom bit_count
    bit_length bit_position bitstring cardinality cbrt ceil ceiling century char_length character_length chr
    concat concat_ws constant_or_null contains cos cosh cot create_sort_key current_date current_localtime
    current_localtimestamp damerau_levenshtein date_add date_diff date_part date_sub date_trunc datediff
    datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear days_in_month decade decode degrees
    divide editdist3 element_at encode ends_with enum_code enum_first enum_last enum_range enum_range_boundary
    epoch epoch_ms epoch_ns epoch_us equi_width_bins era error even exp factorial fdiv filter flatten floor fmod
    format format_bytes formatreadabledecimalsize formatreadablesize from_base64 from_binary from_hex from_json
    from_json_strict gamma gcd gen_random_uuid generate_series get_bit get_current_time get_current_timestamp
    grade_up greatest greatest_common_divisor hamming hash hex hour icu_sort_key if ilike_escape instr invoke
    isfinite isinf isnan isodow isoyear jaccard jaro_similarity jaro_winkler_similarity json json_array
    json_array_length json_contains json_deep_merge json_exists json_extract json_extract_path
    json_extract_path_text json_extract_string json_insert json_keys json_merge_patch json_merge_patch_diff
    json_normalize json_object json_pretty json_quote json_remove json_replace json_set json_strip_nulls
    json_structure json_transform json_transform_strict json_type json_valid json_value julian last_day lcase
    lcm least least_common_multiple left left_grapheme len length length_grapheme levenshtein lgamma like_escape
    list_aggr list_aggregate list_any_value list_append list_apply list_approx_count_distinct list_avg
    list_bit_and list_bit_or list_bit_xor list_bool_and list_bool_or list_cat list_concat list_contains
    list_cosine_distance list_cosine_similarity list_count list_distance list_distinct list_dot_product
    list_element list_entropy list_extract list_filter list_first list_grade_up list_has list_has_all
    list_has_any list_histogram list_indexof list_inner_product list_intersect list_kurtosis list_kurtosis_pop
    list_last list_mad list_max list_median list_min list_mode list_negative_dot_product
    list_negative_inner_product list_pack list_position list_prepend list_product list_reduce list_resize
    list_reverse list_reverse_sort list_select list_sem list_skewness list_slice list_sort list_stddev_pop
    list_stddev_samp list_string_agg list_sum list_transform list_unique list_value list_var_pop list_var_samp
    list_where list_zip ln log log10 log2 lower lpad ltrim make_date make_time make_timestamp make_timestamp_ms
    make_timestamp_ns make_timestamptz map map_concat map_contains map_contains_entry map_contains_value
    map_entries map_extract map_extract_value map_from_entries map_keys map_values md5 md5_number
    md5_number_lower md5_number_upper microsecond millennium millisecond minute mismatches mod month monthname
    multiply nanosecond nextafter nfc_normalize normalized_interval not_ilike_escape not_like_escape now nullif
    octet_length ord overlay parse_dirname parse_dirpath parse_filename parse_formatted_bytes parse_path
    path_join pg_typeof pi position pow power prefix printf quarter radians random range reduce regexp_escape
    regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array
    repeat replace reverse right right_grapheme round round_even roundbankers row row_to_json rpad rtrim second
    set_bit sha1 sha256 sign signbit sin sinh split split_part sqrt st_asbinary st_asgeojson st_astext st_aswkb
    st_aswkt st_crs st_geomfromgeojson st_geomfromwkb st_intersects_extent st_setcrs starts_with str_split
    str_split_regex strftime string_split string_split_regex string_to_array strip_accents strlen strpos
    strptime struct_concat struct_contains struct_extract struct_extract_at struct_has struct_indexof
    struct_insert struct_keys struct_pack struct_position struct_update struct_values substr substring
    substring_grapheme subtract suffix switch tan tanh time_bucket timezone timezone_hour timezone_minute
    to_base to_base64 to_binary to_centuries to_days to_decades to_hex to_hours to_json to_microseconds
    to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks to_years
    today transaction_timestamp translate trim trunc try_strptime typeof ucase unbin unhex unicode union_extract
    union_tag union_value upper url_decode url_encode uuid uuid_extract_timestamp uuid_extract_version uuidv4
    uuidv7 variant_array_length variant_contains variant_exists variant_extract variant_extract_string
    variant_keys variant_type variant_typeof vertex_extract week weekday weekofyear xor year yearweek
    """.split()
)

#: Aggregates, and macros that aggregate.
AGGREGATES = frozenset(
    """
    any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null
    arg_max_nulls_last arg_min arg_min_null arg_min_nulls_last argmax argmin array_agg avg bit_and bit_or
    bit_xor bitstring_agg bool_and bool_or corr count count_if count_star countif covar_pop covar_samp
    decimal_average entropy favg first fsum geomean geometric_mean group_concat histogram histogram_exact
    json_group_array json_group_object json_group_structure kahan_sum kurtosis kurtosis_pop last list listagg
    lttb mad max max_by mean median min min_by mode product quantile quantile_cont quantile_disc regr_avgx
    regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy reservoir_quantile sem
    skewness stddev stddev_pop stddev_samp string_agg sum sum_no_overflow sumkahan var_pop var_samp variance
    variant_group_array variant_group_object wavg weighted_avg
    """.split()
)

#: Their second argument is the name of an aggregate, which has to be allowed too.
CALLS_AGGREGATE = frozenset({"aggregate", "array_aggr", "array_aggregate", "list_aggr", "list_aggregate"})

#: Window functions; in MATCH_RECOGNIZE they are refused.
WINDOWS = frozenset(
    """
    cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank rank_dense
    row_number
    """.split()
)

#: Each call gives another value.
RANDOM = frozenset({"gen_random_uuid", "random", "uuid", "uuidv4", "uuidv7"})

#: Without an argument that differs they give another value in another query, or at another place.
CHANGING = (
    frozenset(
        """
    age ago current_date current_localtime current_localtimestamp error get_current_time
    get_current_timestamp now today transaction_timestamp
    """.split()
    )
    | RANDOM
)

#: Functions of one row that are refused in MATCH_RECOGNIZE: `alias` would show one of our names, as columns are renamed
#: for evaluation; `regexp_split_to_table` gives several rows.
AROUND_CLAUSES = frozenset({"alias", "regexp_split_to_table"})

#: Each argument names a field: `a := x`, or a column, whose name is taken.
NAMES_FIELDS = frozenset({"struct_pack"})

#: Functions in FROM that make rows of their arguments. Others read files, settings, the catalog or memory addresses.
TABLE_FUNCTIONS = frozenset("generate_series json_each json_tree range repeat repeat_row unnest".split())

#: Operators. Comparisons, logic and casts have nodes of their own.
OPERATORS = frozenset("!~~ !~~* % & && * ** + - -> ->> / // << <=> <@ >> @ @> ^ ^@ | || ~ ~~ ~~* ~~~".split())

#: They take a lambda, `x -> ...`. In other functions the same arrow reads JSON.
LAMBDA_FUNCTIONS = frozenset(
    """
    apply array_apply array_filter array_reduce array_transform filter invoke list_apply list_filter list_reduce
    list_transform reduce
    """.split()
)

#: Functions that were reviewed and stay refused: they read or change settings, the catalog, sequences, logs or the
#: session, take serialised plans, wait, or show how DuckDB stores values. Only the test reads this list, to tell them
#: from new ones. The test also expects names that begin with `__`, `has_`, `pg_`, `collate_` or `icu_collate_` to be
#: refused, except `pg_typeof`.
REFUSED = frozenset(
    """
    assert_true bitstring_byte_comparable can_cast_implicitly cast_to_type col_description combine combine_aggr
    current_catalog current_connection_id current_database current_query current_query_id current_role
    current_schema current_schemas current_setting current_transaction_id current_user currval decimal_division
    finalize format_pg_type format_type generate_subscripts get_block_size get_type getvariable
    hive_partition_component in_search_path index_key inet_client_addr inet_client_port inet_server_addr
    inet_server_port is_histogram_other_bin json_copy_strftime_if_date json_copy_strftime_if_timestamp
    json_deserialize_sql json_serialize_plan json_serialize_sql make_type map_to_pg_oid map_type_id_to_pg_oid
    nextval obj_description parse_duckdb_log_message remap_struct replace_type session_user setseed setval
    shobj_description sleep_ms stats timetz_byte_comparable to_aggregate_state txid_current unpivot_list user
    variant_bytes_to_variant variant_comparator variant_normalize variant_to_parquet_variant vector_type version
    write_log
    """.split()
)
