"""The words of an offer, with what must be disclosed put in."""

from __future__ import annotations

from typing import cast

from lingque.catalog.definitions import CampaignDefinition
from lingque.catalog.definitions.shared import ChannelName, SlotName
from lingque.catalog.model import Offer
from lingque.core.labels import Language


def words_of(offer: Offer, campaign: CampaignDefinition, *, channel: ChannelName) -> tuple[str, str]:
    """Subject and body, in the campaign's language."""
    return words_in(offer, channel, campaign.language)


def words_in(offer: Offer, channel: str, *languages: Language) -> tuple[str, str]:
    """Subject and body in the first of these languages that the offer has for the channel.

    `{annual_rate}` shows the rate that the offer states; nothing personal is ever put in. Raises `KeyError` where it
    has none of them: the catalog lets no such offer onto the channel.
    """
    creatives = offer.definition.creatives[cast("ChannelName | SlotName", channel)]
    creative = creatives[next((one for one in languages if one in creatives), languages[-1])]
    rate = "" if offer.definition.annual_rate is None else f"{offer.definition.annual_rate.normalize():f}%"
    return creative.subject, creative.body.replace("{annual_rate}", rate)
