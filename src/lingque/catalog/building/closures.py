"""What each definition is built on, and the hash that names it with all of that."""

from __future__ import annotations

from collections.abc import Mapping

from lingque.catalog.building.draft import Draft
from lingque.catalog.definitions import (
    AnyDefinition,
    CampaignDefinition,
    ModelDefinition,
    OfferDefinition,
    SourceDefinition,
    TagDefinition,
)
from lingque.catalog.expressions.parse import columns_of
from lingque.catalog.model import AggregateTag, DerivedTag, Key, ListTag, ManualTag, ModelTag
from lingque.core.hashing import digest_of


def foundations(draft: Draft) -> dict[Key, frozenset[Key]]:
    """What each definition names."""
    return {key: frozenset(_named_by(draft, entry.definition)) for key, entry in draft.at.items()}


def closures_of(draft: Draft, built_on: Mapping[Key, frozenset[Key]]) -> dict[Key, str]:
    """The hash of each definition and of everything it is built on."""
    result: dict[Key, str] = {}

    def closure(key: Key) -> str:
        if key not in result:
            below = sorted(closure(other) for other in built_on[key])
            body = draft.at[key].definition.model_dump(mode="json")
            result[key] = digest_of({"body": body, "built_on": below})
        return result[key]

    for key in draft.at:
        closure(key)
    return result


def _named_by(draft: Draft, definition: AnyDefinition) -> set[Key]:
    match definition:
        case SourceDefinition():
            return {("contract", definition.contract)}
        case TagDefinition():
            return _under_tag(draft, definition)
        case ModelDefinition():
            return _tags(*definition.features, definition.population, definition.target)
        case OfferDefinition():
            offers = draft.of(OfferDefinition)
            # the offers it names are not under it, since they may name it in turn; the tags of who holds them are
            held = [offers[name].holds for name in definition.related if name in offers]
            chosen_by = (*columns_of(definition.eligibility), *definition.valued_by, definition.holds, *held)
            return _tags(*chosen_by, *definition.suited_by)
        case CampaignDefinition():
            tags = _tags(definition.segment, definition.outcome, definition.route_by, *definition.also_measure)
            tags |= _tags(*(use.fatigue.tag for use in definition.channels.values() if use.fatigue))
            return tags | {("offer", name) for name in definition.offers}
        case _:
            return set()


def _tags(*names: str | None) -> set[Key]:
    return {("tag", name) for name in names if name is not None}


def _under_tag(draft: Draft, definition: TagDefinition) -> set[Key]:
    match draft.tags[definition.tag]:
        case AggregateTag(contract=contract):
            return {("contract", contract.contract)}
        case DerivedTag(inputs=inputs):
            return {("tag", name) for name in inputs}
        case ModelTag(model=model):
            return {("model", model.model)}
        case ListTag(list=listed):
            return {("list", listed.list)}
        case ManualTag():
            return set()
