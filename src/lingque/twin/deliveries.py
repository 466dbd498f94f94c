"""How extracts become files: which days each file is about, block after block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from lingque.twin import columns
from lingque.twin.days import day_number
from lingque.twin.extracts import Extract
from lingque.twin.flaws import Flaw
from lingque.twin.landing import Landing
from lingque.twin.parameters import TwinParameters
from lingque.twin.part import Part

DIRT = ("file", "row", "kind", "detail")
"""What is told of each row with a flaw: its file, its number there from 1 (headers do not count), what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Days:
    """The days that one file is about, both inclusive; the last one is the date of its data."""

    first: int
    last: int

    @property
    def compact(self) -> str:
        return f"{date(1970, 1, 1) + timedelta(days=self.last):%Y%m%d}"


def whole_history(parameters: TwinParameters) -> tuple[Days, ...]:
    """One file with all there is, as when a bank loads a new platform for the first time."""
    return (Days(first=0, last=day_number(parameters.as_of) - 1),)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What a part adds to a file."""

    name: str
    header: bytes
    content: bytes | pa.Table
    rows: int
    total: int
    data_date: str
    control: bool
    flaws: tuple[Flaw, ...] = ()
    """By row among those of this cut, from 1."""


def cuts(part: Part, extracts: Sequence[Extract], days: Sequence[Days], *, under: str = "") -> Iterator[Cut]:
    """Of one part, by extract and day. What is told anew in every file stands in the last one only."""
    for extract in extracts:
        records = extract.delivered(part, days[-1].last)
        for one in days if records.arrives is not None else days[-1:]:
            where = records.between(one.first, one.last)
            yield Cut(
                name=f"{under}{extract.name}_{one.compact}.{extract.suffix}",
                header=extract.header(part, one.last),
                content=records.content(where, one.last),
                rows=len(where),
                total=0 if records.amount is None else int(records.amount[where].sum()),
                data_date=one.compact,
                control=extract.control,
                flaws=records.flaws_of(where),
            )


def deliver(landing: Landing, every: Iterable[Cut], *, dirt: str | None = None) -> None:
    """Adds the cuts to their files, and control files at the end.

    `dirt`: the file (CSV) that says of every row with a flaw where it stands and what is wrong.
    """
    controlled: dict[str, str] = {}
    if dirt is not None:
        landing.add(dirt, b"", header=columns.header(DIRT))
    for cut in every:
        if dirt is not None:
            before = landing.rows_of(cut.name)
            told = "".join(f"{cut.name},{before + flaw.position},{flaw.kind},{flaw.detail}\n" for flaw in cut.flaws)
            landing.add(dirt, told.encode())
        landing.add(cut.name, cut.content, header=cut.header, rows=cut.rows, total=cut.total)
        if cut.control:
            controlled[cut.name] = cut.data_date
    for name, data_date in controlled.items():
        landing.control(name, data_date=data_date)
