"""The store against a model of each policy: what is kept, in which order, and what the statistics say."""

from __future__ import annotations

import random
from collections import OrderedDict

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rowpattern._core import ManualClock

from pattern_caches import MEGABYTE, adds_up, cache, entry_bytes, within_limits

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
