"""What each definition is built on, and the hash that names it with all of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lingque.catalog.building.draft import Draft
from lingque.catalog.definitions import (
    AnyDefinition,
    CampaignDefinition,
    ModelDefinition,
    OfferDefinition,
    PlacementDefinition,
    ProgrammeDefinition,
    SourceDefinition,
    TagDefinition,
)
from lingque.catalog.expressions.parse import columns_of
from lingque.catalog.lineage import columns_read
from lingque.catalog.model import AggregateTag, DerivedTag, Key, ListTag, ModelTag, Use
from lingque.core.hashing import digest_of


def uses_of(draft: Draft) -> dict[Key, tuple[Use, ...]]:
    """What each definition names, and where. A tag that could not be read names nothing."""
    return {key: tuple(_named_by(draft, entry.definition)) for key, entry in draft.at.items()}


def closures_of(draft: Draft, uses: Mapping[Key, tuple[Use, ...]]) -> dict[Key, str]:
    """The hash of each definition and of everything it is built on."""
    result: dict[Key, str] = {}

    def closure(key: Key) -> str:
        if key not in result:
            below = sorted(closure(other) for other in {use.of for use in uses[key]})
            body = draft.at[key].definition.model_dump(mode="json")
            result[key] = digest_of({"body": body, "built_on": below})
        return result[key]

    for key in draft.at:
        closure(key)
    return result


def _named_by(draft: Draft, definition: AnyDefinition) -> Iterator[Use]:
    match definition:
        case SourceDefinition():
            yield Use(of=("contract", definition.contract), field=("contract",))
        case TagDefinition():
            yield from _under_tag(draft, definition)
        case ModelDefinition():
            yield from _tags("features", *definition.features)
            yield from _tag("population", definition.population)
            yield from _tag("target", definition.target)
        case OfferDefinition():
            yield from _under_offer(draft, definition)
        case CampaignDefinition():
            yield from _under_campaign(definition)
        case PlacementDefinition():
            yield from _under_placement(definition)
        case ProgrammeDefinition():
            for campaign in definition.campaigns:
                yield Use(of=("campaign", campaign), field=("campaigns", campaign))


def _tag(field: str, name: str | None) -> Iterator[Use]:
    if name is not None:
        yield Use(of=("tag", name), field=(field,))


def _tags(field: str, *names: str) -> Iterator[Use]:
    for number, name in enumerate(names):
        yield Use(of=("tag", name), field=(field, number))


def _under_offer(draft: Draft, definition: OfferDefinition) -> Iterator[Use]:
    for name in sorted(columns_of(definition.eligibility)):
        yield from _tag("eligibility", name)
    for field in ("propensity", "uplift", "spread", "margin_tag", "cost_tag", "expected_loss_tag", "student", "holds"):
        yield from _tag(field, getattr(definition, field))
    rule, cover = definition.suitability, definition.cover
    for wanted in (rule.tolerance, rule.valid_until, rule.age, rule.professional) if rule is not None else ():
        yield from _tag("suitability", wanted)
    for wanted in (cover.need, cover.ability) if cover is not None else ():
        yield from _tag("cover", wanted)
    # the offers it names are not under it, since they may name it in turn; the tags of who holds them are
    offers = draft.of(OfferDefinition)
    for field in ("excludes", "needs", "supersedes"):
        for name in getattr(definition, field):
            yield from _tag(field, offers[name].holds if name in offers else None)


def _under_campaign(definition: CampaignDefinition) -> Iterator[Use]:
    for field in ("segment", "outcome", "route_by"):
        yield from _tag(field, getattr(definition, field))
    yield from _tags("also_measure", *definition.also_measure)
    for name in definition.hours:
        yield Use(of=("tag", name), field=("hours", name))
    for channel, use in definition.channels.items():
        if use.fatigue is not None and use.fatigue.tag is not None:
            yield Use(of=("tag", use.fatigue.tag), field=("channels", channel, "fatigue", "tag"))
    for number, offer in enumerate(definition.offers):
        yield Use(of=("offer", offer), field=("offers", number))


def _under_placement(definition: PlacementDefinition) -> Iterator[Use]:
    for field in ("offers", "open"):
        for number, offer in enumerate(getattr(definition, field)):
            yield Use(of=("offer", offer), field=(field, number))
    for number, lead in enumerate(definition.leads):
        for name in sorted(columns_of(lead.when)) if lead.when is not None else ():
            yield Use(of=("tag", name), field=("leads", number, "when"))
        if lead.topic is not None:
            yield Use(of=("tag", lead.topic), field=("leads", number, "topic"))
    if definition.fatigue is not None and definition.fatigue.tag is not None:
        yield Use(of=("tag", definition.fatigue.tag), field=("fatigue", "tag"))


def _under_tag(draft: Draft, definition: TagDefinition) -> Iterator[Use]:
    match draft.tags.get(definition.tag):
        case AggregateTag() as tag:
            yield Use(of=("contract", tag.contract.contract), field=("value",), columns=columns_read(tag))
        case DerivedTag(inputs=inputs):
            for name in sorted(inputs):
                yield from _tag("value", name)
        case ModelTag(model=model):
            yield Use(of=("model", model.model), field=("model",))
        case ListTag(list=listed):
            yield Use(of=("list", listed.list), field=("list",))
