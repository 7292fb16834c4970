"""Queries of an attacker: hostile pieces at every place of a query where the grammar takes a name, a type, a text, ..."""

# ruff: noqa: E501, RUF001 - texts that are not what they look like, one beside the other

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

#: In a variable, a table of the connection, a file, the environment, and a table of the caller; in no answer or error.
CANARY = "CANARY-5f1c"

# Pieces that read something which was not given, in the forms in which an expression or a table can be smuggled.
READS = [
    "(SELECT max(v) FROM hidden)",
    "getvariable('canary')",
    "current_setting('temp_directory')",
    "(SELECT string_agg(value, ';') FROM duckdb_settings())",
    "(FROM duckdb_variables())",
    "(TABLE hidden)",
    "(TABLE duckdb_databases)",
    "hidden",
    "main.hidden",
    "memory.main.hidden",
    "temp.hidden",
    "duckdb_databases",
    "information_schema.tables",
    "sqlite_master",
    "canary_of_the_caller",
    "query('FROM hidden')",
    "query_table('hidden')",
    "read_text('{file}')",
    "read_csv('{file}')",
    "'{file}'",
    '"{file}"',
    "glob('/*')",
    "peek()",
    "main.peek()",
    "json_execute_serialized_sql(json_serialize_sql('FROM hidden'))",
    "getenv('CANARY')",
    "duckdb_settings()",
    "pragma_version()",
    "ARRAY(FROM hidden)",
    "EXISTS (FROM hidden)",
    "x IN (FROM hidden)",
    "x = ANY (FROM hidden)",
    "(WITH t AS (FROM hidden) FROM t)",
    "(VALUES (getvariable('canary')))",
    "list_aggregate([1], 'combine_aggr')",
    "COLUMNS(*)",
    "main.getvariable('canary')",
    "system.main.current_setting('temp_directory')",
    "'canary'.getvariable()",
    "\"getvariable\"('canary')",
    "nextval('sequence')",
    "pg_get_viewdef(1)",
    "write_log('x')",
    "(DESCRIBE hidden)",
    "(SHOW ALL TABLES)",
    "(SUMMARIZE hidden)",
    "(PIVOT hidden ON v)",
    "(FROM hidden MATCH_RECOGNIZE (MEASURES LAST(v) AS m PATTERN (A)))",
    "hidden MATCH_RECOGNIZE (MEASURES LAST(v) AS m PATTERN (A))",
    '"rowpattern answer 0"',
    '"rowpattern answer 1"',
    '"keys"',
    '"rows"',
    'TABLE "rowpattern answer 0"',
]

# Pieces that end what they stand in, or make the rest into something else.
PIECES = [
    "'", '"', "''", '""', "`", "\\", "\\'", "$$", "$a$", "$é$", "--", "-- \n", "--\r", "/*", "*/", "/* /* */", "/**/", ";", "; ",
    "E'\\''", "e'\\\\'", "x''", "x'41'", "b'1'", "U&'\\0041'", "n'a'", "'a' 'b'", "'a'\n'b'", "$1", "?", "#1", "@x", "::", ":=", "=>",
    "->", "..", ".", ",", "(", ")", "[", "]", "{", "}", "((", "))", "|>", "||", "==", "!", "\xa0", "\u200b", "\u2028", "\u3000",
    "\ufeff", "\u200d", "\u202e", "\x0b", "\x0c", "\x01", "\x1c", "\x7f", "\x85", "\r", "\r\n", "＇", "＂", "（", "）", "；", "，", "‘", "’", "“",
    "\u212a", "ſ", "ı", "İ", "ﬁ", "Ａ", "а", "\u0301", "हिन्दी", "😀", "null", "SELECT", "FROM", "AS", "WITH", "UNION", "DEFINE", "PATTERN",
    "PATTERN (", "MEASURES", "SUBSET", "AFTER MATCH SKIP", "MATCH_RECOGNIZE", "MATCH_RECOGNIZE (", "RUNNING", "FINAL", "FINAL FINAL",
    "OVER ()", "FILTER (WHERE", "WITHIN GROUP", "IGNORE NULLS", "ORDER BY", "TABLESAMPLE", "AT", "at", "left", "LATERAL", "VALUES",
    "r:sum", "f:first", "parameter 0", "i0", "r0", "classifier", "match", "row", "rowpattern answer 0", "oid", "INTEGER[]", "DECIMAL(1,1",
    "1e999", "-", "- -1", "1_0", "0x1", "999999999999999999999999999999999999999999", "*", "A.*", "x.x.x.x", "CLASSIFIER()", "PREV(x)",
]  # fmt: skip

