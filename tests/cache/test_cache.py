"""The store itself: limits, recency, time to live, statistics, kinds of keys."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import pytest

from rowpattern._core import ManualClock, PatternCache

from pattern_caches import MEGABYTE, adds_up, cache, entry_bytes

if TYPE_CHECKING:
    import rowpattern


def ageing_cache(ttl_seconds: float) -> tuple[PatternCache, ManualClock]:
    """Return a cache whose entries have a time to live, and its clock."""
    clock = ManualClock()
    return cache(ttl_seconds=ttl_seconds, clock=clock), clock


def test_the_same_object_comes_back() -> None:
    values = cache()
    value = object()
    assert values.put("k", value, size_bytes=10)
    assert values.get("k") is value
    assert values.get("other") is None
    statistics = values.statistics()
    assert (statistics["hits"], statistics["misses"], statistics["size"]) == (1, 1, 1)
    assert statistics["cache_efficiency"] == 50.0
    assert len(values) == 1
    assert "of 1 entry," in repr(values)


def test_the_one_used_longest_ago_goes_first() -> None:
    values = cache(max_size=3)
    for key in "abc":
        values.put(key, key, size_bytes=1)
    assert values.get("a") == "a"
    values.put("d", "d", size_bytes=1)
    assert [values.get(key) for key in "abcd"] == ["a", None, "c", "d"]
    values.resize(1)
    assert [values.get(key) for key in "abcd"] == [None, None, None, "d"]


def test_memory_is_kept_by_weight() -> None:
    room = entry_bytes("a") + 1000
    values = cache(max_memory_mb=3 * room / MEGABYTE)
    for key in "abcd":
        assert values.put(key, key, size_bytes=1000)
    assert [values.get(key) for key in "abcd"] == [None, "b", "c", "d"]
    assert values.put("e", "e", size_bytes=1000 + room)
    assert [values.get(key) for key in "bcde"] == [None, None, "d", "e"]
    assert values.statistics()["evictions"] == 3


def test_what_is_too_heavy_evicts_nothing() -> None:
    values = cache(max_memory_mb=0.01)
    values.put("light", 1, size_bytes=10)
    values.put("same", "old", size_bytes=10)
    assert not values.put("heavy", 2, size_bytes=MEGABYTE)
    assert not values.put("huge", 2, size_bytes=2**64 - 1)
    assert values.get("light") == 1
    assert values.get("heavy") is None
    # The old value of a key that was put again is stale, even when the new one is not kept.
    assert not values.put("same", "new", size_bytes=MEGABYTE)
    assert values.get("same") is None
    statistics = values.statistics()
    assert statistics["oversize"] == 3
    assert statistics["evictions"] == 0
    assert adds_up(statistics)


@pytest.mark.parametrize("limit", [{"max_size": 0}, {"max_memory_mb": 0}])
def test_no_room_at_all(limit: dict[str, int]) -> None:
    values = cache(**limit)
    assert not values.put("k", 1, size_bytes=0)
    assert values.get("k") is None


def test_time_to_live_counts_from_insertion() -> None:
    values, clock = ageing_cache(ttl_seconds=10)
    values.put("a", 1, size_bytes=1)
    clock.advance(6)
    values.put("b", 2, size_bytes=1)
    assert values.get("a") == 1
    clock.advance(3.999)
    assert values.get("a") == 1
    clock.advance(0.001)
    assert len(values) == 1
    assert values.get("a") is None
    assert values.get("b") == 2
    values.put("b", 3, size_bytes=1)
    clock.advance(9)
    assert values.get("b") == 3
    clock.advance(1)
    assert values.get("b") is None
    statistics = values.statistics()
    assert statistics["expirations"] == 2
    assert statistics["size"] == 0
    assert statistics["memory_used_mb"] == 0
    assert adds_up(statistics)


def test_a_new_time_to_live_is_for_new_entries() -> None:
    values, clock = ageing_cache(ttl_seconds=10)
    values.put("old", 1, size_bytes=1)
    values.set_ttl(100)
    values.put("new", 2, size_bytes=1)
    values.resize(5)
    clock.advance(10)
    assert values.get("old") is None
    assert values.get("new") == 2
    values.set_ttl(None)
    values.put("for ever", 3, size_bytes=1)
    clock.advance(10**9)
    assert values.get("for ever") == 3
    assert len(values) == 1


def test_expired_objects_are_released_without_a_look_up() -> None:
    class Thing:
        pass

    clock = ManualClock()
    values = cache(ttl_seconds=1, clock=clock)
    thing = Thing()
    alive = weakref.ref(thing)
    values.put("k", thing, size_bytes=1)
    del thing
    clock.advance(2)
    assert values.statistics()["size"] == 0
    assert alive() is None


def test_objects_that_leave_are_released_at_once() -> None:
    class Thing:
        pass

    def put(values: rowpattern.PatternCache, key: str) -> weakref.ref[Thing]:
        thing = Thing()
        values.put(key, thing, size_bytes=1)
        return weakref.ref(thing)

    values = cache(max_size=2)
    first, second, third = put(values, "a"), put(values, "b"), put(values, "c")
    assert first() is None
    again = put(values, "b")
    assert second() is None
    assert values.invalidate("c")
    assert third() is None
    assert not values.invalidate("c")
    values.clear()
    assert again() is None
    last = put(values, "d")
    assert values.get("d") is last()
    del values
    assert last() is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_memory_mb": -1}, "max_memory_mb must be"),
        ({"max_memory_mb": float("nan")}, "max_memory_mb must be"),
        ({"ttl_seconds": 0}, "ttl_seconds must be"),
        ({"ttl_seconds": -1}, "ttl_seconds must be"),
    ],
)
def test_limits_are_checked(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cache(**arguments)


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ValueError, match='policy must be "lru" or "tinylfu", not "fifo"'):
        cache(policy="fifo")
    with pytest.raises(ValueError, match='policy must be "lru" or "tinylfu", not "LRU"'):
        cache().resize(policy="LRU")


def test_tinylfu_keeps_what_is_asked_for_often_from_a_scan() -> None:
    kept, stayed = {}, {}
    for policy in ("lru", "tinylfu"):
        values = cache(max_size=50, policy=policy)
        often = [f"often {number}" for number in range(50)]
        for _ in range(5):
            for key in often:
                if values.get(key) is None:
                    values.put(key, key, size_bytes=1)
        kept[policy] = 0
        for number in range(200):
            key = f"once {number}"
            assert values.get(key) is None
            kept[policy] += values.put(key, key, size_bytes=1)
        stayed[policy] = sum(values.get(key) is not None for key in often)
        statistics = values.statistics()
        assert statistics["rejections"] == 200 - kept[policy]
        # A larger limit would have kept them: the monitor counts misses of them as it counts those of what was evicted.
        for number in range(200):
            values.get(f"once {number}")
        assert values.statistics()["evicted_misses"] - statistics["evicted_misses"] >= 140
    assert (kept["lru"], stayed["lru"]) == (200, 0)
    # The sketch seldom takes a key for one that was asked for more often.
    assert kept["tinylfu"] < 10
    assert stayed["tinylfu"] > 40


def test_more_entries_than_the_first_level_has_places() -> None:
    values = cache(max_size=200_000)
    keys = [f"key {number}" for number in range(100_000)]
    for key in keys:
        values.put(key, key, size_bytes=1)
    for _ in range(2):
        assert [key for key in keys if values.get(key) is not key] == []
    assert values.put(keys[5], "new", size_bytes=1)
    assert values.get(keys[5]) == "new"
    assert values.invalidate(keys[6])
    assert values.get(keys[6]) is None
    statistics = values.statistics()
    assert (statistics["size"], statistics["hits"], statistics["misses"]) == (99_999, 200_001, 1)
    values.resize(10)
    assert [key for key in keys if values.get(key) is not None] == [keys[5], *keys[-9:]]
    values.clear()
    assert all(values.get(key) is None for key in keys[:1000])


def test_texts_that_are_equal_find_each_other() -> None:
    class Shouted(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return 5

        def __eq__(self, other: object) -> bool:
            return False

    values = cache()
    texts = ["ascii", "", "é", "€" * 3, "\U0001f600", "a" * 100_000, "nul\0nul"]
    for text in texts:
        values.put(text, text, size_bytes=1)
    for text in texts:
        again = f"x{text}"[1:]
        assert values.get(again) is text
        # A subclass may compare as it likes; its characters count here.
        assert values.get(Shouted(text)) is text
    values.put(Shouted("shouted"), 1, size_bytes=1)
    assert values.get("shouted") == 1
    with pytest.raises(UnicodeEncodeError):
        values.get("\udc80")
    with pytest.raises(TypeError):
        values.get(b"ascii")  # type: ignore[arg-type]


def test_kinds_have_keys_of_their_own() -> None:
    values = cache()
    kinds = ["object", "condition", "tokens", "query", "clause"]
    for kind in kinds:
        values.put("k", kind, size_bytes=1, kind=kind)
    assert [values.get("k", kind=kind) for kind in kinds] == kinds
    assert sorted(entry["kind"] for entry in values.entries()) == sorted(kinds)
    assert values.patterns() == []
    assert values.reweigh("k", size_bytes=5000, kind="query")
    assert values.entries(order="bytes")[0]["kind"] == "query"
    with pytest.raises(ValueError, match="kind must be"):
        values.get("k", kind="pattern")
    assert values.invalidate("k")
    assert len(values) == 0


def test_disabling() -> None:
    values = cache()
    values.put("k", 1, size_bytes=1)
    values.set_enabled(False)
    assert values.get("k") is None
    assert not values.put("other", 1, size_bytes=1)
    assert values.statistics()["misses"] == 0
    values.set_enabled(True)
    assert values.get("k") == 1
