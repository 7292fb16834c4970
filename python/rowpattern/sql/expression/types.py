"""Which types and collations of DuckDB a query may name."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from rowpattern.sql.expression.nodes import Literal, TypeName

if TYPE_CHECKING:
    from rowpattern.sql.expression.nodes import Node

__all__ = ["check_collation", "check_type"]

#: Types without anything behind them.
_PLAIN = frozenset(
    """
    BIGINT BIGNUM BINARY BIT BITSTRING BLOB BOOL BOOLEAN BYTEA CHAR DATE DATETIME DOUBLE FLOAT FLOAT4 FLOAT8
    GEOMETRY GUID HUGEINT INT INT1 INT128 INT16 INT2 INT32 INT4 INT64 INT8 INTEGER INTEGRAL INTERVAL JSON
    LOGICAL LONG NVARCHAR OID REAL SHORT SIGNED SMALLINT STRING TEXT TIME TIMESTAMP TIMESTAMPTZ TIMESTAMPTZ_NS
    TIMESTAMP_MS TIMESTAMP_NS TIMESTAMP_S TIMESTAMP_US TIMETZ TIME_NS TINYINT UBIGINT UHUGEINT UINT128 UINT16
    UINT32 UINT64 UINT8 UINTEGER USMALLINT UTINYINT UUID VARBINARY VARCHAR VARIANT VARINT BPCHAR
    """.split()
) | {"TIME WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE", "NULL"}

#: Types that take whole numbers: the most of them.
_SIZED = {
    "DECIMAL": 2,
    "DEC": 2,
    "NUMERIC": 2,
    "VARCHAR": 1,
    "CHAR": 1,
    "BPCHAR": 1,
    "TIMESTAMP": 1,
    "TEXT": 1,
    "STRING": 1,
}

# What types of other systems are here.
_INSTEAD = {
    "BINARY_DOUBLE": "DOUBLE",
    "BINARY_FLOAT": "FLOAT",
    "CLOB": "VARCHAR",
    "NUMBER": "DECIMAL(width, scale), BIGINT or DOUBLE",
    "NVARCHAR2": "VARCHAR",
    "TIMESTAMP_LTZ": "TIMESTAMPTZ",
    "TIMESTAMP_NTZ": "TIMESTAMP",
    "VARCHAR2": "VARCHAR",
}

_COLLATIONS = frozenset(
    """
    aa af am ar ar_sa as az bal be bg binary blo bn bo br bs c ca ceb chr cs cu cy da de de_at dsb dz ee el en
    en_us eo es et fa fa_af ff fi fil fo fr fr_ca fy ga gl gu ha haw he he_il hi hr hsb hu hy icu_noaccent id
    id_id ig is it ja ka kk kl km kn ko kok ku ky lb lij lkt ln lo lt lv mk ml mn mr ms mt my nb nb_no ne nfc nl
    nn no noaccent nocase nso om or pa pa_in pl posix ps pt ro ru sa se sgs si sk sl smn sq sr sr_ba sr_me sr_rs
    ssy st sv sw ta te th tk tn to tr ug uk ur uz vi vo wae wo xh yi yo zh zh_cn zh_hk zh_mo zh_sg zh_tw zu
    """.split()
)


def check_collation(name: str) -> bool:
    """Say whether DuckDB has a collation; several are joined by points, as in `nocase.noaccent`."""
    return all(part in _COLLATIONS for part in name.lower().split("."))


def check_type(kind: TypeName) -> str | None:
    """Return what is wrong with a type; None where nothing is. Types inside of it have been checked before."""
    name, parts = kind.name, kind.parts
    types = [part for _, part in parts if isinstance(part, TypeName)]
    named = all(field is not None for field, _ in parts)
    unnamed = all(field is None for field, _ in parts)
    if name in {"STRUCT", "ROW", "UNION"}:
        fits = len(types) == len(parts) > 0 and named
    elif name in {"LIST", "MAP"}:
        fits = len(types) == len(parts) == (1 if name == "LIST" else 2) and unnamed
    elif name == "ARRAY":
        fits = len(parts) == 2 and len(types) == 1 and unnamed and _is_size(parts[1][1])  # noqa: PLR2004
    elif name == "ENUM":
        fits = bool(parts) and unnamed and all(isinstance(part, Literal) and part.is_text for _, part in parts)
    elif parts:
        fits = name in _SIZED and len(parts) <= _SIZED[name] and unnamed and all(_is_size(part) for _, part in parts)
    else:
        fits = name in _PLAIN or name in _SIZED
    if fits:
        return None
    known = name in _PLAIN or name in _SIZED or name in {"STRUCT", "ROW", "UNION", "LIST", "MAP", "ARRAY", "ENUM"}
    if known:
        return f"the type {name} does not take what stands in its parentheses"
    instead = _INSTEAD.get(name) or next(iter(difflib.get_close_matches(name, _PLAIN | _SIZED.keys(), 1)), None)
    return f"there is no type {name}" if instead is None else f"there is no type {name}; write {instead}"


def _is_size(node: Node) -> bool:
    return isinstance(node, Literal) and node.integer is not None and node.integer >= 0
