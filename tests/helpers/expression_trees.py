"""Trees of SQL expressions of every kind, made by hypothesis, and trees read from text."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from rowpattern.sql.duckdb.functions import AGGREGATES, CALLS_AGGREGATE, LAMBDA_FUNCTIONS, SCALARS
from rowpattern.sql.duckdb.parser import parse_texts
from rowpattern.sql.expression import nodes
from rowpattern.sql.expression.read import TreeReader
from rowpattern.sql.records import replace
from rowpattern.sql.text.composed import Composed

# What is looked for in names and texts: quotes, comments, ends of statements, other scripts, spaces that are none.
_PIECES = ["'", '"', "--", "/*", "*/", ";", "$$", "\\", "\n", "\r", "\t", " ", "\xa0", "\u200b", "\u2028", "\u0301"]
_PIECES += [
    "é",
    "\u212a",
    "हिन्दी",
    "😀",
    "a",
    "A",
    "0",
    "_",
    "(",
    ")",
    "SELECT",
    "%",
    "\uff02",
    "\uff07",
    "\x01",
    "\x7f",
    ":=",
]

_characters = st.sampled_from(_PIECES) | st.characters(exclude_characters="\0", exclude_categories=["Cs"])
names: st.SearchStrategy[str] = st.lists(_characters, min_size=1).map("".join)
texts: st.SearchStrategy[str] = st.one_of(st.just(""), names)

_sign = st.sampled_from(["", "-"])
_numeric = st.from_regex(
    r"(?:[0-9]{1,5}\.[0-9]{0,5}|\.[0-9]{1,5})(?:[eE][+-]?[0-9]{1,3})?|[0-9]{1,5}[eE][+-]?[0-9]{1,3}", fullmatch=True
)
literals = st.one_of(
    st.builds(lambda sign, digits: nodes.Literal("INTEGER", sign + digits), _sign, st.integers(0, 10**40).map(str)),
    st.builds(lambda sign, digits: nodes.Literal("NUMERIC", sign + digits), _sign, _numeric),
    st.sampled_from(["1_000", "-1_0_0", "12_345"]).map(lambda text: nodes.Literal("INTEGER", text)),
    st.sampled_from(["1_0.5_0", "-1_0.2e3", "1_0e2"]).map(lambda text: nodes.Literal("NUMERIC", text)),
    texts.map(lambda text: nodes.Literal("STRING", text)),
    st.sampled_from(["true", "false"]).map(lambda text: nodes.Literal("BOOLEAN", text)),
    st.just(nodes.Literal("NULL_LITERAL")),
    st.binary(max_size=4).map(lambda value: nodes.Literal("HEX", value.hex())),
    st.from_regex("[01]{1,9}", fullmatch=True).map(lambda text: nodes.Literal("BIT", text)),
)
columns = st.lists(names, min_size=1, max_size=4).map(lambda each: nodes.Column(tuple(each)))

# As the parser names them: `INT` is INTEGER.
_PLAIN_TYPES = """
BIGINT,BIGNUM,BIT,BLOB,BOOLEAN,DATE,DECIMAL,DOUBLE,FLOAT,GEOMETRY,HUGEINT,INTEGER,INTERVAL,JSON,SMALLINT,TIME,
TIME WITH TIME ZONE,TIMESTAMP,TIMESTAMP WITH TIME ZONE,TIMESTAMPTZ_NS,TIMESTAMP_MS,TIMESTAMP_NS,TIMESTAMP_S,TIMETZ,
TIME_NS,TINYINT,UBIGINT,UHUGEINT,UINTEGER,USMALLINT,UTINYINT,UUID,VARCHAR,VARIANT
"""
_plain_types = st.sampled_from(_PLAIN_TYPES.replace("\n", "").split(",")).map(nodes.TypeName)


def _type(name: str, *parts: Any) -> nodes.TypeName:
    return nodes.TypeName(name, tuple(part if isinstance(part, tuple) else (None, part) for part in parts))


def _size(number: int) -> nodes.Literal:
    return nodes.Literal("INTEGER", str(number))


_sized_types = st.one_of(
    st.builds(lambda width, scale: _type("DECIMAL", _size(width), _size(scale)), st.integers(1, 38), st.integers(0, 9)),
    st.integers(1, 99).map(lambda size: _type("VARCHAR", _size(size))),
    st.lists(texts, min_size=1, max_size=3).map(
        lambda words: _type("ENUM", *(nodes.Literal("STRING", word) for word in words))
    ),
)
_fields = st.lists(names, min_size=1, max_size=3)


def _named(name: str, inner: st.SearchStrategy[nodes.TypeName]) -> st.SearchStrategy[nodes.TypeName]:
    return st.lists(st.tuples(names, inner), min_size=1, max_size=3).map(
        lambda parts: nodes.TypeName(name, tuple(parts))
    )


types: st.SearchStrategy[nodes.TypeName] = st.recursive(
    _plain_types | _sized_types,
    lambda inner: st.one_of(
        inner.map(lambda item: _type("LIST", item)),
        st.builds(lambda item, size: _type("ARRAY", item, _size(size)), inner, st.integers(1, 9)),
        st.builds(lambda key, value: _type("MAP", key, value), inner, inner),
        _named("STRUCT", inner),
        _named("UNION", inner),
    ),
    max_leaves=4,
)

# The parser makes something else of these, in quotes too.
_OWN_SYNTAX = {"count", "count_star", "if", "nullif", "array_value"}
_functions = st.sampled_from(sorted((SCALARS | AGGREGATES) - LAMBDA_FUNCTIONS - CALLS_AGGREGATE - _OWN_SYNTAX))
_BINARY = ["+", "-", "*", "/", "//", "%", "**", "^", "||", "&", "|", "<<", ">>", "@>", "<@", "^@", "&&", "~~", "!~~"]
_BINARY += ["~~*", "!~~*", "~~~", "->", "->>", "<=>"]
_COMPARISONS = ["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]
_ESCAPES = ["like_escape", "ilike_escape"]


def _call(name: str, *values: nodes.Node, **more: Any) -> nodes.Call:
    return nodes.Call(name, tuple(nodes.Argument(value) for value in values), **more)


def _is_no_number(node: nodes.Node) -> bool:
    return not (isinstance(node, nodes.Literal) and node.kind in {"INTEGER", "NUMERIC"})


def _compound(inner: st.SearchStrategy[nodes.Node]) -> st.SearchStrategy[nodes.Node]:
    some = st.lists(inner, min_size=1, max_size=3).map(tuple)
    many = st.lists(inner, min_size=2, max_size=4).map(tuple)
    arguments = st.lists(st.builds(nodes.Argument, inner, st.none() | names), max_size=3).map(tuple)
    order = st.builds(
        nodes.OrderItem,
        inner,
        st.sampled_from(["ORDER_DEFAULT", "ASCENDING", "DESCENDING"]),
        st.sampled_from(["ORDER_DEFAULT", "NULLS FIRST", "NULLS LAST"]),
    )
    bound = inner | st.just(nodes.Call("list_value"))
    # Parameters stand in the body too: shadowed and not.
    parameters = st.lists(st.sampled_from(["x", "y", 'q"', "é", "select"]), min_size=1, max_size=3, unique=True)
    used = st.sampled_from(["x", "y", 'q"', "é", "select"]).map(lambda name: nodes.Column((name,)))
    body = st.one_of(inner, used, st.builds(lambda left, right: _call("+", left, right, operator=True), used, inner))
    lambdas = st.builds(lambda given, inside: nodes.Lambda(tuple(given), inside), parameters, body)
    branches = st.lists(st.builds(nodes.Branch, inner, inner), min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(nodes.Comparison, st.sampled_from(_COMPARISONS), inner, inner),
        st.builds(nodes.Conjunction, st.sampled_from(["AND", "OR"]), many),
        st.builds(
            lambda kind, value: nodes.Operation(kind, (value,)),
            st.sampled_from(["NOT", "IS_NULL", "IS_NOT_NULL", "TRY"]),
            inner,
        ),
        many.map(lambda operands: nodes.Operation("IN", operands)),
        some.map(lambda operands: nodes.Operation("COALESCE", operands)),
        st.lists(inner, max_size=3).map(lambda operands: nodes.Operation("ARRAY_CONSTRUCTOR", tuple(operands))),
        st.builds(lambda value, at: nodes.Operation("ARRAY_EXTRACT", (value, at)), inner, inner),
        st.builds(lambda *parts: nodes.Operation("ARRAY_SLICE", parts), inner, bound, bound),
        st.builds(lambda *parts: nodes.Operation("ARRAY_SLICE", parts), inner, bound, bound, inner),
        st.builds(
            lambda value, name: nodes.Operation("STRUCT_EXTRACT", (value, nodes.Literal("STRING", name))), inner, names
        ),
        st.builds(nodes.Between, inner, inner, inner),
        st.builds(nodes.Case, branches, inner),
        st.builds(nodes.Cast, inner, types, st.booleans()),
        st.builds(nodes.Collate, inner, st.sampled_from(["nocase", "noaccent", "de", "nocase.noaccent", "binary"])),
        st.builds(
            lambda name, left, right: _call(name, left, right, operator=True), st.sampled_from(_BINARY), inner, inner
        ),
        st.builds(lambda name, value: _call(name, value, operator=True), st.sampled_from(["~", "@"]), inner),
        # The parser makes a number of a sign and a number.
        inner.filter(_is_no_number).map(lambda value: _call("-", value, operator=True)),
        st.builds(
            lambda name, *values: _call(name, *values, operator=True), st.sampled_from(_ESCAPES), inner, inner, inner
        ),
        st.builds(nodes.Call, _functions, arguments),
        st.builds(
            lambda name, given, distinct, where, by: nodes.Call(name, given, False, distinct, where, by),
            _functions,
            st.lists(st.builds(nodes.Argument, inner), min_size=1, max_size=2).map(tuple),
            st.booleans(),
            st.none() | inner,
            st.lists(order, max_size=2).map(tuple),
        ),
        st.builds(
            lambda name, value, called: _call(name, value, nodes.Literal("STRING", called)),
            st.sampled_from(sorted(CALLS_AGGREGATE)),
            inner,
            st.sampled_from(["sum", "String_Agg"]),
        ),
        st.just(nodes.Call("count_star")),
        st.builds(lambda where: nodes.Call("count_star", filter=where), inner),
        names.map(lambda name: _call("count", nodes.Star(name))),
        inner.map(lambda value: _call("count", value)),
        st.builds(
            _call,
            st.sampled_from(sorted(LAMBDA_FUNCTIONS)),
            inner,
            lambdas,
        ),
    )


trees: st.SearchStrategy[nodes.Node] = st.recursive(literals | columns, _compound, max_leaves=12)


def read(text: str) -> nodes.Node:
    """Return the tree of an expression."""
    (tree,) = parse_texts([f"SELECT ({text})"])
    assert not tree["error"], f"{tree.get('error_message')}: {text}"
    (listed,) = tree["statements"][0]["node"]["select_list"]
    whole = f"SELECT ({text})"
    return TreeReader(Composed(whole).copy(0, len(whole))).expression(listed)


def plain(node: nodes.Node, bound: tuple[str, ...] = ()) -> nodes.Node:
    """Return a tree in which each parameter of a lambda is called by its number, counted from the outside.

    AND in AND, and OR in OR, are one there, as the parser has it. Two trees mean the same if these are equal.
    """
    if isinstance(node, nodes.Conjunction):
        operands = [plain(each, bound) for each in node.operands]
        inner = [
            each.operands if isinstance(each, nodes.Conjunction) and each.word == node.word else (each,)
            for each in operands
        ]
        return nodes.Conjunction(node.word, tuple(each for some in inner for each in some))
    if isinstance(node, nodes.Column) and node.names[0] in bound:
        number = len(bound) - 1 - bound[::-1].index(node.names[0])
        return replace(node, names=(f"\0{number}", *node.names[1:]))
    if isinstance(node, nodes.Lambda):
        inside = (*bound, *node.parameters)
        numbers = tuple(f"\0{number}" for number in range(len(bound), len(inside)))
        return nodes.Lambda(numbers, plain(node.body, inside))
    return nodes.map_children(node, lambda child: plain(child, bound))
