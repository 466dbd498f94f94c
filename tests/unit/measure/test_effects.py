"""Effects: formulas against published numbers, refusals as values."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.core.reasons import Reason, Refusal
from lingque.measure.contracts import Effect, Proportion
from lingque.measure.evaluation import profit_of
from lingque.measure.proportions import compare, newcombe, split_p_value, wilson

groups = st.integers(1, 5_000).flatmap(
    lambda units: st.integers(0, units).map(lambda hits: Proportion(units=units, successes=hits))
)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe 1998, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 10), 0.6075, 1.0000),
        ((5, 56), (0, 29), -0.0381, 0.1926),
    ],
)
def test_intervals_are_those_of_the_paper(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = newcombe(Proportion(successes=first[0], units=first[1]), Proportion(successes=second[0], units=second[1]))
    assert [round(bound, 4) for bound in found] == [low, high]


@given(groups)
def test_a_rate_lies_in_its_interval_and_the_interval_within_0_and_1(group: Proportion) -> None:
    low, high = wilson(group)
    assert 0 <= low <= group.rate <= high <= 1


@given(groups, groups)
def test_swapping_the_groups_mirrors_the_interval(first: Proportion, second: Proportion) -> None:
    low, high = newcombe(first, second)
    other_low, other_high = newcombe(second, first)
    assert math.isclose(low, -other_high, abs_tol=1e-12)
    assert math.isclose(high, -other_low, abs_tol=1e-12)
    assert low <= first.rate - second.rate <= high


@given(groups, groups, groups)
def test_statistics_add_up_in_any_order(a: Proportion, b: Proportion, c: Proportion) -> None:
    assert (a + b) + c == a + (b + c) == c + b + a


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    draws = random.Random(7)  # noqa: S311 - a simulation

    def sample(units: int, rate: float) -> Proportion:
        return Proportion(units=units, successes=sum(draws.random() < rate for _ in range(units)))

    for rate_1, rate_2, units_1, units_2 in ((0.10, 0.05, 400, 100), (0.02, 0.02, 200, 50), (0.5, 0.3, 60, 60)):
        covered = 0
        for _ in range(600):
            low, high = newcombe(sample(units_1, rate_1), sample(units_2, rate_2))
            covered += low <= rate_1 - rate_2 <= high
        assert covered / 600 >= 0.93


def test_the_split_test_agrees_with_the_chi_square_distribution() -> None:
    # 60 of 100 at a planned half: χ² = 4, whose upper tail with one degree of freedom is 0.0455
    assert round(split_p_value(40, 60, 0.5), 4) == 0.0455
    assert split_p_value(80, 20, 0.2) == 1.0


@pytest.mark.parametrize(
    ("contacted", "held_out", "reason"),
    [
        ((19, 3), (200, 9), Reason.TOO_FEW_UNITS),
        ((200, 9), (19, 1), Reason.TOO_FEW_UNITS),
        ((0, 0), (0, 0), Reason.TOO_FEW_UNITS),
        ((800, 40), (400, 20), Reason.SAMPLE_RATIO_MISMATCH),
    ],
)
def test_what_cannot_be_judged_is_refused(
    contacted: tuple[int, int], held_out: tuple[int, int], reason: Reason
) -> None:
    outcome = compare(
        Proportion(units=contacted[0], successes=contacted[1]),
        Proportion(units=held_out[0], successes=held_out[1]),
        planned_hold_out=0.2,
    )
    assert isinstance(outcome, Refusal)
    assert outcome.reason is reason


def test_an_effect_is_proven_where_the_interval_leaves_zero_out() -> None:
    strong = compare(Proportion(units=800, successes=160), Proportion(units=200, successes=10), planned_hold_out=0.2)
    weak = compare(Proportion(units=800, successes=41), Proportion(units=200, successes=10), planned_hold_out=0.2)
    harmful = compare(Proportion(units=800, successes=10), Proportion(units=200, successes=30), planned_hold_out=0.2)
    assert isinstance(strong, Effect)
    assert isinstance(weak, Effect)
    assert isinstance(harmful, Effect)
    assert (strong.is_proven, weak.is_proven, harmful.is_proven) == (True, False, True)
    assert strong.difference == pytest.approx(0.15)


def test_profit_is_the_difference_times_the_margin_less_the_cost() -> None:
    effect = Effect(
        contacted=Proportion(units=100, successes=20),
        held_out=Proportion(units=100, successes=10),
        difference=0.1,
        low=-0.02,
        high=0.2,
    )
    profit = profit_of(effect, cost=500, margin=100 * 18_000)
    assert (profit.cost, profit.low, profit.expected, profit.high) == (500, -36_500, 179_500, 359_500)


@pytest.mark.parametrize(("units", "successes"), [(1, 2), (-1, 0), (3, -1)])
def test_impossible_counts_are_refused(units: int, successes: int) -> None:
    with pytest.raises(ValueError, match="successes among"):
        Proportion(units=units, successes=successes)
