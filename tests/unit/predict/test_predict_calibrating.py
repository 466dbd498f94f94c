"""Calibrated probabilities come true as often as they say, and keep the order of the scores."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from lingque.predict.calibrating import expit, fit_calibrator

KINDS: tuple[Literal["sigmoid", "isotonic"], ...] = ("sigmoid", "isotonic")


def shouted(count: int = 4_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores three times as sure as they should be, labels, true probabilities."""
    numbers = np.random.default_rng(1)
    odds = numbers.normal(-2, 1, count)
    return 3 * odds + 1, (numbers.random(count) < expit(odds)).astype(float), expit(odds)


@pytest.mark.parametrize("kind", KINDS)
def test_the_true_probabilities_are_found(kind: Literal["sigmoid", "isotonic"]) -> None:
    scores, labels, truth = shouted()
    found = fit_calibrator(kind, scores, labels).apply(scores)
    assert np.abs(found - truth).mean() < 0.02
    assert np.abs(expit(scores) - truth).mean() > 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_is_kept_and_nothing_is_certain(kind: Literal["sigmoid", "isotonic"]) -> None:
    scores, labels, _ = shouted(60)
    found = fit_calibrator(kind, scores, labels).apply(np.sort(np.r_[scores, -50, 50]))
    assert (np.diff(found) >= 0).all()
    assert (found > 0).all()
    assert (found < 1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_scores_that_order_the_wrong_way_give_the_base_rate(kind: Literal["sigmoid", "isotonic"]) -> None:
    scores, labels, _ = shouted()
    found = fit_calibrator(kind, -scores, labels).apply(scores)
    assert np.ptp(found) < 1e-9
    assert found[0] == pytest.approx(labels.mean(), abs=0.01)


def test_perfectly_separated_scores_do_not_run_away() -> None:
    """Platt's targets keep the slope finite."""
    found = fit_calibrator("sigmoid", np.r_[np.full(20, -1.0), np.full(20, 1.0)], np.r_[np.zeros(20), np.ones(20)])
    assert found.apply(np.array([-1.0, 1.0])) == pytest.approx([1 / 22, 21 / 22], abs=1e-6)
