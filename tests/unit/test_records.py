"""Records are what dataclasses with the same fields are."""

from __future__ import annotations

import dataclasses
import pickle
from functools import cached_property
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowpattern.sql import records
from rowpattern.sql.records import Record


class Base(Record):
    span: Any = records.field(default=None, compare=False, kw_only=True)


class Made(Base):
    a: Any
    b: Any = 1
    c: Any = records.field(default_factory=tuple)

    @cached_property
    def both(self) -> Any:
        return self.a, self.b


class Other(Base):
    a: Any
    b: Any = 1
    c: Any = records.field(default_factory=tuple)


class Often(Made):
    """One of which so many were made that it has an initialiser of its own."""


for _ in range(1000):
    Often(1)


class BelowOften(Often):
    d: Any = 4


class Open(Record, frozen=False):
    a: Any
    b: Any = records.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Expected:
    a: Any
    b: Any = 1
    c: Any = dataclasses.field(default_factory=tuple)
    # Fields that are given by name only come last in the signature wherever they stand.
    span: Any = dataclasses.field(default=None, compare=False, kw_only=True)


FIELDS = ("a", "b", "c")
values = st.sampled_from([0, 1, "x", (), (1, 2)])


@st.composite
def arguments(draw: st.DrawFn) -> tuple[list[Any], dict[str, Any]]:
    """Some fields in order, others by name; too many, and unknown names, now and then."""
    given_in_order = draw(st.lists(values, max_size=4))
    names = st.sampled_from([*FIELDS[len(given_in_order) :], "span", "d"])
    return given_in_order, draw(st.dictionaries(names, values, max_size=3))


def made(kind: Any, given_in_order: list[Any], named: dict[str, Any]) -> Any:
    """Make one; the class of the error where it cannot be made."""
    try:
        return kind(*given_in_order, **named)
    except TypeError:
        return TypeError


@pytest.mark.parametrize("kind", [Made, Often])
@given(arguments(), arguments(), st.dictionaries(st.sampled_from([*FIELDS, "span", "d"]), values, max_size=2))
def test_as_dataclasses(kind: Any, one: Any, other: Any, changes: dict[str, Any]) -> None:
    record, expected = made(kind, *one), made(Expected, *one)
    assert (record is TypeError) == (expected is TypeError)
    second, second_expected = made(kind, *other), made(Expected, *other)
    assert (record == second) == (expected == second_expected)
    if record is TypeError:
        return
    if record == second:
        assert hash(record) == hash(second)
    assert record.both == (record.a, record.b)
    try:
        expected = dataclasses.replace(expected, **changes)
    except TypeError:
        with pytest.raises(TypeError):
            records.replace(record, **changes)
        return
    record = records.replace(record, **changes)
    assert [getattr(record, name) for name in (*FIELDS, "span")] == [
        getattr(expected, name) for name in (*FIELDS, "span")
    ]
    assert record.both == (record.a, record.b)


def test_a_class_below_has_its_own_fields() -> None:
    assert "__init__" in vars(Often)
    assert (BelowOften(1).d, BelowOften(1, 2, (), 3, span=5).d, BelowOften(1, span=5).span) == (4, 3, 5)
    assert Often(1).c == ()
    assert Open(1).b is not Open(1).b


def test_classes_are_told_apart() -> None:
    assert Made(1) != Other(1)
    assert len({Made(1), Made(1, span=2), Other(1)}) == 2


def copied(record: Record) -> Any:
    return pickle.loads(pickle.dumps(record))  # noqa: S301 - what was pickled here


def test_a_hash_is_of_this_process() -> None:
    # Texts have other hashes in another process.
    record = Made("text", Made("inside"))
    before = hash(record)
    assert b"_hash" not in pickle.dumps(record)
    again = copied(record)
    assert again == record
    assert hash(again) == before
    assert repr(again) == repr(record)
    assert hash(records.replace(record, a="other")) == hash(Made("other", Made("inside")))


def test_what_can_be_set() -> None:
    with pytest.raises(AttributeError, match="a of Made cannot be set"):
        Made(1).a = 2  # type: ignore[misc]
    record = Open(1)
    record.a = 2
    assert record == Open(2)
    assert record.b is not Open(2).b
    with pytest.raises(TypeError, match="unhashable"):
        hash(record)


def test_what_is_shown() -> None:
    assert repr(Made(1, "x")) == "Made(span=None, a=1, b='x', c=())"
    assert records.field_names(Made) == ["span", "a", "b", "c"]
