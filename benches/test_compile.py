"""Compiling a row pattern that is in no cache."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from src.matcher.automata import NFABuilder
from src.matcher.dfa import DFABuilder
from src.matcher.pattern_tokenizer import tokenize_pattern
from src.utils import pattern_cache as original_cache

import rowpattern
from rowpattern import pattern_cache

# Each with how many times our time the peer must take, where that is asked.
PATTERNS = {"A B+ C": 20, "A{1,200} B": None, "PERMUTE(A,B,C,D,E)": 300}


def original(text: str) -> None:
    # What its executor does with a pattern: tokens, NFA, DFA.
    tokens = tokenize_pattern(text)
    DFABuilder(NFABuilder().build(tokens, {}, {})).build()


CONTENDERS: dict[str, Callable[[str], Any]] = {"rowpattern": rowpattern.compile, "pandas-match-recognize": original}


@pytest.mark.parametrize("text", PATTERNS)
@pytest.mark.parametrize("contender", CONTENDERS)
def test_compile_cold(benchmark: Any, contender: str, text: str) -> None:
    benchmark.group = f"compile cold: {text}"
    if contender != "rowpattern" and PATTERNS[text] is not None:
        benchmark.extra_info["at_least"] = PATTERNS[text]
    pattern_cache.set_caching_enabled(False)
    original_cache.set_caching_enabled(False)
    try:
        benchmark.pedantic(CONTENDERS[contender], (text,), rounds=20, iterations=5, warmup_rounds=2)
    finally:
        pattern_cache.set_caching_enabled(True)
        original_cache.set_caching_enabled(True)
