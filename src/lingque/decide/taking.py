"""Customers taking what they are to get one after the other, until too little is left.

Whether somebody comes before it runs out never depends on their own draw: what somebody held out would use counts as
used for that one only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s
from lingque.decide.choosing import Choices
from lingque.decide.contracts import NOTHING
from lingque.decide.teams import Team
from lingque.govern.contracts import Flags

Indices = NDArray[np.intp]


class Taking:
    """Who has what so far, and what is left of what is limited: `amount` (r,) of which contacts `use` (r, c), and the
    time of the teams. `chosen` (sides, n); `contacted` (c,) contacts with each candidate."""

    def __init__(
        self,
        *,
        use: Float64s,
        amount: Float64s,
        teams: Sequence[Team],
        side_of: Indices,
        group_of: Indices,
        held_out: Flags,
        most: NDArray[np.uint8],
    ) -> None:
        self.use, self._left = use, amount.copy()
        self._teams, self._side_of, self._group_of = teams, side_of, group_of
        self._held_out, self._most = held_out, most
        self._left_of_time = [team.amount.copy() for team in teams]
        self.chosen: Choices = np.full(held_out.shape, NOTHING, dtype=np.int32)
        self.contacted = np.zeros(use.shape[1])
        self._count = np.zeros(len(most), dtype=np.int64)
        self._grouped = np.zeros((int(group_of.max(initial=0)) + 1, len(most)), dtype=np.bool_)

    def ends(self, customers: Indices, candidates: Choices) -> list[int]:
        """Per resource, how many may come in order until too little is left for the next, whatever that one's draw."""
        held = self._held(customers, candidates)
        found: list[int] = []
        for row, amount in zip(self.use, self._left, strict=True):
            wanted = row[candidates]
            used = np.where(held, 0.0, wanted)
            short = np.flatnonzero((np.cumsum(used) - used + wanted > amount) & (wanted > 0))
            found.append(int(short[0]) if len(short) else len(candidates))
        return found

    def in_time(self, customers: Indices, candidates: Choices) -> Flags:
        """Who comes, in order, before too little is left of the time of their unit, whatever that one's draw."""
        fits: Flags = np.ones(len(customers), dtype=np.bool_)
        held = self._held(customers, candidates)
        for team, left in zip(self._teams, self._left_of_time, strict=True):
            unit, wanted = team.unit_of[customers], team.use[candidates]
            order = np.argsort(unit, kind="stable")
            used = np.where(held, 0.0, wanted)[order]
            before = np.cumsum(used) - used
            sorted_unit = unit[order]
            # what was counted before the unit's first
            before = before - before[np.searchsorted(sorted_unit, sorted_unit)]
            short = order[(before + wanted[order] > left[sorted_unit]) & (wanted[order] > 0)]
            stop = np.full(len(left), len(customers))
            np.minimum.at(stop, unit[short], short)
            fits &= (wanted == 0) | (np.arange(len(customers)) < stop[unit])
        return fits

    def take(self, customers: Indices, candidates: Choices) -> None:
        self.chosen[self._side_of[candidates], customers] = candidates
        np.add.at(self._count, customers, 1)
        self._grouped[self._group_of[candidates], customers] = True
        contacted = np.bincount(candidates[~self._held(customers, candidates)], minlength=len(self.contacted))
        self.contacted += contacted
        self._left -= self.use @ contacted
        out = ~self._held(customers, candidates)
        for team, left in zip(self._teams, self._left_of_time, strict=True):
            left -= team.worked(customers[out], candidates[out])

    def open(self) -> tuple[Indices, Indices, Flags]:
        """The candidates (c',) of which enough is left, the customers (n',) who may have more, and (c', n') which of
        these pairs are closed all the same: a customer has one of the candidate's group, or their unit no time."""
        used_up: Flags = np.logical_or.reduce(self.use > self._left[:, None], axis=0, initial=False)
        candidates, customers = np.flatnonzero(~used_up), np.flatnonzero(self._count < self._most)
        closed: Flags = self._grouped[np.ix_(self._group_of[candidates], customers)]
        for team, left in zip(self._teams, self._left_of_time, strict=True):
            closed |= team.use[candidates, None] > left[team.unit_of[customers]]
        return candidates, customers, closed

    def _held(self, customers: Indices, candidates: Choices) -> Flags:
        held: Flags = self._held_out[self._side_of[candidates], customers]
        return held
