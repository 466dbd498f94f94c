"""What is counted on the few who react must be what passes over everybody would count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_problems import crowd, problems

from lingque.core.hashing import Float64s
from lingque.decide.allocation.one_price import find_price
from lingque.decide.allocation.passes import run_pass, run_reactions
from lingque.decide.allocation.problem import Problem


def less_by_passes(problem: Problem, prices: Float64s, rises: Float64s) -> Float64s:
    """`run_reactions` by a pass over everybody for every row."""
    here = run_pass(problem, prices).usage
    less = np.zeros((len(prices), len(prices)))
    for row in np.flatnonzero(rises):
        moved = prices.copy()
        moved[row] += rises[row]
        less[:, row] = here - run_pass(problem, moved).usage
    return less


@settings(max_examples=100)
@given(problem=problems(customers=8, kinds=6), seed=st.integers(0, 1000))
def test_reactions_are_what_a_pass_for_every_price_tells(problem: Problem, seed: int) -> None:
    random = np.random.default_rng(seed)
    prices = random.exponential(2, len(problem.rows)) * (random.random(len(problem.rows)) < 0.7)
    rises = random.exponential(2, len(problem.rows)) * (random.random(len(problem.rows)) < 0.8)
    assert run_reactions(problem, prices, rises) == pytest.approx(less_by_passes(problem, prices, rises), abs=1e-6)


@pytest.mark.parametrize("staffed", [True, False])
@pytest.mark.parametrize("needs", [(), (("offer_1", "offer_2"),)])
def test_a_crowd_reacts_as_passes_tell(staffed: bool, needs: tuple[tuple[str, str], ...]) -> None:
    problem = crowd(900, 5, most=3, needs=needs)
    if not staffed:
        problem = replace(problem, staff=None)
    random = np.random.default_rng(5)
    prices, rises = random.exponential(2, len(problem.rows)), random.exponential(0.5, len(problem.rows))
    less = run_reactions(problem, prices, rises)
    assert np.count_nonzero(np.diag(less)) > len(prices) // 2
    assert less == pytest.approx(less_by_passes(problem, prices, rises), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("now", [0.0, 0.5, 40.0])
def test_a_price_found_on_ever_fewer_is_where_everybodys_use_passes_the_limit(now: float) -> None:
    problem = replace(crowd(900, 6, most=3), staff=None)
    random = np.random.default_rng(6)
    prices = random.exponential(0.5, len(problem.rows))
    everybody = np.arange(problem.customers)
    found = np.zeros(len(prices))
    for row in range(len(prices)):
        others = prices.copy()
        others[row] = 0.0
        limit = problem.limits[row]
        found[row] = find_price(
            problem.arrays, everybody, others @ problem.use, others @ problem.use_of_cost, problem.use[row],
            problem.use_of_cost[row], now, limit, 10_000.0, 0.01,
        )  # fmt: skip

        def use_at(price: float, row: int = row, others: Float64s = others) -> float:
            moved = others.copy()
            moved[row] = price
            return float(run_pass(problem, moved).usage[row])

        assert use_at(found[row] * 1.011) <= limit + 1e-9
        if found[row] > 0:
            assert use_at(found[row] / 1.011) > limit - 1e-9
    assert (found > 0).any()
    assert (found == 0).any()
