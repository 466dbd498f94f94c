"""All customers at given prices: what a pass over the population yields.

The staff of a branch is priced exactly in passing. With at most m contacts of the staffed channel a customer's best
is f(m), concave in m; each step f(m) − f(m − 1) is a *gain*, and the branch makes the greatest gains that it has room
for. Its price is the first gain left out. So hundreds of branches cost the dual no dimension at all.

A pass goes chunk by chunk, in bounded memory; chunks are cut between branches, run side by side and are added up in
order, so that the same numbers come out on any number of threads.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.decide.allocation.crews import unit_limits, without_crews
from lingque.decide.allocation.for_all import choose_for_all
from lingque.decide.allocation.local import NOWHERE
from lingque.decide.allocation.problem import Problem
from lingque.decide.allocation.reactions import count_reactions

Choice = NDArray[np.int16]
"""(n, most_of_all): positions among the customer's own entries, `NOWHERE` (−1) after the last."""

CHUNK = 1 << 16
GROUP = 256
"""Customers whose reactions are counted together where there are no branches; they fit into the fastest memory."""


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What the prices lead to. `bound`: no choice within the limits is worth more (Lagrangian duality; Geoffrion 1974).

    `usage` (rows,) of what the prices choose, as ≤; `staff_prices` (branches,) per contact, `unit_prices` (units,) of
    the crews as they were given. Where asked for, `choice`, and `gains` (n, levels): what the first contact of the
    staff is worth to each customer more than the best without, then the second.
    """

    bound: float
    usage: Float64s
    staff_prices: Float64s
    choice: Choice | None = None
    gains: Float64s | None = None
    unit_prices: Float64s = field(default_factory=lambda: np.empty(0))

    @property
    def chosen(self) -> Choice:
        """The choice, of a pass that was asked for it."""
        if self.choice is None:
            raise ValueError("this pass was not asked for its choice")
        return self.choice


def run_pass(
    problem: Problem,
    prices: Float64s,
    *,
    unit_prices: Float64s | None = None,
    choose: bool = False,
    gains: bool = False,
) -> Pass:
    """Every customer at these prices (rows,), of 0 or more per unit of each row as ≤, and `unit_prices` of the crews'
    time (0, if None).

    `gains`: asks for them as well.
    """
    if problem.crews:
        limits = unit_limits(problem)
        paid = np.zeros(len(limits)) if unit_prices is None else unit_prices
        passed = run_pass(without_crews(problem, paid), prices, choose=choose, gains=gains)
        return replace(passed, bound=passed.bound + float(paid @ limits), unit_prices=paid)
    menu, staff = problem.menu, problem.staff
    price = prices @ problem.use if len(prices) else np.zeros(menu.kinds)
    cost_price = prices @ problem.use_of_cost if len(prices) else np.zeros(menu.kinds)
    arrays = problem.arrays
    rooms = np.empty(0) if staff is None else staff.rooms
    staff_prices = np.zeros(len(rooms))
    choice = np.full((problem.customers if choose else 0, problem.most_of_all), NOWHERE, dtype=np.int16)

    levels = 0 if staff is None else min(int(menu.caps[arrays.staffed]), problem.most_of_all)
    kept = np.zeros((problem.customers if gains else 0, levels))

    def one(chunk: tuple[int, int, Int64s, Int64s]) -> tuple[float, Float64s, Float64s]:
        first, last, borders, branches = chunk
        count, spent = np.zeros(menu.kinds), np.zeros(menu.kinds)
        its_prices = np.zeros(max(len(borders) - 1, 1))
        value = choose_for_all(
            arrays, first, last, price, cost_price, borders, rooms[branches], count, spent, its_prices, kept, choice
        )
        staff_prices[branches] = its_prices[: len(branches)]
        return float(value), count, spent

    bound, count, spent = float(prices @ problem.limits), np.zeros(menu.kinds), np.zeros(menu.kinds)
    for value, its_count, its_spent in side_by_side(one, chunks_of(problem)):
        bound += value
        count += its_count
        spent += its_spent
    return Pass(
        bound=bound,
        usage=problem.use @ count + problem.use_of_cost @ spent,
        staff_prices=staff_prices,
        choice=choice if choose else None,
        gains=kept if gains else None,
    )


def run_reactions(problem: Problem, prices: Float64s, rises: Float64s) -> Float64s:
    """(rows, rows) by how much less of every row is used, [:, r], when the price of row r alone rises by `rises[r]`.

    What two passes tell, for all rows at the cost of a few. A row whose price rises by 0 is left out, its column 0.
    """
    menu, staff = problem.menu, problem.staff
    rooms = np.empty(0) if staff is None else staff.rooms
    shape = (len(prices), menu.kinds)

    def one(chunk: tuple[int, int, Int64s, Int64s]) -> Float64s:
        first, last, borders, branches = chunk
        if staff is None:
            borders = np.append(np.arange(first, last, GROUP), last)
        count, spent = np.zeros(shape), np.zeros(shape)
        count_reactions(
            problem.arrays, borders, rooms[branches], prices @ problem.use, prices @ problem.use_of_cost, problem.use,
            problem.use_of_cost, rises, count, spent,
        )  # fmt: skip
        used: Float64s = problem.use @ count.T + problem.use_of_cost @ spent.T
        return used

    less = np.zeros((len(prices), len(prices)))
    for more in side_by_side(one, chunks_of(problem)):
        less -= more
    return less


def side_by_side(work: Any, chunks: list[Any]) -> list[Any]:
    """Each chunk's result, in order."""
    if len(chunks) == 1:
        return [work(chunks[0])]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
        return list(threads.map(work, chunks))


def chunks_of(problem: Problem) -> list[tuple[int, int, Int64s, Int64s]]:
    """Customers from, to, the borders of their branches, and the branches; cut so that no branch is in two."""
    n = problem.customers
    if problem.staff is None:
        nobody = np.empty(0, dtype=np.int64)
        return [(at, min(at + CHUNK, n), nobody, nobody) for at in range(0, max(n, 1), CHUNK)]
    starts = problem.staff.starts
    chunks = []
    branch = 0
    while branch < len(starts) - 1:
        end = max(int(np.searchsorted(starts, starts[branch] + CHUNK, side="right")) - 1, branch + 1)
        end = min(end, len(starts) - 1)
        chunks.append((int(starts[branch]), int(starts[end]), starts[branch : end + 1], np.arange(branch, end)))
        branch = end
    return chunks or [(0, 0, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))]
