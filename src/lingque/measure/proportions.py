"""Two proportions compared. Pure arithmetic, with the source of every formula."""

from __future__ import annotations

import math

from lingque.core.reasons import Reason, Refusal
from lingque.measure.contracts import Effect, Proportion

Z = 1.959963984540054
"""The normal quantile of a 95 % interval."""

MIN_UNITS = 20
"""Below this a group's rate says nothing; the refusal is a value, not a wide interval that somebody quotes."""

SRM_ALPHA = 0.001
"""How unlikely a split must be before it is called broken (Fabijan et al. 2019, KDD, use 0.0005 to 0.01)."""


def compare(contacted: Proportion, held_out: Proportion, *, planned_hold_out: float) -> Effect | Refusal:
    """The effect, or why it cannot be told: too few units, or groups not split as they were drawn."""
    for name, group in (("contacted", contacted), ("held out", held_out)):
        if group.units < MIN_UNITS:
            return Refusal(
                reason=Reason.TOO_FEW_UNITS,
                detail=f"{group.units} customers {name}, at least {MIN_UNITS} are needed",
            )
    p_value = split_p_value(contacted.units, held_out.units, planned_hold_out)
    if p_value < SRM_ALPHA:
        return Refusal(
            reason=Reason.SAMPLE_RATIO_MISMATCH,
            detail=f"{held_out.units} of {contacted.units + held_out.units} held out instead of"
            f" {planned_hold_out:.0%} (p = {p_value:.1g}); look for customers lost after the draw",
        )
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


def split_p_value(contacted: int, held_out: int, planned_hold_out: float) -> float:
    """How likely a split at least as uneven is when each unit is drawn on its own (χ² with 1 degree of freedom)."""
    units = contacted + held_out
    expected = units * planned_hold_out
    chi_square = (held_out - expected) ** 2 / (expected * (1 - planned_hold_out))
    return math.erfc(math.sqrt(chi_square / 2))
