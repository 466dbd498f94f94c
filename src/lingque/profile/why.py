"""Why a customer's tag has its value: the rows that made it, or the tags that it is built on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, Literal

from lingque.catalog.definitions import DataContract
from lingque.catalog.expressions.to_python import RowFunction, row_function
from lingque.catalog.expressions.tree import Constant, Node
from lingque.catalog.model import AggregateTag, Catalog, DerivedTag, ListTag, ModelTag
from lingque.core.clock import BusinessCalendar, Instant

MOST_ROWS = 3
Row = Mapping[str, Any]
_EARLIEST = Instant(-(2**63))


@dataclass(frozen=True, kw_only=True)
class Why:
    """`rows`: how many of the customer's rows of `table` the value was made from, the newest of them in `newest`.
    `inputs`: the values of the tags that it was worked out from."""

    how: Literal["rows", "tags", "model", "list", "manual"]
    table: str = ""
    rows: int = 0
    newest: tuple[Row, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)


class Reasons:
    """Why one customer's tags have the values of that day.

    `values`: the customer's tags; `stored`: the customer's rows per table, newest first. A row counts where it was
    known that morning, lies in the window, and the tag's condition is true for it. Tags of the same rows share them.
    """

    def __init__(
        self,
        catalog: Catalog,
        values: Mapping[str, Any],
        stored: Mapping[str, Sequence[Row]],
        *,
        as_of: date,
        calendar: BusinessCalendar,
    ) -> None:
        self._catalog = catalog
        self._values = values
        self._as_of = as_of
        self._calendar = calendar
        self._known = {
            name: _known_rows(catalog.contracts[name], rows, as_of=as_of, calendar=calendar)
            for name, rows in stored.items()
        }
        self._of_rows: dict[tuple[object, ...], Why] = {}

    def of(self, name: str) -> Why:
        """What made the value of that tag."""
        tag = self._catalog.tag(name)
        match tag:
            case AggregateTag():
                table = tag.contract.contract
                known = self._known.get(table)
                if not known:
                    return Why(how="rows", table=table)
                asked = (table, tag.window, tag.since, tag.where)
                found = self._of_rows.get(asked)
                if found is None:
                    found = self._of_rows[asked] = self._from_rows(tag, known)
                return found
            case DerivedTag():
                return Why(how="tags", inputs={one: self._values.get(one) for one in sorted(tag.inputs)})
            case ModelTag():
                return Why(how="model", inputs={one: self._values.get(one) for one in sorted(tag.inputs)})
            case ListTag():
                return Why(how="list")
            case _:
                return Why(how="manual")

    def _from_rows(self, tag: AggregateTag, known: Sequence[Row]) -> Why:
        rows = _rows(tag, known, self._as_of, self._calendar)
        shown = [tag.contract.time_column, *tag.contract.stored]
        newest = tuple({column: row.get(column) for column in shown} for row in rows[:MOST_ROWS])
        return Why(how="rows", table=tag.contract.contract, rows=len(rows), newest=newest)


def _known_rows(contract: DataContract, stored: Iterable[Row], *, as_of: date, calendar: BusinessCalendar) -> list[Row]:
    """Those that were known on the morning of that day, each with every column of the contract; order stays."""
    moment, time = calendar.start_of(as_of), contract.time_column
    empty = dict.fromkeys(contract.stored)
    return [{**empty, **row} for row in stored if row[time] < moment and row["known_at"] <= moment]


def _rows(tag: AggregateTag, known: Sequence[Row], as_of: date, calendar: BusinessCalendar) -> Sequence[Row]:
    found = known
    if tag.contract.holds:
        found = list(_held(tag, known, as_of, calendar))
    elif tag.window is not None:
        begin, end = _bounds(tag, as_of, calendar)
        found = known[_first_before(known, end) : _first_before(known, begin)]
    if tag.since is not None:
        found = list(_since(tag, found, as_of))
    if isinstance(tag.where, Constant) and tag.where.value is True:
        return found
    is_true = _function(tag.where)
    return [row for row in found if is_true(row, as_of) is True]


def _first_before(known: Sequence[Row], moment: Instant) -> int:
    """Where, of events that come newest first, those before that moment begin."""
    return bisect_right(known, -moment, key=lambda row: -int(row["event_time"]))


def _held(tag: AggregateTag, known: Iterable[Row], as_of: date, calendar: BusinessCalendar) -> Iterator[Row]:
    """Of versions those that hold on the day, or, over a window, all that held on one of its days."""
    key = "party_id" if tag.contract.kind == "party" else tag.contract.with_role("key")[0]
    begin = None if tag.window is None else _bounds(tag, as_of, calendar)[0]
    over: set[Any] = set()  # keys of which an earlier version held no longer
    for row in known:
        if row[key] in over:
            continue
        if begin is None or row["valid_from"] <= begin:
            over.add(row[key])
        if not row.get("ended"):
            yield row


def _since(tag: AggregateTag, rows: Iterable[Row], as_of: date) -> Iterator[Row]:
    """From the last row on for which the condition is true; without such a row none."""
    if tag.since is None:
        return
    begins = _function(tag.since)
    waiting: list[Row] = []
    for row in rows:
        waiting.append(row)
        if begins(row, as_of) is True:
            yield from waiting
            return


def _bounds(tag: AggregateTag, as_of: date, calendar: BusinessCalendar) -> tuple[Instant, Instant]:
    if tag.window is None:
        return _EARLIEST, calendar.start_of(as_of)
    first, after = tag.window.bounds(as_of)
    return (_EARLIEST if first == date.min else calendar.start_of(first)), calendar.start_of(after)


@lru_cache(maxsize=4096)
def _function(node: Node) -> RowFunction:
    return row_function(node)
