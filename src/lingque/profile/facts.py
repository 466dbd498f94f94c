"""One customer's events, kept where they are found in microseconds: what live tags are computed from.

A record holds the events of one table and customer within the longest window, oldest first, a column beside the other;
texts as codes of the few that occur. It is written again as a whole when an event comes: a customer has hundreds.
It is a copy: the tables hold the truth, and the store is filled from them anew whenever its layout changes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import lmdb
import numpy as np
from numpy.typing import NDArray

from lingque.catalog.expressions.types import Kind
from lingque.core.errors import WarehouseError
from lingque.core.hashing import Int64s, digest_of

DTYPES: dict[Kind, Any] = {
    Kind.BOOLEAN: np.uint8, Kind.INTEGER: np.int64, Kind.MONEY: np.int64, Kind.NUMBER: np.float64, Kind.DATE: np.int32,
    Kind.TEXT: np.int32,
}  # fmt: skip
_LAYOUT = b"\xff" * 9
_LARGEST = 1 << 40
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which columns of a table are kept, of what kind, and for how long (in microseconds)."""

    table: str
    columns: tuple[tuple[str, Kind], ...]
    keeps: int


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


class FactStore:
    """Facts of all customers, in one file. Made by `bootstrap`; one process writes at a time, any number reads."""

    def __init__(self, folder: Path, layouts: Iterable[Layout]) -> None:
        self._layouts = {layout.table: layout for layout in layouts}
        self._places = {table: place for place, table in enumerate(sorted(self._layouts))}
        folder.mkdir(parents=True, exist_ok=True)
        self._environment = lmdb.open(str(folder), map_size=_LARGEST, max_readers=512, metasync=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._environment.close()

    @property
    def layouts(self) -> Mapping[str, Layout]:
        return self._layouts

    @property
    def is_current(self) -> bool:
        """Was it filled with these layouts? Else it must be filled anew."""
        with self._environment.begin() as transaction:
            return bool(transaction.get(_LAYOUT) == self._digest)

    @property
    def _digest(self) -> bytes:
        content = [
            [one.table, [[n, kind.value] for n, kind in one.columns], one.keeps] for one in self._layouts.values()
        ]
        return digest_of(sorted(content)).encode()

    def read(self, table: str, customer_id: int) -> Facts | None:
        """The customer's events of that table; None where there are none."""
        with self._environment.begin() as transaction:
            found = transaction.get(self._key(table, customer_id))
        return None if found is None else _unpacked(self._layouts[table], found)

    def fill(self, records: Iterable[tuple[str, int, list[dict[str, Any]]]]) -> None:
        """Everything anew, in one transaction: a reader sees the old facts or the new ones. Per table and customer its
        events, once."""
        with self._environment.begin(write=True) as transaction:
            transaction.drop(self._environment.open_db(None, transaction), delete=False)
            for table, customer_id, events in records:
                self._put(transaction, table, customer_id, events)
            transaction.put(_LAYOUT, self._digest)

    def append(self, table: str, events: Mapping[int, list[dict[str, Any]]]) -> None:
        """Add events, by customer. One that is there already, by its `row_key`, changes nothing; late ones fall into
        their place. Raises `WarehouseError` where the store must be filled first."""
        if not self.is_current:
            raise WarehouseError(
                "the facts of live tags were kept for other definitions",
                next_step="fill the store anew from the tables",
            )
        with self._environment.begin(write=True) as transaction:
            for customer_id, new in events.items():
                found = transaction.get(self._key(table, customer_id))
                old = [] if found is None else _events(self._layouts[table], _unpacked(self._layouts[table], found))
                known = {event["row_key"] for event in old}
                added = {event["row_key"]: event for event in reversed(new) if event["row_key"] not in known}
                if added:
                    self._put(transaction, table, customer_id, [*old, *added.values()])

    def _put(self, transaction: Any, table: str, customer_id: int, events: list[dict[str, Any]]) -> None:
        layout = self._layouts[table]
        newest = max((event["event_time"] for event in events), default=0)
        events = [event for event in events if event["event_time"] >= newest - layout.keeps]
        events.sort(key=lambda event: (event["event_time"], event["known_at"], event["row_key"]))
        transaction.put(self._key(table, customer_id), _packed(layout, events))

    def _key(self, table: str, customer_id: int) -> bytes:
        return struct.pack(">Bq", self._places[table], customer_id)


def _packed(layout: Layout, events: list[dict[str, Any]]) -> bytes:
    """A head that says how many, which texts, and which columns have gaps; then the arrays."""
    arrays = [_bytes([event[name] for event in events], np.int64) for name in ("event_time", "known_at", "row_key")]
    texts: list[list[str]] = []
    gaps: list[bool] = []
    for name, kind in layout.columns:
        values = [event[name] for event in events]
        there = [value is not None for value in values]
        found = sorted({value for value in values if value is not None}, key=str.encode) if kind is Kind.TEXT else []
        codes = {text: code for code, text in enumerate(found)}
        if kind is Kind.TEXT:
            values = [codes.get(value, len(found)) for value in values]
        if kind is Kind.DATE:
            values = [value if value is None else (value - _EPOCH).days for value in values]
        arrays.append(_bytes([0 if value is None else value for value in values], DTYPES[kind]))
        gaps.append(not all(there))
        if gaps[-1]:
            arrays.append(_bytes(there, np.uint8))
        texts.append(found)
    head = json.dumps([len(events), texts, gaps], ensure_ascii=False).encode()
    return b"".join([struct.pack(">I", len(head)), head, *arrays])


def _unpacked(layout: Layout, record: bytes) -> Facts:
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
    return Facts(
        time=time,
        known_at=known_at,
        key=key,
        columns=tuple(columns),
        known=tuple(known),
        texts=tuple(tuple(one) for one in texts),
    )


def _events(layout: Layout, facts: Facts) -> list[dict[str, Any]]:
    """The events again, one by one."""
    columns: dict[str, list[Any]] = {
        "event_time": facts.time.tolist(), "known_at": facts.known_at.tolist(), "row_key": facts.key.tolist(),
    }  # fmt: skip
    for (name, kind), array, known, texts in zip(layout.columns, facts.columns, facts.known, facts.texts, strict=True):
        values = array.tolist()
        if kind is Kind.TEXT:
            values = [texts[code] if code < len(texts) else None for code in values]
        elif known is not None:
            values = [value if there else None for value, there in zip(values, known.tolist(), strict=True)]
        if kind is Kind.DATE:
            values = [value if value is None else _EPOCH + timedelta(days=value) for value in values]
        columns[name] = values
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _bytes(values: list[Any], dtype: Any) -> bytes:
    packed: NDArray[Any] = np.array(values, dtype)
    return packed.tobytes()
