"""The expressions of the matrix, over two operands `{x}` and `{y}` of one type and a constant `{c}` of it.

`{k}` is the constant where it is compared by order: a text that is compared so with ordered categories is one of them.
"""

from __future__ import annotations

__all__ = ["AGGREGATES", "EXPRESSIONS"]

_COMPARED = """
{x} = {y}
{x} <> {y}
{x} < {y}
{x} <= {y}
{x} > {y}
{x} >= {y}
{x} IS DISTINCT FROM {y}
{x} IS NOT DISTINCT FROM {y}
{x} = {c}
{x} < {k}
{k} <= {y}
{x} IS DISTINCT FROM {c}
NOT ({x} < {y})
{x} IS NULL
{x} IS NOT NULL AND {y} IS NULL
{x} = {y} OR {x} > {k}
({x} < {y}) IS NOT TRUE
({x} < {y}) = ({y} < {k})
{x} BETWEEN {y} AND {k}
{y} NOT BETWEEN {x} AND {x}
{x} IN ({y}, {c})
{x} NOT IN ({c}, {y})
{x} IN ({c}, NULL)
({x}, {y}) < ({y}, {x})
({x}, 1) = ({y}, 1)
({x}, {c}) IS DISTINCT FROM ({y}, {c})
[{x}] < [{y}]
[{x}, {y}] = [{y}, {x}]
{{'a': {x}}} = {{'a': {y}}}
"""

_CHOSEN = """
{x}
CASE WHEN {x} < {y} THEN {x} ELSE {y} END
CASE {x} WHEN {y} THEN 1 WHEN {c} THEN 2 ELSE 3 END
CASE WHEN {x} IS NULL THEN NULL WHEN {y} IS NULL THEN {x} END
if({x} > {y}, true, false)
if({x} = {y}, {x}, {c})
nullif({x}, {y})
nullif({x}, {c})
COALESCE({x}, {y})
COALESCE({x}, {y}, {c})
ifnull({x}, {c})
greatest({x}, {y})
least({x}, {y}, {c})
[{x}, {y}]
[{x}, {y}][1]
{{'a': {x}, 'b': {y}}}
{{'a': {x}}}.a
list_contains([{x}, {c}], {y})
list_sort([{x}, {y}])
len([{x}, {y}])
list_distinct([{x}, {y}, {x}])
typeof({x})
({x}, {y})
"""

_CAST = """
{x}::VARCHAR
{x}::BOOLEAN
{x}::TINYINT
{x}::INTEGER
{x}::BIGINT
{x}::UTINYINT
{x}::UBIGINT
{x}::HUGEINT
{x}::FLOAT
{x}::DOUBLE
{x}::DECIMAL(9, 2)
{x}::DECIMAL(38, 4)
{x}::DATE
{x}::TIME
{x}::TIMESTAMP
{x}::TIMESTAMP_S
{x}::TIMESTAMP_NS
{x}::TIMESTAMPTZ
{x}::INTERVAL
{x}::BLOB
{x}::UUID
TRY_CAST({x} AS INTEGER)
TRY_CAST({x} AS DOUBLE)
TRY_CAST({x} AS DECIMAL(4, 1))
TRY_CAST({x} AS DATE)
{x}::VARCHAR = {y}::VARCHAR
{x}::VARCHAR || {y}::VARCHAR
"""

_COMPUTED = """
{x} + {y}
{x} - {y}
{x} * {y}
{x} / {y}
{x} // {y}
{x} % {y}
-{x}
{x} + 1
{x} - 1
{x} * 2
{x} / 3
{x} // 2
{x} % 3
{x} + 0.5
{x} * 1.1
1 / {x}
{x} * 1.1 = 3.3
{x} = 0.1
({x} + {y}) / 2 > {k}
({x} - {y}) * 2
{x} / {y} > 0.5
{x} + {y} < {k}
abs({x})
abs({x} - {y})
floor({x})
ceil({x})
round({x})
round({x}, 1)
round({x}, -1)
trunc({x})
floor({x} / {y} * 10) >= 8
sign({x})
sqrt(abs({x}))
{x} ** 2
pow({x}, 0.5)
exp({x})
ln({x})
log10({x})
sin({x})
mod({x}, {y})
fdiv({x}, {y})
{x} & {y}
{x} | 1
{x} << 1
xor({x}, 3)
~{x}
bit_count({x})
isnan({x})
isfinite({x})
even({x})
gcd({x}, {y})
hex({x})
"""

