"""What is claimed of a choice, in numbers that anybody can check against the problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lingque.core.hashing import Float64s
from lingque.decide.allocation.limits import Limit
from lingque.decide.allocation.passes import Choice, Pass
from lingque.decide.allocation.problem import Problem


@dataclass(frozen=True, kw_only=True)
class LimitReport:
    """One global limit: its amount, what the choice uses of it, and its shadow price.

    `price` is what one more unit of the limit would earn, in the values' unit; of a minimum, what demanding one contact
    less would earn.
    """

    limit: Limit
    subject: str
    amount: float
    used: float
    price: float

    @property
    def name(self) -> str:
        return f"{self.limit.value}:{self.subject}" if self.subject else self.limit.value

    @property
    def slack(self) -> float:
        """How much is left; of a minimum, how much more than demanded."""
        return self.used - self.amount if self.limit is Limit.MINIMUM else self.amount - self.used


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """`objective` is what the choice is worth; no choice within the limits is worth more than `bound`.

    The bound follows from the prices alone (weak duality). `staff_prices` (branches,) per contact;
    `unit_prices` (units,) of all crews, one after the other, per unit of their time. `optimal`: branch and bound proved
    besides that no choice is better, even if the bound of the prices leaves a gap.
    """

    objective: float
    bound: float
    limits: tuple[LimitReport, ...]
    staff_prices: Float64s
    optimal: bool = False
    unit_prices: Float64s = field(default_factory=lambda: np.empty(0))

    @property
    def gap(self) -> float:
        """How far the choice may be from the best, as a share of the bound; 0 where both are nothing."""
        return max(self.bound - self.objective, 0.0) / max(abs(self.bound), 1e-300)

    @property
    def prices(self) -> Float64s:
        """(rows,) as ≤, of 0 or more."""
        return np.array([report.price for report in self.limits], dtype=np.float64)

    @property
    def price_of(self) -> Mapping[str, float]:
        """By the limit's name."""
        return {report.name: report.price for report in self.limits}


def value_of(problem: Problem, choice: Choice) -> float:
    """What a choice is worth."""
    entries, _ = chosen_entries(problem, choice)
    return float(np.sum(problem.values[entries], dtype=np.float64))


def chosen_entries(problem: Problem, choice: Choice) -> tuple[np.ndarray, np.ndarray]:
    """The entries that a choice takes, and whose they are."""
    customers, places = np.nonzero(choice >= 0)
    return problem.starts[customers] + choice[customers, places], customers


def usage_of(problem: Problem, entries: np.ndarray) -> Float64s:
    """(rows,) what these entries use, as ≤."""
    kinds = problem.kinds[entries]
    count = np.bincount(kinds, minlength=problem.menu.kinds).astype(np.float64)
    usage: Float64s = problem.use @ count
    if problem.costs is not None:
        usage += problem.use_of_cost @ np.bincount(
            kinds, weights=problem.costs[entries].astype(np.float64), minlength=problem.menu.kinds
        )
    return usage


def certify(problem: Problem, choice: Choice, prices: Float64s, passed: Pass, *, optimal: bool = False) -> Certificate:
    """The certificate of a choice with the bound of a pass at these prices."""
    entries, _ = chosen_entries(problem, choice)
    usage = usage_of(problem, entries)
    return Certificate(
        objective=float(np.sum(problem.values[entries], dtype=np.float64)),
        bound=passed.bound,
        limits=tuple(
            LimitReport(
                limit=row.limit,
                subject=row.subject,
                amount=float(row.amount),
                used=float(row.sign * used),
                price=float(price),
            )
            for row, used, price in zip(problem.rows, usage, prices, strict=True)
        ),
        staff_prices=passed.staff_prices,
        optimal=optimal,
        unit_prices=passed.unit_prices,
    )
