"""Matching: beside the lazy DFA, and how time grows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from lazy_dfa_peer import LazyDfa

import rowpattern

if TYPE_CHECKING:
    from collections.abc import Callable

MILLION = 1_000_000
ROUNDS = {"rounds": 15, "iterations": 1, "warmup_rounds": 2}
PATTERNS = ["A+ B+", "A (B|C)+ D", "(A|B)+ (C{1,3} D*)+", "A{1,50} B"]


def letters(count: int, alphabet: bytes = b"ABCD") -> str:
    choice = np.random.default_rng(1).choice(np.frombuffer(alphabet, dtype=np.uint8), count)
    return bytes(choice).decode()


def match(benchmark: Any, contender: str, ours: Callable[[], Any], theirs: Callable[[], Any]) -> None:
    """Measure one of both; the peer has to take three times as long."""
    if contender != "rowpattern":
        benchmark.extra_info["at_least"] = 3
    benchmark.pedantic(ours if contender == "rowpattern" else theirs, **ROUNDS)


@pytest.mark.parametrize("text", PATTERNS)
@pytest.mark.parametrize("contender", ["rowpattern", "regex-automata lazy DFA, spans only"])
def test_ten_million_rows(benchmark: Any, contender: str, text: str) -> None:
    benchmark.group = f"10 M rows of random letters: {text}"
    rows = letters(10 * MILLION)
    pattern = rowpattern.compile(text)
    peer = LazyDfa(text.replace(" ", ""))
    assert peer.spans(rows) == pattern.count(rows)
    match(benchmark, contender, lambda: pattern.match(rows), lambda: peer.spans(rows))


@pytest.mark.parametrize("contender", ["rowpattern", "regex-automata lazy DFA, spans only"])
def test_prices_with_conditions_that_overlap(benchmark: Any, contender: str) -> None:
    benchmark.group = "10 M rows of a random walk: S DOWN+ UP+"
    walk = np.random.default_rng(2).integers(-2, 3, 10 * MILLION)
    conditions = {"DOWN": walk <= 0, "UP": walk >= 0}
    pattern = rowpattern.compile("S DOWN+ UP+")
    # The peer is given the rows as letters: d only down, u only up, b both.
    rows = bytes(np.frombuffer(b"dbu", dtype=np.uint8)[np.sign(walk) + 1]).decode()
    peer = LazyDfa("[dbu][db]+[ub]+")
    assert peer.spans(rows) == pattern.count(conditions)
    match(benchmark, contender, lambda: pattern.match(conditions), lambda: peer.spans(rows))


@pytest.mark.parametrize("text", PATTERNS)
@pytest.mark.parametrize("contender", ["rowpattern", "10 times the rows"])
def test_ten_times_the_rows(benchmark: Any, contender: str, text: str) -> None:
    benchmark.group = f"from 1 M to 10 M rows: {text}"
    benchmark.extra_info["at_most"] = 11
    rows = letters(MILLION if contender == "rowpattern" else 10 * MILLION)
    benchmark.pedantic(rowpattern.compile(text).match, (rows,), **ROUNDS)


@pytest.mark.parametrize("text", PATTERNS)
@pytest.mark.parametrize("contender", ["rowpattern", "re, spans only"])
def test_beside_re(benchmark: Any, contender: str, text: str) -> None:
    """Python's own, which goes back: as a peer only where it finds the same."""
    benchmark.group = f"1 M rows of random letters: {text}"
    rows = letters(MILLION)
    pattern, peer = rowpattern.compile(text), re.compile(text.replace(" ", ""))
    spans = pattern.spans(rows)
    theirs = [found.span() for found in peer.finditer(rows)]
    assert theirs == list(zip(spans.start.to_list(), spans.end.to_list()))
    if contender == "rowpattern":
        benchmark.pedantic(pattern.match, (rows,), **ROUNDS)
    else:
        benchmark.pedantic(lambda: [found.span() for found in peer.finditer(rows)], rounds=3)


@pytest.mark.parametrize("contender", ["rowpattern", "(((A|B)*)*)* C"])
def test_nested_stars_without_a_match(benchmark: Any, contender: str) -> None:
    benchmark.group = "1 M rows without a C, to A+ B"
    benchmark.extra_info["at_most"] = 2
    text = "A+ B" if contender == "rowpattern" else contender
    # Without a match either: A+ B needs a B behind an A.
    rows = "B" * (MILLION // 2) + "A" * (MILLION // 2)
    pattern = rowpattern.compile(text)
    assert pattern.count(rows) == 0
    benchmark.pedantic(pattern.match, (rows,), rounds=30, warmup_rounds=3)


@pytest.mark.parametrize("contender", ["rowpattern", "a million partitions"])
def test_a_million_partitions(benchmark: Any, contender: str) -> None:
    benchmark.group = "10 M rows in one partition, and in a million"
    benchmark.extra_info["at_most"] = 2
    rows = letters(10 * MILLION)
    partitions = None if contender == "rowpattern" else np.full(MILLION, 10)
    pattern = rowpattern.compile("A (B|C)+ D")
    benchmark.pedantic(lambda: pattern.match(rows, partitions=partitions), **ROUNDS)


@pytest.mark.parametrize("contender", ["rowpattern", "count", "is_match", "match"])
def test_answers_cost_what_they_need(benchmark: Any, contender: str) -> None:
    benchmark.group = "10 M rows: spans, and other answers"
    rows = letters(10 * MILLION)
    pattern = rowpattern.compile("A (B|C)+ D")
    answer = {"rowpattern": pattern.spans}.get(contender) or getattr(pattern, contender)
    benchmark.pedantic(answer, (rows,), **ROUNDS)
