"""From a campaign's definition to stages: pure, and the same stages for the same inputs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import date, timedelta
from enum import Enum
from typing import Any

from lingque.catalog.definitions.campaigns import CampaignDefinition, ChannelUse, Explore
from lingque.catalog.definitions.campaigns import Hours as HoursDefinition
from lingque.catalog.lineage import join, lineage_of_offer
from lingque.catalog.model import Catalog
from lingque.core.hashing import digest_of
from lingque.core.money import Money
from lingque.core.registries import DataClass, Purpose
from lingque.decide.contracts import Exploration, Hours
from lingque.engage.contracts import (
    AskLeave,
    ChannelPlan,
    Decide,
    Evaluate,
    RunPilot,
    SelectAudience,
    ShareOut,
    Stage,
    WriteContacts,
)

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (SelectAudience, AskLeave, Decide, ShareOut, RunPilot, WriteContacts, Evaluate)
}

_UNSAID: dict[str, Any] = {"organisation": "", "exploration": None, "hours": []}
"""Fields that stages were once written without: where they say nothing, digests stay what they were."""

Z_95 = 1.959964
Z_80 = 0.841621


def stages_of(catalog: Catalog, name: str, *, as_of: date, snapshot: str) -> tuple[Stage, ...]:
    """The stages of a campaign over a snapshot. Raises `NotFoundError` for an unknown campaign."""
    campaign = catalog.campaign(name)
    offers = [catalog.offers[offer] for offer in campaign.offers]
    currency = offers[0].definition.currency
    segment = catalog.lineages[campaign.segment]
    classes = tuple(
        (offer.name, join([segment, lineage_of_offer(offer, catalog.lineages)]).classes) for offer in offers
    )
    return (
        SelectAudience(segment=campaign.segment, as_of=as_of, snapshot=snapshot, organisation=campaign.organisation),
        AskLeave(purpose=Purpose[campaign.purpose.upper()], channels=tuple(campaign.channels), data_classes=classes),
        Decide(
            offers=tuple((offer.name, catalog.closures["offer", offer.name]) for offer in offers),
            currency=currency,
            channels=tuple(_channel_plan(name, use, currency) for name, use in campaign.channels.items()),
            hold_out=campaign.hold_out,
            # all year the same: who is held out of one wave and contacted by the next shows nothing
            salt=f"{name}/{as_of.year}",
            exploration=_exploration(campaign.exploration),
            hours=hours_of(campaign.hours, campaign),
        ),
        *_share(catalog, name),
        *([RunPilot(share=campaign.pilot.share, salt=f"{name}/{as_of.isoformat()}/pilot")] if campaign.pilot else []),
        WriteContacts(
            language=campaign.language,
            route_by=campaign.route_by,
            due=as_of + timedelta(days=campaign.task_days),
        ),
        Evaluate(outcome=campaign.outcome, also=campaign.also_measure, as_of=as_of),
    )


def _share(catalog: Catalog, name: str) -> tuple[ShareOut, ...]:
    programme = catalog.programme_of(name)
    if programme is None:
        return ()
    members = tuple((one, catalog.closures["campaign", one]) for one in programme.campaigns)
    return (ShareOut(programme=programme.programme, campaigns=members),)


def _exploration(defined: Explore | None) -> Exploration | None:
    if defined is None:
        return None
    return Exploration(epsilon=defined.epsilon, thompson=defined.thompson, draws=defined.draws)


def hours_of(stated: Mapping[str, HoursDefinition], campaign: CampaignDefinition) -> tuple[Hours, ...]:
    """Time in minutes, as the campaign's contacts take it."""
    timed: dict[str, int] = {name: use.minutes for name, use in campaign.channels.items() if use.minutes is not None}
    return tuple(
        Hours(
            of=tag,
            minutes={name: time for name, time in timed.items() if name in one.channels or not one.channels},
            each=int(one.each * 60),
            units={unit: int(hours * 60) for unit, hours in one.units.items()},
        )
        for tag, one in stated.items()
    )


