"""Row pattern text: what is read, what is refused and how, and what a compiled pattern tells."""

from __future__ import annotations

import pickle
import resource
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rowpattern


def labels(pattern: str, rows: str) -> list[str]:
    return ["".join(found.labels) for found in rowpattern.compile(pattern).find_iter(rows)]


@pytest.mark.parametrize(
    ("pattern", "rows", "wanted"),
    [
        ("A B", "AB", ["AB"]),
        ("a b", "AB", ["AB"]),
        ("A\n  -- the rise\n B /* and */ C", "ABC", ["ABC"]),
        ("A | B", "AB", ["A", "B"]),
        ("A{2}", "AAAA", ["AA", "AA"]),
        ("A{2,}", "AAAA", ["AAAA"]),
        ("A{,2}", "AAA", ["AA", "A"]),
        ("A{,}", "AAA", ["AAA"]),
        ("A{1,2}?", "AA", ["A", "A"]),
        ("A{2}? B", "AAB", ["AAB"]),
        ("^ A", "AA", ["A"]),
        ("A $", "AA", ["A"]),
        ("^ A* $", "AAA", ["AAA"]),
        ("A+? $", "AAA", ["AAA"]),
        ("PERMUTE(A, B)", "BAAB", ["BA", "AB"]),
        ("permute (A)", "A", ["A"]),
        ("A {- B+ -} C", "ABBC", ["ABBC"]),
        ("()", "A", [""]),
        ("PERMUTE A", "A", []),
    ],
)
def test_constructs(pattern: str, rows: str, wanted: list[str]) -> None:
    assert labels(pattern, rows) == wanted


