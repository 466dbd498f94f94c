"""Prices where crews' hours are short: of the rows and of every unit, in turns until neither gains by the other.

Given the prices of the rows, a unit's own customers alone say what its hours are worth, and given those, the rows'
prices are found as ever. The bound falls with every turn. Where a row and many units are short of the same contacts the
turns get slow; the linear program of the undecided, which moves all of them at once, finds the rest.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lingque.core.hashing import Float64s
from lingque.decide.allocation.certificate import chosen_entries
from lingque.decide.allocation.crews import (
    HALVINGS,
    dearest_hours,
    hours_used,
    spans,
    unit_limits,
    without_crews,
)
from lingque.decide.allocation.dual import find_prices, newton
from lingque.decide.allocation.passes import Pass, run_pass
from lingque.decide.allocation.problem import Problem

TURNS = 8
ROUNDS = 12
"""Of Newton's method over the rows in one turn."""


def find_hour_prices(problem: Problem, goal: float, seed: int, watch: Callable[[Pass, Float64s], bool]) -> None:
    """Tells `watch` of better and better prices until a turn lowers the bound by less than `goal` (relative) of it."""
    units = np.zeros(len(unit_limits(problem)))
    rows = np.zeros(len(problem.rows))
    bound = np.inf
    for turn in range(TURNS):
        if turn == 0:
            # hours first: without them everything that they are short of would go through the rows
            units = unit_prices_at(problem, rows, units)
            rows = find_prices(without_crews(problem, units), goal=goal, seed=seed, watch=lambda *_: False).rows
        else:
            rows = newton(without_crews(problem, units), rows, rounds=ROUNDS, goal=goal).rows
        units = unit_prices_at(problem, rows, units)
        passed = run_pass(problem, rows, unit_prices=units)
        if watch(passed, rows) or bound - passed.bound <= goal * abs(passed.bound):
            return
        bound = passed.bound


def unit_prices_at(problem: Problem, rows: Float64s, units: Float64s) -> Float64s:
    """(units,) at these prices of the rows, one crew after the other: where a unit's hours are just used up, or 0.

    The dearer end of what is left of the range, so that no hours are passed.
    """
    units, limits, dearest = units.copy(), unit_limits(problem), dearest_hours(problem)
    for span in spans(problem):
        low, high = np.zeros(span.stop - span.start), dearest[span].copy()
        for halving in range(HALVINGS + 1):
            # first: are the hours enough for nothing?
            units[span] = low if halving == 0 else (low + high) / 2
            passed = run_pass(problem, rows, unit_prices=units, choose=True)
            entries, customers = chosen_entries(problem, passed.chosen)
            fits = hours_used(problem, customers, entries)[span] <= limits[span] * (1 + 1e-12)
            high = np.where(fits, units[span], high)
            low = np.where(fits, low, units[span])
        units[span] = high
    return units
