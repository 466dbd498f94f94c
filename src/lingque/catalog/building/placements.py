"""Placements: what they name is there and fits together, and what they show to everybody looks at nobody."""

from __future__ import annotations

from decimal import Decimal

from lingque.catalog.building.draft import Draft
from lingque.catalog.building.proposals import check_amount, check_benefits, check_currency, known_on_the_day
from lingque.catalog.definitions import OfferDefinition, PlacementDefinition
from lingque.catalog.expressions.tree import names_in
from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import AggregateTag, Led, Offer, Placement
from lingque.catalog.yaml_files import Located
from lingque.core.errors import nearest


def read_placements(draft: Draft, offers: dict[str, Offer]) -> dict[str, Placement]:
    """Every placement whose leads can be read."""
    found: dict[str, Placement] = {}
    for name, definition in draft.of(PlacementDefinition).items():
        entry = draft.at["placement", name]
        _check_offers(draft, entry, definition)
        _check_open(draft, entry, definition, offers)
        leads = [_lead(draft, entry, definition, number) for number in range(len(definition.leads))]
        found[name] = Placement(name=name, definition=definition, leads=tuple(one for one in leads if one is not None))
    return found


def _check_offers(draft: Draft, entry: Located, definition: PlacementDefinition) -> None:
    defined = draft.of(OfferDefinition)
    for field in ("offers", "open"):
        for number, name in enumerate(getattr(definition, field)):
            if name not in defined:
                draft.problem(
                    entry, field, number, found=f"there is no offer '{name}'", allowed=nearest(name, list(defined))
                )
            elif definition.language not in defined[name].creatives.get(definition.channel, {}):
                draft.problem(
                    entry, field, number,
                    found=f"offer '{name}' has no creative for {definition.channel} in {definition.language}",
                    allowed="write one, or choose another language",
                )  # fmt: skip
    chosen = {name: defined[name] for name in definition.offers if name in defined}
    currency = check_currency(draft, entry, chosen)
    check_benefits(draft, entry, chosen | {name: defined[name] for name in definition.open if name in defined})
    if currency is None:
        return
    check_amount(draft, entry, "contact_cost", amount=definition.contact_cost, currency=currency)
    fatigue = definition.fatigue
    if fatigue is not None and fatigue.tag is not None:
        draft.need_tag(
            entry, "fatigue", "tag", name=fatigue.tag, wanted="money tag of what is known on the day",
            fits=known_on_the_day(Kind.MONEY, currency),
        )  # fmt: skip
    elif fatigue is not None:
        check_amount(
            draft, entry, "fatigue", "per_contact", amount=fatigue.per_contact or Decimal(0), currency=currency
        )


def _check_open(draft: Draft, entry: Located, definition: PlacementDefinition, offers: dict[str, Offer]) -> None:
    """What is shown to everybody has no conditions, and nothing of it can run out: nobody would reserve it."""
    for number, name in enumerate(definition.open):
        offer = offers.get(name)
        if offer is None:
            continue
        looked_at = names_in(offer.eligibility) | offer.definition.suited_by
        if looked_at:
            draft.problem(
                entry, "open", number,
                found=f"offer '{name}' may only be made to whom '{min(looked_at)}' allows",
                allowed="name offers without conditions: they are shown to whom nobody may look at",
            )  # fmt: skip
        elif offer.definition.stock is not None or offer.definition.budget is not None:
            draft.problem(
                entry, "open", number, found=f"offer '{name}' can run out",
                allowed="name offers without stock and budget: what everybody sees is promised to nobody",
            )  # fmt: skip


def _lead(draft: Draft, entry: Located, definition: PlacementDefinition, number: int) -> Led | None:
    lead = definition.leads[number]
    if lead.topic is not None:
        draft.need_tag(
            entry, "leads", number, "topic", name=lead.topic, wanted="text tag of what is known on the day",
            fits=known_on_the_day(Kind.TEXT),
        )  # fmt: skip
        return Led(led_by=lead.led_by, condition=None, offers=frozenset(), topic=lead.topic)
    names = {name: tag.type for name, tag in draft.tags.items() if not tag.looks_forward}
    condition = draft.condition(entry, "leads", lead.when or "", names)
    if condition is None:
        return None
    if lead.led_by == "behaviour" and not _looks_at_events(draft, names_in(condition)):
        draft.problem(
            entry, "leads", number, "when", found="a behaviour that looks at nothing that was done",
            allowed="name a tag over events, or write led_by: attribute",
        )  # fmt: skip
    return Led(led_by=lead.led_by, condition=condition, offers=frozenset(lead.offers), topic=None)


def _looks_at_events(draft: Draft, names: frozenset[str]) -> bool:
    waiting, seen = set(names), set[str]()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        tag = draft.tags.get(name)
        if isinstance(tag, AggregateTag):
            if tag.contract.kind == "event":
                return True
        elif tag is not None:
            waiting |= tag.inputs - seen
    return False
