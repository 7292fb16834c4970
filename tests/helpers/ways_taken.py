"""Whether the core answered a whole clause by itself, and whether two answers are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from rowpattern.sql.execute import asked_again, output, query

if TYPE_CHECKING:
    import pytest

__all__ = ["same_answer", "way_taken"]


def way_taken(monkeypatch: pytest.MonkeyPatch, name: str) -> list[bool]:
    """Return a list that says of each clause from now on whether this function of `output` answered it.

    A query that is answered as it was before is one whose clause `answer_few_rows` answered.
    """
    found: list[bool] = []
    answer = getattr(output, name)
    answer_again = asked_again.answer_again

    def noted(*arguments: Any) -> Any:
        answered = answer(*arguments)
        found.append(answered is not None)
        return answered

    def noted_again(*arguments: Any) -> Any:
        answered = answer_again(*arguments)
        if answered is not None:
            found.append(name == "answer_few_rows")
        return answered

    monkeypatch.setattr(output, name, noted)
    monkeypatch.setattr(query, "answer_again", noted_again)
    return found


def same_answer(one: Any, other: Any) -> bool:
    """Say whether two tables of one kind have the same columns, types and values; frames of pandas raise otherwise."""
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
        return True
    return bool(one.equals(other)) and one.schema == other.schema
