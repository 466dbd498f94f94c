"""Reasons as bits: all that speaks against a candidate fits into 64 of them.

A reason keeps its bit for ever, since bits stand in decision logs: the list only grows.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lingque.core.reasons import Reason

Bits = NDArray[np.uint64]

WITH_BITS: tuple[Reason, ...] = (
    Reason.NO_CONSENT,
    Reason.CONSENT_WITHDRAWN,
    Reason.CONSENT_EXPIRED,
    Reason.NO_CONSENT_FOR_DATA_CLASS,
    Reason.UNDER_AGE,
    Reason.AGE_UNKNOWN,
    Reason.UNKNOWN_CUSTOMER,
    Reason.ON_EXCLUSION_LIST,
    Reason.COMPLIANCE_EXCLUSION,
    Reason.QUIET_HOURS,
    Reason.AUTOMATED_DECISION_REFUSED,
    Reason.NO_GUARDIAN_CONSENT,
    Reason.TAG_REFUSED,
    Reason.OUTSIDE_SCOPE,
    Reason.CONSENT_REQUIRED,
    Reason.NOT_REACHABLE,
    Reason.CONTACT_CAP,
    Reason.OFFER_NOT_VALID,
    Reason.NOT_ELIGIBLE,
    Reason.ELIGIBILITY_UNKNOWN,
    Reason.ASSESSMENT_MISSING,
    Reason.ASSESSMENT_EXPIRED,
    Reason.RISK_GRADE_TOO_HIGH,
    Reason.TOO_RISKY_AT_THIS_AGE,
    Reason.NOT_NEEDED,
    Reason.NOT_AFFORDABLE,
    Reason.STUDENT,
    Reason.OUT_OF_STOCK,
    Reason.BUDGET_SPENT,
    Reason.CONTACTED_LATELY,
    Reason.REFUSED_LATELY,
    Reason.BOUGHT_LATELY,
    Reason.EXCLUDED_BY_HOLDING,
    Reason.NEEDS_HOLDING,
    Reason.BENEFIT_WITH_DEPOSIT,
    Reason.SCORE_MISSING,
    Reason.BANK_POLICY,
    Reason.NO_VALUE,
    Reason.SUPERSEDED,
    Reason.BETTER_OFFER,
    Reason.NO_CAPACITY,
    Reason.HELD_OUT,
    Reason.DRAWN_INSTEAD,
    Reason.NOT_ALLOTTED,
    Reason.NO_HOURS,
)
"""Bit 0 is the first one's."""

_BIT_OF = {reason: np.uint64(1 << number) for number, reason in enumerate(WITH_BITS)}


def bit_of(reason: Reason) -> np.uint64:
    """Raises `KeyError` for a reason that is never given against a candidate."""
    return _BIT_OF[reason]


def mask_of(reasons: Iterable[Reason]) -> np.uint64:
    """The bits of all of them."""
    mask = np.uint64(0)
    for reason in reasons:
        mask |= _BIT_OF[reason]
    return mask


def reasons_in(bits: int) -> tuple[Reason, ...]:
    """The reasons, in the order of their numbers."""
    return tuple(sorted(reason for number, reason in enumerate(WITH_BITS) if bits >> number & 1))
