"""Some customers' part of a problem as a linear program, for HiGHS: the whole of a small problem, or of a large one
the few customers who are undecided at the prices.

SciPy is loaded by whoever solves, not at import: most commands solve nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.decide.allocation.crews import hours_taken
from lingque.decide.allocation.problem import Problem

if TYPE_CHECKING:
    from scipy.sparse import csr_array

INFEASIBLE = 2
"""What scipy's `milp` calls it."""

WHOLE = 1e-6
"""By how much a share of the linear program may miss 0 or 1."""


class Verdict(Enum):
    """Why there is no whole number solution: none exists, or none was found within the nodes or the time."""

    INFEASIBLE = "infeasible"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Whole:
    """Which variables are 1, and whether that is proved to be the best to the gap asked for."""

    taken: NDArray[np.bool_]
    proved: bool


@dataclass(frozen=True, kw_only=True)
class Relaxed:
    """The linear program solved: prices of the rows and of the crews' units, what each of them is short of, rows first,
    and the share of each variable."""

    prices: Float64s
    unit_prices: Float64s
    short: Float64s
    shares: Float64s


@dataclass(frozen=True, kw_only=True)
class Program:
    """Maximise gain · x over the variables (customer, entry), then one shortage per row at a penalty.

    The first rows of `matrix` are the problem's (`rows` of them) and those of the crews' units, scaled by `scale`; then
    the branches that they concern; then the customers' own limits.
    """

    rows: int
    customers: Int64s
    entries: Int64s
    gain: Float64s
    matrix: csr_array
    upper: Float64s
    scale: Float64s
    penalty: Float64s
    most_short: Float64s

    def relax(self, *, seconds: float | None = None) -> Relaxed | None:
        """None where there is no solution, or none within the time."""
        from scipy.optimize import linprog

        if not len(self._cost):
            return Relaxed(prices=np.empty(0), unit_prices=np.empty(0), short=np.empty(0), shares=np.empty(0))
        bounds = np.column_stack((np.zeros(len(self._cost)), self._most))
        options = {} if seconds is None else {"time_limit": max(seconds, 0.1)}
        solved = linprog(self._cost, A_ub=self.matrix, b_ub=self.upper, bounds=bounds, method="highs", options=options)
        if solved.x is None or solved.status != 0:
            return None
        duals = -np.asarray(solved.ineqlin.marginals)
        limits, variables = len(self.scale), len(self.gain)
        prices = np.maximum(duals[:limits], 0.0) / self.scale
        return Relaxed(
            prices=prices[: self.rows],
            unit_prices=prices[self.rows :],
            short=np.asarray(solved.x)[variables:] * self.scale,
            shares=np.asarray(solved.x)[:variables],
        )

    def solve(self, *, gap: float, seconds: float | None, nodes: int) -> Whole | Verdict:
        """The best whole number solution, no row being short; to a relative `gap`."""
        from scipy.optimize import Bounds, LinearConstraint, milp

        variables = len(self.gain)
        if not variables:
            nothing = Whole(taken=np.empty(0, dtype=np.bool_), proved=True)
            return nothing if (self.upper >= 0).all() else Verdict.INFEASIBLE
        solved = milp(
            -self.gain,
            constraints=LinearConstraint(self.matrix[:, :variables], -np.inf, self.upper),
            bounds=Bounds(0.0, 1.0),
            integrality=np.ones(variables),
            options=_options(gap, seconds, nodes),
        )
        if solved.x is None:
            return Verdict.INFEASIBLE if solved.status == INFEASIBLE else Verdict.UNKNOWN
        return Whole(taken=np.asarray(solved.x) > 0.5, proved=bool(solved.status == 0))

    def least_short(self, *, nodes: int) -> Float64s:
        """By how much each row is short where whole contacts keep all others and the penalties are least."""
        from scipy.optimize import Bounds, LinearConstraint, milp

        variables, rows = len(self.gain), len(self.scale)
        solved = milp(
            self._cost,
            constraints=LinearConstraint(self.matrix, -np.inf, self.upper),
            bounds=Bounds(0.0, self._most),
            integrality=np.concatenate((np.ones(variables), np.zeros(rows))),
            options=_options(0.0, None, nodes),
        )
        short: Float64s = np.asarray(solved.x)[variables:] * self.scale
        return short

    @property
    def _cost(self) -> Float64s:
        return np.concatenate((-self.gain, self.penalty * self.scale))

    @property
    def _most(self) -> Float64s:
        return np.concatenate((np.ones(len(self.gain)), self.most_short / self.scale))


