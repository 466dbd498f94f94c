"""How well probabilities foretold: measures with intervals, over customers on whom nothing was fitted.

Intervals are percentiles of a bootstrap over customers (Efron 1979), the same resamples for every model judged on the
same customers, so that their difference is a paired one. A resample is a weight per customer; scores are sorted once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s
from lingque.predict.contracts import CalibrationRow, Interval, Lift, Performance

Floats = NDArray[np.floating[Any]]
RESAMPLES = 1_000
SHARES = (0.05, 0.1, 0.2)
TENTHS = 10
Z = 1.959963984540054


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """Customers from the highest probability down, with the Brier score and the log loss of each; `ends` are the last
    places of runs of equal probabilities."""

    order: NDArray[np.intp]
    probabilities: Float64s
    labels: Float64s
    squares: Float64s
    logs: Float64s
    ends: NDArray[np.intp]
    tenths: NDArray[np.intp]


def ranked(probabilities: Float64s, labels: Float64s) -> Ranked:
    """Sorted by probability; equal ones keep the order they came in."""
    order = np.argsort(-probabilities, kind="stable")
    sorted_, known = probabilities[order], labels[order]
    ends = np.flatnonzero(np.append(sorted_[1:] != sorted_[:-1], True))
    tenths = np.arange(len(order)) * TENTHS // len(order)
    safe = np.clip(sorted_, 1e-12, 1 - 1e-12)  # no calibrator here gives exactly 0 or 1
    return Ranked(
        order=order,
        probabilities=sorted_,
        labels=known,
        squares=(sorted_ - known) ** 2,
        logs=-np.where(known > 0, np.log(safe), np.log1p(-safe)),
        ends=ends,
        tenths=tenths,
    )


def judge(
    probabilities: Float64s, baseline: Float64s, labels: Float64s, *, seed: int
) -> tuple[Performance, Performance, Interval]:
    """The model's performance, the baseline's, and the difference of their AUCs (model minus baseline)."""
    generator = np.random.default_rng(seed)
    count = len(labels)
    both = (ranked(probabilities, labels), ranked(baseline, labels))
    points = [measures(one, np.ones(count)) for one in both]
    drawn = np.empty((2, RESAMPLES, len(points[0])))
    for resample in range(RESAMPLES):
        weights = np.bincount(generator.integers(0, count, count), minlength=count).astype(np.float64)
        for index, one in enumerate(both):
            drawn[index, resample] = measures(one, weights[one.order])
    difference = Interval(value=float(points[0][0] - points[1][0]), **_percentiles(drawn[0, :, 0] - drawn[1, :, 0]))
    model, other = (_performance(points[index], drawn[index]) for index in (0, 1))
    return model, other, difference


def measures(one: Ranked, weights: Float64s) -> Float64s:
    """AUC, average precision, Brier score, log loss, calibration error, and the lift at each of `SHARES`.

    `weights` (n,) in the order of the ranks. Equal probabilities are one step of the curve, so their order is nothing.
    NaN where one of the labels has no weight.
    """
    positive, total = weights * one.labels, weights.sum()
    true, all_ = np.cumsum(positive)[one.ends], np.cumsum(weights)[one.ends]
    positives = true[-1]
    if positives in (0.0, total):
        return np.full(5 + len(SHARES), np.nan)
    steps_true, steps_all = np.diff(true, prepend=0.0), np.diff(all_, prepend=0.0)
    steps_false = steps_all - steps_true
    auc = (steps_false * (true - steps_true / 2)).sum() / (positives * (total - positives))
    precision = np.divide(true, all_, out=np.zeros_like(true), where=all_ > 0)
    average_precision = (steps_true * precision).sum() / positives
    # no dot products: their threads wait by spinning, and 20,000 customers then take a minute instead of seconds
    brier, log_loss = (weights * one.squares).sum() / total, (weights * one.logs).sum() / total
    error = calibration_error(one, positive, weights * one.probabilities) / total
    captured = np.interp(np.array(SHARES) * total, np.append(0.0, all_), np.append(0.0, true))
    lifts = captured / positives / np.array(SHARES)
    return np.array([auc, average_precision, brier, log_loss, error, *lifts])


def calibration_error(one: Ranked, positive: Floats, foretold: Floats) -> float:
    """Σ over tenths |positives − foretold|: the expected calibration error once divided by the customers."""
    return float(np.abs(np.bincount(one.tenths, positive - foretold, minlength=TENTHS)).sum())


def error_by_chance(probabilities: Float64s, *, seed: int) -> float:
    """The calibration error that 19 of 20 perfectly calibrated models stay under: labels drawn from the scores."""
    generator = np.random.default_rng(seed)
    one = ranked(probabilities, np.zeros(len(probabilities)))
    errors = [
        calibration_error(one, (generator.random(len(probabilities)) < one.probabilities) * 1.0, one.probabilities)
        for _ in range(RESAMPLES)
    ]
    return float(np.quantile(errors, 0.95)) / len(probabilities)


def calibration_table(probabilities: Float64s, labels: Float64s) -> tuple[CalibrationRow, ...]:
    """By tenths from the highest scores down; fewer rows where there are fewer customers than tenths."""
    one = ranked(probabilities, labels)
    table: list[CalibrationRow] = []
    for tenth in np.unique(one.tenths):
        mine = one.tenths == tenth
        rows, positives = int(mine.sum()), float(one.labels[mine].sum())
        foretold = float(one.probabilities[mine].mean())
        table.append(CalibrationRow(rows=rows, foretold=foretold, observed=wilson(positives, rows)))
    return tuple(table)


def wilson(positives: float, rows: int) -> Interval:
    """A proportion with its 95 % interval (Wilson 1927)."""
    rate, square = positives / rows, Z * Z
    middle = (rate + square / (2 * rows)) / (1 + square / rows)
    half = Z * np.sqrt(rate * (1 - rate) / rows + square / (4 * rows * rows)) / (1 + square / rows)
    return Interval(value=rate, low=max(0.0, float(middle - half)), high=min(1.0, float(middle + half)))


def auc_of(probabilities: Float64s, labels: Float64s) -> float:
    """The area under the ROC curve; NaN where all labels are the same."""
    return float(measures(ranked(probabilities, labels), np.ones(len(labels)))[0])


def _performance(point: Float64s, drawn: Float64s) -> Performance:
    intervals = [
        Interval(value=float(value), **_percentiles(drawn[:, index])) for index, value in enumerate(point.tolist())
    ]
    auc, average_precision, brier, log_loss, error, *lifts = intervals
    return Performance(
        auc=auc,
        average_precision=average_precision,
        brier=brier,
        log_loss=log_loss,
        calibration_error=error.value,
        lifts=tuple(Lift(share=share, lift=lift) for share, lift in zip(SHARES, lifts, strict=True)),
    )


def _percentiles(values: Float64s) -> dict[str, float]:
    low, high = np.nanquantile(values, [0.025, 0.975])
    return {"low": float(low), "high": float(high)}
