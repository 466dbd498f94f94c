"""Means with exact sums, an interval that was published, and refusals where chance cannot be told."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from lingque.core.reasons import Reason, Refusal
from lingque.measure.contracts import MeanEffect, Moments
from lingque.measure.groups import MIN_UNITS
from lingque.measure.means import compare_means, student, welch

amounts = st.integers(-(2**63), 2**63 - 1)
groups = st.lists(amounts, min_size=2, max_size=30)


def of(values: list[int], scale: int = 1) -> Moments:
    return Moments(units=len(values), total=sum(values), squares=sum(v * v for v in values), scale=scale)


def test_the_interval_of_students_sleep_data() -> None:
    """Student 1908, Biometrika 6; R's `t.test(extra ~ group, data = sleep)` prints −3.3654832 and 0.2054832."""
    first = of([7, -16, -2, -12, -1, 34, 37, 8, 0, 20], scale=10)
    second = of([19, 8, 11, 1, -1, 44, 55, 16, 46, 34], scale=10)
    assert (first.mean, second.mean) == (0.75, 2.33)
    low, high = welch(first, second)
    assert (round(low, 7), round(high, 7)) == (-3.3654832, 0.2054832)


@pytest.mark.parametrize(("freedom", "quantile"), [(1, 12.7062), (10, 2.2281), (17.776, 2.1028), (30, 2.0423)])
def test_the_quantiles_of_students_table(freedom: float, quantile: float) -> None:
    assert student(freedom) == pytest.approx(quantile, abs=5e-5)


def test_it_is_the_interval_that_another_implementation_gives() -> None:
    random = np.random.default_rng(3)
    contacted = (random.lognormal(13, 1.2, 900)).astype(int).tolist()
    held_out = (random.lognormal(12.8, 1.6, 210)).astype(int).tolist()
    effect = compare_means(of(contacted), of(held_out), planned_hold_out=0.2)
    other = ttest_ind(contacted, held_out, equal_var=False).confidence_interval(0.95)
    assert isinstance(effect, MeanEffect)
    assert (effect.low, effect.high) == pytest.approx((other.low, other.high), rel=1e-9)
    assert effect.difference == pytest.approx(np.mean(contacted) - np.mean(held_out))


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(20260601)
    covered = 0
    for _ in range(1_000):
        first = of(np.rint(random.normal(1_000, 300, 120)).astype(int).tolist())
        second = of(np.rint(random.normal(900, 900, 30)).astype(int).tolist())
        low, high = welch(first, second)
        covered += low <= 100 <= high
    assert 0.93 <= covered / 1_000 <= 0.97


@given(groups)
def test_mean_and_variance_are_rounded_once(values: list[int]) -> None:
    mean = Fraction(sum(values), len(values))
    variance = sum((v - mean) ** 2 for v in values) / (len(values) - 1)
    assert of(values).mean == float(mean)
    assert of(values).variance == float(variance)
    assert of(values, scale=100).variance == float(variance / 10_000)


@given(st.lists(groups, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_statistics_add_up_in_any_order(parts: list[list[int]], random) -> None:
    shuffled = random.sample(parts, len(parts))
    assert sum((of(part) for part in shuffled), start=of([])) == of([value for part in parts for value in part])


@given(groups, groups)
def test_an_interval_turns_with_its_groups(first: list[int], second: list[int]) -> None:
    if len({*first}) == len({*second}) == 1:
        return
    low, high = welch(of(first), of(second))
    turned = welch(of(second), of(first))
    assert low <= of(first).mean - of(second).mean <= high
    assert math.isclose(turned[0], -high, rel_tol=1e-12, abs_tol=1e-6)


@pytest.mark.parametrize("wrong", [(-1, 0, 0), (0, 1, 1), (2, 10, 49), (3, 0, -1)])
def test_sums_that_no_values_have_are_refused(wrong: tuple[int, int, int]) -> None:
    units, total, squares = wrong
    with pytest.raises(ValueError, match="sum up to"):
        Moments(units=units, total=total, squares=squares)


def test_cents_and_units_do_not_add_up() -> None:
    with pytest.raises(ValueError, match="do not add up"):
        of([1], scale=100) + of([1])


def test_too_few_and_a_broken_split_are_refused() -> None:
    few = compare_means(of([1, 2] * 9 + [3]), of([1, 2] * 20), planned_hold_out=0.5)
    assert isinstance(few, Refusal)
    assert few.reason is Reason.TOO_FEW_UNITS
    broken = compare_means(of([1, 2] * 2_000), of([1, 2] * 400), planned_hold_out=0.2)
    assert isinstance(broken, Refusal)
    assert broken.reason is Reason.SAMPLE_RATIO_MISMATCH


def test_where_nothing_varies_there_is_no_interval_of_no_width() -> None:
    same = compare_means(of([0] * 80), of([0] * MIN_UNITS), planned_hold_out=0.2)
    assert isinstance(same, Refusal)
    assert same.reason is Reason.NO_VARIATION
    one_varies = compare_means(of([0, 10] * 40), of([0] * MIN_UNITS), planned_hold_out=0.2)
    assert isinstance(one_varies, MeanEffect)
    assert one_varies.low < one_varies.difference == 5 < one_varies.high
    assert one_varies.is_proven
