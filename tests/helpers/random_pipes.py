"""Random queries with pipes, each with a query without that gives the same rows.

In the query without, each value that an operator makes is a column of its own, `c0`, `c1`, ...; which of them a name
means is kept here. So the two have nothing in common but the operators.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    import random

__all__ = ["TABLES", "RandomPipes"]

TABLES = {
    "t": pa.table({"i": [1, 2, 3, 4, 5, 6], "x": [3, 2, 1, 5, None, 3], "k": [0, 0, 1, 1, None, 0]}),
    "u": pa.table({"i": [1, 2, 2, 4, 7], "w": [1, 5, None, 3, 0], "k": [1, 0, 2, 1, 1]}),
}
# Some are names of columns too.
_ALIASES = ("t", "u", "p", "q", "k", "x")
_JOINS = ("JOIN", "INNER JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "LEFT OUTER JOIN", "CROSS JOIN", "SEMI JOIN")


@dataclass
class RandomPipes:
    """A query that grows.

    Attributes:
        source: decides.
        piped: the query with pipes so far.
        plain: the one without.
        shown: the columns in order, each with the column of `plain`.
        tables: what tables are called, and their columns.
        changed: those of them of which columns are shown as others.
        extended: those that may have more columns than are known here.
    """

    source: random.Random
    piped: str = ""
    plain: str = ""
    shown: list[tuple[str, str]] = field(default_factory=list)
    tables: dict[str, dict[str, str]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    extended: set[str] = field(default_factory=set)
    _made: int = 0

    def make(self, length: int) -> None:
        """Begin, and add some operators."""
        self._begin()
        operators = [
            *(self._where, self._where, self._select, self._extend, self._extend, self._set, self._set, self._drop),
            *(self._rename, self._as, self._join, self._join, self._join, self._aggregate, self._distinct, self._limit),
            *(self._sets, self._clause, self._sample, self._pivot, self._unpivot, self._comma),
        ]
        for _ in range(length):
            operator = self.source.choice(operators)
            if len(self.shown) < 12 or operator in {self._select, self._drop, self._aggregate}:
                operator()

    def answer(self) -> str:
        """Return the query without pipes, with the columns that are shown."""
        return f"SELECT {', '.join(column for _, column in self.shown)} FROM ({self.plain})"

    # Pieces.

    def _new(self) -> str:
        self._made += 1
        return f"c{self._made}"

    def _alias(self) -> str:
        return self.source.choice([each for each in _ALIASES if each not in self.tables] or [f"a{self._made}"])

    def _plain_names(self) -> list[str]:
        """Return the columns that one can name without a table."""
        names = [name for name, _ in self.shown]
        return [name for name in names if names.count(name) == 1]

    def _value(self, depth: int = 2) -> tuple[str, str]:
        """Make an expression over the columns, with pipes and without."""
        names = [(f'"{name}"', column) for name, column in self.shown if name in self._plain_names()]
        names += [(f'{table}."{name}"', column) for table, of in self.tables.items() for name, column in of.items()]
        kind = self.source.random()
        if not names or kind < 0.1:
            number = str(self.source.randrange(4))
            return number, number
        if depth and kind < 0.35:
            (one, plain), (other, same) = self._value(depth - 1), self._value(depth - 1)
            sign = self.source.choice(["+", "-"])
            return f"({one} {sign} {other})", f"({plain} {sign} {same})"
        return self.source.choice(names)

    def _condition(self) -> tuple[str, str]:
        one, plain = self._value()
        if self.source.random() < 0.15:
            # A query in brackets, whose own table hides one of the same name around.
            inner = "FROM {0} |> WHERE {0}.k < 2 |> SELECT {0}.i"
            name = self.source.choice(["t", "u"])
            return f"{one} IN ({inner.format(name)})", f"{plain} IN (SELECT i FROM {name} WHERE k < 2)"
        if self.source.random() < 0.15:
            return (
                f"EXISTS (FROM u AS inner_u |> SELECT inner_u.i AS inner_i |> WHERE inner_i = {one})",
                f"EXISTS (SELECT 1 FROM (SELECT i AS inner_i FROM u) WHERE inner_i = {plain})",
            )
        other, same = self._value(1)
        sign = self.source.choice(["<", ">=", "=", "<>", "IS DISTINCT FROM"])
        return f"{one} {sign} {other}", f"{plain} {sign} {same}"

    def _add(self, expressions: list[str]) -> list[str]:
        """Add columns to the query without pipes; return their names."""
        columns = [self._new() for _ in expressions]
        more = "".join(f", {each} AS {column}" for each, column in zip(expressions, columns))
        self.plain = f"SELECT *{more} FROM ({self.plain})"
        return columns

    def _base_table(self) -> tuple[str, str, str, dict[str, str]]:
        """Make a table of FROM: with pipes, what it is called, without, and its columns."""
        name = self.source.choice(["t", "u"])
        alias = self._alias()
        columns = {column: self._new() for column in TABLES[name].column_names}
        plain = f"(SELECT {', '.join(f'{each} AS {column}' for each, column in columns.items())} FROM {name})"
        form = self.source.choice([f"{name} AS {alias}", f"{name} {alias}", f"(SELECT * FROM {name}) AS {alias}"])
        if name not in self.tables and self.source.random() < 0.5:
            form, alias = name, name
        return form, alias, plain, columns

    def _forget(self) -> None:
        self.tables, self.changed, self.extended = {}, set(), set()

    # Operators.

    def _begin(self) -> None:
        form, alias, plain, columns = self._base_table()
        self.piped = f"FROM {form}"
        self.plain = f"SELECT * FROM {plain}"
        self.shown = list(columns.items())
        self.tables = {alias: columns}
        if self.source.random() < 0.2:
            self.piped = f"SELECT * FROM {form}"
            self._forget()
        elif self.source.random() < 0.4:
            self._join(is_pipe=False)

    def _where(self) -> None:
        piped, plain = self._condition()
        self.piped += f" |> WHERE {piped}"
        self.plain = f"SELECT * FROM ({self.plain}) WHERE {plain}"

    def _select(self) -> None:
        items: list[str] = []
        shown: list[tuple[str, str]] = []
        for number in range(self.source.randrange(1, 4)):
            kind = self.source.random()
            if kind < 0.3:
                items.append("*")
                shown += self.shown
            elif kind < 0.45 and set(self.tables) - self.extended:
                name = self.source.choice(sorted(set(self.tables) - self.extended))
                items.append(f"{name}.*")
                shown += self.tables[name].items()
            else:
                piped, plain = self._value()
                items.append(f"{piped} AS s{number}")
                shown.append((f"s{number}", self._add([plain])[0]))
        self.piped += f" |> SELECT {', '.join(items)}"
        self.shown = shown
        self._forget()

    def _extend(self) -> None:
        piped, plain = self._value()
        if self.source.random() < 0.3:
            piped, plain = (f"count(*) OVER (PARTITION BY {each})" for each in (piped, plain))
        name = f"e{self._made}"
        self.piped += f" |> EXTEND {piped} AS {name}"
        self.shown = [*self.shown, (name, self._add([plain])[0])]
        self.extended |= set(self.tables)

    def _set(self) -> None:
        if not (names := self._plain_names()):
            return
        some = self.source.sample(names, min(len(names), self.source.randrange(1, 3)))
        values = [self._value() for _ in some]
        columns = dict(zip(some, self._add([plain for _, plain in values])))
        self.piped += " |> SET " + ", ".join(f'"{name}" = {piped}' for name, (piped, _) in zip(some, values))
        self.shown = [(name, columns.get(name, column)) for name, column in self.shown]
        self.changed |= set(self.tables)

    def _drop(self) -> None:
        if len(self.shown) < 2 or not (names := self._plain_names()):
            return
        name = self.source.choice(names)
        self.piped += f' |> DROP "{name}"'
        self.shown = [each for each in self.shown if each[0] != name]
        self.changed |= set(self.tables)

    def _rename(self) -> None:
        if not (names := self._plain_names()):
            return
        name, new = self.source.choice(names), f"r{self._made}"
        self._made += 1
        self.piped += f' |> RENAME "{name}" {self.source.choice(["AS ", ""])}{new}'
        self.shown = [(new if each == name else each, column) for each, column in self.shown]
        self.changed |= set(self.tables)

    def _as(self) -> None:
        self._forget()
        alias = self._alias()
        self.piped += f" |> AS {alias}"
        self.tables = {alias: {name: column for name, column in self.shown if name in self._plain_names()}}
        # Of columns of one name all but the first have other names.
        self.extended = {alias} if len(self.tables[alias]) < len(self.shown) else set()

    def _join(self, *, is_pipe: bool = True) -> None:
        form, alias, plain, columns = self._base_table()
        word = self.source.choice(_JOINS)
        tables, shown = dict(self.tables), list(self.shown)
        # The condition may name both sides.
        self.tables = {**tables, alias: columns}
        condition = ("", "")
        if word != "CROSS JOIN":
            mine = [(f'{table}."{name}"', column) for table, of in tables.items() for name, column in of.items()]
            one, column = self.source.choice(mine) if mine else ("1", "1")
            condition = (f' ON {one} = {alias}."i"', f" ON {column} = {columns['i']}")
        self.piped += f"{' |>' if is_pipe else ''} {word} {form}{condition[0]}"
        self.plain = f"SELECT * FROM ({self.plain}) {word} {plain}{condition[1]}"
        self.shown = [*shown, *columns.items()]
        if word == "SEMI JOIN":
            self.tables, self.shown = tables, shown

    def _comma(self) -> None:
        form, alias, plain, columns = self._base_table()
        self.piped += f" |> , {form}"
        self.plain = f"SELECT * FROM ({self.plain}), {plain}"
        self.shown = [*self.shown, *columns.items()]
        self.tables[alias] = columns

    def _aggregate(self) -> None:
        # A number alone would be the place of a column.
        keys = [(f"({one} + 0)", f"({plain} + 0)") for one, plain in map(self._value, [1] * self.source.randrange(3))]
        values = [self._value() for _ in range(self.source.randrange(0 if keys else 1, 3))]
        calls = [self.source.choice(["sum({})", "max({}) + 1", "count({}) FILTER (WHERE {} > 1)"]) for _ in values]
        piped = [call.replace("{}", value) + f" AS g{at}" for at, (call, (value, _)) in enumerate(zip(calls, values))]
        plain = [call.replace("{}", value) for call, (_, value) in zip(calls, values)]
        columns = [self._new() for _ in [*keys, *values]]
        items = [f"{each} AS {column}" for each, column in zip([*(same for _, same in keys), *plain], columns)]
        written = [f"{key} AS k{at}" for at, (key, _) in enumerate(keys)]
        form = self.source.choice(["{}", "{}", "ROLLUP ({})", "CUBE ({})"]) if len(keys) > 1 else "{}"
        order = self.source.random() < 0.2 and form == "{}"
        word = "GROUP AND ORDER BY" if order else "GROUP BY"
        self.piped += f" |> AGGREGATE {', '.join(piped)}"
        self.piped += f" {word} {form.format(', '.join(written))}" if keys else ""
        grouped = form.format(", ".join(str(at + 1) for at in range(len(keys))))
        self.plain = f"SELECT {', '.join(items)} FROM ({self.plain})" + (f" GROUP BY {grouped}" if keys else "")
        names = [*(f"k{at}" for at in range(len(keys))), *(f"g{at}" for at in range(len(values)))]
        self.shown = list(zip(names, columns))
        self._forget()

    def _distinct(self) -> None:
        for table in self.changed:
            self.tables.pop(table, None)
        self.piped += " |> DISTINCT"
        kept = dict.fromkeys([column for _, column in self.shown])
        kept |= dict.fromkeys(column for of in self.tables.values() for column in of.values())
        self.plain = f"SELECT DISTINCT {', '.join(kept)} FROM ({self.plain})"

    def _limit(self) -> None:
        # Rows that are shown the same may come from different ones of the tables.
        self._forget()
        number = self.source.randrange(1, 9)
        self.piped += f" |> ORDER BY ALL |> LIMIT {number} |> AS first_rows"
        columns = dict.fromkeys(column for _, column in self.shown)
        self.plain = f"SELECT * FROM ({self.plain}) ORDER BY {', '.join(columns)} LIMIT {number}"

    def _sets(self) -> None:
        word = self.source.choice(["UNION ALL", "UNION", "EXCEPT", "INTERSECT", "UNION DISTINCT"])
        number = self.source.randrange(1, 3)
        rows = [f"(SELECT {', '.join(str(self.source.randrange(4)) for _ in self.shown)})" for _ in range(number)]
        self.piped += f" |> {word} {', '.join(rows)}"
        columns = [self._new() for _ in self.shown]
        query = (
            f"SELECT {', '.join(f'{old} AS {new}' for (_, old), new in zip(self.shown, columns))} FROM ({self.plain})"
        )
        for row in rows:
            query = f"(SELECT * FROM ({query})) {word} {row}"
        self.plain = query
        self.shown = [(name, column) for (name, _), column in zip(self.shown, columns)]
        self._forget()

    def _clause(self) -> None:
        if not (names := self._plain_names()):
            return
        columns = dict(self.shown)
        name = self.source.choice(names)
        alias = self._alias()
        self.piped += (
            f' |> MATCH_RECOGNIZE (ORDER BY "{name}" MEASURES "{name}" AS m PATTERN (A) DEFINE A AS "{name}" > 1)'
        )
        self.piped += f" AS {alias}"
        self.plain = f"SELECT * FROM ({self.plain}) WHERE {columns[name]} > 1"
        self.shown = [("m", columns[name])]
        self._forget()
        self.tables = {alias: {"m": columns[name]}}

    def _sample(self) -> None:
        self.piped += " |> TABLESAMPLE 100 PERCENT"

    def _pivot(self) -> None:
        if len(names := self._plain_names()) < len(self.shown) or len(names) < 3 or {"0", "1"} & set(names):
            return
        key, value = self.source.sample(names, 2)
        shown = ", ".join(f'{column} AS "{name}"' for name, column in self.shown)
        pivot = f'PIVOT (sum("{value}") FOR "{key}" IN (0, 1))'
        self.piped += f" |> {pivot} AS pivoted |> SELECT pivoted.*"
        rest = [name for name in names if name not in {key, value}]
        columns = {name: self._new() for name in [*rest, "0", "1"]}
        items = ", ".join(f'"{name}" AS {column}' for name, column in columns.items())
        self.plain = f"SELECT {items} FROM (SELECT {shown} FROM ({self.plain})) {pivot}"
        self.shown = list(columns.items())
        self._forget()

    def _unpivot(self) -> None:
        if len(names := self._plain_names()) < len(self.shown) or len(names) < 2:
            return
        name = self.source.choice(names)
        rest = [each for each in names if each != name]
        columns = dict(self.shown)
        self.piped += f' |> UNPIVOT (v FOR n IN ("{name}")) |> DROP n'
        self.plain = f"SELECT * FROM ({self.plain}) WHERE {columns[name]} IS NOT NULL"
        self.shown = [*((each, columns[each]) for each in rest), ("v", columns[name])]
        self._forget()
