"""The definitions a bank writes: the shape of every YAML document, checked at the edge.

Each document names its kind by its first field (`contract: customers`). Models are frozen; what they mean
together (names that resolve, expressions that have types) is decided in `lingque.catalog.build`.
"""

from __future__ import annotations

from lingque.catalog.definitions.campaigns import CampaignDefinition, CapDefinition, ProgrammeDefinition
from lingque.catalog.definitions.contracts import Column, DataContract
from lingque.catalog.definitions.offers import OfferDefinition
from lingque.catalog.definitions.placements import PlacementDefinition
from lingque.catalog.definitions.sources import FileRead, SourceDefinition, TableRead
from lingque.catalog.definitions.tags import ListDefinition, ManualValues, ModelDefinition, TagDefinition

__all__ = [
    "KINDS",
    "AnyDefinition",
    "CampaignDefinition",
    "CapDefinition",
    "Column",
    "DataContract",
    "FileRead",
    "ListDefinition",
    "ManualValues",
    "ModelDefinition",
    "OfferDefinition",
    "PlacementDefinition",
    "ProgrammeDefinition",
    "SourceDefinition",
    "TableRead",
    "TagDefinition",
    "kind_of",
    "name_of",
]

AnyDefinition = (
    DataContract
    | SourceDefinition
    | TagDefinition
    | ModelDefinition
    | ListDefinition
    | OfferDefinition
    | CapDefinition
    | CampaignDefinition
    | PlacementDefinition
    | ProgrammeDefinition
)

KINDS: dict[str, type[AnyDefinition]] = {
    "contract": DataContract,
    "source": SourceDefinition,
    "tag": TagDefinition,
    "model": ModelDefinition,
    "list": ListDefinition,
    "offer": OfferDefinition,
    "cap": CapDefinition,
    "campaign": CampaignDefinition,
    "placement": PlacementDefinition,
    "programme": ProgrammeDefinition,
}


def kind_of(definition: AnyDefinition) -> str:
    """The word its document begins with."""
    return next(kind for kind, model in KINDS.items() if isinstance(definition, model))


def name_of(definition: AnyDefinition) -> str:
    return str(getattr(definition, kind_of(definition)))
