"""What crosses the border of `decide`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lingque.catalog.model import Offer
from lingque.core.clock import Instant
from lingque.core.hashing import Float64s, Int64s
from lingque.core.reasons import Reason
from lingque.govern.contracts import Flags, PermitSet

DECISION_TABLE = "decisions"
DECISION_ORDER = ("bucket", "customer_id")

NOTHING = -1
"""In `Decisions.chosen`: no candidate was chosen."""


@dataclass(frozen=True, kw_only=True)
class Requests:
    """Who is asked about: `tags` has one row per customer, `customer_id` and every tag the offers need."""

    clock: Literal["planned"]
    as_of: date
    tags: pa.Table

    @property
    def customer_ids(self) -> Int64s:
        ids: Int64s = self.tags.column("customer_id").to_numpy()
        return ids


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An offer on a channel, with leave asked for it. `permits` answers for the requests' customers, in order."""

    offer: Offer
    channel: str
    permits: PermitSet
    reachable: Flags
    margin: int
    cost: int


@dataclass(frozen=True, kw_only=True)
class Context:
    """The moment and the experiment. `salt` names the draw: the same salt holds the same customers out."""

    moment: Instant
    today: date
    hold_out: float
    salt: str


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One candidate for all n customers: every reason against it, and its expected value in minor units (n,)."""

    candidate: Candidate
    refusals: Mapping[Reason, Flags]
    value: Int64s

    @property
    def allowed(self) -> Flags:
        refused = np.zeros(len(self.value), dtype=np.bool_)
        for flags in self.refusals.values():
            refused |= flags
        return ~refused


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What was decided for n customers.

    `chosen` (n,) is the index of the candidate each would get, or `NOTHING`; `held_out` (n,) is true for those who
    do not get it so that its effect can be measured; `drawn` (n,) is the number in [0, 1) that decided so.
    """

    requests: Requests
    context: Context
    judged: tuple[Judged, ...]
    chosen: NDArray[np.int32]
    held_out: Flags
    drawn: Float64s

    @property
    def contacted(self) -> Flags:
        """Who gets the chosen candidate."""
        flags: Flags = (self.chosen != NOTHING) & ~self.held_out
        return flags

    def count_refusals(self) -> dict[Reason, int]:
        """Customers per reason for whom nothing was chosen, most frequent first; one may count under several."""
        nothing = self.chosen == NOTHING
        counts: dict[Reason, int] = {}
        for reason in Reason:
            flags = [judged.refusals[reason] for judged in self.judged if reason in judged.refusals]
            count = int(np.count_nonzero(nothing & np.logical_or.reduce(flags))) if flags else 0
            if count:
                counts[reason] = count
        return dict(sorted(counts.items(), key=lambda entry: -entry[1]))
