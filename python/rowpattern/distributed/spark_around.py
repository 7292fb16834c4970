"""What stands around a clause on Spark: Spark's SQL over the clause's answer.

The query's text is read here as everywhere, so that it names no other table; the part around the clause is then
Spark's to answer. It has another syntax for two things: names in double quotes, and texts with backslashes or quotes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rowpattern.distributed.cut_query import ANSWER, cut_query, has_one_clause
from rowpattern.errors import QueryError
from rowpattern.sql.execute.query import parsed_query
from rowpattern.sql.text.rewritten import RewrittenText
from rowpattern.sql.text.tokens import tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyspark.sql import DataFrame, SparkSession

    from rowpattern.sql.expression.parameters import ParameterValues
    from rowpattern.sql.kinds import Parameters
    from rowpattern.sql.runtime.context import ExecutionContext

__all__ = ["AroundClause", "around_clause"]


class AroundClause(NamedTuple):
    """A query around one clause.

    Attributes:
        clause: the clause as a query of its own.
        parameters: the values of its parameters.
        around: Spark's SQL around it, with a place for a frame.
        around_parameters: the values of those of that, by their names there.
    """

    clause: str
    parameters: Parameters
    around: str
    around_parameters: dict[str, Any]

    def answer(self, session: SparkSession, frame: DataFrame) -> DataFrame:
        """Have Spark answer what is around the clause, given the clause's answer.

        Raises:
            QueryError: Spark refuses it.
        """
        from pyspark.errors import AnalysisException

        try:
            return session.sql(self.around, args=self.around_parameters or None, **{ANSWER: frame})
        except AnalysisException as error:
            message = str(error).split("\n", maxsplit=1)[0]
            raise QueryError(
                f"the query around MATCH_RECOGNIZE is Spark's SQL, and Spark refuses it: {message}"
            ) from None


def around_clause(sql: str, context: ExecutionContext) -> AroundClause | None:
    """Cut a query into its clause and what is around it; None where that is columns alone, or is refused elsewhere.

    Raises:
        UnsupportedQueryError: the query reads another table.
        QuerySyntaxError: as for `rowpattern.match_recognize`.
        QueryError: a value of a parameter is missing, or is not used.
    """
    parsed = parsed_query(sql, context)
    if not has_one_clause(parsed) or parsed.projection is not None:
        return None
    (clause,) = parsed.clauses
    cut = cut_query(parsed, context)
    begin, end = clause.source.begin, clause.end
    # Spark has pipes of its own, so that it gets the text as the user wrote it.
    text = parsed.sql
    place: Callable[[int], int] = int
    if isinstance(parsed.sql, RewrittenText):
        text, place = parsed.sql.original, parsed.sql.original_place
    names = [f":p{number}" for number in range(len(cut.outside))]
    places = {place(each.begin): name for each, name in zip(cut.outside, names)}
    values: ParameterValues | None = context.parameters
    before = _spark_text(text[: place(begin)], places, 0)
    behind = _spark_text(text[place(end - 1) + 1 :], places, place(end - 1) + 1)
    alias = "" if clause.alias is not None or clause.source_name is None else f" AS {_backticked(clause.source_name)}"
    return AroundClause(
        cut.clause,
        cut.parameters,
        f"{before}{{{ANSWER}}}{alias}{behind}",
        {} if values is None else {name[1:]: values.value(each.name) for each, name in zip(cut.outside, names)},
    )


def _spark_text(text: str, places: Mapping[int, str], offset: int) -> str:
    """Write a piece of a query as Spark's SQL reads it, with braces twice, as for a text with places for frames."""
    found, at = [], 0
    for token in tokens_of(text):
        own = text[token.begin : token.end]
        if token.begin + offset in places:
            new = places[token.begin + offset]
        elif token.kind == "quoted":
            new = _backticked(token.text)
        elif token.kind == "text" and own.startswith("'") and ("\\" in own or "''" in own[1:-1]):
            content = own[1:-1].replace("''", "'")
            escaped = content.replace("\\", "\\\\").replace("'", "\\'")
            new = f"'{escaped}'"
        else:
            continue
        found += [_escaped(text[at : token.begin]), new if new[0] == ":" else _escaped(new)]
        at = token.end
    return "".join([*found, _escaped(text[at:])])


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _backticked(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
