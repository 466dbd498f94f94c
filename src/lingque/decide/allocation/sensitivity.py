"""What one more of a limit would earn: by its shadow price at once, by solving again for more than a little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lingque.core.errors import AllocationError, nearest
from lingque.decide.allocation.infeasible import Infeasible
from lingque.decide.allocation.problem import Problem
from lingque.decide.allocation.solver import DEFAULT_EFFORT, Allocation, Effort, allocate

STAFF = "staff"
"""The name under which the hours of all branches together are varied."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A limit's amount, what the best choice found is worth under it, and what none is worth more than.

    `price`: what one more unit would earn there; for the staff, an hour in the branch where it earns most.
    """

    amount: float
    objective: float
    bound: float
    price: float


def profit_against(
    problem: Problem, limit: str, factors: Sequence[float], effort: Effort = DEFAULT_EFFORT
) -> tuple[Point | Infeasible, ...]:
    """Profit with a limit (by name, or `STAFF`) at these shares of its amount: the data for a picture.

    Each point starts from the prices of the one before, so a curve costs little more than its first point.
    """
    names = [row.name for row in problem.rows]
    if limit not in names and (limit != STAFF or problem.staff is None):
        known = names if problem.staff is None else [*names, STAFF]
        raise AllocationError(f"there is no limit '{limit}'", next_step=nearest(limit, known))
    points: list[Point | Infeasible] = []
    start = None
    for factor in factors:
        varied = _with(problem, limit, factor)
        found = allocate(varied, effort, start=start)
        if isinstance(found, Allocation):
            start = found.certificate.prices
            points.append(_point(varied, limit, found))
        else:
            points.append(found)
    return tuple(points)


def _with(problem: Problem, limit: str, factor: float) -> Problem:
    if limit == STAFF and problem.staff is not None:
        return replace(problem, staff=replace(problem.staff, hours=problem.staff.hours * factor))
    return problem.with_limits([row.amount * (factor if row.name == limit else 1.0) for row in problem.rows])


def _point(problem: Problem, limit: str, found: Allocation) -> Point:
    certificate, staff = found.certificate, problem.staff
    if limit == STAFF and staff is not None:
        amount = float(staff.hours.sum())
        price = float(certificate.staff_prices.max(initial=0.0)) / staff.hours_per_contact
    else:
        (report,) = (one for one in certificate.limits if one.name == limit)
        amount, price = report.amount, report.price
    return Point(amount=amount, objective=certificate.objective, bound=certificate.bound, price=price)
