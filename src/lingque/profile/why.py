"""Why a customer's tag has its value: the rows that made it, or the tags that it is built on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import takewhile
from typing import Any, Literal

from lingque.catalog.definitions import DataContract
from lingque.catalog.expressions.to_python import RowFunction, row_function
from lingque.catalog.expressions.tree import Node
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


def why_of(
    catalog: Catalog,
    name: str,
    values: Mapping[str, Any],
    stored: Mapping[str, Sequence[Row]],
    *,
    as_of: date,
    calendar: BusinessCalendar,
) -> Why:
    """What made the value of that day. `values`: the customer's tags; `stored`: the customer's rows per table that were
    known that morning (`known_rows`). A row counts where it lies in the window and the tag's condition is true for
    it."""
    tag = catalog.tag(name)
    match tag:
        case AggregateTag():
            rows = list(_rows(tag, stored.get(tag.contract.contract, ()), as_of, calendar))
            shown = [tag.contract.time_column, *tag.contract.stored]
            newest = tuple({column: row.get(column) for column in shown} for row in rows[:MOST_ROWS])
            return Why(how="rows", table=tag.contract.contract, rows=len(rows), newest=newest)
        case DerivedTag():
            return Why(how="tags", inputs={one: values.get(one) for one in sorted(tag.inputs)})
        case ModelTag():
            return Why(how="model", inputs={one: values.get(one) for one in sorted(tag.inputs)})
        case ListTag():
            return Why(how="list")
        case _:
            return Why(how="manual")


def known_rows(contract: DataContract, stored: Iterable[Row], *, as_of: date, calendar: BusinessCalendar) -> list[Row]:
    """Those that were known on the morning of that day, each with every column of the contract; order stays."""
    moment, time = calendar.start_of(as_of), contract.time_column
    empty = dict.fromkeys(contract.stored)
    return [{**empty, **row} for row in stored if row[time] < moment and row["known_at"] <= moment]


def _rows(tag: AggregateTag, known: Sequence[Row], as_of: date, calendar: BusinessCalendar) -> Iterator[Row]:
    if not known:
        return iter(())
    found: Iterable[Row] = known
    if tag.contract.holds:
        found = _held(tag, known, as_of, calendar)
    elif tag.window is not None:
        begin, end = _bounds(tag, as_of, calendar)
        found = takewhile(lambda row: row["event_time"] >= begin, known)  # the newest come first
        found = (row for row in found if row["event_time"] < end)
    if tag.since is not None:
        found = _since(tag, found, as_of)
    is_true = _function(tag.where)
    return (row for row in found if is_true(row, as_of) is True)


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