_OF_TIMES = """
year({x})
month({x})
day({x})
hour({x})
minute({x})
second({x})
dayofweek({x})
week({x})
quarter({x})
dayofyear({x})
epoch({x})
epoch_ms({x})
epoch_us({x})
date_part('month', {x})
date_part('epoch', {x})
date_part('milliseconds', {x})
extract(isodow FROM {x})
date_trunc('year', {x})
date_trunc('month', {x})
date_trunc('week', {x})
date_trunc('day', {x})
date_trunc('hour', {x})
date_diff('day', {x}, {y})
date_diff('month', {x}, {y})
date_diff('hour', {x}, {y})
date_diff('minute', {x}, {y}) <= 30
date_sub('month', {x}, {y})
age({x}, {y})
{x} + INTERVAL 1 MONTH
{x} - INTERVAL 1 DAY
{x} + INTERVAL '90 minutes'
{x} - {y} <= INTERVAL 1 HOUR
{y} <= {x} + INTERVAL 1 MONTH
{y} BETWEEN {x} AND {x} + INTERVAL 1 DAY
last_day({x})
monthname({x})
dayname({x})
strftime({x}, '%Y-%m-%d %H:%M:%S')
time_bucket(INTERVAL 1 DAY, {x})
timezone('America/New_York', {x})
{x}::DATE = {y}::DATE
{x}::DATE - {y}::DATE
{x} >= '2024-02-29'
{x} > '2024-02-29 12:00:00'
{x} = '12:00:00'
to_days(1) + {x}
"""

_OF_TEXTS = """
{x} || {y}
{x} || 'é'
concat({x}, {y})
concat_ws('-', {x}, {y})
{x} LIKE 'a%'
{x} LIKE {y}
{x} NOT LIKE '_b%'
{x} LIKE 'B!_!%' ESCAPE '!'
{x} ILIKE 'A_c'
{x} GLOB 'a*'
starts_with({x}, {y})
ends_with({x}, {y})
contains({x}, {y})
{x} ^@ 'a'
length({x})
strlen({x})
upper({x})
lower({x})
trim({x})
substring({x}, 2, 2)
left({x}, 2)
right({x}, 2)
reverse({x})
replace({x}, 'a', {y})
regexp_matches({x}, 'b.?')
regexp_replace({x}, '[a-c]', '-')
levenshtein({x}, {y}) < 3
position('b' IN {x})
lpad({x}, 5, '*')
repeat({x}, 2)
split_part({x}, '-', 2)
ascii({x})
md5({x})
{x} COLLATE NOCASE = {y}
strip_accents({x})
encode({x})
octet_length({x})
"""

_OF_PARTS = """
({x})[1]
({x})[1:2]
({x})['k']
({x}).a
struct_extract({x}, 'b')
struct_extract({x}, 'a') < struct_extract({y}, 'a')
list_concat({x}, {y})
list_contains({x}, 1)
list_sum({x})
list_max({x})
list_transform({x}, lambda e: e + 1)
list_filter({x}, lambda e: e IS NOT NULL)
array_to_string({x}, ',')
map_keys({x})
cardinality({x})
element_at({x}, 'k')
list_reverse({x})
list_has_any({x}, {y})
array_inner_product({x}, {y})
"""

#: Over rows of a match: `{x}` is the column, `{i}` one that says the order. (`mode` gives any of several values.)
_AGGREGATED = """
count({x})
count(DISTINCT {x})
sum({x})
avg({x})
min({x})
max({x})
list({x})
array_agg({x} ORDER BY {x}, {i})
len(list(DISTINCT {x}))
string_agg({x}::VARCHAR, ',')
string_agg({x}::VARCHAR, ',' ORDER BY {i} DESC)
bool_and({x} IS NOT NULL)
bool_or({x} > {k})
count(*) FILTER (WHERE {x} > {k})
sum({x}) FILTER (WHERE {x} <> {c})
sum(DISTINCT {x})
max({x}) - min({x})
sum({x}) / count(*)
sum({x}) > {k}
avg({x}) = {c}
min({x}) = max({x})
max({x}) < {k}
var_samp({x})
stddev_pop({x})
median({x})
quantile_disc({x}, 0.5)
quantile_cont({x}, 0.5)
arg_max({x}, {i})
arg_min({i}, {x})
any_value({x}) IS NOT NULL
bit_or({x})
product({x})
min({x}, 2)
count(*) + count({x})
sum(length({x}::VARCHAR))
max({x}::VARCHAR)
list({x})[1] = {c}
histogram({x})
approx_count_distinct({x})
bool_or({x} IS NULL)
"""


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.splitlines() if line)


EXPRESSIONS = _lines(_COMPARED + _CHOSEN + _CAST + _COMPUTED + _OF_TIMES + _OF_TEXTS + _OF_PARTS)
AGGREGATES = _lines(_AGGREGATED)
