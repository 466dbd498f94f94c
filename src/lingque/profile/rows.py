"""The newest published snapshot, a row per customer, found in microseconds.

A record is what of a row has a fixed width (flags of what there is, numbers, days, lengths of texts), and the texts
behind it. All rows are of one snapshot: the next one is written beside it and takes its place at once.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lingque.core.errors import NotFoundError, nearest
from lingque.core.ids import RunId
from lingque.profile.online import OnlineFile, Reading

_STATE = b"rows"
_SETS = (b"rows-0", b"rows-1")
_EPOCH = date(1970, 1, 1).toordinal()
_KEY = struct.Struct(">q")

_WIDTHS = {"boolean": "?", "whole": "q", "number": "d", "day": "i", "text": "i"}
"""How a value stands in the part of fixed width; of a text its length in bytes."""
_DTYPES = {"boolean": "?", "whole": "<i8", "number": "<f8", "day": "<i4", "text": "<i4"}


@dataclass(frozen=True, kw_only=True)
class RowsOf:
    """Whose rows are kept: of which snapshot, and its tags with what their values are."""

    run_id: RunId
    as_of: date
    tags: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, schema: pa.Schema, names: Iterable[str], *, run_id: RunId, as_of: date) -> RowsOf:
        """The tags `names` of a table of that schema."""
        tags = tuple((name, _width_of(schema.field(name).type, name)) for name in names)
        return cls(run_id=run_id, as_of=as_of, tags=tags)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One customer's values, as asked for, in the snapshot of that day."""

    as_of: date
    values: Mapping[str, Any]


class RowStore:
    """The rows of all customers in one snapshot."""

    def __init__(self, file: OnlineFile) -> None:
        self._file = file
        self._form = _Form(b"", 0, RowsOf(run_id=RunId(""), as_of=date.min, tags=()))

    def kept(self) -> RowsOf | None:
        """Of which snapshot there are rows."""
        with self._file.reading() as reading:
            form = self._form_of(reading)
        return None if form is None else form.rows

    def fill(self, rows: RowsOf, batches: Iterable[pa.Table]) -> int:
        """Put these rows in place of those there are, and return how many. A reader sees the old ones or the new ones;
        where it dies on the way, it is done again from the beginning."""
        with self._file.writing() as writing:
            before = self._form_of(writing)
            place = 0 if before is None else 1 - before.place
            writing.empty(_SETS[place])
        form = _Form(b"", place, rows)
        count = 0
        for batch in batches:
            with self._file.writing() as writing:
                for customer_id, record in form.packed(batch):
                    writing.put(_SETS[place], _KEY.pack(customer_id), record)
                    count += 1
        with self._file.writing() as writing:
            content = {"run": rows.run_id, "as_of": rows.as_of.isoformat(), "tags": rows.tags, "place": place}
            writing.note(_STATE, json.dumps(content).encode())
            writing.empty(_SETS[1 - place])
        return count

    def read(self, customer_id: int, tags: Sequence[str]) -> Row | None:
        """Those tags of the customer, whole money in minor units, days as `date`; None for somebody who is not in it.

        Raises `NotFoundError` where no snapshot was made ready, and for a tag that this one does not have.
        """
        return self.read_all([customer_id], tags).get(customer_id)

    def read_all(self, customers: Sequence[int], tags: Sequence[str]) -> dict[int, Row]:
        """The same of those of a few customers who are in it, all as of one moment of the file."""
        with self._file.reading() as reading:
            form = self._form_of(reading)
            if form is None:
                raise NotFoundError(
                    "no snapshot was made ready to be looked up", next_step="run 'lingque tags run' first"
                )
            records = {customer: reading.get(_SETS[form.place], _KEY.pack(customer)) for customer in customers}
        places = form.places(tags)
        return {
            customer: Row(as_of=form.rows.as_of, values=form.read(record, tags, places))
            for customer, record in records.items()
            if record is not None
        }

    def clear(self) -> None:
        """Keep nothing."""
        with self._file.writing() as writing:
            writing.note(_STATE, None)
            for of in _SETS:
                writing.empty(of)

    def forget(self, ids: Iterable[int]) -> int:
        """Delete the rows of these customers, of a snapshot that is being written too; how many there were."""
        gone = 0
        with self._file.writing() as writing:
            for customer_id in ids:
                deleted = [writing.delete(of, _KEY.pack(customer_id)) for of in _SETS]  # from both of them
                gone += any(deleted)
        return gone

    def _form_of(self, reading: Reading) -> _Form | None:
        """How records stand; worked out again only where another snapshot took the place."""
        state = reading.state(_STATE)
        if state is None:
            return None
        if state != self._form.state:
            content = json.loads(state)
            rows = RowsOf(
                run_id=RunId(content["run"]),
                as_of=date.fromisoformat(content["as_of"]),
                tags=tuple((name, width) for name, width in content["tags"]),
            )
            self._form = _Form(state, content["place"], rows)
        return self._form


