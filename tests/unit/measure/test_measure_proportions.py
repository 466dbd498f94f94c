"""Intervals that were published, levels that are held, refusals instead of neutral numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.core.reasons import Reason, Refusal
from lingque.measure.contracts import Effect, Proportion
from lingque.measure.evaluation import profit_of
from lingque.measure.groups import MIN_UNITS, SRM_ALPHA, split_p_value
from lingque.measure.proportions import compare, newcombe, wilson


def of(successes: int, units: int) -> Proportion:
    return Proportion(units=units, successes=successes)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        (of(56, 70), of(48, 80), 0.0524, 0.3339),
        (of(9, 10), of(3, 10), 0.1705, 0.8090),
        (of(10, 10), of(0, 10), 0.6075, 1.0000),
        (of(6, 7), of(2, 7), 0.0582, 0.8062),
        (of(5, 56), of(0, 29), -0.0381, 0.1926),
        (of(0, 10), of(0, 20), -0.1611, 0.2775),
        (of(10, 10), of(20, 20), -0.2775, 0.1611),
    ],
)
def test_the_intervals_of_newcombes_paper(first: Proportion, second: Proportion, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 873–890, table II, method 10."""
    assert tuple(round(bound, 4) + 0.0 for bound in newcombe(first, second)) == (low, high)


