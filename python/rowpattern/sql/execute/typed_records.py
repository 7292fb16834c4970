"""What typing expressions gives (`typed_expressions.py`): plain data, kept with the bound clause."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from rowpattern.errors import QueryError
from rowpattern.sql.bind.references import Aggregate, RunningAggregate
from rowpattern.sql.expression.parameters import has_parameter
from rowpattern.sql.expression.typed import Computed, Constant, engine_type, walk_typed
from rowpattern.sql.expression.write import sql_of
from rowpattern.sql.records import Record
from rowpattern.sql.text.source_location import error_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rowpattern.sql.bind.bound import BoundMeasure, Condition
    from rowpattern.sql.bind.references import BoundExpression
    from rowpattern.sql.expression.nodes import Node
    from rowpattern.sql.expression.typed import Typed
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = ["Named", "TypedAggregate", "TypedExpression", "TypedExpressions"]

# As `"i0"` or `source column i0`; brought to another row (`condition_columns.py`) a name has a number behind it.
_INNER_NAME = re.compile(
    r"\"(?P<quoted>[ir][0-9]+)(?: -?[0-9]+)?\"|(?<=column )(?P<plain>[ir][0-9]+)(?: -?[0-9]+)?(?!\w)"
)


class Named(NamedTuple):
    """An expression, what to call it in an error, and where it stands."""

    what: str
    expression: BoundExpression
    location: SourceLocation

    @classmethod
    def condition(cls, condition: Condition, expression: BoundExpression) -> Named:
        """Name the condition of a variable, or what is known of it."""
        return cls(f"DEFINE {condition.called}", expression, condition.location)

    @classmethod
    def measure(cls, measure: BoundMeasure) -> Named:
        """Name a measure."""
        return cls(f"measure {measure.name}", measure.expression, measure.location)

    def failed(self, message: str) -> QueryError:
        """Make the error that it cannot be computed, from what is wrong."""
        return error_at(f"{self.what}: {_INNER_NAME.sub(self._written, message)}", self.location, QueryError)

    def _written(self, found: re.Match[str]) -> str:
        """Return what the query has for one of our names in a message of DuckDB's."""
        name = found["quoted"] or found["plain"]
        text = self.expression.written_as(name, self.location.sql)
        for _, item in self.expression.reads:
            if not text and isinstance(item, (Aggregate, RunningAggregate)):
                value = dict(item.reads).get(name)
                text = value if isinstance(value, str) else ""
        return text or found[0]


class TypedExpression(Record):
    """An expression with types.

    Attributes:
        node: None where DuckDB computes all of it, and its type has no name here.
        type: DuckDB's name of its type; None where it is not known.
        sql: the whole as DuckDB computes it.
        tree: the same.
        zone: the time zone in which it is computed.
        named: what timestamps with a zone that it gives are called; None where that is not known.
        problem: why DuckDB refuses it, or, where there is a node, a constant in it; None where it does not.
    """

    node: Typed | None
    type: str | None
    sql: str
    tree: Node | None
    zone: str
    named: str | None
    problem: str | None = None

    @cached_property
    def has_parameters(self) -> bool:
        """Whether a parameter stands in it."""
        return self.tree is not None and has_parameter(self.tree)

    @cached_property
    def is_argument(self) -> bool:
        """Whether it is the argument of an aggregate, which is cast to the type that the aggregate takes."""
        return self.tree is not None and self.sql != sql_of(self.tree)

    @cached_property
    def native(self) -> Typed | None:
        """The expression, where the engine computes all of it."""
        if self.node is None or self.problem is not None or engine_type(self.node.type) is None:
            # The engine has not each type that a NULL can be cast to.
            return None
        if any(isinstance(each, Computed) for each in walk_typed(self.node)):
            return None
        return self.node

    @cached_property
    def changing(self) -> tuple[Constant, ...]:
        """The constants of `native` that each query computes anew."""
        every = walk_typed(self.native) if self.native is not None else ()
        return tuple(dict.fromkeys(each for each in every if isinstance(each, Constant)))


class TypedAggregate(Record):
    """An aggregate over the match so far.

    Attributes:
        type: DuckDB's name of its type; None where it is not known.
        whole: the call as DuckDB computes it.
        function: what the engine calls it; None where DuckDB computes it.
        argument: what it takes of a row; None where rows are counted, and where DuckDB computes it.
        key: by what it chooses a row, where it has that.
        separator: what stands between two texts that it puts together.
        distinct: whether it takes each value once.
    """

    type: str | None
    whole: TypedExpression
    function: str | None = None
    argument: TypedExpression | None = None
    key: TypedExpression | None = None
    separator: str | None = None
    distinct: bool = False


class TypedExpressions(Record):
    """Expressions that were typed together.

    Attributes:
        labels: the texts of ordered categories, by DuckDB's type of them.
    """

    expressions: tuple[TypedExpression, ...]
    aggregates: Mapping[str, TypedAggregate]
    labels: Mapping[str, Sequence[str]]
