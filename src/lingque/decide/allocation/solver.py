"""All together: a choice within the limits, and its certificate."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lingque.core.hashing import Float64s
from lingque.decide.allocation.certificate import Certificate, certify, value_of
from lingque.decide.allocation.crews import unit_limits
from lingque.decide.allocation.dual import find_prices
from lingque.decide.allocation.exact import Exact, Without, solve_exactly
from lingque.decide.allocation.hour_prices import find_hour_prices
from lingque.decide.allocation.infeasible import Infeasible, conflicts_of
from lingque.decide.allocation.local import NOWHERE
from lingque.decide.allocation.passes import Choice, Pass, run_pass
from lingque.decide.allocation.primal import core_of, drop_what_is_too_much, keeps_limits, with_core
from lingque.decide.allocation.problem import Problem
from lingque.decide.allocation.program import WHOLE, Whole

SMALL = 12_000
"""Entries up to which branch and bound over everything is the quicker way."""
SMALLER = 2_000
"""Likewise where a minimum takes all that there is: whole contacts are further then from what prices divide, and of
10,000 entries branch and bound did not end in a minute."""
WIDTHS = (4, 8, 16, 32)
"""How many undecided customers per kind the whole number program takes, from one attempt to the next."""
NARROWER = (4, 1)
"""Times: mostly the linear program divides a handful, and the few nearest to them are enough to settle it."""
WORTHWHILE = 0.8
"""Of the gap must be left at most after a wider attempt where hours are short, or it was the last: contacts that take
different times seldom fill all hours, and no attempt shows that by itself. Where a rank was given all that there is,
what one of its contacts would leave to the others is seldom a whole one of theirs, and as dear."""
NODES = 100
"""Of branch and bound over the undecided; a wider core is the better way to use time."""
LINEAR = 3
"""How many times as many the linear program takes: it is quickly solved, and the better its prices, the fewer are left
undecided."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where the search is: the least bound and the greatest value so far (None: no choice yet)."""

    stage: Literal["prices", "choice"]
    seconds: float
    bound: float
    objective: float | None

    @property
    def gap(self) -> float | None:
        """Relative to the bound."""
        if self.objective is None:
            return None
        return max(self.bound - self.objective, 0.0) / max(abs(self.bound), 1e-300)


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """Who gets what, and how good that is."""

    choice: Choice
    certificate: Certificate


@dataclass(frozen=True, kw_only=True)
class Effort:
    """When to stop: at a `gap` (relative), or after `seconds` with the best choice so far. The seed draws samples."""

    gap: float = 1e-5
    seconds: float | None = None
    seed: int = 0


DEFAULT_EFFORT = Effort()


def allocate(
    problem: Problem,
    effort: Effort = DEFAULT_EFFORT,
    *,
    known: Choice | None = None,
    towards: Float64s | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    elapsed: Callable[[], float] = time.perf_counter,
) -> Allocation | Infeasible:
    """The best choice that the effort finds; it keeps every limit. `known`: a choice that keeps every
    limit, than which none worse is returned. `towards` (rows,): prices in whose proportions those sought are great.

    Limits that contradict one another are named instead. The same problem and effort give the same answer, unless time
    ends the search.
    """
    if problem.entries <= (SMALL if towards is None else SMALLER):
        exact = solve_exactly(problem, gap=effort.gap, seconds=effort.seconds)
        if isinstance(exact, Exact):
            return Allocation(choice=exact.choice, certificate=exact.certificate)
        if exact is Without.A_SOLUTION:
            return conflicts_of(problem)
    search = _Search(problem=problem, effort=effort, progress=progress, elapsed=elapsed, began=elapsed())
    found = search.run(known, towards)
    return conflicts_of(problem) if found is None else found


