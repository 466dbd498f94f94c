"""What a report is made of: plain values, filled by whoever knows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lingque.core.labels import Label
from lingque.core.reasons import Refusal
from lingque.measure.contracts import Effect, MeanEffect, Part, Phase, Profit


@dataclass(frozen=True, kw_only=True)
class Signature:
    """Somebody's act on the plan: planned, reviewed, approved. `at` as it is to be read, in the business time zone."""

    act: Label
    by: str
    at: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of the reach: how many customers are left. Those of an `aside` step were taken out on purpose."""

    label: Label
    count: int
    aside: bool = False


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many of a kind."""

    label: Label
    count: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was observed of an outcome. Money has a currency; only a simulated bank knows the `truth`.

    `truth` is in the unit of the effect: a difference of rates, of minor units, or of a number.
    """

    label: Label
    effect: Effect | MeanEffect | Refusal
    currency: str | None = None
    truth: float | None = None


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What the contacts really sent on a channel cost, in minor units."""

    channel: Label
    sent: int
    minor: int


@dataclass(frozen=True, kw_only=True)
class NamedPart:
    """One channel and offer, with the names by which people know them."""

    channel: Label
    offer: Label
    part: Part


@dataclass(frozen=True, kw_only=True)
class ReportPage:
    """Everything that a report says.

    `waterfall` runs from the list to those delivered, each step with those left; asides (held out) stand where they
    were taken out. `refusals` and `fates` are most frequent first; `not_sent` says why messages were not sent.
    """

    campaign: str
    label: Label
    digest: str
    as_of: date
    known_by: date | None = None
    phase: Phase | None = None
    signatures: tuple[Signature, ...] = ()
    waterfall: tuple[Step, ...] = ()
    refusals: tuple[Tally, ...] = ()
    main: Outcome
    further: tuple[Outcome, ...] = ()
    currency: str
    profit: Profit | None = None
    spent: tuple[Spent, ...] = ()
    parts: tuple[NamedPart, ...] = ()
    fates: tuple[Tally, ...] = ()
    not_sent: tuple[Tally, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.main.effect, MeanEffect):
            raise ValueError("the main outcome is true or false; a mean belongs to the further ones")