# How a piece is dressed to look like what belongs in its place.
DRESSES = [
    "{}", "{}", "{}", '"{}"', "'{}'", "$${}$$", "$q${}$q$", "E'{}'", "/*{}*/ x", "--{}\n x", "x {}", "{} x", "({})", "x, {}", "{}, x",
    "x) || {} || (x", "x AS {}", 'x" {} "x', "x' {} 'x", "INTEGER) || {} || CAST(1 AS INTEGER", '"INTEGER) || {} || CAST(1 AS INTEGER"',
    "day) + {} + (1", '"day FROM d) + {} + extract(day"', "x: {}, lambda y", '"x: {})) + (1"', "x)) + {} + ((1", "nocase || {}",
    '"nocase || {} || x"', "'UTC' || {}", "1) AS m, {} AS z, (1", "1 AS z PATTERN (A)) AS z, {} --", "A) DEFINE A AS {} --",
    "x) AS y, (SELECT {}", "{}\xa0", "\u200b{}", "x\r{}", "--\r{}", "/* /* */ {} */", "x /*' */ || {} /*' */", "x--'\n|| {} --'\n",
    'U&"{}"', "x;{}", "x;{};", "(x, {})", "[{}]", "{{'a': {}}}", "CASE WHEN {} THEN 1 END", "lambda z: {}", "x.{}", "{}.x", "A.{}",
]  # fmt: skip

# Where a piece goes. `@` is the place.
MEASURES = [
    "CAST(x AS @)", "x::@", "TRY_CAST(s AS @)", "CAST(x AS DECIMAL(@, 2))", "CAST(r AS STRUCT(@ INTEGER))", "CAST(r AS STRUCT(a @))",
    "CAST(s AS ENUM(@))", "x::@[]", "x::INTEGER[@]", "CAST(x AS MAP(VARCHAR, @))", "CAST(x AS UNION(@ INT))", "EXTRACT(@ FROM d)",
    "d AT TIME ZONE @", "INTERVAL 1 @", "INTERVAL @ DAY", "INTERVAL (@) DAY", "s COLLATE @", "date_trunc(@, d)", "date_part(@, d)",
    "@(x)", "@", "@.x", "A.@", "LAST(A.@)", "list_transform(l, lambda @: 1)", "list_transform(l, lambda v: @)", "list_transform(l, @ -> 1)",
    "(r).@", "r.@", "r[@]", "struct_pack(@ := 1)", "{@: 1}", "l[@]", "l[@:2]", "l[1:@:@]", "s LIKE @", "s LIKE 'a' ESCAPE @",
    "s SIMILAR TO @", "LAST(x, @)", "PREV(@)", "PREV(x, @)", "CLASSIFIER(@)", "count(@.*)", "count(@)", "sum(x) FILTER (WHERE @)",
    "sum(x ORDER BY @)", "sum(DISTINCT @)", "string_agg(s, @)", "RUNNING @(x)", "FINAL @", "CASE WHEN @ THEN 1 ELSE 2 END",
    "CASE x WHEN 1 THEN @ END", "TRIM(@ FROM s)", "SUBSTRING(s FROM @)", "OVERLAY(s PLACING @ FROM 1)", "POSITION(@ IN s)",
    "x IN (@)", "x BETWEEN @ AND 2", "list_aggregate(l, @)", "x @ 1", "@ 'a'", "s || @", "TRY(@)", "COALESCE(@, x)", "j -> @",
    "json_transform(j, @)", "strptime(s, @)", "[v for v in l if @]", "[@ for v in l]", "row(@)", "MAP {@: 1}", "x IS DISTINCT FROM @",
    "regexp_matches(s, @)", "x::@ COLLATE @", "first(x ORDER BY @)", "x AS @", "@ AS y, x", "x @",
]  # fmt: skip

