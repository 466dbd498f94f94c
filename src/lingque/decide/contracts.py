"""What crosses the border of `decide`: who is asked about and when; what was decided stands in `decide.decisions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum, StrEnum
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lingque.catalog.model import Offer
from lingque.core.clock import Instant
from lingque.core.errors import WarehouseError
from lingque.core.hashing import Float64s, Int64s
from lingque.core.ids import CustomerId
from lingque.core.labels import Label
from lingque.core.registries import Purpose
from lingque.decide.facts import Facts
from lingque.govern.contracts import Flags, PermitSet

DECISION_TABLE = "decisions"
DECISION_ORDER = ("bucket", "customer_id")
ALLOTMENT_TABLE = "allotments"
"""Who is given to which campaign, and with what, where several were planned together."""

Phase = Literal["once", "pilot", "rollout"]
"""Which part of the audience: all at once, the pilot's share, or the rest."""

DecisionClock = Literal["planned", "triggered", "asked"]
"""A campaign's wave over everybody; an event of one customer; a customer who is here and waits."""

NOTHING = -1
"""In `Decisions.chosen`: no candidate was chosen."""


class Happening(IntEnum):
    """What happened between a customer and an offer."""

    CONTACT = 0
    REFUSAL = 1
    PURCHASE = 2


@dataclass(frozen=True, kw_only=True)
class Past:
    """What happened between customers and offers, k entries sorted by `position`: the customer's place in the requests.

    `offer` (k,) is a place in `offers`, `deposits` says which of them are deposits; `day` (k,) counts from 1970-01-01.
    """

    offers: tuple[str, ...]
    deposits: Flags
    position: Int64s
    offer: Int64s
    happening: NDArray[np.int8]
    day: Int64s

    def part(self, start: int, stop: int) -> Past:
        """Of some of the customers."""
        if not len(self.position):
            return self
        first, end = np.searchsorted(self.position, (start, stop))
        return Past(
            offers=self.offers,
            deposits=self.deposits,
            position=self.position[first:end] - start,
            offer=self.offer[first:end],
            happening=self.happening[first:end],
            day=self.day[first:end],
        )


NO_PAST = Past(
    offers=(),
    deposits=np.empty(0, dtype=np.bool_),
    position=np.empty(0, dtype=np.int64),
    offer=np.empty(0, dtype=np.int64),
    happening=np.empty(0, dtype=np.int8),
    day=np.empty(0, dtype=np.int64),
)


@dataclass(frozen=True, kw_only=True)
class Requests:
    """n customers at one clock, and all that is known of them at that moment; `facts` are their tags as of a day.

    Candidates say which row speaks of them: of `permits` (each answers for these customers, in order), of `reachable`
    (rows, n) and `recent` (rows, n), the contacts made lately that tire; of `capped` (rows, n), true where one more
    contact would be too many. Raises `WarehouseError` where these do not fit together.
    """

    clock: DecisionClock
    as_of: date
    customer_ids: Int64s
    facts: Facts
    permits: Sequence[PermitSet]
    reachable: Flags
    capped: Flags
    recent: Int64s | None = None
    past: Past = NO_PAST

    def __post_init__(self) -> None:
        n = len(self.customer_ids)
        sizes = [
            ("facts", len(self.facts)),
            ("reachable", self.reachable.shape[-1]),
            ("capped", self.capped.shape[-1]),
            ("recent", n if self.recent is None else self.recent.shape[-1]),
            # mostly they answer for these very customers: then there is nothing to count
            *[("permits", len(one.customer_ids)) for one in self.permits if one.customer_ids is not self.customer_ids],
        ]
        for what, size in sizes:
            if size != n:
                raise WarehouseError(
                    f"a request about {n} customers has {what} of {size}", next_step="ask about the same customers"
                )

    def __len__(self) -> int:
        return len(self.customer_ids)


