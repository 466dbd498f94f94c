"""From single definitions to a catalog: resolve names, read expressions, order tags, inherit classes and purposes.

All problems are collected before anything is refused, so that one apply tells all there is to mend.
"""

from __future__ import annotations

from collections.abc import Iterable

from lingque.catalog.building.closures import closures_of, uses_of
from lingque.catalog.building.contracts import check_contracts, check_sources
from lingque.catalog.building.draft import Draft
from lingque.catalog.building.models import check_models
from lingque.catalog.building.placements import read_placements
from lingque.catalog.building.programmes import check_programmes
from lingque.catalog.building.proposals import check_campaigns, read_offers
from lingque.catalog.building.purposes import check_purposes
from lingque.catalog.building.tags import read_tags
from lingque.catalog.definitions import (
    CampaignDefinition,
    CapDefinition,
    ListDefinition,
    ModelDefinition,
    ProgrammeDefinition,
    SourceDefinition,
)
from lingque.catalog.lineage import lineage_of_tag
from lingque.catalog.model import Catalog, Lineage
from lingque.catalog.yaml_files import Located
from lingque.core.errors import DefinitionError


def build_catalog(located: Iterable[Located], *, check_mappings: bool = True) -> Catalog:
    """The catalog of these definitions. Raises `DefinitionError` with every problem found.

    `check_mappings`: also read every mapping SQL, which what was applied once needs no more.
    """
    draft = Draft(located)
    check_contracts(draft)
    check_sources(draft, check_mappings=check_mappings)
    read_tags(draft)
    lineages: dict[str, Lineage] = {}
    for name, tag in draft.tags.items():
        lineages[name] = lineage_of_tag(tag, lineages)
    check_models(draft)
    offers = read_offers(draft)
    check_campaigns(draft)
    check_programmes(draft)
    placements = read_placements(draft, offers)
    uses = uses_of(draft)
    check_purposes(draft, uses)
    if draft.problems:
        raise DefinitionError(draft.problems)
    return Catalog(
        contracts=draft.contracts,
        sources=draft.of(SourceDefinition),
        tags=draft.tags,
        models=draft.of(ModelDefinition),
        lists=draft.of(ListDefinition),
        offers=offers,
        caps=draft.of(CapDefinition),
        campaigns=draft.of(CampaignDefinition),
        placements=placements,
        programmes=draft.of(ProgrammeDefinition),
        lineages=lineages,
        closures=closures_of(draft, uses),
        uses=uses,
    )