class _Search:
    def __init__(
        self,
        *,
        problem: Problem,
        effort: Effort,
        progress: Callable[[Progress], None],
        elapsed: Callable[[], float],
        began: float,
    ) -> None:
        self._problem, self._effort, self._progress = problem, effort, progress
        self._elapsed, self._began = elapsed, began
        self._prices = np.zeros(len(problem.rows))
        self._unit_prices = np.zeros(len(unit_limits(problem)))
        self._passed: Pass | None = None
        self._choice: Choice | None = None
        self._objective: float | None = None

    def run(self, known: Choice | None, towards: Float64s | None) -> Allocation | None:
        problem = self._problem
        if known is not None:
            self._take(known)
        if problem.crews:
            self._take(np.full((problem.customers, problem.most_of_all), NOWHERE, dtype=np.int16))
            find_hour_prices(problem, self._effort.gap, self._effort.seed, self._watch)
        else:
            found = find_prices(
                problem, goal=self._effort.gap, seed=self._effort.seed, watch=self._watch, towards=towards
            )
            self._price(found.rows, found.passed)
        for width in WIDTHS:
            before = self._gap
            self._attempt(width)
            no_better = np.inf > self._gap > WORTHWHILE * before
            hopeless = no_better and (bool(problem.crews) or (towards is not None and self._choice is not known))
            if self._is_good_enough() or self._is_late() or hopeless:
                break
        if self._choice is None or self._passed is None:
            return None
        return Allocation(choice=self._choice, certificate=certify(problem, self._choice, self._prices, self._passed))

    def _watch(self, passed: Pass, prices: Float64s) -> bool:
        self._price(prices, passed)
        self._tell("prices")
        return self._is_late()

    def _attempt(self, width: int) -> None:
        """Better prices and nearly whole contacts by the linear program of the many undecided; the few whom it divides,
        and those nearest to them, by branch and bound."""
        problem = self._problem
        prices, unit_prices = self._prices, self._unit_prices
        passed = run_pass(problem, prices, unit_prices=unit_prices, choose=True)
        staff_prices, choice = passed.staff_prices, passed.chosen
        wide = core_of(
            problem, prices, staff_prices, choice, width=LINEAR * width, branch_width=LINEAR * max(width // 8, 2),
            unit_prices=unit_prices, unit_width=width,
        )  # fmt: skip
        relaxed = wide.program.relax(seconds=self._seconds_left())
        divided = None
        if relaxed is not None:
            prices, unit_prices = relaxed.prices, relaxed.unit_prices
            priced = run_pass(problem, prices, unit_prices=unit_prices)
            self._price(prices, priced)
            staff_prices = priced.staff_prices
            choice = with_core(problem, choice, wide, relaxed.shares > 1 - WHOLE)
            parts = (relaxed.shares > WHOLE) & (relaxed.shares < 1 - WHOLE)
            divided = np.unique(wide.program.customers[parts])
        self._take(choice)
        self._tell("choice")
        if self._is_good_enough() or self._is_late():
            return
        for few in NARROWER:
            core = core_of(
                problem, prices, staff_prices, choice, width=max(width // few, 1), branch_width=1,
                unit_prices=unit_prices, unit_width=max(width // few, 1), also=divided,
            )  # fmt: skip
            # a fifth of the effort's gap may be left in their part
            bound = np.inf if self._passed is None else abs(self._passed.bound)
            gap = float(min(0.2 * self._effort.gap * bound / max(core.worth, 1e-300), 1e-2))
            whole = core.program.solve(gap=gap, seconds=self._seconds_left(), nodes=NODES)
            if isinstance(whole, Whole):
                self._take(with_core(problem, choice, core, whole.taken))
            self._tell("choice")
            if self._is_good_enough() or self._is_late():
                return

    def _take(self, choice: Choice) -> None:
        if not keeps_limits(self._problem, choice):
            choice = drop_what_is_too_much(self._problem, self._prices, choice)
            if not keeps_limits(self._problem, choice):
                return
        value = value_of(self._problem, choice)
        if self._objective is None or value > self._objective:
            self._choice, self._objective = choice, value

    def _price(self, prices: Float64s, passed: Pass) -> None:
        if self._passed is None or passed.bound < self._passed.bound:
            self._prices, self._unit_prices, self._passed = prices, passed.unit_prices, passed

    @property
    def _gap(self) -> float:
        if self._objective is None or self._passed is None:
            return np.inf
        return self._passed.bound - self._objective

    def _is_good_enough(self) -> bool:
        return self._passed is not None and self._gap <= self._effort.gap * abs(self._passed.bound)

    def _seconds_left(self) -> float | None:
        seconds = self._effort.seconds
        return None if seconds is None else seconds - (self._elapsed() - self._began)

    def _is_late(self) -> bool:
        left = self._seconds_left()
        return left is not None and left <= 0

    def _tell(self, stage: Literal["prices", "choice"]) -> None:
        bound = np.inf if self._passed is None else self._passed.bound
        seconds = self._elapsed() - self._began
        self._progress(Progress(stage=stage, seconds=seconds, bound=bound, objective=self._objective))
