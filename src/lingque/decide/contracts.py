"""What crosses the border of `decide`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lingque.catalog.model import Offer
from lingque.core.clock import Instant
from lingque.core.hashing import Float64s, Int64s
from lingque.core.ids import CustomerId
from lingque.core.labels import Label
from lingque.core.reasons import Reason
from lingque.core.registries import Purpose
from lingque.decide.allocation.certificate import Certificate
from lingque.govern.contracts import Flags, PermitSet

DECISION_TABLE = "decisions"
DECISION_ORDER = ("bucket", "customer_id")

Phase = Literal["once", "pilot", "rollout"]
"""Which part of the audience: all at once, the pilot's share, or the rest."""

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
    """An offer on a channel, with leave asked for it.

    `permits`, `reachable` and `capped` answer for the requests' customers, in order; `capped` is true where one more
    contact would be too many. `margin` and `cost` in minor units; `response_factor` says how much stronger than the
    offer's response a contact on this channel works.
    """

    offer: Offer
    channel: str
    permits: PermitSet
    reachable: Flags
    capped: Flags
    margin: int
    cost: int
    response_factor: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Context:
    """The moment and the experiment. `salt` names the draw: the same salt holds the same customers out.

    `capacity` says how many contacts a channel can make; one that it does not name can make any number.
    """

    moment: Instant
    today: date
    hold_out: float
    salt: str
    capacity: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PlannedContact:
    """A contact as the ledger of contact pressure knows it; (wave, customer, step) is its key."""

    wave_id: int
    customer_id: CustomerId
    step: int
    channel: str
    purpose: Purpose
    topic: str | None = None


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What a candidate is expected to bring, per customer: `response` a probability, taken from the offer's propensity
    tag or (`assumed`) from its definition; `value` in minor units. Each (n,)."""

    response: Float64s
    assumed: Flags
    value: Int64s


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One candidate for all n customers: every reason against it, and what it is worth."""

    candidate: Candidate
    refusals: Mapping[Reason, Flags]
    worth: Worth

    @property
    def value(self) -> Int64s:
        return self.worth.value

    @property
    def allowed(self) -> Flags:
        refused = np.zeros(len(self.value), dtype=np.bool_)
        for flags in self.refusals.values():
            refused |= flags
        return ~refused


class Step(StrEnum):
    """What stands between the audience and a contact. Each step keeps some of those whom the one before it kept."""

    AUDIENCE = "audience"
    PERMITTED = "permitted"
    SUITABLE = "suitable"
    NOT_CAPPED = "not_capped"
    REACHABLE = "reachable"
    WORTH_IT = "worth_it"
    CHOSEN = "chosen"
    CONTACTED = "contacted"

    @property
    def label(self) -> Label:
        return STEP_LABELS[self]


STEP_LABELS: dict[Step, Label] = {
    Step.AUDIENCE: Label(zh="客群", en="audience"),
    Step.PERMITTED: Label(zh="获准营销（同意、年龄、名单）", en="permitted (consent, age, lists)"),
    Step.SUITABLE: Label(zh="适当且符合准入", en="suitable and eligible"),
    Step.NOT_CAPPED: Label(zh="未达触达上限", en="not contacted too often"),
    Step.REACHABLE: Label(zh="可触达", en="reachable"),
    Step.WORTH_IT: Label(zh="预期有价值", en="worth the contact"),
    Step.CHOSEN: Label(zh="渠道容量内", en="within the channels' capacity"),
    Step.CONTACTED: Label(zh="触达（其余为对照组）", en="contacted (the others are held out)"),
}

_LOST_BEFORE: dict[Step, frozenset[Reason]] = {
    Step.PERMITTED: frozenset(reason for reason in Reason if reason // 100 == 1),
    Step.SUITABLE: frozenset(
        {
            Reason.OFFER_NOT_VALID,
            Reason.NOT_ELIGIBLE,
            Reason.ELIGIBILITY_UNKNOWN,
            Reason.ASSESSMENT_MISSING,
            Reason.ASSESSMENT_EXPIRED,
            Reason.RISK_GRADE_TOO_HIGH,
            Reason.TOO_RISKY_AT_THIS_AGE,
        }
    ),
    Step.NOT_CAPPED: frozenset({Reason.CONTACT_CAP}),
    Step.REACHABLE: frozenset({Reason.NOT_REACHABLE}),
    Step.WORTH_IT: frozenset({Reason.NO_VALUE}),
}
"""Which reasons take a candidate away before which step."""


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What was decided for n customers.

    `chosen` (n,) is the index of the candidate each would get, or `NOTHING`; `held_out` (n,) is true for those who
    do not get it so that its effect can be measured; `drawn` (n,) is the number in [0, 1) that decided so.
    `certificate`: how good the choice is for those who may be contacted, in minor units.
    """

    requests: Requests
    context: Context
    judged: tuple[Judged, ...]
    chosen: NDArray[np.int32]
    held_out: Flags
    drawn: Float64s
    certificate: Certificate

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

    def waterfall(self) -> list[tuple[Step, int]]:
        """How many customers have at least one candidate left after each step; each number at most the one before."""
        customers = len(self.chosen)
        counts = [(Step.AUDIENCE, customers)]
        lost: list[Flags] = [np.zeros(customers, dtype=np.bool_) for _ in self.judged]
        for step, reasons in _LOST_BEFORE.items():
            left = np.zeros(customers, dtype=np.bool_)
            for one, judged in zip(lost, self.judged, strict=True):
                for reason in reasons & judged.refusals.keys():
                    one |= judged.refusals[reason]
                left |= ~one
            counts.append((step, int(np.count_nonzero(left))))
        counts.append((Step.CHOSEN, int(np.count_nonzero(self.chosen != NOTHING))))
        counts.append((Step.CONTACTED, int(np.count_nonzero(self.contacted))))
        return counts
