"""Where the language differs from sqlglot's: `30 days` is one thing, `number` a type, `all` and `ntile` functions."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import sqlglot
from sqlglot import Dialect, exp
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import Token, TokenType

Unit = Literal["day", "month", "year"]

UNITS: dict[str, Unit] = {
    "day": "day", "days": "day", "month": "month", "months": "month", "year": "year", "years": "year",
}  # fmt: skip
LONGEST: dict[Unit, int] = {"day": 36_525, "month": 1_200, "year": 100}
"""A hundred years: a day so far off is a slip of the pen, and the calendar has an end."""

_DUCKDB = Dialect.get_or_raise("duckdb")


class _Parser(DuckDBParser):
    """sqlglot's, without the function that it knows with other arguments."""

    FUNCTIONS: ClassVar[Any] = {name: make for name, make in DuckDBParser.FUNCTIONS.items() if name != "NTILE"}


def parsed(text: str) -> exp.Expr:
    """The text as sqlglot's tree, spans as `exp.Interval`. Raises what sqlglot raises."""
    tokens = _DUCKDB.tokenize(text)
    trees = [tree for tree in _Parser(dialect=_DUCKDB).parse(_with_spans(tokens), text) if tree is not None]
    if len(trees) != 1:
        end = next((token for token in tokens if token.token_type is TokenType.SEMICOLON), None)
        raise sqlglot.errors.ParseError.new(
            "';'", description="';' is not part of the language", line=end.line if end else 1, col=end.col if end else 1
        )
    return trees[0]


def _with_spans(tokens: list[Token]) -> list[Token]:
    made: list[Token] = []
    for at, token in enumerate(tokens):
        following = tokens[at + 1].text.lower() if at + 1 < len(tokens) else ""
        written = bool(made) and made[-1].token_type is TokenType.INTERVAL
        if token.token_type is TokenType.NUMBER and following in UNITS and not written:
            made.append(
                Token(
                    TokenType.INTERVAL, "interval", line=token.line, col=token.col, start=token.start, end=token.start
                )
            )
        if token.text.lower() == "number" and made and made[-1].token_type in (TokenType.ALIAS, TokenType.DCOLON):
            token = Token(TokenType.DOUBLE, "double", line=token.line, col=token.col, start=token.start, end=token.end)
        if following == "(" and token.text.lower() == "all":  # else a word before an argument, which is passed over
            token = Token(TokenType.VAR, "all", line=token.line, col=token.col, start=token.start, end=token.end)
        made.append(token)
    return made


def span_of(tree: exp.Interval) -> tuple[int, Unit] | str:
    """How many of what; or the sentence that says what is wrong with it."""
    unit = UNITS.get(tree.text("unit").lower())
    count = tree.this.name if isinstance(tree.this, exp.Literal) else ""
    if unit is None or not count.isdigit():
        return "a span is a whole number of days, months or years"
    if int(count) > LONGEST[unit]:
        return f"{count} {unit}s is too long; a span is 100 years at most"
    return int(count), unit
