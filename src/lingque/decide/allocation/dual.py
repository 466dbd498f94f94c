"""The prices: minimise the bound that a pass yields, over prices of 0 or more, one per row.

The bound is convex in the prices, and over many customers nearly smooth. Three stages, each starting where the last
one ended:

1. on a small sample one price after the other goes to where its own row is just used up. This crosses ranges in
   which hardly anybody reacts, over which Newton crawls, and those in which everybody does;
2. on a larger sample Newton steps, the Hessian by differences of what is used;
3. on everybody Newton steps with the sample's Hessian, mended by every step made (BFGS).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from lingque.core.hashing import Float64s, Int64s
from lingque.decide.allocation.limits import Limit, Row
from lingque.decide.allocation.one_price import find_price
from lingque.decide.allocation.passes import Pass, run_pass, run_reactions
from lingque.decide.allocation.problem import Problem

COARSE_CUSTOMERS, COARSE_ROUNDS = 4_000, 4
NEWTON_CUSTOMERS, NEWTON_ROUNDS = 60_000, 12
EVERYBODY_ROUNDS = 40
SETTLED_CUSTOMERS = 300_000
"""Of more than these the prices are sought as much more exactly as there are more."""
STALLED = 5
"""Steps in a row that win nothing; the linear program of the undecided finds the rest more cheaply."""
DOUBLINGS, WORTHWHILE = 30, 1e-3
"""Of prices that are great together, as long as the bound falls by such a share. Values have long tails, and prices for
the very last of them would leave all others too coarse a scale."""
FLOOR_OF_CURVATURE = 1e-4
"""Of the greatest. Costs that are sums of channel and offer make the budget a sum of other rows: there the Hessian
hardly curves, and an undamped step would go anywhere."""

Watch = Callable[[Pass, Float64s], bool]
"""Told every pass over everybody with its prices; true ends the search."""


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Prices of the rows (rows,), the pass over everybody that they lead to, and the curvature (rows, rows) there."""

    rows: Float64s
    passed: Pass
    curvature: Float64s


def find_prices(problem: Problem, *, goal: float, seed: int, watch: Watch, towards: Float64s | None = None) -> Prices:
    """Prices whose bound is, as far as the last step foretells, within `goal` (relative) of the least.

    `towards` (rows,): in which proportions they are great. Where a minimum takes all that there is, half of all
    samples have less. Then the search begins with everybody, as far that way as the bound falls.
    """
    random = np.random.default_rng(seed)
    # the matrices are small: more threads would wait for one another, and burn the time of the passes
    with threadpool_limits(limits=1, user_api="blas"):
        few, sample = _sample(problem, COARSE_CUSTOMERS, random), _sample(problem, NEWTON_CUSTOMERS, random)
        prices = None if towards is None else _along(problem, towards)
        if prices is None:
            prices = _coarse(few)
            if sample is not problem:
                prices = newton(sample, prices, rounds=NEWTON_ROUNDS, goal=goal).rows
        # each contact by which a row is off has to be put right by asking some customers, however many there are
        goal = goal * min(1.0, SETTLED_CUSTOMERS / max(problem.customers, 1))
        return newton(problem, prices, rounds=EVERYBODY_ROUNDS, goal=goal, sample=sample, watch=watch)


def _along(problem: Problem, towards: Float64s) -> Float64s | None:
    """As far that way as the bound falls; None where it does not."""
    found, least = None, run_pass(problem, np.zeros_like(towards)).bound
    far = float(np.abs(problem.values).mean()) / 16 if problem.entries else 1.0
    for _ in range(DOUBLINGS):
        bound = run_pass(problem, far * towards).bound
        if least - bound < WORTHWHILE * abs(least):
            break
        found, least, far = far * towards, bound, far * 2
    return found


def _sample(problem: Problem, customers: int, random: np.random.Generator) -> Problem:
    if problem.customers <= customers:
        return problem
    drawn = np.sort(random.choice(problem.customers, customers, replace=False))
    return problem.part(drawn, share=customers / problem.customers)


