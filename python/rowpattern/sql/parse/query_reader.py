"""What a whole query reads: the tree that DuckDB's parser gives of the text around clauses, checked node by node.

A query reads tables that were given and tables that it makes itself (WITH, looked up by their scopes), functions in
FROM that give rows made of their arguments, and functions of rows from a list. What this reader does not know is
refused, as in expressions (`rowpattern.sql.expression.read`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowpattern.errors import UnsupportedQueryError
from rowpattern.sql.duckdb.functions import AROUND_CLAUSES, TABLE_FUNCTIONS, WINDOWS
from rowpattern.sql.duckdb.names import lowered
from rowpattern.sql.expression.fields import Fields
from rowpattern.sql.expression.nodes import Argument, Call, Literal, Node, Opaque, Parameter, Star, children
from rowpattern.sql.expression.read import TreeReader
from rowpattern.sql.records import Record
from rowpattern.sql.runtime.no_limit import no_limit
from rowpattern.sql.text.source_location import candidates

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowpattern.sql.parse.window import WindowMarks
    from rowpattern.sql.text.composed import Composed
    from rowpattern.sql.text.source_location import SourceLocation

__all__ = ["QueryReader", "TableRead", "TextParameter"]

Json = dict[str, Any]
Scope = frozenset[str]

_JOINS = frozenset({"INNER", "LEFT", "RIGHT", "OUTER", "FULL", "SEMI", "ANTI", "MARK", "SINGLE"})
_JOIN_FORMS = frozenset({"REGULAR", "CROSS", "NATURAL", "ASOF", "POSITIONAL"})
_SET_OPERATIONS = frozenset({"UNION", "UNION_BY_NAME", "EXCEPT", "INTERSECT"})

# What they give of timestamps is the same in each time zone.
_WITHOUT_ZONE = frozenset({"any_value", "arg_max", "arg_min", "count", "count_star", "first", "greatest", "last"})
_WITHOUT_ZONE |= {"least", "list", "max", "min"}

_CLOSED = "a query sees the tables that it was given and nothing else"


class TableRead(Record):
    """A table that a query names and does not make itself.

    Attributes:
        name: as it was written.
        location: where; None where the name is not the user's, or stands where the parser does not say so (`TABLE t`).
    """

    name: str
    location: SourceLocation | None


class TextParameter(Record):
    """A parameter in a text that DuckDB executes.

    Attributes:
        name: in the query.
        identifier: in the text, to DuckDB: of those without a name, the number in this text.
        begin: its first character in the text.
        end: the character behind its last.
    """

    name: str
    identifier: str
    begin: int
    end: int


class QueryReader(TreeReader):
    """Reads a query.

    Attributes:
        tables: those that it names and does not make itself, in order, as often as it names them.
        made: names of those that it makes itself.
        may_need_zone: whether it may compute something for which timestamps need a time zone: it calls a function,
            casts, or compares with a text.
        parameters: in no order.
    """

    def __init__(self, text: Composed, check: Callable[[], None] = no_limit, marks: WindowMarks | None = None) -> None:
        """Take the text that was parsed.

        Args:
            text: it knows what stands where in the query.
            check: called now and then; it raises an error where time is over.
            marks: what calls over windows with row patterns have become in the text, where there are some.
        """
        super().__init__(text, check)
        self._marks = marks
        self.tables: list[TableRead] = []
        self.made: list[str] = []
        self.may_need_zone = False
        self.parameters: list[TextParameter] = []
        self._scope: Scope = frozenset()
        self._query_kinds: dict[str, Callable[[Fields], None]] = {
            "SELECT_NODE": self._select,
            "SET_OPERATION_NODE": self._set_operation,
            "RECURSIVE_CTE_NODE": self._recursive,
        }
        self._source_kinds: dict[str, Callable[[Fields], None]] = {
            "EMPTY": lambda _: None,
            "BASE_TABLE": self._base_table,
            "SUBQUERY": lambda keys: self._statement(keys.node("subquery")),
            "JOIN": self._join,
            "TABLE_FUNCTION": self._table_function,
            "EXPRESSION_LIST": self._values,
            "PIVOT": self._pivot,
        }

    def read(self, statement: Json) -> None:
        """Read the one statement of a text.

        Raises:
            UnsupportedQueryError, QueryError: it reads what it must not, or what is not known here.
        """
        self._statement(statement)

    # Queries.

    def _statement(self, statement: Json) -> None:
        keys = Fields(statement, self)
        node = keys.node("node")
        keys.take("named_param_map")
        keys.end()
        self._query(node)

    def _query(self, node: Json) -> None:
        keys = Fields(node, self)
        kind = keys.take("type")
        read = self._query_kinds.get(kind) if isinstance(kind, str) else None
        if read is None:
            raise self.unknown(f"a query of the kind {kind}", keys)
        outer = self._scope
        try:
            self._common_tables(keys)
            read(keys)
            for modifier in keys.nodes("modifiers"):
                self._modifier(modifier)
            keys.end()
        finally:
            self._scope = outer

    def _common_tables(self, keys: Fields) -> None:
        """Read a WITH list: each table sees those before it, and the query sees all."""
        entries = Fields(keys.take("cte_map") or {}, self)
        for entry in entries.nodes("map"):
            each = Fields(entry, self)
            name, value = each.take("key"), Fields(each.node("value"), self)
            each.end()
            value.take("materialized"), value.take("aliases")
            for target in value.nodes("key_targets"):
                self.expression(target)
            self._query(value.node("query_node"))
            value.end()
            if not isinstance(name, str):
                raise self.unknown("this WITH", keys)
            self.made.append(name)
            self._scope |= {lowered(name)}
        entries.end()

    def _select(self, keys: Fields) -> None:
        self._source(keys.node("from_table"))
        self._expressions(keys, "select_list", "group_expressions")
        self._optional(keys, "where_clause", "having", "qualify")
        self._sample(keys)
        if keys.take("aggregate_handling", "STANDARD_HANDLING") not in {"STANDARD_HANDLING", "FORCE_AGGREGATES"}:
            raise self.unknown("this GROUP BY", keys)
        keys.take("group_sets")

    def _set_operation(self, keys: Fields) -> None:
        if keys.take("setop_type") not in _SET_OPERATIONS:
            raise self.unknown("this set operation", keys)
        keys.take("setop_all")
        for child in keys.nodes("children"):
            self._query(child)

    def _recursive(self, keys: Fields) -> None:
        name = keys.take("cte_name")
        if not isinstance(name, str):
            raise self.unknown("this WITH", keys)
        keys.take("union_all"), keys.take("aliases")
        self._expressions(keys, "key_targets")
        self._query(keys.node("left"))
        outer = self._scope
        self._scope |= {lowered(name)}
        try:
            self._query(keys.node("right"))
        finally:
            self._scope = outer

    def _modifier(self, node: Json) -> None:
        keys = Fields(node, self)
        kind = keys.take("type")
        if kind == "ORDER_MODIFIER":
            for item in keys.nodes("orders"):
                self._order_item(item)
        elif kind in {"LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER"}:
            self._optional(keys, "limit", "offset")
            keys.take("limit_type")
        elif kind == "DISTINCT_MODIFIER":
            self._expressions(keys, "distinct_on_targets")
        else:
            raise self.unknown(f"{kind}", keys)
        keys.end()

    def _expressions(self, keys: Fields, *names: str) -> None:
        for name in names:
            for each in keys.nodes(name):
                self.expression(each)

    def _optional(self, keys: Fields, *names: str) -> None:
        for name in names:
            found = keys.take(name)
            if found is not None:
                self.expression(found)

    def _sample(self, keys: Fields) -> None:
        sample = keys.take("sample")
        if sample is None:
            return
        known = {"sample_size", "is_percentage", "method", "seed", "repeatable", "sample_rate"}
        if not isinstance(sample, dict) or set(sample) - known:
            raise self.unknown("this TABLESAMPLE", keys)

    # Tables.

    def _source(self, node: Json) -> None:
        keys = Fields(node, self)
        kind = keys.take("type")
        if kind == "SHOW_REF":
            raise self.refused("SHOW, DESCRIBE and SUMMARIZE cannot stand in a query here", keys, UnsupportedQueryError)
        read = self._source_kinds.get(kind) if isinstance(kind, str) else None
        if read is None:
            raise self.unknown(f"a table of the kind {kind}", keys)
        keys.take("alias"), keys.take("column_name_alias")
        self._sample(keys)
        read(keys)
        keys.end()

    def _base_table(self, keys: Fields) -> None:
        name, path = keys.take("table_name"), keys.node("qualified_name").get("path")
        schema, catalog = keys.take("schema_name"), keys.take("catalog_name")
        if schema or catalog or path != [name] or not isinstance(name, str):
            raise self.refused("a table is named by one name, without a schema", keys, UnsupportedQueryError)
        if keys.take("at_clause") is not None:
            raise self.unknown("AT", keys)
        if lowered(name) not in self._scope:
            self.tables.append(TableRead(name, self._text.location(keys.location)))

    def _join(self, keys: Fields) -> None:
        self._source(keys.node("left"))
        self._source(keys.node("right"))
        self._optional(keys, "condition")
        if keys.take("join_type") not in _JOINS or keys.take("ref_type") not in _JOIN_FORMS:
            raise self.unknown("this join", keys)
        keys.take("using_columns"), keys.take("is_implicit"), keys.take("delim_flipped")
        if keys.take("nearest_count", 1) != 1 or keys.take("nearest_order_type", "ASCENDING") != "ASCENDING":
            raise self.unknown("this join", keys)

    def _table_function(self, keys: Fields) -> None:
        function = keys.node("function")
        keys.take("with_ordinality")
        if function.get("class") != "FUNCTION":
            raise self.unknown("this table function", keys)
        call = Fields(function, self)
        name = call.take("function_name")
        path = call.node("qualified_name").get("path")
        if name not in TABLE_FUNCTIONS or path != [name]:
            shown = ".".join(map(str, path or [name]))
            message = f"{shown}() cannot stand in FROM: {_CLOSED}; "
            message += candidates(shown, sorted(TABLE_FUNCTIONS), "functions allowed")
            raise self.refused(message, call, UnsupportedQueryError)
        for argument in call.nodes("arguments"):
            self._argument(argument, str(name))
        for known in ("class", "type", "alias", "distinct", "is_operator", "is_legacy_function_call"):
            call.take(known)
        if self._order(call.take("order_bys"), call) or call.take("filter") is not None:
            raise self.unknown("this table function", call)
        call.end()

    def _values(self, keys: Fields) -> None:
        keys.take("expected_names"), keys.take("expected_types")
        for row in keys.take("values") or []:
            for each in row:
                self.expression(each)

    def _pivot(self, keys: Fields) -> None:
        self._source(keys.node("source"))
        self._expressions(keys, "aggregates")
        keys.take("unpivot_names"), keys.take("groups"), keys.take("include_nulls")
        for node in keys.nodes("pivots"):
            pivot = Fields(node, self)
            self._expressions(pivot, "pivot_expressions")
            pivot.take("unpivot_names")
            for value in pivot.nodes("entries"):
                entry = Fields(value, self)
                self._optional(entry, "star_expr")
                entry.take("alias"), entry.take("values")
                entry.end()
            self._no_subquery(pivot)
            pivot.end()

    def _no_subquery(self, pivot: Fields) -> None:
        if pivot.take("subquery") is not None or pivot.take("pivot_enum"):
            raise self.unknown("PIVOT over the values of a query or of a type", pivot)

    # Expressions.

    def _call(self, keys: Fields, form: str) -> Node:
        found = super()._call(keys, form)
        self.may_need_zone |= not (isinstance(found, Call) and found.name in _WITHOUT_ZONE)
        return found

    def _cast(self, keys: Fields, form: str) -> Node:
        self.may_need_zone = True
        return super()._cast(keys, form)

    def _comparison(self, keys: Fields, form: str) -> Node:
        return self._compared(super()._comparison(keys, form))

    def _between(self, keys: Fields, form: str) -> Node:
        return self._compared(super()._between(keys, form))

    def _compared(self, found: Node) -> Node:
        self.may_need_zone |= any(isinstance(each, Literal) and each.is_text for each in children(found))
        return found

    # Expressions that stand around clauses only.

    def _own_name(self, name: str, arguments: list[Argument], keys: Fields) -> str:  # noqa: ARG002 - nothing to refuse
        return name

    def _named_field(self, argument: Argument, function: str, keys: Fields) -> Argument:
        # `*COLUMNS(...)` stands for columns, each of which names a field.
        is_unpacked = isinstance(argument.value, Opaque) and argument.value.kind == "operator_unpack"
        return argument if is_unpacked else super()._named_field(argument, function, keys)

    def _more_functions(self) -> frozenset[str]:
        return WINDOWS | AROUND_CLAUSES | {"unnest"}

    def _window(self, keys: Fields, _: str) -> Node:
        name = keys.take("function_name")
        path = keys.take("qualified_name")
        if path is not None and path.get("path") != [name]:
            raise self.unknown("a window function with a schema", keys)
        marked = None if self._marks is None else self._marks.read(name)
        if marked is not None:
            name = marked.name
        if marked is None or not marked.measure:
            self._check_function(str(name), operator=False, keys=keys)
        for argument in keys.nodes("arguments"):
            self._argument(argument, str(name))
        self._expressions(keys, "partitions", "children")
        for item in (*keys.nodes("orders"), *keys.nodes("arg_orders")):
            self._order_item(item)
        self._optional(keys, "start_expr", "end_expr", "offset_expr", "default_expr", "filter_expr")
        for known in ("start", "end", "ignore_nulls", "has_ignore_nulls", "exclude_clause", "distinct", "schema"):
            keys.take(known)
        keys.take("catalog"), keys.take("is_legacy_function_call")
        return Opaque("window")

    def _subquery(self, keys: Fields, _: str) -> Node:
        self._statement(keys.node("subquery"))
        self._optional(keys, "child")
        if keys.take("subquery_type") not in {"SCALAR", "EXISTS", "NOT_EXISTS", "ANY"}:
            raise self.unknown("this subquery", keys)
        keys.take("comparison_type")
        return Opaque("subquery")

    def _operation(self, keys: Fields, form: str) -> Node:
        if form in {"GROUPING_FUNCTION", "OPERATOR_UNPACK"}:
            self._expressions(keys, "children")
            return Opaque(form.lower())
        found = super()._operation(keys, form)
        return self._compared(found) if form == "COMPARE_IN" else found

    def _parameter(self, keys: Fields, form: str) -> Node:
        identifier = keys.take("identifier")
        found = super()._parameter(keys, form)
        assert isinstance(found, Parameter)  # noqa: S101 - it is read as one
        place = self._text.place(keys.location, keys.length)
        self.parameters.append(TextParameter(found.name, str(identifier), *place))
        # It may be a text, and be compared with a timestamp.
        self.may_need_zone = True
        return found

    def _position(self, keys: Fields, _: str) -> Node:
        keys.take("index")
        return Opaque("position")

    def _star(self, keys: Fields, _: str) -> Node:
        columns = bool(keys.take("columns"))
        relation = keys.take("relation_name")
        self._optional(keys, "expr")
        changed = bool(keys.take("exclude_list")) or columns
        for each in keys.nodes("replace_list"):
            entry = Fields(each, self)
            entry.take("key")
            self.expression(entry.node("value"))
            entry.end()
            changed = True
        changed = bool(keys.take("rename_list")) or bool(keys.take("qualified_exclude_list")) or changed
        return Opaque("columns") if changed else Star(relation, span=self._span(keys))
