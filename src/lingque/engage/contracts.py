"""What crosses the border of `engage`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from lingque.core.clock import Instant
from lingque.core.registries import DataClass, Purpose
from lingque.decide.contracts import Exploration, Hours

State = Literal[
    "simulated",
    "reviewed",
    "rejected",
    "approved",
    "piloting",
    "piloted",
    "pilot_approved",
    "rolling_out",
    "paused",
    "stopped",
    "rolled_out",
    "evaluated",
    "closed",
]


@dataclass(frozen=True, kw_only=True)
class SelectAudience:
    """The customers of the snapshot for whom the segment is true; of an `organisation` only its own."""

    segment: str
    as_of: date
    snapshot: str
    organisation: str = ""


@dataclass(frozen=True, kw_only=True)
class AskLeave:
    """One permit question per offer and channel, over the data classes of the segment and of the eligibility."""

    purpose: Purpose
    channels: tuple[str, ...]
    data_classes: tuple[tuple[str, DataClass], ...]


@dataclass(frozen=True, kw_only=True)
class ChannelPlan:
    """A channel as the wave may use it: what a contact costs (minor units), how many it can make (None: any), how much
    stronger than the offer's response it works, and what it costs in good will: `fatigue` (minor units) for each
    contact made on it within `fatigue_within`, or what the tag `fatigue_tag` says."""

    channel: str
    contact_cost: int
    capacity: int | None
    response_factor: float = 1.0
    fatigue: int = 0
    fatigue_within: str = ""
    fatigue_tag: str | None = None


@dataclass(frozen=True, kw_only=True)
class Decide:
    """The decision function over these offers (name, closure) and channels, within the `hours` of those who make the
    contacts, with a share held out by this salt, and chance on purpose where `exploration` says so."""

    offers: tuple[tuple[str, str], ...]
    channels: tuple[ChannelPlan, ...]
    currency: str
    hold_out: float
    salt: str
    exploration: Exploration | None = None
    hours: tuple[Hours, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ShareOut:
    """When it was planned, its customers, capacities and budgets were shared out among all `campaigns` (name, closure)
    of the programme; each customer gets what was given, as far as that may still be, and nothing else."""

    programme: str
    campaigns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class RunPilot:
    """A share of the audience, drawn by this salt, goes first; the rest waits until the pilot has been approved."""

    share: float
    salt: str


@dataclass(frozen=True, kw_only=True)
class WriteContacts:
    """A contact and a queued message for everybody who was chosen and not held out. A contact that people make goes
    to whom the tag `route_by` says, to be done by `due`."""

    language: Literal["zh", "en"]
    route_by: str | None
    due: date | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Compare the outcomes of those contacted with those of the held out, once they are known."""

    outcome: str
    also: tuple[str, ...]
    as_of: date


Stage = SelectAudience | AskLeave | Decide | ShareOut | RunPilot | WriteContacts | Evaluate


@dataclass(frozen=True, kw_only=True)
class ChannelLimit:
    """A channel's capacity in contacts, how many of them are made, and what one more would earn (minor units)."""

    channel: str
    capacity: int
    contacts: int
    price: int


@dataclass(frozen=True, kw_only=True)
class OfferLimit:
    """What is left of an offer's stock (pieces) or budget (minor units), how much of it the plan takes, and what one
    unit more would earn (minor units)."""

    offer: str
    limit: Literal["stock", "budget"]
    amount: int
    used: int
    price: float


@dataclass(frozen=True, kw_only=True)
class ShortUnit:
    """Somebody with too little time: minutes at hand and used, and what an hour more would earn (minor units)."""

    unit: str
    minutes: int
    used: int
    price: int


@dataclass(frozen=True, kw_only=True)
class HoursLimit:
    """Working time by the tag `of`, of one campaign or (`campaign` empty) of all planned together: of so many `units`
    the minutes at hand and used; `short` are those of whom an hour more would earn most, of `short_units` in all."""

    of: str
    units: int
    minutes: int
    used: int
    short_units: int
    short: tuple[ShortUnit, ...]
    campaign: str = ""