CLAUSES = [
    "PARTITION BY @ MEASURES 1 AS m PATTERN (A)", "ORDER BY @ MEASURES 1 AS m PATTERN (A)", "ORDER BY x @ MEASURES 1 AS m PATTERN (A)",
    "ORDER BY x NULLS @ MEASURES 1 AS m PATTERN (A)", "ORDER BY x COLLATE @ MEASURES 1 AS m PATTERN (A)",
    "MEASURES 1 AS @ PATTERN (A)", "MEASURES 1 @ PATTERN (A)", "MEASURES 1 AS m @ PATTERN (A)", "MEASURES 1 AS m ALL ROWS PER @ PATTERN (A)",
    "MEASURES 1 AS m AFTER MATCH SKIP TO LAST @ PATTERN (A)", "MEASURES 1 AS m AFTER MATCH SKIP @ PATTERN (A)",
    "MEASURES 1 AS m PATTERN (@)", "MEASURES 1 AS m PATTERN (A @)", "MEASURES 1 AS m PATTERN (A{@})", "MEASURES 1 AS m PATTERN (A) @",
    "MEASURES 1 AS m PATTERN (A) SUBSET @ = (A)", "MEASURES 1 AS m PATTERN (A) SUBSET U = (@)", "MEASURES 1 AS m PATTERN (A B) SUBSET U = (A, @)",
    "MEASURES 1 AS m PATTERN (A) DEFINE @ AS true", "MEASURES 1 AS m PATTERN (A) DEFINE A AS @", "MEASURES 1 AS m PATTERN (A) DEFINE A AS x > @",
    "MEASURES 1 AS m PATTERN (A B) DEFINE A AS @, B AS true", "MEASURES 1 AS m PATTERN (A B) DEFINE B AS A.x = @",
    "@ MEASURES 1 AS m PATTERN (A)", "MEASURES LAST(@.x) AS m PATTERN (A)",
]  # fmt: skip

_GOOD = "MATCH_RECOGNIZE (ORDER BY x MEASURES LAST(x) AS m, CLASSIFIER() AS c PATTERN (A+ B?) DEFINE A AS x > 0)"
_GIVEN = f"SELECT * FROM t {_GOOD}"
AROUND = [
    f"SELECT @ FROM t {_GOOD}", f"SELECT m AS @ FROM t {_GOOD}", f"SELECT @(m) FROM t {_GOOD}", f"SELECT m::@ FROM t {_GOOD}",
    f"SELECT m COLLATE @ FROM t {_GOOD}", f"SELECT EXTRACT(@ FROM current_date) FROM t {_GOOD}", f"SELECT * FROM @ {_GOOD}",
    f"SELECT * FROM t AS @ {_GOOD}", f"SELECT * FROM t @ {_GOOD}", f"SELECT * FROM @.t {_GOOD}", f"SELECT * FROM @: t {_GOOD}",
    f"SELECT * FROM t AS u (@) {_GOOD}", f"SELECT * FROM (SELECT @ AS x FROM t) {_GOOD}", f"SELECT * FROM (SELECT * FROM @) u {_GOOD}",
    f"{_GIVEN} AS @", f"{_GIVEN} @", f"{_GIVEN} AS u (@)", f"{_GIVEN}, @", f"{_GIVEN} JOIN @ ON true", f"{_GIVEN} AS u JOIN t USING (@)",
    f"{_GIVEN} AS u JOIN t ON @", f"{_GIVEN} AS u NATURAL JOIN @", f"{_GIVEN} AS u POSITIONAL JOIN @", f"{_GIVEN} AS u, LATERAL @",
    f"{_GIVEN} WHERE @", f"{_GIVEN} GROUP BY @", f"{_GIVEN} GROUP BY ALL HAVING @", f"{_GIVEN} QUALIFY @", f"{_GIVEN} ORDER BY @",
    f"{_GIVEN} LIMIT @", f"{_GIVEN} LIMIT 1 OFFSET @", f"{_GIVEN} UNION @", f"{_GIVEN} UNION ALL SELECT @, 'a'", f"{_GIVEN} USING SAMPLE @",
    f"{_GIVEN} WINDOW w AS (@)", f"WITH @ AS (SELECT 1 AS x) SELECT * FROM t {_GOOD}", f"WITH c (@) AS (SELECT 1) SELECT * FROM c, t {_GOOD}",
    f"WITH c AS (@) SELECT * FROM c, t {_GOOD}", f"WITH c AS @ (SELECT 1) SELECT * FROM c, t {_GOOD}", f"WITH @, c AS (SELECT 1) SELECT * FROM c, t {_GOOD}",
    f"WITH @ AS (FROM @) SELECT * FROM @, t {_GOOD}", f"WITH RECURSIVE @ AS (SELECT 1 AS x UNION ALL FROM @) SELECT * FROM t {_GOOD}",
    f"WITH t AS (FROM @) SELECT * FROM t {_GOOD}", f"WITH hidden AS (SELECT 1 AS v), c AS (@) SELECT * FROM c, t {_GOOD}",
    f"WITH c AS (WITH hidden AS (SELECT 1 AS v) FROM hidden) SELECT * FROM c, @, t {_GOOD}", f"@ SELECT * FROM t {_GOOD}",
    f"SELECT (SELECT @), m FROM t {_GOOD}", f"SELECT m IN (@) FROM t {_GOOD}", f"SELECT sum(m) OVER (ORDER BY @) FROM t {_GOOD}",
    f"SELECT sum(m) OVER (PARTITION BY m ROWS @ PRECEDING) FROM t {_GOOD}", f"SELECT list_transform([1], lambda v: @) FROM t {_GOOD}",
    f"SELECT * EXCLUDE (@) FROM t {_GOOD}", f"SELECT * REPLACE (@ AS m) FROM t {_GOOD}", f"SELECT COLUMNS(@) FROM t {_GOOD}",
    f"FROM t {_GOOD} SELECT @", f"SELECT * FROM (FROM t {_GOOD}) PIVOT (@ FOR m IN (1))", f"SELECT * FROM (FROM t {_GOOD}) PIVOT (sum(m) FOR c IN (@))",
    f"PIVOT (FROM t {_GOOD}) ON @ USING sum(m)", f"VALUES (@) UNION ALL SELECT m FROM t {_GOOD}", f"SELECT * FROM t {_GOOD} AS u {_GOOD.replace('x', 'm')} @",
]  # fmt: skip

