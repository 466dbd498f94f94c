"""How many of a segment could be reached with some offers, step by step and channel by channel, without a campaign.

It asks what a plan asks, of the same judges: leave, suitability, contact caps, addresses. It promises nothing: leave is
asked again before each message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import get_args

import numpy as np

from lingque.catalog.definitions.shared import ChannelName
from lingque.catalog.expressions.tree import names_in
from lingque.catalog.lineage import join, lineage_of_offer
from lingque.catalog.model import Catalog, Offer
from lingque.core.errors import NotFoundError, nearest
from lingque.core.reasons import Refusal
from lingque.core.registries import Purpose
from lingque.decide.contracts import Step
from lingque.decide.decisions import Decisions
from lingque.engage.contracts import AskLeave, ChannelPlan, Decide, SelectAudience, Stage, WriteContacts
from lingque.flow.deciding import decide_stages
from lingque.flow.intake import catalog_of
from lingque.flow.segments import named_segment, stale_tag
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.profile.contracts import SnapshotReport

STEPS = (Step.AUDIENCE, Step.PERMITTED, Step.SUITABLE, Step.NOT_CAPPED, Step.REACHABLE)


@dataclass(frozen=True, kw_only=True)
class Waterfall:
    """How many are left after each of `STEPS`; `channel` is empty where any channel will do."""

    channel: str
    left: tuple[tuple[Step, int], ...]


@dataclass(frozen=True, kw_only=True)
class Reach:
    """A customer is left as long as one of the offers is, on the channel or on any."""

    segment: str
    as_of: date
    offers: tuple[str, ...]
    purpose: Purpose
    customers: int
    any_channel: Waterfall
    channels: tuple[Waterfall, ...]


def reach_of(
    services: Services,
    segment: str,
    offers: Sequence[str],
    actor: Principal,
    *,
    as_of: date | None = None,
    purpose: Purpose = Purpose.MARKETING,
    route_by: str | None = None,
) -> Reach | Refusal:
    """The waterfall as of that snapshot (by default the newest) and this moment. `route_by`: the tag that says who
    makes the calls; without it everybody with a telephone can be called.

    Raises `NotFoundError` for a segment, an offer or a snapshot that is not there.
    """
    denied = refused(actor, Action.COUNT_SEGMENTS)
    if denied is not None:
        return traced(services, denied, actor, "read_reach", f"segment {segment}")
    catalog = catalog_of(services)
    named_segment(catalog, segment)
    found = [_offer(catalog, name) for name in dict.fromkeys(offers)]
    with services.database.reading() as connection:
        day = services.profile.newest_day(connection) if as_of is None else as_of
        if day is None:
            raise NotFoundError("there is no snapshot yet", next_step="run 'lingque tags run --as-of DAY'")
        report = services.profile.find_snapshot(connection, day)
        stale = _stale(catalog, report, segment, found, route_by)
        if stale is not None:
            return stale
        channels = tuple(
            name for name in get_args(ChannelName) if any(name in offer.definition.creatives for offer in found)
        )
        stages = _stages(catalog, segment, report, found, channels, purpose, route_by)
        decided = decide_stages(services, connection, catalog, stages, moment=services.clock.now())
    decisions = decided.decisions
    return Reach(
        segment=segment,
        as_of=day,
        offers=tuple(offer.name for offer in found),
        purpose=purpose,
        customers=decided.customers,
        any_channel=_waterfall(decisions, ""),
        channels=tuple(_waterfall(decisions, channel) for channel in channels),
    )


def _waterfall(decisions: Decisions, channel: str) -> Waterfall:
    candidates = decisions.menu.candidates
    on_it = [place for place, one in enumerate(candidates) if not channel or one.channel == channel]
    counts = dict(decisions.waterfall(np.array(on_it, np.intp)))
    return Waterfall(channel=channel, left=tuple((step, counts[step]) for step in STEPS))


def _stages(
    catalog: Catalog,
    segment: str,
    report: SnapshotReport,
    offers: Sequence[Offer],
    channels: tuple[str, ...],
    purpose: Purpose,
    route_by: str | None,
) -> tuple[Stage, ...]:
    """As a campaign's that costs nothing, holds nobody out and has any capacity."""
    lineage = catalog.lineages[segment]
    return (
        SelectAudience(segment=segment, as_of=report.as_of, snapshot=report.run_id),
        AskLeave(
            purpose=purpose,
            channels=channels,
            data_classes=tuple(
                (offer.name, join([lineage, lineage_of_offer(offer, catalog.lineages)]).classes) for offer in offers
            ),
        ),
        Decide(
            offers=tuple((offer.name, catalog.closures["offer", offer.name]) for offer in offers),
            channels=tuple(ChannelPlan(channel=name, contact_cost=0, capacity=None) for name in channels),
            currency=offers[0].definition.currency,
            hold_out=0.0,
            salt=f"reach/{segment}/{report.as_of}",
        ),
        WriteContacts(language="zh", route_by=route_by),
    )


def _offer(catalog: Catalog, name: str) -> Offer:
    if name not in catalog.offers:
        raise NotFoundError(f"there is no offer '{name}'", next_step=nearest(name, list(catalog.offers)))
    return catalog.offers[name]


def _stale(
    catalog: Catalog, report: SnapshotReport, segment: str, offers: Sequence[Offer], route_by: str | None
) -> Refusal | None:
    needed = {segment, *([catalog.tag(route_by).name] if route_by else [])}
    for offer in offers:
        needed |= names_in(offer.eligibility)
    return next((stale for name in sorted(needed) if (stale := stale_tag(catalog, report, name))), None)
