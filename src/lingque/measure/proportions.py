"""Two proportions compared. Pure arithmetic, with the source of every formula."""

from __future__ import annotations

import math

from lingque.core.reasons import Refusal
from lingque.measure.contracts import Effect, Proportion
from lingque.measure.groups import not_comparable

Z = 1.959963984540054
"""The normal quantile of a 95 % interval."""


def compare(contacted: Proportion, held_out: Proportion, *, planned_hold_out: float) -> Effect | Refusal:
    """The effect, or why it cannot be told: too few units, or groups not split as they were drawn."""
    refusal = not_comparable(contacted.units, held_out.units, planned_hold_out=planned_hold_out)
    if refusal is not None:
        return refusal
    low, high = newcombe(contacted, held_out)
    return Effect(contacted=contacted, held_out=held_out, difference=contacted.rate - held_out.rate, low=low, high=high)


def wilson(group: Proportion) -> tuple[float, float]:
    """95 % score interval of one proportion (Wilson 1927, JASA 22, 209–212)."""
    n, p = group.units, group.rate
    centre = (2 * n * p + Z**2) / (2 * (n + Z**2))
    half = Z * math.sqrt(Z**2 + 4 * n * p * (1 - p)) / (2 * (n + Z**2))
    # at 0 and n successes a bound is the rate itself; rounding must not leave it a hair beyond
    return max(0.0, min(centre - half, p)), min(1.0, max(centre + half, p))


def newcombe(first: Proportion, second: Proportion) -> tuple[float, float]:
    """95 % interval of the difference of two independent proportions.

    Hybrid score interval, method 10 of Newcombe 1998 (Statistics in Medicine 17, 873–890): holds its level for small
    groups and for rates near 0, where the usual normal interval does not.
    """
    difference = first.rate - second.rate
    low_1, high_1 = wilson(first)
    low_2, high_2 = wilson(second)
    low = difference - math.hypot(first.rate - low_1, high_2 - second.rate)
    high = difference + math.hypot(high_1 - first.rate, second.rate - low_2)
    return low, high
