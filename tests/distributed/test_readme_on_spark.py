"""What the README shows of Spark is run on the cluster of these tests: one of its own takes half a minute to start."""

from __future__ import annotations

from pathlib import Path

import pytest

from documents import Snippet, printed_by, snippets
from spark_sessions import classic_session

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SNIPPETS = [each for each in snippets(README) if "SparkSession" in each.code]


def test_there_are_snippets() -> None:
    assert SNIPPETS


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippets_print_what_the_readme_says(snippet: Snippet, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[object] = []

    def stop(session: object) -> None:
        stopped.append(session)

    # The snippet finds the session of other tests, and stops it in its last line.
    monkeypatch.setattr(type(classic_session()), "stop", stop)
    assert printed_by(snippet.code, "README.md", {}) == snippet.printed
    assert stopped == [classic_session()]
