"""The matrix of types, expressions and places: what DuckDB computes over a table of values, and what a query gives.

A case is a type, an expression over two operands and a constant, and a place in a query where it may stand. All pairs
of the type's values are asked at once, each in a partition of its own. DuckDB computes the same expression over a table
with a pair in each row. Pairs for which it has an error are asked for one by one, and have to be an error.

Many cases of one type and place can be one query. What is different there is asked alone.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from matrix_question import Case, DifferenceError, Question

import rowpattern

from matrix_expressions import AGGREGATES, EXPRESSIONS
from matrix_places import PLACES
from matrix_values import TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Case", "DifferenceError", "ask", "ask_together", "cases"]

# Expressions of a query.
_TOGETHER = 16


def cases() -> Iterator[Case]:
    """Give all questions."""
    for place in PLACES.values():
        for expression in AGGREGATES if place.aggregates else EXPRESSIONS:
            for kind in TYPES:
                yield Case(kind, expression, place.name)


def ask(case: Case) -> int:
    """Compare a query's answers with DuckDB's, and ask also for pairs for which DuckDB has an error.

    Returns:
        For how many pairs DuckDB has a value.

    Raises:
        DifferenceError: they are not the same; for one pair where one shows it.
    """
    question = Question(case)
    good, _ = question.pairs
    if good:
        question.compare(good)
    question.expect_errors()
    return len(good)


def ask_together(every: Sequence[Case], errors: int = 1) -> list[DifferenceError]:
    """Compare the answers to cases of one type and one place with DuckDB's, with few queries.

    Args:
        every: the cases.
        errors: every how many cases the pairs for which DuckDB has an error are asked, too.

    Returns:
        What is different, as `ask` says it.
    """
    different: list[DifferenceError] = []
    by_pairs: dict[tuple[bool, tuple[int, ...]], list[Question]] = defaultdict(list)
    for question in map(Question, every):
        # A SELECT of nothing but columns gives them as they are.
        alone = question.place.around and question.template == "{x}"
        by_pairs[alone, tuple(question.pairs[0])].append(question)
    for (_, pairs), questions in by_pairs.items():
        size = _TOGETHER if questions[0].place.takes_several else 1
        for begin in range(0, len(questions) if pairs else 0, size):
            different += _compare(questions[begin : begin + size], [*pairs])
        different += [found for each in questions[::errors] if (found := _not_refused(each)) is not None]
    return different


def _not_refused(question: Question) -> DifferenceError | None:
    try:
        question.expect_errors()
    except DifferenceError as found:
        return found
    return None


def _compare(questions: Sequence[Question], pairs: list[int]) -> list[DifferenceError]:
    """Compare the answers of one query with several expressions; those of each alone where it is different."""
    differ: list[tuple[Question, str]] = []
    if len(questions) > 1 and (questions[0].place.kind == "measure" or 0 in pairs):
        of_measures = questions[0].place.kind == "measure"
        table, query = (_measures if of_measures else _conditions)(questions, pairs)
        try:
            answer = rowpattern.match_recognize(query, table)
        except Exception as error:  # noqa: BLE001 - what may not be
            differ = [(question, f"{type(error).__name__}: {error}") for question in questions]
        else:
            found = (_of_measures if of_measures else _of_conditions)(questions, answer)
            wanted = [question.wanted(pairs) for question in questions]
            of_each = zip(questions, found, wanted)
            differ = [(question, "another answer") for question, ours, theirs in of_each if ours != theirs]
    else:
        query, differ = "", [(question, "") for question in questions]
    different: list[DifferenceError] = []
    for question, _ in differ:
        try:
            question.compare(pairs)
        except DifferenceError as problem:
            different.append(problem)
    if differ and query and not different:
        # Only together.
        question, ours = differ[0]
        different.append(question.difference(query, pairs, ours, "a value"))
    return different


def _measures(questions: Sequence[Question], pairs: list[int]) -> tuple[pa.Table, str]:
    first = questions[0]
    return first.table(pairs), first.place.measures([each.expression for each in questions])


def _of_measures(questions: Sequence[Question], answer: pa.Table) -> list[list[Any]]:
    return [each.measured(answer[f"m{number}"]) for number, each in enumerate(questions)]


def _conditions(questions: Sequence[Question], pairs: list[int]) -> tuple[pa.Table, str]:
    """Return a table and a query: each condition has the pairs in partitions of its own, once or (`e`) twice."""
    first = questions[0]
    table = first.table(pairs)
    if first.place.one_row:
        # The row that chooses the condition, with a pair of NULLs.
        table = first.table([each for pair in pairs for each in (0, pair)])
        table = table.set_column(0, "p", pa.array([pair for pair in pairs for _ in range(2)], pa.int64()))
    parts: list[pa.Table] = []
    chosen: list[int] = []
    written: list[tuple[str, bool]] = []
    compared: list[tuple[int, int, pa.Array]] = []
    for number, question in enumerate(questions):
        if not question.chooses:
            values, left = question.compared(pairs)
            written.append((f"{left} IS NOT DISTINCT FROM e{number}", False))
            each = pa.array([at for at in range(len(values)) for _ in range(2)], pa.int64())
            compared.append((number, len(parts), values.take(each)))
        else:
            written.append((question.expression, True))
        for part in range(1 if question.chooses else 2):
            begin = _partition(questions, number, part)
            parts.append(table.set_column(0, "p", pa.array([begin + p for p in table["p"].to_pylist()], pa.int64())))
            chosen += [number] * table.num_rows
    every = pa.concat_tables(parts).append_column("k", pa.array(chosen, pa.int64()))
    for number, before, values in compared:
        first_row = before * table.num_rows
        behind = every.num_rows - first_row - len(values)
        column = pa.chunked_array([pa.nulls(first_row, values.type), values, pa.nulls(behind, values.type)])
        every = every.append_column(f"e{number}", column)
    return every, first.place.conditions(written)


def _partition(questions: Sequence[Question], number: int, part: int) -> int:
    """Return the number from which the partitions of a condition count, with the right values or with others."""
    return (2 * number + part) * questions[0].values.count ** 2


def _of_conditions(questions: Sequence[Question], answer: pa.Table) -> list[list[Any]]:
    found: list[list[Any]] = [[] for _ in questions]
    for at, how in zip(answer["p"].to_pylist(), answer["how"].to_pylist()):
        block, pair = divmod(at, questions[0].values.count ** 2)
        number, part = divmod(block, 2)
        # A variable of another condition's is kept as it is.
        found[number].append((-1 - pair if part else pair, how.removesuffix(str(number))))
    return [sorted(each) for each in found]
