"""A condition taken apart at its `and`s, as it was written: what each part does can then be told one by one."""

from __future__ import annotations

import sqlglot
from sqlglot import Dialect
from sqlglot.tokenizer_core import Token, TokenType

_OPENING = frozenset({TokenType.L_PAREN, TokenType.CASE})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.END})
_LOOSER = frozenset({TokenType.OR})
_DUCKDB = Dialect.get_or_raise("duckdb")


def parts_of(text: str) -> tuple[str, ...]:
    """The texts between the outermost `and`s; the whole text where an `or` binds looser than they do, or where it
    cannot be read (which is told, with the place, when it is parsed)."""
    try:
        tokens = _DUCKDB.tokenize(text)
    except sqlglot.errors.TokenError:
        return (text.strip(),)
    cuts: list[Token] = []
    depth = between = 0
    for token in tokens:
        kind = token.token_type
        depth += (kind in _OPENING) - (kind in _CLOSING)
        if depth:
            continue
        if kind in _LOOSER:
            return (text.strip(),)
        between += kind is TokenType.BETWEEN
        if kind is TokenType.AND:
            if between:
                between -= 1
            else:
                cuts.append(token)
    begins = [0, *(cut.end + 1 for cut in cuts)]
    ends = [*(cut.start for cut in cuts), len(text)]
    return tuple(text[begin:end].strip() for begin, end in zip(begins, ends, strict=True))
