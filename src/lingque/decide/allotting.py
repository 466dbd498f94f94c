"""Customers who were given to a campaign before it decides: it may choose for each what was given, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lingque.core.reasons import Reason
from lingque.decide.choosing import Choices
from lingque.decide.judging import Judgement
from lingque.decide.question import Axis
from lingque.decide.reason_bits import bit_of


def allot(judgement: Judgement, given: Choices) -> Judgement:
    """`given` (n,): the candidate of each customer, or `NOTHING`. Whatever else could have been chosen is refused
    (NOT_ALLOTTED); what is refused anyway keeps its own reasons, what was given included."""
    shape = (len(judgement.menu), len(judgement))
    bits = judgement.bits.get(Axis.CANDIDATE, np.zeros(shape, dtype=np.uint64)).copy()
    every = np.arange(len(judgement.menu))[:, None]
    for customers in judgement.blocks():
        others = np.isfinite(judgement.allowed_values(customers)) & (every != given[customers])
        bits[:, customers] |= others * bit_of(Reason.NOT_ALLOTTED)
    return replace(judgement, bits={**judgement.bits, Axis.CANDIDATE: bits})
