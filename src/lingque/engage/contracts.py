"""What crosses the border of `engage`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from lingque.core.clock import Instant
from lingque.core.registries import DataClass, Purpose

State = Literal["planned", "approved", "rejected", "running", "done"]


@dataclass(frozen=True, kw_only=True)
class SelectAudience:
    """The customers of the snapshot for whom the segment is true."""

    segment: str
    as_of: date
    snapshot: str


@dataclass(frozen=True, kw_only=True)
class AskLeave:
    """One permit question per offer and channel, over the data classes of the segment and of the eligibility."""

    purpose: Purpose
    channels: tuple[str, ...]
    data_classes: tuple[tuple[str, DataClass], ...]


@dataclass(frozen=True, kw_only=True)
class ChannelPlan:
    """A channel as the wave may use it: what a contact costs (minor units), and how many it can make (None: any)."""

    channel: str
    contact_cost: int
    capacity: int | None


@dataclass(frozen=True, kw_only=True)
class Decide:
    """The decision function over these offers (name, closure) and channels, with a share held out by this salt."""

    offers: tuple[tuple[str, str], ...]
    channels: tuple[ChannelPlan, ...]
    currency: str
    hold_out: float
    salt: str


@dataclass(frozen=True, kw_only=True)
class WriteContacts:
    """A contact and a queued message for everybody who was chosen and not held out. A contact that people make goes
    to whom the tag `route_by` says."""

    language: Literal["zh", "en"]
    route_by: str | None


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Compare the outcomes of those contacted with those of the held out, once they are known."""

    outcome: str
    also: tuple[str, ...]
    as_of: date


Stage = SelectAudience | AskLeave | Decide | WriteContacts | Evaluate


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What the plan would do if it ran at the moment of planning. Amounts in minor units."""

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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Stages as data. `digest` covers the stages and the campaign's closure: it is what is approved."""

    campaign: str
    digest: str
    stages: tuple[Stage, ...]
    forecast: Forecast
    planned_by: str
    planned_at: Instant
    state: State
    wave_id: int

    def stage(self, kind: type[Any]) -> Any:
        """The one stage of that kind."""
        return next(stage for stage in self.stages if isinstance(stage, kind))


@dataclass(frozen=True, kw_only=True)
class Contact:
    """One proposal to one customer; its key is (wave, customer, offer, step)."""

    wave_id: int
    customer_id: int
    offer: str
    step: int
    channel: str
