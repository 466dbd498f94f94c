"""What others do, on the same problem: to be compared with, never used.

*Priority order*: campaigns come one after the other, each takes its best customers while there is room. *Greedy*: the
best pair of all, then the next. *Chunks*: customers in groups of 1,000, each with its share of every limit, as a
commercial optimiser documents it. None of them promises minimum volumes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lingque.core.hashing import Int64s
from lingque.decide.allocation.compiled import kernel
from lingque.decide.allocation.limits import Limit
from lingque.decide.allocation.local import NOWHERE
from lingque.decide.allocation.passes import Choice
from lingque.decide.allocation.problem import Problem
from lingque.decide.allocation.solver import Allocation, Effort, allocate


def by_priority(problem: Problem) -> Choice:
    """Offer by offer as the menu lists them, each to those to whom it is worth most, on their best channel."""
    offer = problem.menu.offer_of[problem.kinds]
    return _in_order(problem, np.lexsort((-problem.values, offer)))


def by_value(problem: Problem) -> Choice:
    """The most valuable pair of customer and kind first."""
    return _in_order(problem, np.argsort(-problem.values, kind="stable"))


def _in_order(problem: Problem, order: Int64s) -> Choice:
    order = order[problem.values[order] > 0]
    choice = np.full((problem.customers, problem.most_of_all), NOWHERE, dtype=np.int16)
    owner = np.repeat(np.arange(problem.customers), np.diff(problem.starts))
    staff = problem.staff
    branch_of = np.empty(0, dtype=np.int64)
    if staff is not None:
        branch_of = np.repeat(np.arange(len(staff.hours)), np.diff(staff.starts))
    # a minimum is no reason to turn anybody down
    upper = [at for at, row in enumerate(problem.rows) if row.limit is not Limit.MINIMUM]
    _take_in_order(
        order, owner, problem.starts, problem.kinds, problem.costs if problem.costs is not None else np.empty(0),
        problem.most, problem.needs, problem.menu.class_of, problem.menu.channel_of, problem.menu.caps,
        problem.use[upper], problem.use_of_cost[upper], problem.limits[upper].copy(),
        NOWHERE if staff is None else problem.menu.channel(staff.channel), branch_of,
        np.empty(0) if staff is None else staff.rooms.copy(), choice,
    )  # fmt: skip
    return choice


@kernel
def _take_in_order(
    order: Any, owner: Any, starts: Any, kinds: Any, costs: Any, most: Any, needs: Any, class_of: Any,
    channel_of: Any, caps: Any, use: Any, use_of_cost: Any, left: Any, staffed: int, branch_of: Any, rooms: Any,
    choice: Any,
) -> None:  # fmt: skip
    for entry in order:
        customer = owner[entry]
        kind = kinds[entry]
        channel = channel_of[kind]
        count = 0
        on_channel = 0
        fits = caps[channel] > 0
        while count < choice.shape[1] and choice[customer, count] >= 0:
            other = kinds[starts[customer] + choice[customer, count]]
            if class_of[other] == class_of[kind]:
                fits = False
            if channel_of[other] == channel:
                on_channel += 1
            count += 1
        for need in range(len(needs.offer)):
            if needs.offer[need] == needs.offer_of[kind] and not (len(needs.has) > 0 and needs.has[customer, need]):
                there = False
                for before in range(count):
                    other = kinds[starts[customer] + choice[customer, before]]
                    there = there or needs.offer_of[other] == needs.needed[need]
                fits = fits and there
        if not fits or count >= most[customer] or on_channel >= caps[channel]:
            continue
        if channel == staffed and rooms[branch_of[customer]] < 1:
            continue
        cost = costs[entry] if len(costs) > 0 else 0.0
        for row in range(len(left)):
            if use[row, kind] + use_of_cost[row, kind] * cost > left[row]:
                fits = False
                break
        if not fits:
            continue
        for row in range(len(left)):
            left[row] -= use[row, kind] + use_of_cost[row, kind] * cost
        if channel == staffed:
            rooms[branch_of[customer]] -= 1
        choice[customer, count] = entry - starts[customer]


def in_chunks(problem: Problem, *, size: int = 1_000, seed: int = 0) -> Choice:
    """Customers drawn into groups of `size`; each group is solved by itself under its share of every limit.

    Shares are whole: what is no longer a whole contact is carried on to the next group.
    """
    order = np.random.default_rng(seed).permutation(problem.customers)
    groups = [np.sort(group) for group in np.array_split(order, max(problem.customers // size, 1))]
    upper = replace(problem, rows=tuple(row for row in problem.rows if row.limit is not Limit.MINIMUM))
    choice = np.full((problem.customers, problem.most_of_all), NOWHERE, dtype=np.int16)
    for number, group in enumerate(groups):
        before, after = number / len(groups), (number + 1) / len(groups)
        part = upper.part(group, share=after - before)
        part = part.with_limits([_whole_share(row.amount, before, after) for row in upper.rows])
        if part.staff is not None and upper.staff is not None:
            hours = _whole_share(upper.staff.rooms, before, after)
            part = replace(part, staff=replace(part.staff, hours=hours))
        found = allocate(part, Effort(gap=1e-4))
        if isinstance(found, Allocation):
            choice[group, : found.choice.shape[1]] = found.choice
    return choice


def _whole_share(amount: Any, before: float, after: float) -> Any:
    return np.floor(amount * after + 1e-9) - np.floor(amount * before + 1e-9)
