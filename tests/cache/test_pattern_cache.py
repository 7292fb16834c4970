"""The documented functions, the process-wide cache and its settings."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rowpattern
from rowpattern import pattern_cache
from rowpattern.cache.keys import general_key
from rowpattern.cache.plans import get_plan_cache

from commands import run_python

if TYPE_CHECKING:
    import subprocess


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_python("-c", code, env=environment)


def test_a_hit_returns_what_was_cached() -> None:
    key = pattern_cache.get_cache_key("A B+")
    assert pattern_cache.get_cached_pattern(key) is None
    dfa, nfa = object(), object()
    assert pattern_cache.cache_pattern(key, dfa, nfa, 0.25) is True
    found = pattern_cache.get_cached_pattern(key)
    assert found is not None
    assert found[0] is dfa
    assert found[1] is nfa
    assert found[2] == 0.25
    statistics = pattern_cache.get_cache_stats()
    assert statistics["hits"] == statistics["misses"] == statistics["size"] == 1
    assert statistics["compilation_time_saved"] == 0.25
    assert statistics["cache_efficiency"] == 50.0
    assert statistics == pattern_cache.CACHE_STATS
    pattern_cache.clear_pattern_cache()
    assert pattern_cache.get_cached_pattern(key) is None
    assert pattern_cache.get_cache_stats()["size"] == 0


def test_the_documented_statistics_are_there() -> None:
    documented = (
        "hits misses evictions size max_size memory_used_mb max_memory_used_mb cache_efficiency "
        "compilation_time_saved cache_age_seconds last_reset"
    )
    assert set(documented.split()) <= set(pattern_cache.get_cache_stats())


def test_compiled_patterns_are_cached() -> None:
    first = rowpattern.compile("A B C D")
    assert rowpattern.compile("A B C D") is first
    assert rowpattern.compile("A B C D", subset={"U": ["A"]}) is not first
    assert rowpattern.compile("A B C D", subset={"U": ["A"]}) is rowpattern.compile("A B C D", subset={"U": ("A",)})
    statistics = pattern_cache.get_cache_stats()
    assert (statistics["hits"], statistics["misses"], statistics["size"]) == (3, 2, 2)
    assert statistics["compilation_time_saved"] > 0
    # A caller's key is never a pattern's.
    assert pattern_cache.get_cached_pattern("A B C D") is None


def test_errors_are_not_cached() -> None:
    for _ in range(2):
        with pytest.raises(rowpattern.PatternSyntaxError):
            rowpattern.compile("A B (")
    assert pattern_cache.get_cache_stats()["size"] == 0


def test_disabling_is_seen_by_every_caller() -> None:
    key = pattern_cache.get_cache_key("A")
    pattern_cache.cache_pattern(key, 1, 2)
    first = rowpattern.compile("A")
    pattern_cache.set_caching_enabled(False)
    assert not pattern_cache.is_caching_enabled()
    assert pattern_cache.get_cached_pattern(key) is None
    assert pattern_cache.cache_pattern("other", 1, 2) is False
    assert rowpattern.compile("A") is not first
    assert rowpattern.compile("A") == first
    pattern_cache.set_caching_enabled(True)
    assert pattern_cache.get_cached_pattern(key) == (1, 2, 0.0)
    assert rowpattern.compile("A") is first


def test_resizing_keeps_the_most_recent() -> None:
    for number in range(10):
        pattern_cache.cache_pattern(str(number), number, None)
    pattern_cache.get_cached_pattern("0")
    assert pattern_cache.resize_cache(3) is True
    assert [key for key in map(str, range(10)) if pattern_cache.get_cached_pattern(key)] == ["0", "8", "9"]
    assert pattern_cache.get_cache_stats()["max_size"] == 3
    assert pattern_cache.resize_cache(-1) is False
    assert pattern_cache.resize_cache(cast("Any", Decimal("NaN"))) is False
    assert pattern_cache.resize_cache(max_memory_mb=float("nan")) is False
    assert pattern_cache.resize_cache(policy="fifo") is False
    assert pattern_cache.resize_cache(policy="tinylfu") is True
    assert pattern_cache.get_cache_stats()["policy"] == "tinylfu"
    assert pattern_cache.get_cache_stats()["max_size"] == 3


def test_what_is_too_heavy_is_not_cached_but_compiled() -> None:
    pattern_cache.get_pattern_cache().resize(max_memory_mb=0.002)
    pattern = rowpattern.compile("PERMUTE(A, B, C, D, E, F)")
    assert pattern.count("FEDCBA") == 1
    assert rowpattern.compile("PERMUTE(A, B, C, D, E, F)") is not pattern
    assert pattern_cache.get_cache_stats()["oversize"] == 2
    assert pattern_cache.cache_pattern("k", "x" * 100_000, None) is False


def test_matching_keeps_the_memory_limit() -> None:
    patterns = [rowpattern.compile(f"(A|B)* A (A|B){{{number}}} C") for number in range(3, 9)]
    before = pattern_cache.get_cache_stats()["memory_used_mb"]
    for pattern in patterns:
        pattern.count("ABBABAABBABBBAABAB" * 1000)
    after = pattern_cache.get_cache_stats()["memory_used_mb"]
    weights = sum(pattern.memory_bytes for pattern in patterns)
    assert before < after
    assert 0 < after * 2**20 - weights < 6 * 1500
    limit = after / 2
    pattern_cache.get_pattern_cache().resize(max_memory_mb=limit)
    for pattern in patterns:
        pattern.count("BBBBAAABABAB" * 2000)
        assert pattern_cache.get_cache_stats()["memory_used_mb"] <= limit


def test_weights_of_objects() -> None:
    def weight(value: object) -> float:
        pattern_cache.clear_pattern_cache()
        pattern_cache.cache_pattern("k", value, None)
        return float(pattern_cache.get_cache_stats()["memory_used_mb"]) * 2**20

    shared = "x" * 10_000
    assert weight(shared) == pytest.approx(10_000, rel=0.2)
    assert weight([shared] * 100) == pytest.approx(11_000, rel=0.2)
    assert weight(["y" * 1000 + str(number) for number in range(1000)]) == pytest.approx(1_060_000, rel=0.2)
    assert weight([[number] for number in range(10**5)]) == pytest.approx(9_600_000, rel=0.5)
    pattern_cache.clear_pattern_cache()
    pattern_cache.cache_pattern("k", shared, None, pattern_metadata={"size_bytes": 5 * 2**20})
    assert pattern_cache.get_cache_stats()["memory_used_mb"] == pytest.approx(5, rel=0.01)


def test_keys_are_canonical() -> None:
    key = pattern_cache.get_cache_key
    assert key("A", {"A": "1", "B": "2"}) == key("A", {"B": "2", "A": "1"})
    assert key("A", None, {"U": ["A", "B"]}) == key("A", None, {"U": ["B", "A"]})
    assert key("A") == key("A", {}, {})
    different = [
        key("A"),
        key("a"),
        key("A|define:B=1"),
        key("A", {"B": "1"}),
        key("A", {"B": "1&C=2"}),
        key("A", {"B": "1", "C": "2"}),
        key("A", None, {"B": "1"}),
        key("A", None, {"B": ["1,2"]}),
        key("A", None, {"B": ["1", "2"]}),
        key("A", None, None, {"row_count": 1}),
        key("A+ B"),
        key("A+? B"),
        key("A\udc80"),
    ]
    assert len(set(different)) == len(different)


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (("A B+ C", {"A": "x > 1"}, {}), "b9e46d8cecce0533f1132678f005005648612574cfca308a04eced975c2114c2"),
        (
            ("A", None, {"U": ["B", "A", "B"]}, {"rows": 5}),
            "630192cbb9ad8943fb7ec6eeeded1694c58c6afb0fbbb4bcdca419d2763df984",
        ),
        (
            ('\t"\\/\x7f\u00e9\U0001f600', {"\n": "\x00"}),
            "963f4fee9661f5b11e9d4a22032351aedca4e96223d2da09b7f802e28f0aab6e",
        ),
    ],
)
def test_keys_are_those_of_earlier_versions(arguments: tuple[Any, ...], key: str) -> None:
    assert pattern_cache.get_cache_key(*arguments) == key


any_text = st.text(st.characters(codec=None), max_size=8)


@given(
    any_text,
    st.dictionaries(any_text, any_text | st.integers(), max_size=3),
    st.dictionaries(any_text, st.lists(any_text, max_size=3) | st.sets(any_text, max_size=3) | any_text, max_size=3),
    st.none() | st.dictionaries(any_text, st.integers() | st.booleans(), max_size=2),
)
def test_keys_are_hashes_of_json(pattern: str, define: Any, subsets: Any, characteristics: Any) -> None:
    assert pattern_cache.get_cache_key(pattern, define, subsets, characteristics) == general_key(
        pattern, define, subsets, characteristics
    )


def test_a_caller_s_keys_are_not_those_of_plans_conditions_and_tokens() -> None:
    sql = "SELECT * FROM t MATCH_RECOGNIZE (MEASURES A.x AS y PATTERN (A))"
    for key in (sql, f"query\0{sql}", f"0\0{len(sql)}\0{sql}\0001:x", "condition_k", "tokens_A"):
        pattern_cache.cache_pattern(key, 1, 2)
    table = pa.table({"x": [1, 2]})
    assert rowpattern.match_recognize(sql, table)["y"].to_pylist() == [1, 2]
    assert pattern_cache.get_cached_condition("k") is None
    assert pattern_cache.get_cached_tokens("A") is None
    kinds = [entry["kind"] for entry in pattern_cache.cache_entries()]
    assert kinds.count("object") == 5
    assert set(kinds) == {"object", "pattern"}
    # Plans are elsewhere. The clause's key is no query, though it stands among them.
    plans = get_plan_cache().entries()
    assert {each["kind"] for each in plans} == {"query", "clause"}
    (key,) = [entry["key"] for entry in plans if entry["kind"] == "clause" and sql in entry["key"]]
    with pytest.raises(rowpattern.QueryError):
        rowpattern.match_recognize(key, table)


@given(
    st.tuples(st.text(), st.dictionaries(st.text(), st.text())),
    st.tuples(st.text(), st.dictionaries(st.text(), st.text())),
)
def test_different_inputs_have_different_keys(one: tuple[str, Any], other: tuple[str, Any]) -> None:
    assert (pattern_cache.get_cache_key(*one) == pattern_cache.get_cache_key(*other)) == (one == other)


def test_keys_are_stable_across_processes() -> None:
    code = (
        "from rowpattern.pattern_cache import get_cache_key;"
        "print(get_cache_key('A B+', {'A': 'x', 'B': 'y'}, {'U': {'A', 'B'}}))"
    )
    keys = {run(code, PYTHONHASHSEED=str(seed)).stdout.strip() for seed in range(3)}
    assert keys == {pattern_cache.get_cache_key("A B+", {"A": "x", "B": "y"}, {"U": ["A", "B"]})}


def test_the_process_cache_takes_its_limits_from_the_environment() -> None:
    code = """
