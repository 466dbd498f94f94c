"""Whose rows are where, in the order of time.

A kernel walks *segments*: stretches of rows of one customer, oldest first within each, given from the newest segment to
the oldest. Base and daily files need no merge for that, a customer's rows of each are a segment. Only where segments
overlap in time (late rows, parties found to be one person) the customer's rows are put in order first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lingque.core.errors import WarehouseError
from lingque.core.hashing import Int64s


@dataclass(frozen=True, kw_only=True)
class Links:
    """Which customer a party belongs to; a party that is not named is the customer of its own id, and its rows stand
    there."""

    parties: Int64s
    customers: Int64s

    @classmethod
    def of(cls, parties: Int64s, customers: Int64s, *, once: Int64s | None = None) -> Links:
        """`once`: parties that ever belonged to another customer, who may have their rows."""
        if once is not None:
            alone = np.setdiff1d(once, parties)
            parties, customers = np.concatenate([parties, alone]), np.concatenate([customers, alone])
        order = np.argsort(parties, kind="stable")
        return cls(parties=parties[order], customers=customers[order])

    def customers_of(self, parties: Int64s) -> Int64s:
        """Per party its customer."""
        if len(self.parties) == 0:
            return parties
        places = np.minimum(np.searchsorted(self.parties, parties), len(self.parties) - 1)
        return np.where(self.parties[places] == parties, self.customers[places], parties)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Where the rows stand: `party` and `time` of each, and where each file's rows begin (`parts`, from 0). `more`
    reads other columns, `known_at` and `row_key`: only where moments are equal, or segments overlap, they matter."""

    party: Int64s
    time: Int64s
    parts: tuple[int, ...]
    more: Callable[[str], Int64s | None]


@dataclass(frozen=True, kw_only=True)
class Segments:
    """Customers, ascending as `segments_of` gives them; customer `i` has the segments `first[i]` … `first[i + 1]`, each
    with rows `starts` … `stops`. `again`: rows that are read once more, in this order, behind all others."""

    customers: Int64s
    first: Int64s
    starts: Int64s
    stops: Int64s
    again: Int64s

    def of(self, customers: Int64s) -> Segments:
        """The segments of these customers, in their order; some may have none."""
        places = np.minimum(np.searchsorted(self.customers, customers), max(len(self.customers) - 1, 0))
        counts = np.zeros(len(customers), np.int64)
        begins = np.zeros(len(customers), np.int64)
        if len(self.customers):
            there = self.customers[places] == customers
            begins = self.first[places]
            counts = np.where(there, self.first[places + 1] - begins, 0)
        first = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        chosen = np.repeat(begins - first[:-1], counts) + np.arange(first[-1])
        return Segments(
            customers=customers,
            first=first,
            starts=self.starts[chosen],
            stops=self.stops[chosen],
            again=self.again,
        )


def segments_of(rows: Rows, links: Links, *, table: str) -> Segments:
    """The segments of these rows. `WarehouseError` where a party's rows do not stand in the order of time in a file."""
    count = len(rows.party)
    if count == 0:
        nothing = np.empty(0, np.int64)
        return Segments(customers=nothing, first=np.zeros(1, np.int64), starts=nothing, stops=nothing, again=nothing)
    parts = np.array(sorted({0, *(part for part in rows.parts if part < count)}), np.int64)
    starts, late = _borders(rows.party, rows.time, parts)
    if bool(np.any(rows.time[late] < rows.time[late - 1])):
        raise WarehouseError(
            f"rows of {table} are not in the order of time within a customer",
            next_step="this is a fault of Lingque: please report it with the command you ran",
        )
    # one system tells late what happened at one moment: then the order of the file is not that of knowledge
    if len(late):
        known = _known(rows)
        late = late[known[late] < known[late - 1]]
    customers = links.customers_of(rows.party[starts])
    stops = np.append(starts[1:], count)
    mixed = np.unique(customers[np.searchsorted(starts, late, side="right") - 1])
    if bool(np.any(customers[1:] <= customers[:-1])):  # of one file and one bucket they stand so, a segment each
        order = np.lexsort((-rows.time[starts], customers))
        customers, starts, stops = customers[order], starts[order], stops[order]
    same = customers[1:] == customers[:-1]
    overlapping = customers[1:][same & (rows.time[stops[1:] - 1] >= rows.time[starts[:-1]])]
    mixed = np.union1d(mixed, overlapping)
    if len(mixed):
        return _put_in_order(rows, customers, starts, stops, mixed)
    return _grouped(customers, starts, stops, again=np.empty(0, np.int64))


@njit(nogil=True, cache=True)
def _borders(party: Any, time: Any, parts: Any) -> Any:
    """Where a party's rows begin, in each part anew; and which rows within them are not later than the one before."""
    count = party.shape[0]
    starts, late = np.empty(count, np.int64), np.empty(count, np.int64)
    begun = held = 0
    part = 0
    for row in range(count):
        if part < parts.shape[0] and row == parts[part]:
            part += 1
            starts[begun] = row
            begun += 1
        elif party[row] != party[row - 1]:
            starts[begun] = row
            begun += 1
        elif time[row] <= time[row - 1]:
            late[held] = row
            held += 1
    return starts[:begun].copy(), late[:held].copy()


def _known(rows: Rows) -> Int64s:
    known = rows.more("known_at")
    if known is None:
        raise TypeError("every row has a moment at which it was known")
    return known


def _put_in_order(rows: Rows, customers: Int64s, starts: Int64s, stops: Int64s, mixed: Int64s) -> Segments:
    of_mixed = np.isin(customers, mixed)
    again = np.concatenate([np.arange(a, b) for a, b in zip(starts[of_mixed], stops[of_mixed], strict=True)])
    whose = np.repeat(customers[of_mixed], (stops - starts)[of_mixed])
    keys, key = (_known(rows)[again], rows.time[again], whose), rows.more("row_key")
    order = np.lexsort(keys if key is None else (key[again], *keys))
    again, whose = again[order], whose[order]
    edges = np.flatnonzero(np.concatenate([[True], whose[1:] != whose[:-1]]))
    beyond = len(rows.party)
    all_customers = np.concatenate([customers[~of_mixed], whose[edges]])
    all_starts = np.concatenate([starts[~of_mixed], edges + beyond])
    all_stops = np.concatenate([stops[~of_mixed], np.append(edges[1:], len(again)) + beyond])
    order = np.argsort(all_customers, kind="stable")
    return _grouped(all_customers[order], all_starts[order], all_stops[order], again=again)


def _grouped(customers: Int64s, starts: Int64s, stops: Int64s, *, again: Int64s) -> Segments:
    edges: NDArray[np.int64] = np.flatnonzero(np.concatenate([[True], customers[1:] != customers[:-1]]))
    return Segments(
        customers=np.ascontiguousarray(customers[edges]),
        first=np.append(edges, len(customers)).astype(np.int64),
        starts=np.ascontiguousarray(starts, np.int64),
        stops=np.ascontiguousarray(stops, np.int64),
        again=again.astype(np.int64),
    )
