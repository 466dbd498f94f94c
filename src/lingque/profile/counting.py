"""What is counted of a snapshot while it is written: coverage of all customers, distributions of a sample."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import Tag
from lingque.profile.contracts import Coverage, Distribution

SAMPLED = 2_000
"""Customers of each batch, until there are enough of them."""
SAMPLED_IN_ALL = 20_000
"""They stand in the order of a hash, so those of the first batches are a fair sample of all."""
TENTHS = 10
COMMONEST = 20
LEAST_SHARE = 1e-4
"""What no sampled customer has still counts for this, or one customer could make an index infinite."""


class Counts:
    """Adds up over batches. `before`: the distributions to compare with, by tag; their edges are used again."""

    def __init__(self, tags: Sequence[Tag], before: Mapping[str, Distribution]) -> None:
        self._tags = tags
        self._before = before
        self._known = dict.fromkeys((tag.name for tag in tags), 0)
        self._true = dict.fromkeys((tag.name for tag in tags if tag.type.kind is Kind.BOOLEAN), 0)
        self._sample: list[pa.Table] = []
        self._sampled = 0
        self._sizes: list[int] = []

    @property
    def customers(self) -> int:
        return sum(self._sizes)

    def over(self, batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The batches, counted as they pass."""
        for rows in batches:
            self._sizes.append(rows.num_rows)
            self._count(rows)
            if self._sampled < SAMPLED_IN_ALL:
                self._sample.append(_thinned(rows, SAMPLED))
                self._sampled += self._sample[-1].num_rows
            yield rows

    def late(self, rows: pa.Table) -> pa.Table:
        """More columns of the same rows, likewise."""
        first = 0
        for number, size in enumerate(self._sizes if rows.num_columns else ()):
            batch = rows.slice(first, size)
            first += size
            self._count(batch)
            if number < len(self._sample):
                sample = _thinned(batch, SAMPLED)
                for name, column in zip(sample.column_names, sample.columns, strict=True):
                    self._sample[number] = self._sample[number].append_column(name, column)
        return rows

    def _count(self, rows: pa.Table) -> None:
        for name in rows.column_names:
            if name in self._known:
                values = rows.column(name)
                self._known[name] += len(values) - values.null_count
                if name in self._true:
                    self._true[name] += int(pc.sum(values).as_py() or 0)

    def coverage(self) -> dict[str, Coverage]:
        return {name: Coverage(known=known, true=self._true.get(name)) for name, known in self._known.items()}

    def distributions(self) -> dict[str, Distribution]:
        """By tag; of no customers there are none."""
        if not self.customers:
            return {}
        sample = _thinned(pa.concat_tables(self._sample), SAMPLED_IN_ALL)
        return {tag.name: self._spread(sample.column(tag.name), tag) for tag in self._tags}

    def _spread(self, column: pa.ChunkedArray, tag: Tag) -> Distribution:
        before = self._before.get(tag.name)
        none = column.null_count / len(column)
        known = column.drop_null()
        if tag.type.kind in (Kind.TEXT, Kind.BOOLEAN):
            return _of_values(known.cast(pa.string()), len(column), none, before)
        days = pa.types.is_date(known.type)
        numbers = (known.cast(pa.int32()) if days else known).to_numpy().astype(np.float64)
        return _of_numbers(numbers, len(column), none, before)


def _thinned(rows: pa.Table, most: int) -> pa.Table:
    """Every so-manieth row, so that there are not more."""
    step = -(-rows.num_rows // most) or 1
    taken, first = [], 0
    for batch in rows.to_batches():  # to take from several at once, Arrow puts all of them together
        taken.append(batch.take(pa.array(np.arange(-first % step, batch.num_rows, step))))
        first += batch.num_rows
    return pa.Table.from_batches(taken, schema=rows.schema)


def _of_values(known: pa.ChunkedArray, count: int, none: float, before: Distribution | None) -> Distribution:
    counted = {entry["values"]: entry["counts"] for entry in pc.value_counts(known).to_pylist()}
    commonest = sorted(counted, key=lambda value: (-counted[value], value))[:COMMONEST]
    values = before.values if before is not None else tuple(commonest)
    named = [counted.get(value, 0) for value in values]
    shares = (*(one / count for one in named), (len(known) - sum(named)) / count, none)
    return Distribution(edges=(), values=values, shares=shares)


def _of_numbers(numbers: np.ndarray, count: int, none: float, before: Distribution | None) -> Distribution:
    if before is not None:
        edges = np.array(before.edges, np.float64)
    elif len(numbers):
        edges = np.unique(np.quantile(numbers, np.arange(1, TENTHS) / TENTHS))
    else:
        edges = np.empty(0)
    counts = np.bincount(np.searchsorted(edges, numbers, side="left"), minlength=len(edges) + 1)
    return Distribution(edges=tuple(edges.tolist()), values=(), shares=(*(counts / count).tolist(), none))


def stability_index(before: Distribution, after: Distribution) -> float:
    """Σ (q − p)·ln(q / p) over the shares p before and q after: the population stability index of credit scoring."""
    pairs = ((max(p, LEAST_SHARE), max(q, LEAST_SHARE)) for p, q in zip(before.shares, after.shares, strict=True))
    return math.fsum((q - p) * math.log(q / p) for p, q in pairs)
