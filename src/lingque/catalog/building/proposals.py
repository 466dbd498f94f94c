"""Offers and campaigns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from lingque.catalog.building.draft import Draft, is_label, is_true_or_false
from lingque.catalog.definitions import CampaignDefinition, OfferDefinition
from lingque.catalog.definitions.campaigns import Hours
from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import Offer, Tag
from lingque.catalog.yaml_files import Located
from lingque.core.errors import nearest
from lingque.core.money import Money

_MEASURED = frozenset({Kind.BOOLEAN, Kind.NUMBER, Kind.INTEGER, Kind.MONEY})


def read_offers(draft: Draft) -> dict[str, Offer]:
    """Every offer whose eligibility can be read."""
    offers: dict[str, Offer] = {}
    names = {name: tag.type for name, tag in draft.tags.items() if not tag.looks_forward}
    defined = draft.of(OfferDefinition)
    for name, definition in defined.items():
        entry = draft.at["offer", name]
        condition = draft.condition(entry, "eligibility", definition.eligibility, names)
        _check_tags_of_offer(draft, entry, definition)
        _check_relations(draft, entry, definition, defined)
        if condition is not None:
            holdings = {
                other: tag
                for other in (name, *definition.related)
                if other in defined and (tag := defined[other].holds) is not None
            }
            offers[name] = Offer(name=name, definition=definition, eligibility=condition, holdings=holdings)
    return offers


def _check_tags_of_offer(draft: Draft, entry: Located, definition: OfferDefinition) -> None:
    wanted: list[tuple[tuple[str, ...], str | None, Kind]] = [
        (("propensity",), definition.propensity, Kind.NUMBER),
        (("uplift",), definition.uplift, Kind.NUMBER),
        (("anyway",), definition.anyway, Kind.NUMBER),
        (("spread",), definition.spread, Kind.NUMBER),
        (("margin_tag",), definition.margin_tag, Kind.MONEY),
        (("cost_tag",), definition.cost_tag, Kind.MONEY),
        (("expected_loss_tag",), definition.expected_loss_tag, Kind.MONEY),
        (("student",), definition.student, Kind.BOOLEAN),
        (("holds",), definition.holds, Kind.BOOLEAN),
    ]
    if definition.suitability is not None:
        asked = definition.suitability
        wanted += [
            (("suitability", "tolerance"), asked.tolerance, Kind.INTEGER),
            (("suitability", "valid_until"), asked.valid_until, Kind.DATE),
            (("suitability", "age"), asked.age, Kind.INTEGER),
            (("suitability", "professional"), asked.professional, Kind.BOOLEAN),
        ]
    if definition.cover is not None:
        wanted += [
            (("cover", "need"), definition.cover.need, Kind.BOOLEAN),
            (("cover", "ability"), definition.cover.ability, Kind.MONEY),
        ]
    for path, name, kind in wanted:
        if name is not None:
            draft.need_tag(
                entry, *path, name=name, wanted=f"{kind} tag of what is known on the day",
                fits=known_on_the_day(kind, definition.currency),
            )  # fmt: skip


def _check_relations(
    draft: Draft, entry: Located, definition: OfferDefinition, defined: Mapping[str, OfferDefinition]
) -> None:
    """The offers it names are there; nothing takes its own place at the end; no benefit hangs on a deposit."""
    for field in ("excludes", "needs", "supersedes"):
        for number, name in enumerate(getattr(definition, field)):
            if name not in defined:
                draft.problem(
                    entry, field, number, found=f"there is no offer '{name}'", allowed=nearest(name, list(defined))
                )
            elif "benefit" in (definition.kind, defined[name].kind) and "deposit" in (
                definition.regime, defined[name].regime
            ) and field != "excludes":  # fmt: skip
                draft.problem(
                    entry, field, number, found=f"'{name}' would join a benefit with a deposit",
                    allowed="no benefit attracts deposits (银保监办发〔2018〕48号)",
                )  # fmt: skip
    below: set[str] = set()
    waiting = set(definition.supersedes)
    while waiting:
        below |= waiting
        waiting = {other for name in waiting if name in defined for other in defined[name].supersedes} - below
    if definition.offer in below:
        draft.problem(
            entry, "supersedes", found="offers that take one another's place in a circle",
            allowed="take one of the circle out",
        )  # fmt: skip


def known_on_the_day(kind: Kind, currency: str | None = None) -> Callable[[Tag], bool]:
    """A tag of that kind that does not look forward; of money, an amount of that currency."""
    wanted = currency if kind is Kind.MONEY else None
    return lambda tag: tag.type.kind is kind and not tag.looks_forward and wanted in (None, tag.type.currency)


def check_campaigns(draft: Draft) -> None:
    """Segment, offers, outcome and everything else a campaign names is there and fits together."""
    for name, campaign in draft.of(CampaignDefinition).items():
        entry = draft.at["campaign", name]
        draft.need_tag(
            entry, "segment", name=campaign.segment, wanted="tag that is true or false", fits=is_true_or_false
        )
        label = "true-or-false tag that looks forward"
        draft.need_tag(entry, "outcome", name=campaign.outcome, wanted=label, fits=is_label)
        for number, measured in enumerate(campaign.also_measure):
            draft.need_tag(
                entry, "also_measure", number, name=measured,
                wanted="tag that looks forward, of truth, numbers or money",
                fits=lambda tag: tag.looks_forward and tag.type.kind in _MEASURED,
            )  # fmt: skip
        if campaign.route_by is not None:
            draft.need_tag(
                entry, "route_by", name=campaign.route_by, wanted="text tag of what is known on the day",
                fits=known_on_the_day(Kind.TEXT),
            )  # fmt: skip
        check_hours(draft, entry, campaign.hours, [campaign])
        _check_offers(draft, entry, campaign)


def check_hours(
    draft: Draft, entry: Located, hours: Mapping[str, Hours], campaigns: Sequence[CampaignDefinition]
) -> None:
    """A tag says whose they are, and some contact takes time."""
    timed = {channel for one in campaigns for channel, use in one.channels.items() if use.minutes is not None}
    for name, one in hours.items():
        draft.need_tag(
            entry, "hours", name, name=name, wanted="text tag of what is known on the day",
            fits=known_on_the_day(Kind.TEXT),
        )  # fmt: skip
        if not timed:
            draft.problem(
                entry, "hours", name, found="no contact takes any time", allowed="give a channel its 'minutes'"
            )
        for number, channel in enumerate(one.channels):
            if timed and channel not in timed:
                draft.problem(
                    entry, "hours", name, "channels", number, found=f"a contact by {channel} takes no 'minutes'",
                    allowed=nearest(channel, sorted(timed)),
                )  # fmt: skip


def _check_offers(draft: Draft, entry: Located, campaign: CampaignDefinition) -> None:
    defined = draft.of(OfferDefinition)
    for name in campaign.offers:
        if name not in defined:
            draft.problem(entry, "offers", found=f"there is no offer '{name}'", allowed=nearest(name, list(defined)))
    chosen = {name: defined[name] for name in campaign.offers if name in defined}
    currency = check_currency(draft, entry, chosen)
    check_benefits(draft, entry, chosen)
    if currency is not None:
        for channel, use in campaign.channels.items():
            check_amount(draft, entry, "channels", channel, "contact_cost", amount=use.contact_cost, currency=currency)
        _check_fatigue(draft, entry, campaign, currency)
    _check_creatives(draft, entry, campaign, chosen)


def check_currency(draft: Draft, entry: Located, chosen: Mapping[str, OfferDefinition]) -> str | None:
    """The first of their currencies, which is to be the only one; None where there is none."""
    currencies = sorted({offer.currency for offer in chosen.values()})
    if len(currencies) > 1:
        draft.problem(
            entry, "offers", found="offers in several currencies", allowed="what is compared has one currency"
        )
    return currencies[0] if currencies else None


def check_amount(draft: Draft, entry: Located, *path: str, amount: Decimal, currency: str) -> None:
    """It has no more digits than its currency."""
    if not _has_digits(amount, currency):
        draft.problem(
            entry, *path, found=f"{amount} is not an amount of {currency}",
            allowed="use no more digits than the currency has",
        )  # fmt: skip


def check_benefits(draft: Draft, entry: Located, chosen: Mapping[str, OfferDefinition]) -> None:
    """No benefit stands beside a deposit."""
    benefits = [name for name, offer in chosen.items() if offer.kind == "benefit"]
    deposits = [name for name, offer in chosen.items() if offer.regime == "deposit"]
    if benefits and deposits:
        draft.problem(
            entry, "offers", found=f"the benefit '{benefits[0]}' stands beside the deposit '{deposits[0]}'",
            allowed="no benefit attracts deposits (银保监办发〔2018〕48号): keep them apart",
        )  # fmt: skip


def _check_fatigue(draft: Draft, entry: Located, campaign: CampaignDefinition, currency: str) -> None:
    for channel, use in campaign.channels.items():
        if use.fatigue is None:
            continue
        if use.fatigue.tag is not None:
            draft.need_tag(
                entry, "channels", channel, "fatigue", "tag", name=use.fatigue.tag,
                wanted="money tag of what is known on the day", fits=known_on_the_day(Kind.MONEY, currency),
            )  # fmt: skip
        else:
            amount = use.fatigue.per_contact or Decimal(0)
            check_amount(draft, entry, "channels", channel, "fatigue", "per_contact", amount=amount, currency=currency)


def _check_creatives(
    draft: Draft, entry: Located, campaign: CampaignDefinition, chosen: Mapping[str, OfferDefinition]
) -> None:
    """An offer goes out on the channels for which it has words, in the campaign's language."""
    for name, offer in chosen.items():
        meant = [channel for channel in campaign.channels if channel in offer.creatives] or list(campaign.channels)
        silent = [channel for channel in meant if campaign.language not in offer.creatives.get(channel, {})]
        if silent:
            draft.problem(
                entry, "offers",
                found=f"offer '{name}' has no creative for {', '.join(silent)} in {campaign.language}",
                allowed="write one, or choose another language",
            )  # fmt: skip
    for channel in campaign.channels:
        if chosen and not any(channel in offer.creatives for offer in chosen.values()):
            draft.problem(
                entry, "channels", channel, found="none of the offers has a creative for it",
                allowed="write one, or take the channel away",
            )  # fmt: skip


def _has_digits(amount: Decimal, currency: str) -> bool:
    try:
        Money.parse(str(amount), currency)
    except (ValueError, OverflowError):
        return False
    return True