@dataclass(frozen=True, kw_only=True)
class Left:
    """What is left of an offer: pieces, and money in minor units. None: there is no limit."""

    stock: int | None = None
    budget: int | None = None


def limits_of(offer: Offer) -> Left:
    """All that there is of an offer, as defined."""
    definition = offer.definition
    budget = None if definition.budget is None else definition.minor(definition.budget)
    return Left(stock=definition.stock, budget=budget)


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """Chance on purpose, so that what was not chosen can be judged too.

    `epsilon`: with that probability any candidate that may be made, each alike. `thompson`: each response is drawn from
    a normal distribution around the score, as wide as the offer's `spread` tag says, `draws` times; the best candidate
    of one of the draws is chosen. Both may be on: first the coin, then the draw.
    """

    epsilon: float = 0.0
    thompson: bool = False
    draws: int = 64

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon <= 1 or self.draws < 1:
            raise WarehouseError(
                f"exploration of {self.epsilon} with {self.draws} draws", next_step="give a share, and 1 draw or more"
            )


@dataclass(frozen=True, kw_only=True)
class Hours:
    """Working time of those who make contacts with their own customers, in minutes.

    `of`: the text tag of a customer that says whose time it is; whom it says nothing of has nobody. `minutes` of one
    contact, by channel. `each` of them has so many, but for those that `units` names.
    """

    of: str
    minutes: Mapping[str, int]
    each: int
    units: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Context:
    """The moment, what is left, and the experiment. `salt` names the draws: the same salt holds the same customers out.

    `capacity`: contacts that a channel can still make; one that it does not name can make any number. `left`: of
    offers; one that it does not name has all that its definition says. `prices`: by the name of a limit
    (`channel:sms`, `stock:OFFER`, `offer_budget:OFFER`), per unit; a planned decision finds its own. `allotted`: who
    is considered, and for what, was settled beforehand, before anybody's draw was looked at (`allotting`). `hours`
    limit planned decisions.
    """

    moment: Instant
    today: date
    hold_out: float
    salt: str
    capacity: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, Left] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)
    exploration: Exploration | None = None
    allotted: bool = False
    hours: Sequence[Hours] = ()


@dataclass(frozen=True, kw_only=True)
class PlannedContact:
    """A contact as the ledger of contact pressure knows it; (wave, customer, step) is its key."""

    wave_id: int
    customer_id: CustomerId
    step: int
    channel: str
    purpose: Purpose
    topic: str | None = None


class Basis(IntEnum):
    """What an expected response stands on."""

    ASSUMED = 0
    PROPENSITY = 1
    UPLIFT = 2

    @property
    def text(self) -> str:
        """As decision logs say it."""
        return _BASIS_TEXTS[self]


_BASIS_TEXTS: dict[Basis, str] = {
    Basis.ASSUMED: "assumed response × margin − contact cost",
    Basis.PROPENSITY: "propensity × margin − contact cost",
    Basis.UPLIFT: "uplift × margin − contact cost",
}


OfConversion = Literal["margin", "conversion_cost", "expected_loss"]
"""An amount that comes with each conversion."""
OF_CONVERSION: tuple[OfConversion, ...] = get_args(OfConversion)


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What a candidate is expected to bring, per customer, each (n,): `response` a probability (of an uplift, a
    difference of two), `basis` what it stands on (a `Basis`); of one conversion `margin`, what it costs
    (`conversion_cost`) and what it is expected to lose (`expected_loss`); amounts in minor units.

    `value` = `gain` − `losses` − `fatigue` − the cost of the contact, where losses are what conversions cost and are
    expected to lose.
    """

    response: Float64s
    margin: Int64s
    conversion_cost: Int64s
    expected_loss: Int64s
    basis: NDArray[np.int8]
    gain: Int64s
    losses: Int64s
    fatigue: Int64s
    value: Int64s

    @property
    def assumed(self) -> Flags:
        """True where no score stands behind it."""
        flags: Flags = self.basis == Basis.ASSUMED
        return flags


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
