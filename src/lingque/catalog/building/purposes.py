"""Purposes: data may serve only what its columns allow, and whoever breaks that is told by which way."""

from __future__ import annotations

from collections.abc import Mapping

from lingque.catalog.building.draft import Draft
from lingque.catalog.definitions import CampaignDefinition, ModelDefinition, PlacementDefinition
from lingque.catalog.model import Key, ManualTag, Use
from lingque.catalog.tracing import Thing, goes_into, told, ways_down
from lingque.core.registries import Purpose

_ANALYSED = frozenset({"outcome", "also_measure"})
"""What a campaign is measured by serves analysis, whatever the campaign is for."""


def check_purposes(draft: Draft, uses: Mapping[Key, tuple[Use, ...]]) -> None:
    """Of every model, campaign and placement, each tag and offer that it names."""
    for key in draft.at:
        definition = draft.at[key].definition
        if isinstance(definition, ModelDefinition):
            for use in uses[key]:
                _check(draft, key, use, uses, Purpose.ANALYTICS, "a model needs data that may serve analytics")
        elif isinstance(definition, CampaignDefinition | PlacementDefinition):
            purpose = Purpose[definition.purpose.upper()]
            for use in uses[key]:
                if use.role in _ANALYSED:
                    allowed = "measuring is analysis: measure by data that may serve it"
                    _check(draft, key, use, uses, Purpose.ANALYTICS, allowed)
                else:
                    _check(draft, key, use, uses, purpose, "build it on other data, or change the purpose")


def _check(
    draft: Draft, key: Key, use: Use, uses: Mapping[Key, tuple[Use, ...]], needed: Purpose, allowed: str
) -> None:
    for source, way in sorted(ways_down(uses, use.of, goes_into).items()):
        may = _may_serve(draft, source)
        if may is not None and needed not in may:
            path = " → ".join(told(one) for one in (*way, key))
            serves = ", ".join(one.name.lower() for one in sorted(may)) or "nothing"
            draft.problem(
                draft.at[key], *use.field,
                found=f"{needed.name.lower()}: {path}; {told(source)} may serve {serves} only", allowed=allowed,
            )  # fmt: skip


def _may_serve(draft: Draft, thing: Thing) -> frozenset[Purpose] | None:
    """Of a column and of values that people give; None of anything that has its purposes from elsewhere."""
    kind, name = thing
    if kind == "column":
        table, _, field = name.partition(".")
        return draft.contracts[table].columns[field].purpose_set
    tag = draft.tags.get(name) if kind == "tag" else None
    return tag.values.purpose_set if isinstance(tag, ManualTag) else None