def _coarse(problem: Problem) -> Float64s:
    """One price after the other to where its own row is just used up, around and around."""
    whole = _pooled(problem)
    limits, dear = whole.limits, _dearest(whole)
    concerned = [_concerned(whole, row) for row in range(len(limits))]
    prices = np.zeros(len(limits))
    for round_ in range(COARSE_ROUNDS):
        for row, those in enumerate(concerned):
            others = prices.copy()
            others[row] = 0.0
            prices[row] = find_price(
                whole.arrays, those, others @ whole.use, others @ whole.use_of_cost, whole.use[row],
                whole.use_of_cost[row], prices[row], limits[row], dear[row], 0.3 if round_ == 0 else 0.05,
            )  # fmt: skip
    return prices[: len(problem.rows)]


def _pooled(problem: Problem) -> Problem:
    """The staff of all branches as one channel's capacity, the last row: the other rows' prices hardly notice."""
    staff = problem.staff
    if staff is None:
        return problem
    pool = Row(
        limit=Limit.CHANNEL,
        subject=f"{staff.channel} by staff",
        use=(problem.menu.channel_of == problem.menu.channel(staff.channel)).astype(np.float64),
        amount=float(staff.rooms.sum()),
    )
    return replace(problem, staff=None, rows=(*problem.rows, pool))


def _concerned(problem: Problem, row: int) -> Int64s:
    """The customers whom a row concerns: only they react to its price."""
    concerned = (problem.use[row] != 0) | (problem.use_of_cost[row] != 0)
    entries = concerned[problem.kinds]
    counts = np.concatenate(([0], np.cumsum(entries)))
    return np.flatnonzero(np.diff(counts[problem.starts]) > 0)


def _dearest(problem: Problem) -> Float64s:
    """Per row a price at which nobody uses it, or at which everybody serves a minimum."""
    if not problem.entries:
        return np.ones(len(problem.rows))
    values = problem.values
    span = max(float(np.max(values)), 0.0) - min(float(np.min(values)), 0.0)
    least = np.array([_least_use(problem, row) for row in range(len(problem.rows))])
    return (max(span, 1e-30) * (1 + problem.most_of_all)) / least


def _least_use(problem: Problem, row: int) -> float:
    use = np.abs(problem.use[row])
    if problem.costs is not None and problem.rows[row].spends:
        some = problem.costs[problem.costs > 0]
        return float(np.median(some)) if len(some) else 1.0
    return float(use[use > 0].min()) if (use > 0).any() else 1.0


def newton(
    problem: Problem,
    prices: Float64s,
    *,
    rounds: int,
    goal: float,
    sample: Problem | None = None,
    curvature: Float64s | None = None,
    watch: Watch = lambda *_: False,
) -> Prices:
    """At most so many Newton steps; the Hessian is that of `sample` (the problem itself unless given).

    A `curvature` that is known from before is used instead, and only mended.
    """
    sample = problem if sample is None else sample
    growth = problem.customers / max(sample.customers, 1)
    passed = run_pass(problem, prices)
    if watch(passed, prices) or not len(prices):
        return Prices(rows=prices, passed=passed, curvature=np.zeros((len(prices), len(prices))))
    hessian, age = _hessian(sample, prices) * growth if curvature is None else curvature, 0
    reach = np.ones(len(prices))
    stalled = 0
    for _ in range(rounds):
        gradient = problem.limits - passed.usage
        scale = _scale(prices)
        step = _box_step(hessian, gradient, prices, reach * scale)
        foretold = -float(gradient @ step + 0.5 * step @ hessian @ step)
        if foretold <= 0.1 * goal * abs(passed.bound):
            if age == 0 or curvature is not None:
                break
            hessian, age = _hessian(sample, prices) * growth, 0
            continue
        tried = np.maximum(prices + step, 0.0)
        there = run_pass(problem, tried)
        won = passed.bound - there.bound
        changed = (problem.limits - there.usage) - gradient
        # a row that swings past its limit and further off moves less; one that was held back may move more
        swung = ((gradient + changed) * gradient < 0) & (np.abs(gradient + changed) > 0.5 * np.abs(gradient))
        held_back = np.abs(step) >= 0.99 * reach * scale
        reach = np.where(swung, reach * 0.3, np.where(held_back, np.minimum(reach * 2, 4.0), reach))
        hessian, age = _bfgs(hessian, tried - prices, changed), age + 1
        if won > 0:
            prices, passed = tried, there
        stalled = 0 if won > 0.1 * goal * abs(passed.bound) else stalled + 1
        if watch(there, tried) or stalled == STALLED:
            break
        if age > 8 and curvature is None:
            hessian, age = _hessian(sample, prices) * growth, 0
    return Prices(rows=prices, passed=passed, curvature=hessian)


