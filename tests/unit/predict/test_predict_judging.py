"""Measures agree with their definitions and with another library; intervals are intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from lingque.predict.judging import (
    SHARES,
    auc_of,
    calibration_table,
    error_by_chance,
    judge,
    measures,
    ranked,
    wilson,
)

scored = st.lists(
    st.tuples(st.sampled_from([0.05, 0.2, 0.3, 0.5, 0.7, 0.9]), st.booleans()), min_size=2, max_size=60
).filter(lambda rows: 0 < sum(label for _, label in rows) < len(rows))


def arrays(rows: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p for p, _ in rows]), np.array([float(label) for _, label in rows])


@given(scored)
@settings(max_examples=60)
def test_measures_are_those_of_the_field(rows: list[tuple[float, bool]]) -> None:
    probabilities, labels = arrays(rows)
    found = measures(ranked(probabilities, labels), np.ones(len(rows)))
    expected = [
        roc_auc_score(labels, probabilities),
        average_precision_score(labels, probabilities),
        brier_score_loss(labels, probabilities),
        log_loss(labels, probabilities),
    ]
    np.testing.assert_allclose(found[:4], expected, atol=1e-12)


@given(scored, st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_a_weight_is_a_repetition_and_order_is_nothing(rows: list[tuple[float, bool]], numbers: object) -> None:
    """What the bootstrap rests on; the tenths are those of the sample, so the calibration error stands apart."""
    probabilities, labels = arrays(rows)
    weights = np.array([numbers.randint(0, 3) for _ in rows])  # type: ignore[attr-defined]
    again = np.repeat(np.arange(len(rows)), weights)
    numbers.shuffle(again)  # type: ignore[attr-defined]
    one = ranked(probabilities, labels)
    weighted = np.delete(measures(one, weights[one.order].astype(float)), 4)
    if len(set(labels[again].tolist())) < 2:
        assert np.isnan(weighted).all()
        return
    repeated = measures(ranked(probabilities[again], labels[again]), np.ones(len(again)))
    np.testing.assert_allclose(weighted, np.delete(repeated, 4), atol=1e-12)


def test_lift_and_calibration_error_of_a_case_counted_by_hand() -> None:
    probabilities = np.linspace(0.99, 0.0, 100)
    labels = np.r_[
        np.ones(8), np.zeros(2), np.ones(2), np.zeros(88)
    ]  # 10 positives: 5 in the top 5 %, 8 in 10 %, all in 20 %
    found = measures(ranked(probabilities, labels), np.ones(100))
    assert found[5:].tolist() == pytest.approx([10.0, 8.0, 5.0])
    assert SHARES == (0.05, 0.1, 0.2)
    tenths = [abs(labels[i : i + 10].sum() - probabilities[i : i + 10].sum()) for i in range(0, 100, 10)]
    assert found[4] == pytest.approx(sum(tenths) / 100)


def test_scores_that_are_all_alike_order_nobody() -> None:
    labels = np.r_[np.ones(10), np.zeros(90)]
    found = measures(ranked(np.full(100, 0.1), labels), np.ones(100))
    assert found[0] == 0.5
    assert found[1] == pytest.approx(0.1)
    assert found[5:].tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert math.isnan(auc_of(np.full(3, 0.1), np.ones(3)))


def test_an_interval_holds_its_estimate_and_the_same_seed_gives_it_again() -> None:
    numbers = np.random.default_rng(1)
    truth = numbers.beta(1, 5, 400)
    labels = (numbers.random(400) < truth).astype(float)
    noise = numbers.random(400)
    model, other, advantage = judge(truth, noise, labels, seed=3)
    assert model.auc.low < model.auc.value < model.auc.high
    assert other.auc.low < 0.5 < other.auc.high
    assert 0 < advantage.low < advantage.value < advantage.high
    assert judge(truth, noise, labels, seed=3) == (model, other, advantage)
    assert judge(truth, noise, labels, seed=4) != (model, other, advantage)
    _, _, same = judge(truth, truth, labels, seed=3)
    assert (same.low, same.value, same.high) == (0, 0, 0)


def test_perfect_calibration_stays_under_what_chance_gives_and_overconfidence_does_not() -> None:
    numbers = np.random.default_rng(2)
    truth = numbers.beta(1, 5, 3_000)
    labels = (numbers.random(3_000) < truth).astype(float)
    bold = np.minimum(2 * truth, 0.99)
    good, bad, _ = judge(truth, bold, labels, seed=1)
    assert good.calibration_error < error_by_chance(truth, seed=1) < bad.calibration_error


def test_the_table_has_everybody_once_from_the_highest_down() -> None:
    numbers = np.random.default_rng(3)
    probabilities = numbers.random(237)
    labels = (numbers.random(237) < probabilities).astype(float)
    table = calibration_table(probabilities, labels)
    assert sum(row.rows for row in table) == 237
    assert sum(row.rows * row.observed.value for row in table) == pytest.approx(labels.sum())
    assert [row.foretold for row in table] == sorted((row.foretold for row in table), reverse=True)
    assert len(calibration_table(probabilities[:4], labels[:4])) == 4


def test_wilson_as_published() -> None:
    found = wilson(81, 263)  # Newcombe 1998, table I
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 20).low == 0
