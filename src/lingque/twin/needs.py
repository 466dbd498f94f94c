"""What customers need money or a bank for, and when: the reasons why anybody buys anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Int64s

NEED_KINDS = (
    "deposit_maturity",
    "idle_money",
    "renovation",
    "car",
    "home",
    "education",
    "travel",
    "medical",
    "retirement",
    "cash_need",
    "moving_money_away",
    "salary_start",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Needs:
    """One entry per need in every field. Days are days since 1970-01-01, money is in fen."""

    customer: Int64s
    """Position in the population."""
    kind: Int64s
    """Position in `NEED_KINDS`."""
    begins_day: Int64s
    ends_day: Int64s
    """The last day on which it can be met."""
    size: Int64s

    @classmethod
    def joined(cls, parts: Sequence[Needs], firsts: Sequence[int]) -> Needs:
        """Of consecutive blocks, whose first customers have these positions."""
        fields = {name: np.concatenate([getattr(one, name) for one in parts]) for name in cls.__dataclass_fields__}
        customer = np.concatenate([one.customer + first for one, first in zip(parts, firsts, strict=True)])
        return cls(**fields | {"customer": customer})
