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
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

from lingque.catalog.expressions.types import Kind
from lingque.core.hashing import Int64s, distinct

DTYPES: dict[Kind, Any] = {
    Kind.BOOLEAN: np.uint8, Kind.INTEGER: np.int64, Kind.MONEY: np.int64, Kind.NUMBER: np.float64, Kind.DATE: np.int32,
    Kind.TEXT: np.int32,
}  # fmt: skip
ARROW: dict[Kind, pa.DataType] = {
    Kind.BOOLEAN: pa.bool_(), Kind.INTEGER: pa.int64(), Kind.MONEY: pa.int64(), Kind.NUMBER: pa.float64(),
    Kind.DATE: pa.date32(), Kind.TEXT: pa.dictionary(pa.int32(), pa.string()),
}  # fmt: skip
_QUOTED = json.JSONEncoder(ensure_ascii=False).encode
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
    order = _order(own)
    own = {name: np.ascontiguousarray(values if order is None else values[order]) for name, values in own.items()}
    customers = own["customer_id"]
    edges = np.flatnonzero(np.concatenate([[True], customers[1:] != customers[:-1], [True]]))
    stretches = [_Stretches(own[name], edges) for name in ("event_time", "known_at", "row_key")]
    columns = [_packed_column(kind, rows.column(name), order, edges) for name, kind in layout.columns]
    behind = [_Stretches(own[name], edges) for name in ("party_id", "part")]
    counts = np.diff(edges).tolist()
    for place, customer in enumerate(customers[edges[:-1]].tolist()):
        texts = ", ".join([f"[{column.texts[place]}]" for column in columns])
        gaps = ", ".join(["true" if column.gaps[place] else "false" for column in columns])
        head = f"[{counts[place]}, [{texts}], [{gaps}]]".encode()
        pieces: list[bytes | memoryview] = [struct.pack(">I", len(head)), head]
        pieces += [one.of(place) for one in stretches]
        for column in columns:
            pieces.append(column.values.of(place))
            if column.gaps[place] and column.known is not None:
                pieces.append(column.known.of(place))
        pieces += [one.of(place) for one in behind]
        yield customer, b"".join(pieces)


def _order(own: Mapping[str, Int64s]) -> Int64s | None:
    """The places of the rows by customer, oldest first; None where they stand so, as those of one file do."""
    customers, *keys = (own[name] for name in ("customer_id", "event_time", "known_at", "row_key"))
    undecided = customers[1:] == customers[:-1]
    begins = customers[np.concatenate([[True], ~undecided])]
    together = len(distinct(begins)) == len(begins)
    for key in keys if together else ():
        if bool(np.any(undecided & (key[1:] < key[:-1]))):
            together = False
            break
        undecided &= key[1:] == key[:-1]
    return None if together else np.lexsort((*keys[::-1], customers))


class _Stretches:
    """The bytes of an array, a stretch per customer."""

    def __init__(self, values: NDArray[Any], edges: Int64s) -> None:
        self._bytes = values.data.cast("B")
        self._edges = (edges * values.itemsize).tolist()

    def of(self, place: int) -> memoryview:
        return self._bytes[self._edges[place] : self._edges[place + 1]]


@dataclass(frozen=True, kw_only=True)
class _Packed:
    """A column, ready to be cut: the values, or per customer codes of the customer's own texts; which of them there
    are (None: all); whether a customer lacks some; the texts of each customer in order, as JSON."""

    values: _Stretches
    known: _Stretches | None
    gaps: Sequence[bool]
    texts: Sequence[str]


def _packed_column(kind: Kind, column: pa.ChunkedArray, order: Int64s | None, edges: Int64s) -> _Packed:
    values, known, names = _column(kind, column, order)
    count = len(edges) - 1
    gaps = [False] * count if known is None else (np.minimum.reduceat(known, edges[:-1]) == 0).tolist()
    texts: list[str] = [""] * count
    if names is not None:
        values, chosen, bounds = own_codes(values, edges, len(names))
        quoted = pa.array([_QUOTED(name) for name in names.to_pylist()], pa.string())
        whose = pa.ListArray.from_arrays(bounds, quoted.take(pa.array(chosen)))
        texts = pc.binary_join(whose, ", ").to_pylist()
    return _Packed(
        values=_Stretches(values, edges),
        known=None if known is None else _Stretches(known, edges),
        gaps=gaps,
        texts=texts,
    )


@njit(nogil=True, cache=True)
def own_codes(codes: Any, edges: Any, none: int) -> Any:
    """Codes within each stretch: the places of its different codes in their order. Also those codes, stretch by
    stretch, and where each stretch of them begins. `none`, the largest code, is the code behind the others."""
    seen = np.full(none + 1, -1, np.int64)
    places = np.empty(none + 1, np.int32)
    found = np.empty_like(codes)
    chosen = np.empty(len(codes), np.int32)
    bounds = np.zeros(len(edges), np.int32)
    end = 0
    for stretch in range(len(edges) - 1):
        begin = end
        for row in range(edges[stretch], edges[stretch + 1]):
            code = codes[row]
            if seen[code] != stretch:
                seen[code] = stretch
                if code != none:
                    chosen[end] = code
                    end += 1
        chosen[begin:end].sort()
        for place in range(begin, end):
            places[chosen[place]] = place - begin
        places[none] = end - begin
        for row in range(edges[stretch], edges[stretch + 1]):
            found[row] = places[codes[row]]
        bounds[stretch + 1] = end
    return found, chosen[:end], bounds


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
            codes = pa.array(values + np.repeat(begins, counts), pa.int32(), mask=known == 0)
            texts = [text for facts in read for text in facts.texts[place]]
            made[name] = pa.DictionaryArray.from_arrays(codes, pa.array(texts, pa.string()))
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
    kind: Kind, column: pa.ChunkedArray, order: Int64s | None
) -> tuple[NDArray[Any], NDArray[np.uint8] | None, pa.Array | None]:
    """In that order the values, or codes of the texts; where there is one (None: everywhere); the texts in order."""

    def ordered(values: NDArray[Any]) -> NDArray[Any]:
        return values if order is None else values[order]

    there = ordered(column.is_valid().to_numpy().astype(np.uint8)) if column.null_count else None
    if kind is Kind.TEXT:
        encoded = column.unify_dictionaries().combine_chunks()
        texts = encoded.dictionary.dictionary_encode()  # a text may stand in it twice
        by_bytes = pc.array_sort_indices(texts.dictionary)
        ranks = np.empty(len(by_bytes), np.int32)
        ranks[by_bytes.to_numpy()] = np.arange(len(by_bytes), dtype=np.int32)
        of_code = np.append(ranks[texts.indices.to_numpy()], np.int32(len(by_bytes)))
        codes = pc.fill_null(encoded.indices, len(of_code) - 1).to_numpy(zero_copy_only=False)
        return ordered(of_code[codes]), there, texts.dictionary.take(by_bytes)
    if kind is Kind.DATE:
        column = column.cast(pa.int32())
    values = pc.fill_null(column, pa.scalar(False if kind is Kind.BOOLEAN else 0, column.type)).to_numpy()
    return np.ascontiguousarray(ordered(values).astype(DTYPES[kind])), there, None