PLACES = [
    *(f"SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY x MEASURES {each} AS m PATTERN (A+))" for each in MEASURES),
    *(f"SELECT * FROM t MATCH_RECOGNIZE (ORDER BY x MEASURES 1 AS m ALL ROWS PER MATCH PATTERN (A+ B) DEFINE B AS ({each}) IS NULL)" for each in MEASURES),
    *(f"SELECT * FROM t MATCH_RECOGNIZE ({each})" for each in CLAUSES),
    *AROUND,
]  # fmt: skip

# Right values, so that a hostile piece beside them comes as far as to DuckDB.
PLAIN = [
    "x",
    "s",
    "1",
    "'day'",
    "day",
    "INTEGER",
    "nocase",
    "'UTC'",
    "A",
    '"x"',
    "t",
    "u",
    "true",
    "sum",
    "abs",
    "r",
    "a",
    "'a'",
    "x > 1",
]


def hostile(source: random.Random, file: str) -> str:
    """Return one query."""
    place = source.choice(PLACES)
    while "@" in place:
        roll = source.random()
        if roll < 0.15:
            piece = source.choice(PLAIN)
        else:
            piece = source.choice(READS if source.random() < 0.5 else PIECES).replace("{file}", file)
            for _ in range(1 if source.random() < 0.8 else 2):
                dress = source.choice(DRESSES)
                piece = dress.replace("{}", piece).replace("{{", "{").replace("}}", "}")
        place = place.replace("@", piece.replace("@", "\0"), 1)
    return place.replace("\0", "@")


def mutated(source: random.Random, text: str) -> str:
    """Return a query with some of its characters gone, doubled, moved or replaced by hostile ones."""
    characters = list(text)
    for _ in range(source.choice([1, 1, 2, 5])):
        at = source.randrange(len(characters) + 1)
        width = source.choice([1, 1, 2, 5, 20])
        roll = source.randrange(5)
        if roll == 0:
            del characters[at : at + width]
        elif roll == 1:
            characters[at:at] = characters[at : at + width]
        elif roll == 2:
            to = source.randrange(len(characters) + 1)
            characters[to:to] = characters[at : at + width]
        elif roll == 3:
            characters[at:at] = source.choice(PIECES)
        else:
            characters[at:at] = chr(
                source.choice(
                    [source.randrange(1, 128), source.randrange(128, 0xD800), source.randrange(0x10000, 0x110000)]
                )
            )
    return "".join(characters)
