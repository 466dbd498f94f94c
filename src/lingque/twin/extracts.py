"""What a source system delivers: files with records, cut by the day on which each record arrives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from lingque.core.hashing import Int64s
from lingque.twin import columns
from lingque.twin.blocks import Block
from lingque.twin.days import day_text
from lingque.twin.flaws import Flaw, Spoiling, Weak, spoil
from lingque.twin.part import Part

_LATEST = 3
"""Days by which a late record is late, at most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Records:
    """Of one block, in the order in which they stand in the file."""

    count: int
    content: Callable[[Int64s, int], bytes | pa.Table]
    """Records at these positions, and the day of the file's data, to what stands in the file."""
    arrives: Int64s | None = None
    """The day in whose file each record stands, ascending; `None` where every file tells everything anew."""
    amount: Int64s | None = None
    """What the control file adds up, in fen."""
    flaws: tuple[Flaw, ...] = ()
    """What is wrong with them, by position."""

    @classmethod
    def of(
        cls,
        fields: dict[str, Any],
        *,
        arrives: Int64s | None = None,
        amount: Int64s | None = None,
        encoding: str = "utf-8",
        count: int | None = None,
    ) -> Records:
        """Rows of a CSV file. `fields`: name → one value for each row."""
        table = pa.table(fields)

        def content(where: Int64s, _day: int) -> bytes:
            # as many rows are not the same rows: where some come twice, others are late
            whole = np.array_equal(where, np.arange(table.num_rows))
            part = table if whole else table.take(pa.array(where))
            return columns.csv_rows(dict(zip(part.column_names, part.columns, strict=True)), encoding=encoding)

        return cls(count=table.num_rows if count is None else count, content=content, arrives=arrives, amount=amount)

    @classmethod
    def once(cls, part: Part, fields: dict[str, Any]) -> Records:
        """Rows about the bank and not about its customers: they stand in the file of the first block."""
        return cls.of(fields if part.block.number == 0 else {name: pa.array([], pa.string()) for name in fields})

    def between(self, first: int, last: int) -> Int64s:
        """Positions of what stands in the file of these days, both inclusive."""
        if self.arrives is None:
            return np.arange(self.count)
        begin, end = np.searchsorted(self.arrives, (first, last + 1))
        return np.arange(begin, end)

    def flaws_of(self, where: Int64s) -> tuple[Flaw, ...]:
        """Of consecutive records, by their row among these, from 1."""
        if not len(where):
            return ()
        first, last = int(where[0]), int(where[-1])
        return tuple(
            replace(flaw, position=flaw.position - first + 1) for flaw in self.flaws if first <= flaw.position <= last
        )


@dataclass(frozen=True, kw_only=True)
class Extract:
    """Files of one kind: `<name>_<YYYYMMDD of the data>.<suffix>`."""

    name: str
    suffix: str
    records: Callable[[Part, int], Records]
    """Of a part, up to the end of a day."""
    header: Callable[[Part, int], bytes] = lambda _part, _day: b""
    """The first line, which may differ from day to day (schema drift)."""
    control: bool = False
    """Whether a control file (`.ok`) with rows and total comes with it."""
    weak: tuple[Weak, ...] = ()
    """In which columns rows can be wrong; never in what the control file adds up."""
    repeats: bool = False
    """Whether rows stand in their file twice that do not arrive one by one (see `arriving`)."""

    @property
    def system(self) -> str:
        return self.name.split("_")[0]

    def delivered(self, part: Part, day: int) -> Records:
        """What stands in its files up to the end of a day: the clean records and, beside them, bad ones."""
        clean = self.records(part, day)
        if not self.weak and not self.repeats:
            return clean
        spoiling = Spoiling.make(part.block, self.name, clean.count, self.weak, repeats=self.repeats)
        source = spoiling.source

        def content(where: Int64s, day: int) -> bytes | pa.Table:
            written = clean.content(source[where], day)
            rows = spoiling.within(where)
            if isinstance(written, pa.Table):
                return _without(written, rows)
            return spoil(written, rows, self.header(part, day))

        first = np.searchsorted(source, np.arange(clean.count))
        known = [replace(flaw, position=int(first[flaw.position])) for flaw in clean.flaws]
        return Records(
            count=len(source),
            content=content,
            arrives=None if clean.arrives is None else clean.arrives[source],
            amount=None if clean.amount is None else clean.amount[source],
            flaws=tuple(sorted((*known, *spoiling.flaws), key=lambda flaw: flaw.position)),
        )


def plain_header(*names: str, encoding: str = "utf-8") -> Callable[[Part, int], bytes]:
    line = columns.header(names, encoding=encoding)
    return lambda _part, _day: line


@dataclass(frozen=True, kw_only=True, eq=False)
class Arriving:
    """Records that come one by one, in the order in which they stand in their files."""

    where: Int64s
    """Of each record: its position among what happened."""
    day: Int64s
    """In whose file it stands."""
    flaws: tuple[Flaw, ...]


def arriving(block: Block, name: str, day: Int64s) -> Arriving:
    """Of what happened on these days: some arrives late, some stands in its file twice."""
    random = block.stream(f"arrival of {name}")
    late = random.random(len(day)) < block.parameters.late_share
    arrives = day + np.where(late, random.integers(1, _LATEST + 1, len(day)), 0)
    again = np.flatnonzero(random.random(len(day)) < block.parameters.repeated_share)
    where = np.concatenate([np.arange(len(day)), again])
    is_second = np.arange(len(where)) >= len(day)
    order = np.lexsort((is_second, where, arrives[where]))
    where, second = where[order], is_second[order]
    flaws = []
    for position in np.flatnonzero(second | late[where]).tolist():
        if second[position]:
            flaws.append(Flaw(position=position, kind="repeated"))
        if late[where[position]]:
            flaws.append(Flaw(position=position, kind="late", detail=day_text(int(day[where[position]]))))
    return Arriving(where=where, day=arrives[where], flaws=tuple(flaws))


def _without(table: pa.Table, rows: dict[int, Weak]) -> pa.Table:
    """Typed columns have no other way to be wrong than to be empty."""
    for row, weak in rows.items():
        at = table.column_names.index(weak.column)
        keeps = pa.array(np.arange(table.num_rows) != row)
        table = table.set_column(at, table.field(at), pyarrow.compute.if_else(keeps, table.column(at), None))
    return table
