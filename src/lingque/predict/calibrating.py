"""From a learner's log-odds to probabilities that come true as often as they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lingque.core.hashing import Float64s
from lingque.predict.libraries import load

NEWTON_STEPS = 50


@dataclass(frozen=True, kw_only=True)
class Calibrator:
    """`sigmoid`: p = 1 / (1 + e^−(slope · s + intercept)); `isotonic`: straight lines between points (s, p)."""

    kind: Literal["sigmoid", "isotonic"]
    slope: float = 0.0
    intercept: float = 0.0
    points: tuple[tuple[float, float], ...] = ()

    def apply(self, scores: Float64s) -> Float64s:
        """Probabilities (n,) of log-odds (n,); never falls where the score rises."""
        if self.kind == "sigmoid":
            return expit(self.slope * scores + self.intercept)
        at, probability = zip(*self.points, strict=True)
        probabilities: Float64s = np.interp(scores, at, probability)
        return probabilities


def fit_calibrator(kind: Literal["sigmoid", "isotonic"], scores: Float64s, labels: Float64s) -> Calibrator:
    """Fitted on customers that the learner has not seen. Both labels must be among them."""
    return _sigmoid(scores, labels) if kind == "sigmoid" else _isotonic(scores, labels)


def expit(values: Float64s) -> Float64s:
    """1 / (1 + e^−x), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * values))


def _sigmoid(scores: Float64s, labels: Float64s) -> Calibrator:
    """Platt (1999), with his targets: not 0 and 1 but what a uniform prior leaves of them."""
    positives = labels.sum()
    high, low = (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2)
    targets = np.where(labels > 0, high, low)
    centre, scale = scores.mean(), scores.std() or 1.0
    design = np.column_stack([(scores - centre) / scale, np.ones(len(scores))])
    weights = np.array([0.0, np.log(targets.mean() / (1 - targets.mean()))])
    for _ in range(NEWTON_STEPS):
        foretold = expit(design @ weights)
        gradient = design.T @ (targets - foretold)
        curvature = (design * (foretold * (1 - foretold))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        weights = weights + step
        if np.abs(step).max() < 1e-10:
            break
    if weights[0] <= 0:  # the scores order customers no better than chance: only the base rate is known
        return Calibrator(kind="sigmoid", intercept=float(np.log(targets.mean() / (1 - targets.mean()))))
    slope = weights[0] / scale
    return Calibrator(kind="sigmoid", slope=float(slope), intercept=float(weights[1] - slope * centre))


def _isotonic(scores: Float64s, labels: Float64s) -> Calibrator:
    # nobody is certain: a probability of 0 or 1 from finitely many customers claims more than they can say
    edge = 1 / (len(labels) + 2)
    fitted = load("sklearn.isotonic").IsotonicRegression(y_min=edge, y_max=1 - edge).fit(scores, labels)
    points = zip(fitted.X_thresholds_.tolist(), fitted.y_thresholds_.tolist(), strict=True)
    return Calibrator(kind="isotonic", points=tuple(points))
