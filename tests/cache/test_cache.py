"""The store itself: limits, recency, time to live, statistics, threads, forks, finalisers."""

from __future__ import annotations

import gc
import random
import threading
import weakref
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import rowpattern
from rowpattern._core import ManualClock

from forks import child_status, needs_fork

if TYPE_CHECKING:
    from collections.abc import Mapping

MEGABYTE = 1 << 20


def cache(**options: Any) -> rowpattern.PatternCache:
    return rowpattern.PatternCache(**options)


def entry_bytes(key: str) -> int:
    probe = cache()
    probe.put(key, None, size_bytes=0)
    return int(probe.statistics()["memory_used_mb"] * MEGABYTE)


def adds_up(statistics: Mapping[str, Any]) -> bool:
    left = sum(statistics[name] for name in ("evictions", "expirations", "replacements", "invalidations"))
    return bool(statistics["insertions"] == statistics["size"] + left)


def within_limits(statistics: Mapping[str, Any]) -> bool:
    return bool(
        statistics["size"] <= statistics["max_size"]
        and statistics["memory_used_mb"] <= statistics["max_memory_used_mb"]
    )


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
    clock = ManualClock()
    values = cache(ttl_seconds=10, clock=clock)
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
    clock = ManualClock()
    values = cache(ttl_seconds=10, clock=clock)
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


MASK = 2**64 - 1

# Keys of callers' objects are in the third space.
SPACE = 2 * 0x9E3779B97F4A7C15 & MASK