def test_names() -> None:
    pattern = rowpattern.compile('down "down" "a ""b""" PERMUTE _x1 \u00e9t\u00e9')
    assert pattern.variables == ("DOWN", "down", 'a "b"', "PERMUTE", "_X1", "\u00c9T\u00c9")
    flags = [True]
    assert rowpattern.compile('"down" | DOWN').count({"down": [False], "Down": flags}) == 1
    with pytest.raises(rowpattern.RowsError, match="the same variable"):
        rowpattern.compile("A").count({"A": flags, "a": flags})


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "is empty; write ()"),
        ("A B{3,2}", 1, 4, "lower bound"),
        ("A{}", 1, 3, r"expected a quantifier \{n\}"),
        ("A{1 2}", 1, 5, "expected a quantifier"),
        ("(A", 1, 1, "is not closed"),
        ("A)", 1, 2, "closes nothing"),
        ("{- A", 1, 1, "is not closed"),
        ("A -}", 1, 3, "closes nothing"),
        ("PERMUTE()", 1, 9, "expected a variable"),
        ("PERMUTE(A,)", 1, 11, "expected a variable"),
        ("PERMUTE(A B", 1, 8, "is not closed"),
        ("* A", 1, 1, "nothing before it"),
        ("A**", 1, 3, "cannot follow a quantifier"),
        ("A+?+", 1, 4, "cannot follow a quantifier"),
        ('A "B', 1, 3, "no closing"),
        ('""', 1, 1, "needs a name"),
        ("A /* B", 1, 3, "no closing"),
        ("A ; B", 1, 3, "unexpected character ';'"),
        ("A\0B", 1, 2, r"U\+0000"),
        ("A\n\udc80", 2, 1, "lone surrogate"),
    ],
)
def test_syntax_errors_say_where(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(rowpattern.PatternSyntaxError, match=message) as caught:
        rowpattern.compile(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert isinstance(caught.value, ValueError)
    excerpt, caret = str(caught.value).splitlines()[-2:]
    assert caret.strip() == "^"
    assert caret.index("^") == column - 1
    assert len(excerpt) >= column - 1
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert (str(again), again.line, again.column) == (str(caught.value), line, column)


def test_caret_in_a_long_line() -> None:
    with pytest.raises(rowpattern.PatternSyntaxError) as caught:
        rowpattern.compile("A " * 500 + "; " + "B " * 500)
    excerpt, caret = str(caught.value).splitlines()[-2:]
    assert excerpt[caret.index("^")] == ";"
    assert len(excerpt) < 100
    assert caught.value.column == 1001


TOO_LARGE = {
    "nested bounds": "((A{1,1000}){1,1000}){1,1000}",
    "a million parentheses": "(" * 1_000_000,
    "deep parentheses": "(" * 100_000 + "A" + ")" * 100_000,
    "PERMUTE of 60": "PERMUTE(" + ", ".join(f"V{number}" for number in range(60)) + ")",
    "PERMUTE of 9 with choices": "PERMUTE(" + ", ".join(f"V{number}+" for number in range(9)) + ")",
    "10 MB": "A" * 10_000_000,
    "10 MB, not ASCII": "\u00e9" * 5_000_000,
    "257 variables": " ".join(f"V{number}" for number in range(257)),
    "many optional parts": "A? " * 20_000,
    "a large bound": "A{1,4000000000}",
    "a bound too large to hold": "A{99999999999999999999}",
    "anchors": "((^){1000000}){1000000}",
    "loops in loops": "(" * 190 + "A?" + ")*" * 190 + " B{40000}",
}


@pytest.mark.parametrize("text", TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_limits_hold_before_memory_is_spent(text: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(rowpattern.PatternTooLargeError, match="the limit is"):
        rowpattern.compile(text)
    # Kilobytes. The peak of the process may not rise by more than the issue allows.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.mark.parametrize("text", ["\0" * 1000, "A\udc80" * 1000, "{-" * 100_000, '"' * 200_001, "A{" * 100_000])
def test_strange_texts_are_errors(text: str) -> None:
    with pytest.raises((rowpattern.PatternSyntaxError, rowpattern.PatternTooLargeError)):
        rowpattern.compile(text)


@given(st.text(alphabet='AB\u00e9 ()|*+?{}-,^$"123\0\n', max_size=60))
def test_any_text_compiles_or_is_an_error(text: str) -> None:
    try:
        pattern = rowpattern.compile(text)
    except (rowpattern.PatternSyntaxError, rowpattern.PatternTooLargeError):
        return
    assert pattern.pattern == text
    pattern.count("ABAB")


def test_permute_of_ten_variables() -> None:
    letters = string.ascii_uppercase[:10]
    pattern = rowpattern.compile(f"PERMUTE({', '.join(letters)})")
    assert pattern.count("JIHGFEDCBA" + "ABCDEFGHIJ" + "ABCDEFGHIA") == 2
    # One position for each set already taken and each element not in it: 10 * 2**9.
    assert "automaton: 5120 positions" in pattern.explain()


def test_256_variables() -> None:
    names = [f"V{number}" for number in range(256)]
    pattern = rowpattern.compile(" ".join(names))
    assert len(pattern.variables) == 256
    assert pattern.count(names * 3) == 3
    assert pattern.count({name: [place == at for place in range(256)] for at, name in enumerate(names)}) == 1
    assert rowpattern.compile("|".join(names)).count({name: [True, False] for name in names}) == 1


def test_what_a_pattern_tells() -> None:
    pattern = rowpattern.compile("A B+", subset={"U": ["B", "A", "B"]}, define={"B": "price > 1"})
    assert pattern.pattern == "A B+"
    assert pattern.variables == ("A", "B")
    assert pattern.subset == {"U": ("A", "B")}
    assert pattern.define == {"B": "price > 1"}
    assert repr(pattern) == "rowpattern.compile('A B+', subset={'U': ('A', 'B')}, define={'B': 'price > 1'})"
    assert eval(repr(pattern)) == pattern  # noqa: S307 - our own text
    assert pickle.loads(pickle.dumps(pattern)) == pattern  # noqa: S301
    assert {pattern: 1}[rowpattern.compile("A B+", define={"B": "price > 1"}, subset={"U": ("A", "B")})] == 1
    assert pattern != rowpattern.compile("A B+")
    assert pattern != "A B+"
    assert pattern.explain().splitlines() == [
        "row pattern A B+",
        "  concatenation: one after the other",
        "    variable A",
        "    repetition: 1 or more times, as many as possible",
        "      variable B",
        "union variable U: A, B",
        f"automaton: 2 positions, {pattern.memory_bytes} bytes",
    ]


def test_memory_grows_with_use_and_is_bounded() -> None:
    pattern = rowpattern.compile("(A|B)* A (A|B){12} C? /* memory */")
    before = pattern.memory_bytes
    pattern.count("ABBABAABBABBBAABAB" * 1000)
    assert before < pattern.memory_bytes < 20_000_000


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"subset": {"U": ["A", "C"]}}, rowpattern.UnknownVariableError, 'no primary variable "C"'),
        ({"subset": {"A": ["B"]}}, ValueError, "which is a primary variable"),
        ({"subset": {"U": []}}, ValueError, "at least one"),
        ({"subset": {"U": "AB"}}, TypeError, "must be a list of variables"),
        ({"subset": ["A"]}, TypeError, "must be a mapping"),
        ({"define": {"DOWM": "x"}}, rowpattern.UnknownVariableError, "did you mean DOWN"),
        ({"define": "A"}, TypeError, "must be a mapping"),
    ],
)
def test_options_are_checked(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        rowpattern.compile("A B DOWN", **arguments)  # type: ignore[arg-type]


def test_not_a_text() -> None:
    with pytest.raises(TypeError, match="a row pattern must be a str, not bytes"):
        rowpattern.compile(b"A")  # type: ignore[arg-type]
