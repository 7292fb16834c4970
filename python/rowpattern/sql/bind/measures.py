"""Expressions of MEASURES (ISO/IEC 19075-5, 5.4 to 5.8): RUNNING and FINAL, and DuckDB's aggregates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowpattern.errors import QueryError
from rowpattern.sql.bind.aggregate_calls import by_place, counts_rows
from rowpattern.sql.bind.expressions import ExpressionReader
from rowpattern.sql.bind.leaves import leaves
from rowpattern.sql.bind.references import Aggregate, Classifier, Navigation, RunningAggregate
from rowpattern.sql.expression.nodes import Branch, Case, Column, Conjunction, Literal, Operation, replaced, walk
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.parse.clause import GIVEN
from rowpattern.sql.records import replace
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from rowpattern.sql.bind.scope import Columns, Scope
    from rowpattern.sql.expression.nodes import Call, Node
    from rowpattern.sql.parse.clause import Measure
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = ["EarlierMeasures", "MeasureReader"]


# A measure with all that is put into it from earlier ones.
_MOST_NODES = 20_000


class EarlierMeasures:
    """Measures by their names, for later ones that name them; a column of the table hides a measure of its name."""

    def __init__(self, columns: Columns) -> None:
        """Begin with none."""
        self._columns = columns
        self._known: dict[str, tuple[Measure, Node, int]] = {}

    def within(self, measure: Measure) -> Node:
        """Return a measure's expression with earlier ones in the place of their names, and keep it for later ones.

        Raises:
            QueryError: it becomes too large.
        """
        node = measure.expression.node
        size, new = 1, {}
        for leaf in leaves(node):
            size += 1
            # Measures that are columns may be navigated, too.
            for each in walk(leaf):
                earlier = self._named(each)
                if earlier is not None and (each is leaf or _is_given(earlier[1])):
                    new[id(each)] = earlier[1]
                    size += earlier[2]
        if size > _MOST_NODES:
            message = f"measure {measure.name}: it becomes too large with the earlier measures that it names"
            raise error_at(message, measure.location, QueryError)
        whole = replaced(node, new) if new else node
        self._known[measure.name.lower()] = (measure, whole, size)
        return whole

    def _named(self, leaf: Node) -> tuple[Measure, Node, int] | None:
        if not isinstance(leaf, Column) or len(leaf.names) != 1 or self._columns.find(leaf) is not None:
            return None
        found = self._known.get(leaf.names[0].lower())
        return None if found is not None and leaf.is_quoted(0) and found[0].name != leaf.names[0] else found


def _is_given(node: Node) -> bool:
    return isinstance(node, Column) and node.names[0].startswith(GIVEN)


class MeasureReader(ExpressionReader):
    """Reads measures."""

    def __init__(
        self, scope: Scope, location: SourceLocation, one_row: bool, given: frozenset[str] = frozenset()
    ) -> None:
        """Prepare to read measures of ONE ROW PER MATCH, where RUNNING and FINAL are the same, or of ALL ROWS.

        Args:
            scope: what names mean.
            location: where the measure stands.
            one_row: whether it is ONE ROW PER MATCH.
            given: columns that the caller's library computes, which stand for measures.
        """
        super().__init__(scope, location)
        self._given = given
        self._one_row = self._final = one_row

    def _column(self, node: Column) -> tuple[tuple[str, ...] | None, str, tuple[str, ...]]:
        return (None, node.names[0], ()) if node.names[0] in self._given else super()._column(node)

    def _is_final(self, word: str, node: Node) -> bool:  # noqa: ARG002 - nothing to refuse
        return word == "FINAL" or self._one_row

    def _normalized(self, at: Navigation, whole: Node) -> Navigation:  # noqa: ARG002 - nothing to refuse
        return replace(at, final=at.final or self._one_row)

    def _may_lead_outside(self, at: Navigation) -> bool:  # noqa: ARG002 - a match may be empty
        return True

    def _classifier(self, at: Navigation, written: Node) -> Node:
        return self._reference(Classifier(at), written)

    def _aggregate(self, node: Call, *, by_row: bool = False) -> Node:
        variables = self._aggregated_variables(node)
        over_references, reads = self._aggregate_call(node, by_row=by_row)
        call = self._filtered(over_references, variables)
        counted = (self._variables.primary if variables is None else variables) if counts_rows(node) else None
        of_rows = None
        if counted is None:
            place = by_place(node, by_row=by_row)
            of_rows = RunningAggregate(sql_of(over_references), reads, variables, over_references, place)
        return self._reference(Aggregate(sql_of(call), reads, self._final, counted, call, of_rows), node)

    def _filtered(self, call: Call, variables: tuple[str, ...] | None) -> Call:
        """Leave out rows that are mapped to other variables."""
        if variables is None:
            return call
        places = (Literal("INTEGER", str(self._variables.primary.index(name))) for name in variables)
        mapped: Node = Operation("IN", (Column(("classifier",)), *places))

        def there(node: Node) -> Node:
            # DuckDB computes an argument before it filters: what is an error in another row must not be computed.
            computed = not isinstance(node, Column) and any(isinstance(each, Column) for each in walk(node))
            return Case((Branch(mapped, node),), Literal("NULL_LITERAL")) if computed else node

        return replace(
            call,
            arguments=tuple(replace(each, value=there(each.value)) for each in call.arguments),
            order_by=tuple(replace(each, value=there(each.value)) for each in call.order_by),
            filter=mapped if call.filter is None else Conjunction("AND", (mapped, there(call.filter))),
        )