def _options(gap: float, seconds: float | None, nodes: int) -> dict[str, Any]:
    options: dict[str, Any] = {"mip_rel_gap": gap, "node_limit": nodes}
    if seconds is not None:
        options["time_limit"] = max(seconds, 0.1)
    return options


def write_program(
    problem: Problem,
    customers: Int64s,
    entries: Int64s,
    *,
    left: Float64s,
    rooms_left: Float64s,
    penalty: Float64s,
    elastic: bool,
) -> Program:
    """Over these (customer, entry) pairs, within what is left of every row as ≤ and of every branch's rooms.

    `left` and `penalty` are of the rows, then of the crews' units. Where it is `elastic` these may be short at their
    penalty per unit.
    """
    from scipy.sparse import coo_array, csr_array

    menu = problem.menu
    kinds = problem.kinds[entries].astype(np.int64)
    costs = np.zeros(len(entries)) if problem.costs is None else problem.costs[entries].astype(np.float64)
    used = problem.use[:, kinds] + problem.use_of_cost[:, kinds] * costs
    pairs, units, hours = hours_taken(problem, customers, entries)
    scale = np.concatenate((np.abs(used).max(axis=1, initial=0.0), np.zeros(len(left) - len(used))))
    np.maximum.at(scale, len(used) + units, hours)
    scale = np.where(scale > 1e-299, scale, 1.0)
    row, column = np.nonzero(used)
    blocks = [(row, column, used[row, column] / scale[row])]
    blocks.append((len(used) + units, pairs, hours / scale[len(used) + units]))
    upper = [left / scale]
    height = len(left)

    if problem.staff is not None:
        staffed = np.flatnonzero(menu.channel_of[kinds] == menu.channel(problem.staff.channel))
        of_entry = np.searchsorted(problem.staff.starts, customers[staffed], side="right") - 1
        branches, place = np.unique(of_entry, return_inverse=True)
        blocks.append((place + height, staffed, np.ones(len(staffed))))
        upper.append(rooms_left[branches])
        height += len(branches)
    for keys, most in (
        (customers, problem.most[customers].astype(np.float64)),
        (customers * menu.kinds + menu.class_of[kinds], np.ones(len(kinds))),
        (customers * menu.kinds + menu.channel_of[kinds], menu.caps[menu.channel_of[kinds]].astype(np.float64)),
    ):
        _, first, group, size = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
        binding = size > most[first]
        number = np.cumsum(binding) - 1 + height
        inside = np.flatnonzero(binding[group])
        blocks.append((number[group[inside]], inside, np.ones(len(inside))))
        upper.append(most[first][binding])
        height += int(binding.sum())
    for need, (offer, needed) in enumerate(menu.need_pairs):
        asks = (menu.offer_of[kinds] == offer) & (True if problem.has is None else ~problem.has[customers, need])
        whose, place = np.unique(customers[asks], return_inverse=True)
        gives = np.flatnonzero((menu.offer_of[kinds] == needed) & np.isin(customers, whose))
        blocks.append((place + height, np.flatnonzero(asks), np.ones(int(asks.sum()))))
        blocks.append((np.searchsorted(whose, customers[gives]) + height, gives, -np.ones(len(gives))))
        upper.append(np.zeros(len(whose)))
        height += len(whose)
    rows = np.arange(len(left))
    blocks.append((rows, len(entries) + rows, -np.ones(len(rows))))
    row, column, number = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return Program(
        rows=len(problem.rows),
        customers=customers,
        entries=entries,
        gain=problem.values[entries].astype(np.float64),
        matrix=csr_array(coo_array((number, (row, column)), shape=(height, len(entries) + len(rows)))),
        upper=np.concatenate(upper),
        scale=scale,
        penalty=penalty,
        most_short=np.full(len(rows), np.inf if elastic else 0.0),
    )
