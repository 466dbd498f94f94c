"""Can two groups be compared at all? The same answer for every kind of outcome."""

from __future__ import annotations

import math

from lingque.core.reasons import Reason, Refusal

MIN_UNITS = 20
"""Below this a group says nothing; the refusal is a value, not a wide interval that somebody quotes."""

SRM_ALPHA = 0.001
"""How unlikely a split must be before it is called broken (Fabijan et al. 2019, KDD, use 0.0005 to 0.01)."""


def not_comparable(contacted: int, held_out: int, *, planned_hold_out: float) -> Refusal | None:
    """Why groups of these sizes cannot be compared: too few units, or not split as they were drawn."""
    for name, units in (("contacted", contacted), ("held out", held_out)):
        if units < MIN_UNITS:
            return Refusal(
                reason=Reason.TOO_FEW_UNITS,
                detail=f"{units} customers {name}, at least {MIN_UNITS} are needed",
            )
    p_value = split_p_value(contacted, held_out, planned_hold_out)
    if p_value < SRM_ALPHA:
        return Refusal(
            reason=Reason.SAMPLE_RATIO_MISMATCH,
            detail=f"{held_out} of {contacted + held_out} held out instead of"
            f" {planned_hold_out:.0%} (p = {p_value:.1g}); look for customers lost after the draw",
        )
    return None


def split_p_value(contacted: int, held_out: int, planned_hold_out: float) -> float:
    """How likely a split at least as uneven is when each unit is drawn on its own (χ² with 1 degree of freedom)."""
    units = contacted + held_out
    expected = units * planned_hold_out
    chi_square = (held_out - expected) ** 2 / (expected * (1 - planned_hold_out))
    return math.erfc(math.sqrt(chi_square / 2))