def _scale(prices: Float64s) -> Float64s:
    """How far a price may move in one step: about its own size, or the usual size of a price."""
    some = prices[prices > 0]
    usual = float(np.median(some)) if len(some) else 1.0
    return np.maximum(prices, 0.05 * usual)


def _hessian(problem: Problem, prices: Float64s) -> Float64s:
    """By differences: what less is used of every row when one of the prices rises, symmetric and never negative."""
    rows = len(prices)
    scale = _scale(prices)
    passed = run_pass(problem, prices)
    asked = (prices > 0) | (passed.usage >= problem.limits)
    # a price to which everybody reacts at once wants a smaller difference than one to which hardly anybody does
    rises = np.where(asked, 0.04 * scale, 0.0)
    enough = 0.2 * (np.abs(problem.limits) + 1e-9)
    hessian = np.zeros((rows, rows))
    for _ in range(6):
        less = run_reactions(problem, prices, rises)
        tried = rises > 0
        hessian[:, tried] = less[:, tried] / rises[tried]
        own = np.diag(less)
        rises = np.where(tried & (own > enough), rises / np.clip(own / enough, 2.0, 16.0), 0.0)
        if not rises.any():
            break
    known = np.any(hessian != 0, axis=0)
    both = np.outer(known, known)
    symmetric = np.where(both, (hessian + hessian.T) / 2, np.where(known[None, :], hessian, hessian.T))
    symmetric[np.ix_(~known, ~known)] = 0.0
    # in units of the prices' own sizes the floor says the same of a budget's price and of a channel's
    values, vectors = np.linalg.eigh(symmetric * np.outer(scale, scale))
    values = np.maximum(values, FLOOR_OF_CURVATURE * max(float(values.max()), 1e-6 * abs(passed.bound), 1e-30))
    floored: Float64s = (vectors * values) @ vectors.T / np.outer(scale, scale)
    return floored


def _box_step(hessian: Float64s, gradient: Float64s, prices: Float64s, furthest: Float64s) -> Float64s:
    """The best step by the quadratic model in a box: prices stay at 0 or more, none moves further than its reach."""
    low, high = np.maximum(-prices, -furthest), furthest
    step = np.zeros(len(prices))
    free = np.ones(len(prices), dtype=np.bool_)
    for _ in range(3 * len(prices)):
        # exact in each coordinate by turns is slow where rows are alike; solve for the free ones and clip
        fixed_pull = gradient + hessian[:, ~free] @ step[~free]
        if free.any():
            step[free] = np.linalg.solve(hessian[np.ix_(free, free)], -fixed_pull[free])
        outside = free & ((step < low) | (step > high))
        if outside.any():
            step = np.clip(step, low, high)
            free &= ~outside
            continue
        pull = gradient + hessian @ step
        wrong = ~free & (((step <= low) & (pull < 0)) | ((step >= high) & (pull > 0)))
        wrong &= high > low
        if not wrong.any():
            break
        worst = int(np.argmax(np.where(wrong, np.abs(pull) * furthest, 0.0)))
        free[worst] = True
    return np.clip(step, low, high)


def _bfgs(hessian: Float64s, step: Float64s, changed: Float64s) -> Float64s:
    """The Hessian that explains the last step, near the one before (Nocedal, Wright 2006, §6.1)."""
    along = float(step @ changed)
    pushed = hessian @ step
    if along <= 1e-12 * float(np.linalg.norm(step) * np.linalg.norm(changed)) or step @ pushed <= 0:
        return hessian
    mended: Float64s = hessian - np.outer(pushed, pushed) / (step @ pushed) + np.outer(changed, changed) / along
    return mended
