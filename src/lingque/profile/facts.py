"""One customer's events, kept where they are found in microseconds: what live tags are computed from.

A record holds the events of one table and customer within the longest window, oldest first, a column beside the other;
texts as codes of the few that occur. Behind them stand what only whoever fills the store asks: of which party each
event is, and in which file of the table it stands (its part). So a file can be taken in again, or given up, without
asking what was done before, and parties that are found to be one person or two can be put together or apart.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lingque.catalog.expressions.types import Kind
from lingque.core.hashing import Int64s

DTYPES: dict[Kind, Any] = {
    Kind.BOOLEAN: np.uint8, Kind.INTEGER: np.int64, Kind.MONEY: np.int64, Kind.NUMBER: np.float64, Kind.DATE: np.int32,
    Kind.TEXT: np.int32,
}  # fmt: skip
ARROW: dict[Kind, pa.DataType] = {
    Kind.BOOLEAN: pa.bool_(), Kind.INTEGER: pa.int64(), Kind.MONEY: pa.int64(), Kind.NUMBER: pa.float64(),
    Kind.DATE: pa.date32(), Kind.TEXT: pa.string(),
}  # fmt: skip
OWN = ("customer_id", "party_id", "event_time", "known_at", "row_key", "part")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which columns of a table are kept, of what kind, and for how long (in microseconds)."""

    table: str
    columns: tuple[tuple[str, Kind], ...]
    keeps: int

    @property
    def schema(self) -> pa.Schema:
        """Of rows that are to be packed."""
        own = [(name, pa.int64()) for name in OWN]
        return pa.schema([*own, *((name, ARROW[kind]) for name, kind in self.columns)])

    @property
    def kept_days(self) -> int:
        return timedelta(microseconds=self.keeps).days


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One customer's events of one table, oldest first. `columns` holds values, or codes of `texts` (which stand in
    order; the code after the last is none); `known` per column which values there are, None where all."""

    time: Int64s
    known_at: Int64s
    key: Int64s
    columns: tuple[NDArray[Any], ...]
    known: tuple[NDArray[np.uint8] | None, ...]
    texts: tuple[tuple[str, ...], ...]


def packed(layout: Layout, rows: pa.Table) -> Iterator[tuple[int, bytes]]:
    """Per customer of these rows, in any order, the record."""
    if not rows.num_rows:
        return
    own = {name: rows.column(name).to_numpy() for name in OWN}
    order = np.lexsort((own["row_key"], own["known_at"], own["event_time"], own["customer_id"]))
    own = {name: np.ascontiguousarray(values[order]) for name, values in own.items()}
    columns = [_column(kind, rows.column(name), order) for name, kind in layout.columns]
    customers = own["customer_id"]
    edges = [*np.flatnonzero(np.append(True, customers[1:] != customers[:-1])).tolist(), len(customers)]
    for begin, end in pairwise(edges):
        here = slice(begin, end)
        arrays = [own[name][here].tobytes() for name in ("event_time", "known_at", "row_key")]
        texts: list[Sequence[str]] = []
        gaps: list[bool] = []
        for values, known, names in columns:
            if names is None:
                arrays.append(values[here].tobytes())
                texts.append(())
            else:
                some, codes = np.unique(values[here], return_inverse=True)
                arrays.append(codes.astype(np.int32).tobytes())
                texts.append([names[code] for code in some.tolist() if code < len(names)])
            has_gaps = known is not None and not bool(known[here].all())
            gaps.append(has_gaps)
            if known is not None and has_gaps:
                arrays.append(known[here].tobytes())
        head = json.dumps([end - begin, texts, gaps], ensure_ascii=False).encode()
        behind = [own["party_id"][here].tobytes(), own["part"][here].tobytes()]
        yield int(customers[begin]), b"".join([struct.pack(">I", len(head)), head, *arrays, *behind])


def facts_in(layout: Layout, record: bytes) -> Facts:
    """The events of a record."""
    return _read(layout, record)[0]


def rows_in(layout: Layout, records: Mapping[int, bytes]) -> pa.Table:
    """The rows that these records were packed from, by customer."""
    if not records:
        return layout.schema.empty_table()
    read: list[Facts] = []
    behind: list[NDArray[np.int64]] = []
    for record in records.values():
        facts, end = _read(layout, record)
        read.append(facts)
        behind.append(np.frombuffer(record, np.int64, 2 * len(facts.time), end).reshape(2, -1))
    counts = [len(facts.time) for facts in read]
    party, part = np.concatenate(behind, axis=1)
    made: dict[str, Any] = {
        "customer_id": np.repeat(np.fromiter(records, np.int64, len(records)), counts),
        "party_id": party,
        "event_time": np.concatenate([facts.time for facts in read]),
        "known_at": np.concatenate([facts.known_at for facts in read]),
        "row_key": np.concatenate([facts.key for facts in read]),
        "part": part,
    }
    for place, (name, kind) in enumerate(layout.columns):
        values = np.concatenate([facts.columns[place] for facts in read])
        known = np.concatenate([_known(facts, place) for facts in read])
        if kind is Kind.TEXT:
            begins = np.cumsum([0, *(len(facts.texts[place]) for facts in read[:-1])])
            codes = pa.array(values + np.repeat(begins, counts), pa.int64(), mask=known == 0)
            texts = [text for facts in read for text in facts.texts[place]]
            made[name] = pa.array(texts, pa.string()).take(codes)
        elif kind is Kind.DATE:
            made[name] = pa.array(values, pa.int32(), mask=known == 0).cast(pa.date32())
        else:
            made[name] = pa.array(values.astype(bool) if kind is Kind.BOOLEAN else values, mask=known == 0)
    return pa.table(made, layout.schema)


def _read(layout: Layout, record: bytes) -> tuple[Facts, int]:
    """The events, and where they end."""
    begin = 4 + int.from_bytes(record[:4], "big")
    count, texts, gaps = json.loads(record[4:begin])

    def array(dtype: Any) -> NDArray[Any]:
        nonlocal begin
        found = np.frombuffer(record, dtype, count, begin).copy()  # a compiled function wants whole words
        begin += found.nbytes
        return found

    time, known_at, key = array(np.int64), array(np.int64), array(np.int64)
    columns: list[NDArray[Any]] = []
    known: list[NDArray[np.uint8] | None] = []
    for (_, kind), gap in zip(layout.columns, gaps, strict=True):
        columns.append(array(DTYPES[kind]))
        known.append(array(np.uint8) if gap else None)
    facts = Facts(
        time=time,
        known_at=known_at,
        key=key,
        columns=tuple(columns),
        known=tuple(known),
        texts=tuple(tuple(one) for one in texts),
    )
    return facts, begin


def _known(facts: Facts, place: int) -> NDArray[np.uint8]:
    known = facts.known[place]
    return np.ones(len(facts.time), np.uint8) if known is None else known


def _column(
    kind: Kind, column: pa.ChunkedArray, order: Int64s
) -> tuple[NDArray[Any], NDArray[np.uint8] | None, list[str] | None]:
    """In that order the values, or codes of the texts; where there is one (None: everywhere); the texts in order."""
    there = column.is_valid().to_numpy().astype(np.uint8)[order] if column.null_count else None
    if kind is Kind.TEXT:
        encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
        names: list[str] = encoded.dictionary.to_pylist()
        by_bytes = sorted(range(len(names)), key=lambda code: names[code].encode())
        ranks = np.empty(len(names) + 1, np.int32)
        ranks[by_bytes] = np.arange(len(names), dtype=np.int32)
        ranks[-1] = len(names)
        codes = pc.fill_null(encoded.indices, len(names)).to_numpy(zero_copy_only=False)
        return ranks[codes][order], there, [names[code] for code in by_bytes]
    if kind is Kind.DATE:
        column = column.cast(pa.int32())
    values = pc.fill_null(column, pa.scalar(False if kind is Kind.BOOLEAN else 0, column.type)).to_numpy()
    return np.ascontiguousarray(values[order].astype(DTYPES[kind])), there, None