@dataclass(frozen=True, kw_only=True)
class SharedLimit:
    """A limit of campaigns planned together: its amount, what they use of it, and what one unit more (of a minimum: one
    contact less) would earn them. Money in minor units.

    `channel` and `budget` may be one campaign's own (`campaign` names it) or of all; a `minimum` is a campaign's, or,
    without one, what comes first.
    """

    limit: Literal["channel", "stock", "offer_budget", "budget", "minimum"]
    subject: str
    campaign: str
    amount: float
    used: float
    price: float


@dataclass(frozen=True, kw_only=True)
class Together:
    """What is expected of all campaigns planned together, and what that means for this one. Amounts in minor units.

    No choice within the `limits` earns all together more than `best_possible`. Planned by itself this campaign would
    have had `contacts_alone`, worth `profit_alone`; `lost` counts those of them whom it does not get, by the campaign
    that does (empty: none of them). `minimum`: how many contacts were demanded for it.
    """

    programme: str
    expected_profit: int
    best_possible: int
    limits: tuple[SharedLimit, ...]
    contacts_alone: int
    profit_alone: int
    lost: dict[str, int]
    minimum: int = 0
    hours: tuple[HoursLimit, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What the plan would do if it ran at the moment of planning. Amounts in minor units.

    The intervals (95 %) say how much chance alone moves the result if the assumed or predicted responses are right;
    `overlap` counts those to be contacted whom other campaigns contacted lately. No choice within the `limits` has a
    greater expected profit than `best_possible` (None: planned before that was known, or `together` with others).
    """

    customers: int
    audience: int
    refusals: dict[str, int]
    to_contact: int
    to_hold_out: int
    expected_conversions: float
    expected_profit: int
    cost: int
    currency: str
    detectable_effect: float | None
    waterfall: tuple[tuple[str, int], ...] = ()
    by_channel: dict[str, int] = field(default_factory=dict)
    overlap: dict[str, int] = field(default_factory=dict)
    together: Together | None = None
    conversions_interval: tuple[float, float] | None = None
    profit_interval: tuple[int, int] | None = None
    best_possible: int | None = None
    limits: tuple[ChannelLimit, ...] = ()
    offer_limits: tuple[OfferLimit, ...] = ()
    hours: tuple[HoursLimit, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Stages as data. `digest` covers the stages and the campaign's closure.

    `approval_digest` is what is reviewed and approved: the digest itself, or, where the campaign comes again, the
    digest of all that does not change from wave to wave.
    """

    campaign: str
    digest: str
    approval_digest: str
    stages: tuple[Stage, ...]
    forecast: Forecast
    planned_by: str
    planned_at: Instant
    state: State
    wave_id: int

    def stage(self, kind: type[Any]) -> Any:
        """The one stage of that kind."""
        return next(stage for stage in self.stages if isinstance(stage, kind))

    @property
    def pilot(self) -> RunPilot | None:
        return next((stage for stage in self.stages if isinstance(stage, RunPilot)), None)

    @property
    def share(self) -> ShareOut | None:
        """With which campaigns it was planned together."""
        return next((stage for stage in self.stages if isinstance(stage, ShareOut)), None)

    @property
    def organisation(self) -> str:
        """The place of the bank whose customers alone it reaches; empty: everybody's."""
        place: str = self.stage(SelectAudience).organisation
        return place

    @property
    def as_of(self) -> date:
        """The day of the snapshot."""
        day: date = self.stage(SelectAudience).as_of
        return day


@dataclass(frozen=True, kw_only=True)
class Contact:
    """One proposal to one customer; its key is (wave, customer, offer, step)."""

    wave_id: int
    customer_id: int
    offer: str
    step: int
    channel: str