def _channel_plan(channel: str, use: ChannelUse, currency: str) -> ChannelPlan:
    fatigue = use.fatigue
    stated = None if fatigue is None else fatigue.per_contact
    return ChannelPlan(
        channel=channel,
        contact_cost=Money.parse(str(use.contact_cost), currency).minor,
        capacity=use.capacity,
        response_factor=use.response_factor,
        fatigue=0 if stated is None else Money.parse(str(stated), currency).minor,
        fatigue_within="" if fatigue is None or stated is None else fatigue.within,
        fatigue_tag=None if fatigue is None else fatigue.tag,
    )


def digest_of_plan(catalog: Catalog, name: str, stages: tuple[Stage, ...]) -> str:
    """What this very plan is."""
    return digest_of({"stages": stages_to_json(stages), **_definitions(catalog, name)})


def approval_digest_of(catalog: Catalog, name: str, stages: tuple[Stage, ...]) -> str:
    """What an approval speaks of: the plan, or, of a campaign that comes again, its definition with all under it."""
    if catalog.campaign(name).schedule is None:
        return digest_of_plan(catalog, name, stages)
    found = _definitions(catalog, name)
    return digest_of({"every wave of": found.pop("campaign"), **found})


def _definitions(catalog: Catalog, name: str) -> dict[str, str]:
    """The campaign with all under it; of its programme the limits, and not the other campaigns: what those are changes
    who is given to this one, and not what it may do."""
    programme = catalog.programme_of(name)
    said = {} if programme is None else {"programme": digest_of(programme.model_dump(mode="json"))}
    return {"campaign": catalog.closures["campaign", name], **said}


def detectable_effect(contacted: int, held_out: int, rate: float) -> float | None:
    """The smallest difference in response that a comparison of two groups finds 4 times out of 5 (at 95 %).

    Normal approximation: (z₀.₉₇₅ + z₀.₈) · √(p(1−p)(1/n₁ + 1/n₂)). None where a group is empty.
    """
    if not contacted or not held_out:
        return None
    return (Z_95 + Z_80) * math.sqrt(rate * (1 - rate) * (1 / contacted + 1 / held_out))


def stages_to_json(stages: tuple[Stage, ...]) -> list[dict[str, Any]]:
    written = [{"stage": type(stage).__name__, **_plain(dataclasses.asdict(stage))} for stage in stages]
    for one in written:
        for name, unsaid in _UNSAID.items():
            if name in one and one[name] == unsaid:
                del one[name]
    return written


def stages_from_json(content: list[dict[str, Any]]) -> tuple[Stage, ...]:
    """What `stages_to_json` wrote."""
    return tuple(_stage(dict(entry)) for entry in content)


def _stage(entry: dict[str, Any]) -> Stage:
    kind = _KINDS[entry.pop("stage")]
    if "as_of" in entry:
        entry["as_of"] = date.fromisoformat(entry["as_of"])
    if entry.get("due") is not None:
        entry["due"] = date.fromisoformat(entry["due"])
    if kind is Evaluate:
        entry["also"] = tuple(entry["also"])
    if kind is AskLeave:
        entry["channels"] = tuple(entry["channels"])
        entry["purpose"] = Purpose[entry["purpose"]]
        entry["data_classes"] = tuple((offer, DataClass(mask)) for offer, mask in entry["data_classes"])
    if kind is ShareOut:
        entry["campaigns"] = tuple((name, closure) for name, closure in entry["campaigns"])
    if kind is Decide:
        entry["offers"] = tuple((name, closure) for name, closure in entry["offers"])
        entry["channels"] = tuple(ChannelPlan(**channel) for channel in entry["channels"])
        explored = entry.get("exploration")
        entry["exploration"] = None if explored is None else Exploration(**explored)
        entry["hours"] = tuple(Hours(**one) for one in entry.get("hours", ()))
    stage: Stage = kind(**entry)
    return stage


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case date():
            return value.isoformat()
        case DataClass():
            return int(value)
        case Enum():
            return value.name
        case _:
            return value
