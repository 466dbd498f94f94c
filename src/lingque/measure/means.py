"""Two means compared. Pure arithmetic, with the source of every formula."""

from __future__ import annotations

import math

from lingque.core.reasons import Reason, Refusal
from lingque.measure.contracts import MeanEffect, Moments
from lingque.measure.groups import not_comparable


def compare_means(contacted: Moments, held_out: Moments, *, planned_hold_out: float) -> MeanEffect | Refusal:
    """The effect, or why it cannot be told: too few units, groups not split as they were drawn, or no variation."""
    refusal = not_comparable(contacted.units, held_out.units, planned_hold_out=planned_hold_out)
    if refusal is not None:
        return refusal
    if contacted.variance == held_out.variance == 0:
        return Refusal(
            reason=Reason.NO_VARIATION,
            detail="all customers contacted have one value and so have all held out; nothing tells how far chance goes",
        )
    low, high = welch(contacted, held_out)
    return MeanEffect(
        contacted=contacted, held_out=held_out, difference=contacted.mean - held_out.mean, low=low, high=high
    )


def welch(first: Moments, second: Moments) -> tuple[float, float]:
    """95 % interval of the difference of two independent means whose variances may differ; one of them must not be 0.

    Welch 1947 (Biometrika 34, 28–35), degrees of freedom of Satterthwaite 1946 (Biometrics Bulletin 2, 110–114).
    """
    of_first, of_second = first.variance / first.units, second.variance / second.units
    freedom = (of_first + of_second) ** 2 / (of_first**2 / (first.units - 1) + of_second**2 / (second.units - 1))
    half = student(freedom) * math.sqrt(of_first + of_second)
    difference = first.mean - second.mean
    return difference - half, difference + half


def student(freedom: float) -> float:
    """Student's quantile of a 95 % interval."""
    # here and not above: every command would wait a third of a second for what only a report needs
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))