class _Form:
    """How the records of one snapshot stand."""

    def __init__(self, state: bytes, place: int, rows: RowsOf) -> None:
        self.state = state
        self.place = place
        self.rows = rows
        self._flags = -(-len(rows.tags) // 8)
        self._fixed = struct.Struct("<" + "".join(_WIDTHS[width] for _, width in rows.tags))
        self._numbers = {name: (number, width) for number, (name, width) in enumerate(rows.tags)}
        self._texts = [number for number, (_, width) in enumerate(rows.tags) if width == "text"]
        self._converted = any(width in ("day", "text") for _, width in rows.tags)
        self._all = (1 << len(rows.tags)) - 1

    def packed(self, batch: pa.Table) -> Iterator[tuple[int, bytes]]:
        """The customer and the record of each row."""
        there = np.zeros((batch.num_rows, self._flags * 8), bool)
        fixed = np.zeros(batch.num_rows, [(f"f{n}", _DTYPES[width]) for n, (_, width) in enumerate(self.rows.tags)])
        texts: list[list[bytes]] = []
        for number, (name, width) in enumerate(self.rows.tags):
            column = batch.column(name).combine_chunks()
            there[:, number] = column.is_valid().to_numpy(zero_copy_only=False)
            if width == "text":
                encoded = [b"" if text is None else text.encode() for text in column.to_pylist()]
                texts.append(encoded)
                fixed[f"f{number}"] = [len(text) for text in encoded]
                continue
            if width == "day":
                column = column.cast(pa.date32()).cast(pa.int32())
            fixed[f"f{number}"] = pc.fill_null(column, False if width == "boolean" else 0).to_numpy(
                zero_copy_only=False
            )
        flags = np.packbits(there, axis=1, bitorder="little").tobytes()
        numbers = fixed.tobytes()
        head, wide = self._flags, self._fixed.size
        customers = batch.column("customer_id").to_pylist()
        for place, customer_id in enumerate(customers):
            parts = [flags[place * head : (place + 1) * head], numbers[place * wide : (place + 1) * wide]]
            yield customer_id, b"".join([*parts, *(column[place] for column in texts)])

    def places(self, tags: Sequence[str]) -> list[tuple[int, str]]:
        """Where those tags stand. Raises `NotFoundError`."""
        try:
            return [self._numbers[name] for name in tags]
        except KeyError as error:
            (name,) = error.args
            raise NotFoundError(
                f"tag '{name}' is not in the snapshot as of {self.rows.as_of}",
                next_step=f"run 'lingque tags run' after applying it; {nearest(name, list(self._numbers))}",
            ) from None

    def read(self, record: bytes, tags: Sequence[str], places: Sequence[tuple[int, str]]) -> dict[str, Any]:
        """The values of those tags, which stand there."""
        values = self._fixed.unpack_from(record, self._flags)
        found: dict[str, Any] = {name: values[number] for name, (number, _) in zip(tags, places, strict=True)}
        if self._converted:
            texts = self._texts_of(record, values) if self._texts else {}
            for name, (number, width) in zip(tags, places, strict=True):
                if width == "day":
                    found[name] = date.fromordinal(_EPOCH + values[number])
                elif width == "text":
                    found[name] = texts[number]
        missing = self._all & ~int.from_bytes(record[: self._flags], "little")
        if missing:
            for name, (number, _) in zip(tags, places, strict=True):
                if missing >> number & 1:
                    found[name] = None
        return found

    def _texts_of(self, record: bytes, lengths: tuple[Any, ...]) -> dict[int, str]:
        begin = self._flags + self._fixed.size
        found: dict[int, str] = {}
        for number in self._texts:
            end = begin + lengths[number]
            found[number] = record[begin:end].decode()
            begin = end
        return found


def _width_of(kind: pa.DataType, name: str) -> str:
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "whole"
    if pa.types.is_floating(kind):
        return "number"
    if pa.types.is_date(kind):
        return "day"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        return "text"
    raise TypeError(f"a tag of type {kind} ('{name}') cannot be looked up")
