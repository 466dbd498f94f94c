"""Prices that steer a stream: triggered and asked decisions keep within limits that hold for the whole day.

Nobody knows who will still come. The controller decides each arrival at the current prices, refuses what no longer
fits (a hard stop: nothing is ever overrun), and after every few arrivals moves the prices, by a Newton step on those
who came lately, to where what is left would just be used up by those still expected. Feedback is what makes it good:
prices that stand still lose a tenth when the day turns out 15 % different.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lingque.core.errors import AllocationError
from lingque.core.hashing import Float64s, Int64s
from lingque.decide.allocation.certificate import chosen_entries, usage_of
from lingque.decide.allocation.dual import newton
from lingque.decide.allocation.in_turn import choose_in_turn
from lingque.decide.allocation.local import NOWHERE
from lingque.decide.allocation.passes import Choice, run_pass
from lingque.decide.allocation.problem import Problem, Staff
from lingque.decide.allocation.waiting import waiting_prices

WINDOW = 40_000
"""Customers remembered. How many there are in all matters, not which share: they must show each branch's marginal
customers."""
OF_A_BRANCH = 400
"""Customers of each branch remembered, on average, where that is more."""
CURVED_BY = 4_000
"""Customers by whom the curvature is measured, which takes a pass per row."""
CURVED_EVERY = 10
"""Steps after which it is measured again; in between every step mends it."""


class PriceController:
    """Decides arrivals within `problem`'s limits; its customers are those of the past from whom it starts.

    `expected`: how many customers the limits are for. `prices` (rows,) as ≤ and `staff_prices` (branches,) are the ones
    in force. Raises `AllocationError` for a problem with crews.
    """

    def __init__(self, problem: Problem, *, expected: int, prices: Float64s, staff_prices: Float64s) -> None:
        if problem.crews:
            raise AllocationError("a stream knows no crews", next_step="state the hours as staff of one channel")
        self.prices, self.staff_prices = prices, staff_prices
        self._limits = problem.limits.copy()
        self._left = problem.limits.copy()
        self._rooms = np.empty(0) if problem.staff is None else problem.staff.rooms.copy()
        self._expected = expected
        self._window: list[Problem] = [problem]
        self._steered = 0
        self._curvature: Float64s | None = None

    @property
    def left(self) -> Float64s:
        """(rows,) what is left of every limit as ≤; of a minimum, less than 0 while it is not reached."""
        return self._left

    def decide(self, arrivals: Problem, order: Int64s | None = None) -> Choice:
        """What each arrival gets, in this order (theirs, if None). They are remembered until `steer`."""
        menu, staff = arrivals.menu, arrivals.staff
        upper = self._limits >= 0
        left = self._left[upper]
        branch_of = np.empty(0, dtype=np.int64)
        if staff is not None:
            branch_of = np.repeat(np.arange(len(staff.starts) - 1), np.diff(staff.starts))
        choice = np.full((arrivals.customers, arrivals.most_of_all), NOWHERE, dtype=np.int16)
        choose_in_turn(
            arrivals.values, arrivals.kinds,
            np.empty(0, dtype=np.float32) if arrivals.costs is None else arrivals.costs,
            arrivals.starts, arrivals.most, np.arange(arrivals.customers) if order is None else order, branch_of,
            self.prices @ arrivals.use, self.prices @ arrivals.use_of_cost, self.staff_prices, menu.channel_of,
            menu.class_of, menu.caps, arrivals.needs, arrivals.most_of_all,
            NOWHERE if staff is None else menu.channel(staff.channel),
            arrivals.use[upper], arrivals.use_of_cost[upper], left, self._rooms, choice,
        )  # fmt: skip
        entries, _ = chosen_entries(arrivals, choice)
        self._left = self._left - usage_of(arrivals, entries)
        self._expected = max(self._expected - arrivals.customers, 0)
        self._window.append(arrivals)
        return choice

    def steer(self, *, seed: int = 0) -> None:
        """New prices, at which those still expected, being like those who came lately, would use up what is left."""
        if not self._expected:
            return
        window = join(self._window)
        most = max(WINDOW, OF_A_BRANCH * len(self._rooms))
        if window.customers > most:
            # drawn anew each time, so that those of long ago fade
            drawn = np.random.default_rng(seed).choice(window.customers, most, replace=False)
            window = window.part(np.sort(drawn), share=1.0)
        self._window = [window]
        share = window.customers / self._expected
        asked = replace(
            window,
            rows=tuple(
                replace(row, amount=max(row.sign * left * share, 0.0), shared=True)
                for row, left in zip(window.rows, self._left, strict=True)
            ),
            staff=None if window.staff is None else window.staff.with_rooms(self._rooms * share),
        )
        some = asked
        if self._steered % CURVED_EVERY == 0 and asked.customers > CURVED_BY:
            drawn = np.random.default_rng(seed).choice(asked.customers, CURVED_BY, replace=False)
            some = asked.part(np.sort(drawn), share=CURVED_BY / asked.customers)
        known = self._curvature if self._steered % CURVED_EVERY else None
        curvature = None if known is None else known * window.customers
        found = newton(asked, self.prices, rounds=2, goal=1e-5, sample=some, curvature=curvature)
        self._steered += 1
        self._curvature = found.curvature / window.customers
        self.prices = found.rows
        gains = run_pass(asked, found.rows, gains=True).gains
        if asked.staff is not None and gains is not None:
            self.staff_prices = waiting_prices(gains, asked.staff.starts, self._rooms, share=share)


def join(problems: Sequence[Problem]) -> Problem:
    """The customers of several problems of one menu, sorted by branch; limits are those of the first."""
    first = problems[0]
    if len(problems) == 1:
        return first
    lengths = np.concatenate([np.diff(one.starts) for one in problems])
    everybody = replace(
        first,
        starts=np.concatenate(([0], np.cumsum(lengths))),
        kinds=np.concatenate([one.kinds for one in problems]),
        values=np.concatenate([one.values for one in problems]),
        most=np.concatenate([one.most for one in problems]),
        has=None if first.has is None else np.concatenate([one.has for one in problems if one.has is not None]),
        costs=None if first.costs is None else np.concatenate([one.costs for one in problems if one.costs is not None]),
        staff=None,
    )
    if first.staff is None:
        return everybody
    branch_of = np.concatenate([_branch_of(one.staff) for one in problems if one.staff is not None])
    order = np.argsort(branch_of, kind="stable")
    starts = np.searchsorted(branch_of[order], np.arange(len(first.staff.starts)))
    return replace(everybody.part(order, share=1.0), staff=replace(first.staff, starts=starts))


def _branch_of(staff: Staff) -> Int64s:
    return np.repeat(np.arange(len(staff.starts) - 1), np.diff(staff.starts))
