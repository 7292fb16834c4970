"""Whatever the text of a query, only rowpattern's errors come out, and no limit is passed by much.

ROWPATTERN_FUZZ_SECONDS runs new texts for so long; without it there are 400, the same each time. `corpus/query_text/`
holds texts that once failed.
"""

from __future__ import annotations

import faulthandler
import os
import random
import time
from pathlib import Path

import pytest

import rowpattern

from query_texts import TABLE, damaged, query

SECONDS = float(os.environ.get("ROWPATTERN_FUZZ_SECONDS", "0"))
CHUNKS = 8
TEXTS = 400
CORPUS = sorted((Path(__file__).parents[1] / "corpus" / "query_text").glob("*.sql"))

# The time that a query may take, and how far a busy machine may pass it: what is promised is 0.2 s on a quiet one.
LIMIT, MARGIN = 2.0, 3.0

# A query that has not ended after so long never will: the run ends, and says where.
HANGS = 120.0


def text_of(seed: int) -> str:
    """Write the text of a seed; two of three are damaged."""
    rng = random.Random(seed)
    text = query(rng)
    return text if seed % 3 == 0 else damaged(rng, text)


def ask(text: str) -> None:
    """Ask for the answer, the plan or a stream; fails where what comes out is not ours, or comes late."""
    kind = len(text) % 8
    faulthandler.dump_traceback_later(HANGS, exit=True)
    begun = time.monotonic()
    try:
        if kind == 0:
            str(rowpattern.explain(text, t=TABLE, timeout_seconds=LIMIT))
        elif kind == 1:
            rowpattern.match_recognize(text, t=TABLE, timeout_seconds=LIMIT, stream=True).read_all()
        else:
            rowpattern.match_recognize(text, t=TABLE, timeout_seconds=LIMIT, memory_limit_mb=500)
    except rowpattern.RowPatternError as error:
        # A message can be printed and logged.
        str(error).encode()
    finally:
        faulthandler.cancel_dump_traceback_later()
    taken = time.monotonic() - begun
    assert taken < LIMIT + MARGIN, f"{taken:.1f} s for {text!r}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_only_our_errors_come_out(chunk: int) -> None:
    seeds = iter(range(chunk, TEXTS, CHUNKS))
    if SECONDS:
        first = time.monotonic_ns()
        seeds = iter(range(first, first + 10**12))
    end = time.monotonic() + (SECONDS / CHUNKS or float("inf"))
    for seed in seeds:
        if time.monotonic() > end:
            break
        text = text_of(seed)
        try:
            ask(text)
        except BaseException:
            print(f"seed {seed}\n{text!a}")
            raise


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
def test_texts_that_once_failed(file: Path) -> None:
    # Some hold lone surrogates.
    ask(file.read_text(encoding="utf-8", errors="surrogatepass"))
