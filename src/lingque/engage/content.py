"""The words of an offer, with what must be disclosed put in."""

from __future__ import annotations

from lingque.catalog.definitions import CampaignDefinition
from lingque.catalog.definitions.shared import ChannelName
from lingque.catalog.model import Offer


def words_of(offer: Offer, campaign: CampaignDefinition, *, channel: ChannelName) -> tuple[str, str]:
    """Subject and body. `{annual_rate}` shows the rate that the offer states; nothing personal is ever put in."""
    creative = offer.definition.creatives[channel][campaign.language]
    rate = "" if offer.definition.annual_rate is None else f"{offer.definition.annual_rate.normalize():f}%"
    return creative.subject, creative.body.replace("{annual_rate}", rate)
