"""Tags as numbers for a learner. What is stored with a model is all it takes to encode the same way later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lingque.catalog.expressions.types import Kind, Type
from lingque.core.hashing import Float64s
from lingque.core.money import EXPONENTS

LEAST_CUSTOMERS = 10
"""A word that fewer customers have, on each of the days, is 'another': it would describe single customers, and teach
nothing."""
MOST_WORDS = 50


@dataclass(frozen=True, kw_only=True)
class Code:
    """How one feature becomes a number. `words` stand for 0, 1, …; any other word is `len(words)`."""

    feature: str
    kind: Kind
    exponent: int = 0
    words: tuple[str, ...] = ()


def codes_of(features: Sequence[tuple[str, Type]], tables: Sequence[pa.Table]) -> tuple[Code, ...]:
    """The encoding of these features, with the vocabulary of the training rows: the more frequent word first."""
    return tuple(
        Code(
            feature=name,
            kind=kind.kind,
            exponent=EXPONENTS[kind.currency] if kind.kind is Kind.MONEY else 0,
            words=_words(table.column(name) for table in tables) if kind.kind is Kind.TEXT else (),
        )
        for name, kind in features
    )


def encode(codes: Sequence[Code], rows: pa.Table, *, as_of: date) -> Float64s:
    """A column of floats per feature (n, k): money in major units, dates as days before `as_of`, NULL as NaN."""
    matrix = np.empty((rows.num_rows, len(codes)), dtype=np.float64)
    for index, code in enumerate(codes):
        matrix[:, index] = _encoded(code, rows.column(code.feature), as_of)
    return matrix


def _encoded(code: Code, values: pa.ChunkedArray, as_of: date) -> Float64s:
    match code.kind:
        case Kind.TEXT:
            known = pc.index_in(values, value_set=pa.array(code.words, pa.string()))
            return _floats(pc.if_else(pc.is_null(values), None, pc.fill_null(known, len(code.words))))
        case Kind.DATE:
            days = _floats(pc.cast(pc.cast(values, pa.date32()), pa.int32()))
            return (as_of - date(1970, 1, 1)).days - days
        case Kind.MONEY:
            return _floats(values) / float(10**code.exponent)
        case _:
            return _floats(values)


def _floats(values: pa.ChunkedArray) -> Float64s:
    floats: Float64s = pc.fill_null(pc.cast(values, pa.float64()), float("nan")).to_numpy()
    return floats


def _words(columns: Iterable[pa.ChunkedArray]) -> tuple[str, ...]:
    counts: Counter[str] = Counter()
    for column in columns:
        for entry in column.drop_null().value_counts().to_pylist():
            # not the sum: the same customers come again on the next day
            counts[entry["values"]] = max(counts[entry["values"]], entry["counts"])
    frequent = sorted((-count, word) for word, count in counts.items() if count >= LEAST_CUSTOMERS)
    return tuple(word for _, word in frequent[:MOST_WORDS])