class Sketch:
    """How often keys were asked for lately, as TinyLFU's paper says: four counters of 4 bits a key, halved at times."""

    SEEDS = (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F, 0xCBF29CE484222325)

    def __init__(self, places: int) -> None:
        self.width = 512
        while self.width < places:
            self.width *= 2
        self.counts = [[0] * 16 for _ in range(self.width)]
        self.added, self.sample = 0, 10 * max(places, 1)

    def counters(self, key: str) -> list[tuple[int, int]]:
        hashed = (hash(key) & MASK) ^ SPACE
        found = []
        for row, seed in enumerate(self.SEEDS):
            mixed = (hashed + seed) * seed & MASK
            found.append(((mixed + (mixed >> 32)) % self.width, hashed % 4 * 4 + row))
        return found

    def add(self, key: str) -> None:
        counters = self.counters(key)
        below = [(word, at) for word, at in counters if self.counts[word][at] < 15]
        for word, at in below:
            self.counts[word][at] += 1
        self.added += bool(below)
        if self.added >= self.sample:
            odd = sum(count % 2 for word in self.counts for count in word)
            self.counts = [[count // 2 for count in word] for word in self.counts]
            self.added = max(self.added // 2 - odd // 4, 0)

    def frequency(self, key: str) -> int:
        return min(self.counts[word][at] for word, at in self.counters(key))


class AgainstModel(RuleBasedStateMachine):
    """The cache beside a model: an ordered dict, with the limits and both policies written out."""

    keys = st.sampled_from("abcdefgh")
    policies = st.sampled_from(["lru", "tinylfu"])

    @initialize(size=st.integers(0, 6), room=st.integers(0, 6000), life=st.sampled_from([None, 1, 5]), policy=policies)
    def begin(self, size: int, room: int, life: int | None, policy: str) -> None:
        self.clock = ManualClock()
        self.cache = cache(
            max_size=size, max_memory_mb=room / MEGABYTE, ttl_seconds=life, policy=policy, clock=self.clock
        )
        self.overhead = entry_bytes("k")
        # Key to (value, bytes, time of expiry), the one used longest ago first.
        self.model: OrderedDict[str, tuple[int, int, float]] = OrderedDict()
        self.size, self.room, self.life, self.now, self.look_ups = size, room, life, 0, 0
        self.sketch = Sketch(size) if policy == "tinylfu" else None

    def expire(self) -> None:
        for key in [key for key, (_, _, end) in self.model.items() if end <= self.now]:
            del self.model[key]

    def weight(self) -> int:
        return sum(weight for _, weight, _ in self.model.values())

    def shed(self, size: int, room: int) -> None:
        while len(self.model) > size or self.weight() > room:
            self.model.popitem(last=False)

    def admits(self, key: str, total: int) -> bool:
        """Whether a new key may take the places of those used longest ago."""
        if self.sketch is None or (len(self.model) < self.size and self.weight() + total <= self.room):
            return True
        entries, weight, theirs = len(self.model), self.weight(), 0
        for leaving, (_, theirs_weight, _) in self.model.items():
            if theirs >= self.sketch.frequency(key) or (entries < self.size and weight + total <= self.room):
                break
            theirs += self.sketch.frequency(leaving)
            entries, weight = entries - 1, weight - theirs_weight
        return theirs < self.sketch.frequency(key)

    @rule(key=keys, value=st.integers(), weight=st.integers(0, 2500))
    def put(self, key: str, value: int, weight: int) -> None:
        self.expire()
        total = weight + self.overhead
        kept = total <= self.room and self.size > 0
        if kept and key not in self.model and not self.admits(key, total):
            kept = False
        else:
            self.model.pop(key, None)
        if kept:
            self.shed(self.size - 1, self.room - total)
            self.model[key] = (value, total, self.now + (self.life or float("inf")))
        assert self.cache.put(key, value, size_bytes=weight) == kept

    @rule(key=keys)
    def get(self, key: str) -> None:
        self.expire()
        self.look_ups += 1
        if self.sketch is not None:
            self.sketch.add(key)
        wanted = self.model.get(key)
        if wanted is not None:
            self.model.move_to_end(key)
        assert self.cache.get(key) == (None if wanted is None else wanted[0])

    @rule(key=keys, weight=st.integers(0, 2500))
    def reweigh(self, key: str, weight: int) -> None:
        self.expire()
        total = weight + self.overhead
        if key in self.model and total > self.room:
            del self.model[key]
        elif key in self.model:
            value, _, end = self.model[key]
            self.model[key] = (value, total, end)
            self.shed(self.size, self.room)
        assert self.cache.reweigh(key, size_bytes=weight) == (key in self.model)

    @rule(room=st.integers(0, 6000))
    def shed_memory(self, room: int) -> None:
        self.expire()
        before = len(self.model)
        self.shed(self.size, room)
        assert self.cache.shed(room / MEGABYTE) == before - len(self.model)

    @rule(key=keys)
    def invalidate(self, key: str) -> None:
        self.expire()
        assert self.cache.invalidate(key) == (self.model.pop(key, None) is not None)

    @rule(size=st.integers(0, 6), room=st.integers(0, 6000), policy=policies)
    def resize(self, size: int, room: int, policy: str) -> None:
        self.expire()
        if policy == "lru":
            self.sketch = None
        elif self.sketch is None or size != self.size:
            self.sketch = Sketch(size)
        self.size, self.room = size, room
        self.shed(size, room)
        self.cache.resize(size, max_memory_mb=room / MEGABYTE, policy=policy)

    @rule(life=st.sampled_from([None, 1, 5]))
    def live(self, life: int | None) -> None:
        self.life = life
        self.cache.set_ttl(life)

    @rule(seconds=st.integers(1, 3))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.clock.advance(seconds)

    @rule()
    def clear(self) -> None:
        self.model.clear()
        self.cache.clear()

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "cache"):
            return
        self.expire()
        statistics = self.cache.statistics()
        assert statistics["size"] == len(self.model)
        assert round(statistics["memory_used_mb"] * MEGABYTE) == self.weight()
        assert statistics["hits"] + statistics["misses"] == self.look_ups
        assert statistics["policy"] == ("lru" if self.sketch is None else "tinylfu")
        assert adds_up(statistics)
        assert within_limits(statistics)


TestAgainstModel = AgainstModel.TestCase
TestAgainstModel.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("policy", ["lru", "tinylfu"])
def test_a_thousand_resizes(policy: str) -> None:
    rng = random.Random(7)
    values = cache(policy=policy)
    # What must be there under LRU: the keys used last, within both limits.
    recent: OrderedDict[str, int] = OrderedDict()
    size, room = 10_000, 500 * MEGABYTE
    overhead = entry_bytes("12345")

    def shed() -> None:
        while len(recent) > size or sum(recent.values()) > room:
            recent.popitem(last=False)

    for _ in range(1000):
        size, room = rng.choice([0, 1, rng.randrange(40), 2000]), rng.randrange(1, 60) * 1000
        other = rng.choice([policy, policy, "lru", "tinylfu"])
        values.resize(size, max_memory_mb=room / MEGABYTE, policy=other)
        shed()
        for _ in range(rng.randrange(20)):
            key = f"{rng.randrange(60):05}"
            if rng.random() < 0.3:
                if values.get(key) is not None:
                    recent.move_to_end(key)
                continue
            weight = rng.randrange(2000)
            kept = values.put(key, key, size_bytes=weight)
            if kept or weight + overhead > room or size == 0:
                recent.pop(key, None)
            if kept:
                recent[key] = weight + overhead
                shed()
        statistics = values.statistics()
        assert within_limits(statistics)
        assert adds_up(statistics)
        assert [entry["key"] for entry in values.entries()] == list(reversed(recent))


def test_threads() -> None:
    clock = ManualClock()
    values = cache(max_size=50, max_memory_mb=0.06, ttl_seconds=1, clock=clock)
    problems: list[BaseException] = []
    look_ups = [0] * 8

    def work(number: int) -> None:
        rng = random.Random(number)
        try:
            for _ in range(6000):
                key = str(int(rng.paretovariate(1)))
                action = rng.random()
                if action < 0.6:
                    look_ups[number] += 1
                    assert values.get(key) in (None, key)
                elif action < 0.95:
                    values.put(key, key, size_bytes=rng.randrange(3000) if rng.random() < 0.99 else MEGABYTE)
                    assert within_limits(values.statistics())
                elif action < 0.97:
                    values.resize(rng.randrange(60), max_memory_mb=rng.random() / 10)
                elif action < 0.98:
                    values.clear()
                elif action < 0.99:
                    clock.advance(0.3)
                else:
                    values.invalidate(key)
        except BaseException as problem:  # noqa: BLE001 - handed to the main thread
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    statistics: Mapping[str, Any] = values.statistics()
    assert adds_up(statistics)
    assert statistics["hits"] + statistics["misses"] == sum(look_ups)
    exercised = ("hits", "evictions", "expirations", "replacements", "invalidations", "oversize")
    assert [name for name in exercised if statistics[name] == 0] == []


def test_readers_see_no_hole_while_a_key_is_replaced_and_limits_change() -> None:
    values = cache(max_size=100)
    values.put("k", 0, size_bytes=1)
    stop = threading.Event()
    holes = [0]

    def read() -> None:
        while not stop.is_set():
            if values.get("k") is None:
                holes[0] += 1

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(5000):
        values.put("k", number, size_bytes=1)
        values.resize(100 + number % 3)
    stop.set()
    for reader in readers:
        reader.join()
    assert holes == [0]


def test_a_finaliser_may_call_the_cache() -> None:
    calls: list[int] = []

    class Thing:
        def __init__(self, number: int) -> None:
            self.number = number

        def __del__(self) -> None:
            values.put(f"from {self.number}", None, size_bytes=1)
            values.get("a")
            values.statistics()
            calls.append(self.number)

    values = cache(max_size=2)
    for number in range(20):
        values.put(str(number), Thing(number), size_bytes=1)
    values.resize(0)
    values.resize(5)
    values.put("k", Thing(20), size_bytes=1)
    values.put("k", None, size_bytes=1)
    values.clear()
    gc.collect()
    assert sorted(calls) == list(range(21))


@needs_fork
def test_a_forked_child_has_a_working_cache() -> None:
    values = cache(max_size=100)
    pattern = rowpattern.compile("A+ B /* fork */")
    stop = threading.Event()

    def work(number: int) -> None:
        step = 0
        while not stop.is_set():
            step += 1
            values.put(f"{number} {step % 200}", step, size_bytes=10)
            values.get(f"{number} {step % 150}")
            pattern.count("AAB" * 5000)
            rowpattern.compile(f"A{{{step % 90 + 1}}} B{{{number + 1},300}} C")

    def child() -> bool:
        values.put("child", 1, size_bytes=10)
        assert values.get("child") == 1
        assert pattern.count("AAB" * 100) == 100
        for bound in range(1, 91):
            assert rowpattern.compile(f"A{{{bound}}} B{{1,300}} C").count("A" * bound + "BC") == 1
        values.clear()
        return len(values) == 0

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(25):
            assert child_status(child) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_stampede_compiles_once() -> None:
    process = rowpattern._core._process_cache()
    before = process.statistics()
    barrier = threading.Barrier(64)
    text = "PERMUTE(A, B, C, D, E, F, G, H) /* stampede */"

    def ask() -> rowpattern.Pattern:
        barrier.wait()
        return rowpattern.compile(text)

    with ThreadPoolExecutor(64) as pool:
        patterns = [future.result() for future in [pool.submit(ask) for _ in range(64)]]
    after = process.statistics()
    assert after["insertions"] - before["insertions"] == 1
    look_ups = after["hits"] + after["misses"] - before["hits"] - before["misses"]
    assert look_ups == 64
    assert len(set(patterns)) == 1
