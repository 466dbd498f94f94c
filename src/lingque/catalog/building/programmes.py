"""Programmes: their campaigns can be planned together."""

from __future__ import annotations

from lingque.catalog.building.draft import Draft
from lingque.catalog.building.proposals import check_amount, check_hours
from lingque.catalog.definitions import CampaignDefinition, OfferDefinition, ProgrammeDefinition
from lingque.catalog.yaml_files import Located
from lingque.core.errors import nearest


def check_programmes(draft: Draft) -> None:
    """Each campaign is there, in one programme only, and comes on the same days as the others, in the same currency."""
    of: dict[str, str] = {}
    for name, programme in draft.of(ProgrammeDefinition).items():
        entry = draft.at["programme", name]
        defined = draft.of(CampaignDefinition)
        for campaign in programme.campaigns:
            if campaign not in defined:
                draft.problem(
                    entry, "campaigns", campaign, found=f"there is no campaign '{campaign}'",
                    allowed=nearest(campaign, list(defined)),
                )  # fmt: skip
            if campaign in of:
                draft.problem(
                    entry, "campaigns", campaign, found=f"'{campaign}' is in programme '{of[campaign]}' already",
                    allowed="plan it with one of them: it is planned once",
                )  # fmt: skip
            of[campaign] = name
        members = {one: defined[one] for one in programme.campaigns if one in defined}
        _check_members(draft, entry, members)
        _check_limits(draft, entry, programme, members)
        check_hours(draft, entry, programme.hours, list(members.values()))


def _check_members(draft: Draft, entry: Located, members: dict[str, CampaignDefinition]) -> None:
    first = next(iter(members.values()), None)
    for name, campaign in members.items():
        if first is not None and campaign.schedule != first.schedule:
            draft.problem(
                entry, "campaigns", name, found=f"'{name}' does not come on the same days as '{first.campaign}'",
                allowed="give all campaigns of a programme the same 'schedule', or none",
            )  # fmt: skip
        if campaign.exploration is not None:
            draft.problem(
                entry, "campaigns", name, found=f"'{name}' explores",
                allowed="take 'exploration' away: with what probability somebody is chosen among several campaigns is"
                " not known",
            )  # fmt: skip


def _check_limits(
    draft: Draft, entry: Located, programme: ProgrammeDefinition, members: dict[str, CampaignDefinition]
) -> None:
    defined = draft.of(OfferDefinition)
    chosen = {offer: defined[offer] for one in members.values() for offer in one.offers if offer in defined}
    currencies = sorted({offer.currency for offer in chosen.values()})
    if len(currencies) > 1:
        draft.problem(
            entry, "campaigns", found="offers in several currencies", allowed="what is compared has one currency"
        )
    elif currencies:
        if programme.budget is not None:
            check_amount(draft, entry, "budget", amount=programme.budget, currency=currencies[0])
        for name, part in programme.campaigns.items():
            if part.budget is not None:
                check_amount(
                    draft, entry, "campaigns", name, "budget", amount=part.budget, currency=currencies[0]
                )  # fmt: skip
    used = {channel for one in members.values() for channel in one.channels}
    for channel in sorted(programme.channels.keys() - used):
        draft.problem(
            entry, "channels", channel, found=f"none of the campaigns uses {channel}",
            allowed=nearest(channel, sorted(used)),
        )  # fmt: skip