@pytest.mark.parametrize(
    ("group", "low", "high"),
    [
        (of(81, 263), 0.2553, 0.3662),
        (of(15, 148), 0.0624, 0.1605),
        (of(0, 20), 0.0, 0.1611),
        (of(1, 29), 0.0061, 0.1718),
    ],
)
def test_the_score_intervals_of_newcombes_paper(group: Proportion, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857–872, table I, method 3."""
    assert tuple(round(bound, 4) for bound in wilson(group)) == (low, high)


groups = st.integers(1, 500).flatmap(lambda units: st.integers(0, units).map(lambda won: of(won, units)))


@given(groups)
def test_a_score_interval_holds_its_rate_and_stays_within_zero_and_one(group: Proportion) -> None:
    low, high = wilson(group)
    assert 0.0 <= low <= group.rate <= high <= 1.0
    assert (low == 0.0) == (group.successes == 0)
    assert (high == 1.0) == (group.successes == group.units)
    turned = wilson(of(group.units - group.successes, group.units))
    assert math.isclose(1 - turned[1], low, abs_tol=1e-12)
    assert math.isclose(1 - turned[0], high, abs_tol=1e-12)


@given(groups, groups)
def test_an_interval_of_a_difference_holds_it_and_turns_with_it(first: Proportion, second: Proportion) -> None:
    low, high = newcombe(first, second)
    assert -1.0 - 1e-12 <= low <= first.rate - second.rate <= high <= 1.0 + 1e-12
    turned = newcombe(second, first)
    assert math.isclose(turned[0], -high, abs_tol=1e-12)
    assert math.isclose(turned[1], -low, abs_tol=1e-12)


@pytest.mark.parametrize(("n_1", "p_1", "n_2", "p_2"), [(60, 0.1, 60, 0.1), (400, 0.03, 100, 0.01), (50, 0.5, 20, 0.4)])
def test_the_interval_covers_the_truth_as_often_as_it_says(n_1: int, p_1: float, n_2: int, p_2: float) -> None:
    random = np.random.default_rng(20260601)
    draws = zip(random.binomial(n_1, p_1, 4_000).tolist(), random.binomial(n_2, p_2, 4_000).tolist(), strict=True)
    covered = sum(low <= p_1 - p_2 <= high for low, high in (newcombe(of(a, n_1), of(b, n_2)) for a, b in draws))
    assert 0.935 <= covered / 4_000 <= 0.985, "too narrow, or so wide that it says nothing"


@pytest.mark.parametrize(
    ("contacted", "held_out", "share", "chi_square", "p_value"),
    [
        (60, 40, 0.5, 4.0, 0.045500),
        (80, 20, 0.2, 0.0, 1.0),
        (70, 30, 0.2, 6.25, 0.012419),
        (821, 179, 0.2, 2.75625, 0.096875),
    ],
)
def test_how_likely_a_split_is(contacted: int, held_out: int, share: float, chi_square: float, p_value: float) -> None:
    units = contacted + held_out
    expected = (units * (1 - share), units * share)
    pearson = sum((found - e) ** 2 / e for found, e in zip((contacted, held_out), expected, strict=True))
    assert pearson == pytest.approx(chi_square)
    assert split_p_value(contacted, held_out, share) == pytest.approx(p_value, abs=5e-7)


@pytest.mark.parametrize(("chi_square", "p_value"), [(3.841459, 0.05), (6.634897, 0.01), (10.827566, 0.001)])
def test_the_critical_values_of_chi_square(chi_square: float, p_value: float) -> None:
    held_out = 500_000 + math.sqrt(chi_square * 1_000_000 * 0.25)
    assert split_p_value(1_000_000 - held_out, held_out, 0.5) == pytest.approx(p_value, rel=1e-4)


def test_a_sound_split_is_seldom_called_broken() -> None:
    held = np.random.default_rng(7).binomial(5_000, 0.2, 20_000).tolist()
    alarms = sum(split_p_value(5_000 - one, one, 0.2) < SRM_ALPHA for one in held)
    assert alarms <= 45, "about 20 are expected; 45 is five standard deviations above"
    assert alarms >= 3, "a check that never speaks checks nothing"


def test_a_broken_split_is_refused_with_its_numbers() -> None:
    refusal = compare(of(50, 4_000), of(5, 800), planned_hold_out=0.2)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.SAMPLE_RATIO_MISMATCH
    assert "800 of 4800 held out instead of 20%" in refusal.detail
    assert isinstance(compare(of(50, 4_000), of(5, 1_000), planned_hold_out=0.2), Effect)
    assert isinstance(compare(of(50, 4_000), of(5, 1_000), planned_hold_out=0.25), Refusal)


@pytest.mark.parametrize(
    ("contacted", "held_out", "named"),
    [(of(0, 0), of(5, 100), "0 customers contacted"), (of(5, 100), of(0, 0), "0 customers held out"),
     (of(1, MIN_UNITS - 1), of(1, MIN_UNITS), "19 customers contacted"),
     (of(1, 80), of(1, MIN_UNITS - 1), "19 customers held out")],
)  # fmt: skip
def test_too_few_is_refused_and_never_a_neutral_number(contacted: Proportion, held_out: Proportion, named: str) -> None:
    refusal = compare(contacted, held_out, planned_hold_out=0.2)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.TOO_FEW_UNITS
    assert named in refusal.detail


def test_twenty_are_enough() -> None:
    effect = compare(of(3, MIN_UNITS), of(1, MIN_UNITS), planned_hold_out=0.5)
    assert isinstance(effect, Effect)
    assert effect.difference == pytest.approx(0.1)
    assert (effect.low, effect.high) == newcombe(of(3, MIN_UNITS), of(1, MIN_UNITS))
    assert (effect.contacted, effect.held_out) == (of(3, MIN_UNITS), of(1, MIN_UNITS))


@pytest.mark.parametrize(
    ("low", "high", "proven"), [(0.01, 0.2, True), (-0.2, -0.01, True), (-0.1, 0.1, False), (0.0, 0.1, False)]
)
def test_an_effect_is_proven_where_its_interval_leaves_zero_out(low: float, high: float, proven: bool) -> None:
    effect = Effect(contacted=of(1, 20), held_out=of(1, 20), difference=(low + high) / 2, low=low, high=high)
    assert effect.is_proven is proven


@given(st.lists(groups, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_statistics_add_up_in_any_order(parts: list[Proportion], random) -> None:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    shuffled = random.sample(parts, len(parts))
    assert sum(shuffled, start=of(0, 0)) == total
    assert total == of(sum(p.successes for p in parts), sum(p.units for p in parts))


@pytest.mark.parametrize(("successes", "units"), [(-1, 5), (6, 5), (1, 0), (0, -1)])
def test_more_successes_than_units_are_refused(successes: int, units: int) -> None:
    with pytest.raises(ValueError, match="successes among"):
        of(successes, units)


def test_nobody_has_no_rate() -> None:
    with pytest.raises(ZeroDivisionError):
        _ = of(0, 0).rate


def test_profit_is_what_the_difference_earned_less_what_the_contacts_cost_and_conceded() -> None:
    """1000 contacts worth 180.00 each if all converted, at 0.05 a message; 80 of them took up a voucher of 20.00."""
    effect = Effect(contacted=of(80, 1_000), held_out=of(5, 250), difference=0.06, low=-0.01, high=0.1)
    profit = profit_of(effect, cost=5_000, conversion_cost=160_000, margin=18_000_000)
    assert (profit.cost, profit.conversion_cost, profit.spent) == (5_000, 160_000, 165_000)
    assert (profit.expected, profit.low, profit.high) == (915_000, -345_000, 1_635_000)
    assert all(isinstance(amount, int) for amount in (profit.expected, profit.low, profit.high))
