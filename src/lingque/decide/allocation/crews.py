"""Hours of those who make contacts: each unit (a relationship manager, a branch) works for its own customers only.

A contact may take more of the hours than another, several channels may use the same hours, and a customer may be one
unit's in one crew (the manager) and another's in the next (the branch). At a price per hour a contact is worth less by
the hours it takes of its customer's units, and what is left is a problem without crews (`without_crews`). The price of
a unit is where its customers just use its hours up. All units of a crew are asked at once, each halving the range in
which its own price lies, so that thousands of units take no more passes than one.

`Staff` is the narrower case that costs nothing: one channel, each contact takes the same, customers sorted by branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.decide.allocation.problem import Crew, Problem

HALVINGS = 26
"""Of the range in which a unit's price lies; the linear program of the undecided finds the rest."""


def unit_limits(problem: Problem) -> Float64s:
    """(units,) of all crews, one after the other."""
    return np.concatenate([np.empty(0), *(crew.limits for crew in problem.crews)])


def hours_taken(problem: Problem, customers: Int64s, entries: Any) -> tuple[Int64s, Int64s, Float64s]:
    """Of these (customer, entry) pairs those that take time: which pairs, which unit among all, and how much."""
    pairs: list[Any] = [np.empty(0, dtype=np.int64)]
    units, hours = list(pairs), [np.empty(0)]
    kinds = problem.kinds[entries]
    first = 0
    for crew in problem.crews:
        its = crew.use[kinds]
        mine = np.flatnonzero(its)
        pairs.append(mine)
        units.append(first + crew.unit_of[customers[mine]])
        hours.append(its[mine])
        first += len(crew.hours)
    return np.concatenate(pairs), np.concatenate(units), np.concatenate(hours)


def hours_used(problem: Problem, customers: Int64s, entries: Any) -> Float64s:
    """(units,) what these entries take."""
    _, units, hours = hours_taken(problem, customers, entries)
    used = np.zeros(sum(len(crew.hours) for crew in problem.crews))
    np.add.at(used, units, hours)
    return used


def without_crews(problem: Problem, unit_prices: Float64s) -> Problem:
    """The same with every entry worth less by the price of the time that it takes.

    Rounded up, so that the bound of a pass holds for the exact values too.
    """
    if not problem.crews:
        return problem
    customers = np.repeat(np.arange(problem.customers), np.diff(problem.starts))
    pairs, units, hours = hours_taken(problem, customers, slice(None))
    paid = np.bincount(pairs, weights=unit_prices[units] * hours, minlength=problem.entries)
    exact = problem.values.astype(np.float64) - paid
    rounded = exact.astype(np.float32)
    rounded = np.where(rounded < exact, np.nextafter(rounded, np.float32(np.inf)), rounded)
    return replace(problem, values=rounded, crews=())


def dearest_hours(problem: Problem) -> Float64s:
    """(units,) a price at which nobody takes any of a unit's time."""
    customers = np.repeat(np.arange(problem.customers), np.diff(problem.starts))
    pairs, units, hours = hours_taken(problem, customers, slice(None))
    dearest = np.zeros(sum(len(crew.hours) for crew in problem.crews))
    np.maximum.at(dearest, units, problem.values[pairs].astype(np.float64) / hours)
    return np.maximum(dearest, 0.0)


def spans(problem: Problem) -> list[slice]:
    """Where each crew's units are among all."""
    ends = np.cumsum([0, *(len(crew.hours) for crew in problem.crews)])
    return [slice(int(low), int(high)) for low, high in pairwise(ends)]


def undecided_of_units(
    seen: Problem, crews: Sequence[Crew], choice: NDArray[np.int16], prices: Float64s, width: int
) -> Int64s:
    """(pairs, 2): customers and entries. For each unit the `width` whose contact that takes its time is taken up, or
    given up, at the least loss, each with what comes next best. `seen` has values less the price of the time.

    What else a customer's contacts forbid one another is not looked at: it only says who is asked.
    """
    if not crews:
        return np.empty((0, 2), dtype=np.int64)
    kinds, starts = seen.kinds, seen.starts
    customers = np.repeat(np.arange(seen.customers), np.diff(starts))
    net = seen.values - (prices @ seen.use)[kinds]
    if seen.costs is not None:
        net = net - (prices @ seen.use_of_cost)[kinds] * seen.costs
    taken = np.zeros(seen.entries, dtype=np.bool_)
    whose, places = np.nonzero(choice >= 0)
    taken[starts[whose] + choice[whose, places]] = True
    worst = np.full(seen.customers, np.inf)
    np.minimum.at(worst, customers[taken], net[taken])
    room = np.bincount(whose, minlength=seen.customers) < seen.most
    given_up = np.where(room, 0.0, np.where(np.isfinite(worst), worst, 0.0))
    order = np.lexsort((-net, taken, customers))
    first = order[np.unique(customers[order], return_index=True)[1]]
    other = np.full(seen.customers, -1)
    other[customers[first]] = np.where(taken[first], -1, first)
    instead = np.where(other >= 0, np.maximum(net[other], 0.0), 0.0)
    loss = np.where(taken, net - instead[customers], given_up[customers] - net)
    found = []
    for crew in crews:
        mine = np.flatnonzero(crew.use[kinds])
        unit = crew.unit_of[customers[mine]]
        order = np.lexsort((loss[mine], unit))
        among = np.arange(len(mine)) - np.searchsorted(unit[order], unit[order])
        found.append(mine[order[among < width]])
    entries = np.unique(np.concatenate(found))
    next_best = other[customers[entries]]
    entries = np.union1d(entries, next_best[next_best >= 0])
    return np.column_stack((customers[entries], entries))