import rowpattern
from rowpattern import pattern_cache
from rowpattern.cache.keys import general_key
rowpattern.compile("A"); rowpattern.compile("B"); rowpattern.compile("C")
s = pattern_cache.get_cache_stats()
print(s["max_size"], s["max_memory_used_mb"], s["ttl_seconds"], s["enabled"], s["size"], s["policy"])
"""
    settings = {
        "MR_CACHE_POLICY": "TinyLFU",
        "MR_CACHE_SIZE_LIMIT": "2",
        "MR_CACHE_MEMORY_LIMIT_MB": "7",
        "MR_CACHE_TTL_SECONDS": "60",
    }
    assert run(code, **settings).stdout.split() == ["2", "7.0", "60.0", "True", "2", "tinylfu"]
    assert run(code, MR_ENABLE_CACHING="false").stdout.split() == ["10000", "500.0", "3600.0", "False", "0", "lru"]


def test_a_setting_that_cannot_be_read_is_an_error_at_first_use() -> None:
    code = """
import os, rowpattern
try:
    rowpattern.compile("A")
except rowpattern.ConfigurationError as error:
    print(error)
del os.environ["MR_CACHE_SIZE_LIMIT"]
print(rowpattern.compile("A"))
"""
    assert run(code, MR_CACHE_SIZE_LIMIT="many").stdout.splitlines() == [
        "MR_CACHE_SIZE_LIMIT: cache_size_limit is 'many'; allowed is a whole number of at least 0 and at most "
        + str(2**48),
        "rowpattern.compile('A')",
    ]


def test_importing_needs_the_standard_library_only() -> None:
    code = """
import sys
import rowpattern, rowpattern.pattern_cache, rowpattern.production_config
rowpattern.compile("A").count({"A": [True]})
foreign = {name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - {"rowpattern"}
print(sorted(name for name in foreign if not name.startswith(("_", "site"))))
"""
    result = run_python("-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}")
    assert result.stdout.strip() == "[]", result.stderr


@pytest.mark.parametrize("name", ["define", "subsets", "data_characteristics"])
def test_a_key_is_made_of_mappings(name: str) -> None:
    options: list[Any] = [{}, {}, {}]
    options[["define", "subsets", "data_characteristics"].index(name)] = 1
    with pytest.raises(TypeError, match=f"{name} must be a mapping, not int"):
        pattern_cache.get_cache_key("A", *options)
