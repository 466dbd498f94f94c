"""What is counted of a snapshot while it is written: for how many customers each tag has a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import Tag
from lingque.profile.contracts import Coverage


class Counts:
    """Adds up over batches."""

    def __init__(self, tags: Sequence[Tag]) -> None:
        self.customers = 0
        self._tags = tags
        self._known = dict.fromkeys((tag.name for tag in tags), 0)
        self._true = dict.fromkeys((tag.name for tag in tags if tag.type.kind is Kind.BOOLEAN), 0)

    def over(self, batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The batches, counted as they pass."""
        for rows in batches:
            self.customers += rows.num_rows
            for tag in self._tags:
                values = rows.column(tag.name)
                self._known[tag.name] += len(values) - values.null_count
                if tag.name in self._true:
                    self._true[tag.name] += int(pc.sum(values).as_py() or 0)
            yield rows

    def coverage(self) -> dict[str, Coverage]:
        return {name: Coverage(known=known, true=self._true.get(name)) for name, known in self._known.items()}
