"""The facts of all customers: found one at a time, and written some customers at a time.

What is noted beside them says which files of the tables are in. A store that is made anew is written beside the one in
use, and goes on where it was when it died; one that follows its tables takes in whole files, so that whatever a killed
process had done is done again and changes nothing.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lingque.catalog.expressions.types import Kind
from lingque.core.clock import Instant
from lingque.core.hashing import Int64s, distinct
from lingque.profile.facts import Facts, Layout, facts_in, packed, rows_in
from lingque.profile.kernel.segments import Links
from lingque.profile.online import OnlineFile, Reading, Writing

_IN_USE, _BUILDING = b"facts", b"facts-building"
_SETS = (b"facts-0", b"facts-1")
_LINKS = (b"links-0", b"links-1")
_KEY = struct.Struct(">Bq")


@dataclass(frozen=True, kw_only=True)
class Filled:
    """What is in the store. Per table: `parts` the files that are in, each with a number of its own, `doubtful` those
    that were being taken in or given up, `since` from when on every event is there, `newest` the latest event (up to
    when it was filled), `versions` what was published. `done`: how many steps of making it anew are done."""

    place: int
    layouts: tuple[Layout, ...]
    links: str
    filled_at: Instant
    parts: Mapping[str, Mapping[str, int]]
    since: Mapping[str, Instant]
    newest: Mapping[str, Instant | None]
    versions: Mapping[str, int]
    doubtful: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    done: int = 0

    def layout(self, table: str) -> tuple[int, Layout]:
        """The layout of the table, and its place in keys. Raises `KeyError` where there is none."""
        for place, layout in enumerate(self.layouts):
            if layout.table == table:
                return place, layout
        raise KeyError(table)

    def to_json(self) -> bytes:
        content = dataclasses.asdict(self)
        content["layouts"] = [
            [one.table, [[name, kind.value] for name, kind in one.columns], one.keeps] for one in self.layouts
        ]
        return json.dumps(content).encode()

    @classmethod
    def of_json(cls, text: bytes) -> Filled:
        content: dict[str, Any] = json.loads(text)
        content["layouts"] = tuple(
            Layout(table=table, columns=tuple((name, Kind(kind)) for name, kind in columns), keeps=keeps)
            for table, columns, keeps in content["layouts"]
        )
        return cls(**content)


class FactStore:
    """Used by one writer and any number of readers at a time."""

    def __init__(self, file: OnlineFile) -> None:
        self._file = file
        self._known: tuple[bytes, Filled] | None = None

    def filled(self) -> Filled | None:
        """What is in use."""
        with self._file.reading() as reading:
            return self._in_use(reading)

    def building(self) -> Filled | None:
        """What was being made anew, and how far it is."""
        with self._file.reading() as reading:
            state = reading.state(_BUILDING)
        return None if state is None else Filled.of_json(state)

    def read(self, table: str, customer_id: int) -> Facts | None:
        """The customer's events of that table; None where there are none, or no events of that table are kept."""
        with self._file.reading() as reading:
            filled = self._in_use(reading)
            if filled is None or all(one.table != table for one in filled.layouts):
                return None
            place, layout = filled.layout(table)
            record = reading.get(_SETS[filled.place], _KEY.pack(place, customer_id))
        return None if record is None else facts_in(layout, record)

    def links(self, filled: Filled) -> Links:
        """Whose parties were whose when it was filled."""
        with self._file.reading() as reading:
            return _links(reading.state(_LINKS[filled.place]))

    def begin(self, filled: Filled, links: Links) -> None:
        """Begin to make it anew; what was begun before and is not finished is lost."""
        with self._file.writing() as writing:
            writing.empty(_SETS[filled.place])
            writing.note(_BUILDING, filled.to_json())
            writing.note(_LINKS[filled.place], _packed_links(links))

    def add(self, filled: Filled, table: str, rows: pa.Table) -> None:
        """Put in all rows of some customers, and note how far it is now."""
        place, layout = filled.layout(table)
        with self._file.writing() as writing:
            for customer_id, record in packed(layout, _since(rows, filled.since[table])):
                writing.put(_SETS[filled.place], _KEY.pack(place, customer_id), record)
            writing.note(_BUILDING, filled.to_json())

    def finish(self, filled: Filled) -> None:
        """From here on readers see what was made anew."""
        with self._file.writing() as writing:
            writing.note(_IN_USE, filled.to_json())
            writing.note(_BUILDING, None)
            writing.empty(_SETS[1 - filled.place])

    def note(self, filled: Filled) -> None:
        """Note what is in the store that is in use."""
        with self._file.writing() as writing:
            writing.note(_IN_USE, filled.to_json())

    def follow(
        self, filled: Filled, table: str, rows: pa.Table, customers: Int64s, *, instead_of: Iterable[int]
    ) -> None:
        """Of these customers put the rows in place of all rows of those parts."""
        place, layout = filled.layout(table)
        keys = {customer: _KEY.pack(place, customer) for customer in customers.tolist()}
        with self._file.writing() as writing:
            before = _records(writing, _SETS[filled.place], keys)
            kept = rows_in(layout, before)
            gone = pa.array(sorted(instead_of), pa.int64())
            kept = kept.filter(pc.invert(pc.is_in(kept.column("part"), value_set=gone)))
            together = _since(pa.concat_tables([kept, rows.select(kept.column_names)]), filled.since[table])
            _replace(writing, _SETS[filled.place], keys, packed(layout, together))

    def relink(self, filled: Filled, links: Links) -> None:
        """Put the rows of parties that came to another customer there, all in one transaction."""
        with self._file.writing() as writing:
            before = _links(writing.state(_LINKS[filled.place]))
            parties = distinct(np.concatenate([before.parties, links.parties]))
            was, now = before.customers_of(parties), links.customers_of(parties)
            moved = was != now
            affected = distinct(np.concatenate([was[moved], now[moved]]))
            for place, layout in enumerate(filled.layouts):
                keys = {customer: _KEY.pack(place, customer) for customer in affected.tolist()}
                rows = rows_in(layout, _records(writing, _SETS[filled.place], keys))
                home = links.customers_of(rows.column("party_id").to_numpy())
                rows = rows.set_column(0, "customer_id", pa.array(home, pa.int64()))
                _replace(writing, _SETS[filled.place], keys, packed(layout, rows))
            writing.note(_LINKS[filled.place], _packed_links(links))
            writing.note(_IN_USE, filled.to_json())

    def forget(self, ids: Iterable[int]) -> int:
        """Delete what is kept of these customers, also in a store that is being made anew; how many records there
        were."""
        gone = 0
        stores = [one for one in (self.filled(), self.building()) if one is not None]
        with self._file.writing() as writing:
            for customer_id in ids:
                for filled in stores:
                    for place in range(len(filled.layouts)):
                        gone += writing.delete(_SETS[filled.place], _KEY.pack(place, customer_id))
        return gone

    def _in_use(self, reading: Reading) -> Filled | None:
        state = reading.state(_IN_USE)
        if state is None:
            return None
        known = self._known
        if known is None or known[0] != state:
            known = self._known = (state, Filled.of_json(state))
        return known[1]


def _records(reading: Reading, of: bytes, keys: Mapping[int, bytes]) -> dict[int, bytes]:
    found = {customer: reading.get(of, key) for customer, key in keys.items()}
    return {customer: record for customer, record in found.items() if record is not None}


def _replace(writing: Writing, of: bytes, keys: Mapping[int, bytes], records: Iterable[tuple[int, bytes]]) -> None:
    """These records in place of all that have those keys."""
    left = dict(keys)
    for customer, record in records:
        writing.put(of, left.pop(customer), record)
    for key in left.values():
        writing.delete(of, key)


def _since(rows: pa.Table, moment: Instant) -> pa.Table:
    kept = pc.greater_equal(rows.column("event_time"), int(moment))
    return rows if pc.all(kept).as_py() else rows.filter(kept)


def _packed_links(links: Links) -> bytes:
    return np.concatenate([links.parties, links.customers]).astype(np.int64).tobytes()


def _links(packed_links: bytes | None) -> Links:
    both = np.frombuffer(packed_links or b"", np.int64)
    half = len(both) // 2
    return Links(parties=both[:half], customers=both[half:])
