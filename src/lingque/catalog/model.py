"""The catalog in use: every name resolved, every expression typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from lingque.catalog.definitions import (
    CampaignDefinition,
    DataContract,
    OfferDefinition,
    SourceDefinition,
    TagDefinition,
)
from lingque.catalog.expressions.tree import Aggregate, Node
from lingque.catalog.expressions.types import Kind, Type
from lingque.core.clock import Window
from lingque.core.errors import NotFoundError, nearest
from lingque.core.labels import Label
from lingque.core.registries import DataClass, Purpose


@dataclass(frozen=True, kw_only=True)
class AggregateTag:
    """A tag over the rows of one table. Over events it has a window; over states it reads what holds on the day."""

    name: str
    definition: TagDefinition
    contract: DataContract
    window: Window | None
    where: Node
    value: Aggregate

    @property
    def type(self) -> Type:
        return self.value.type

    @property
    def looks_forward(self) -> bool:
        """A label: it may say what happened after the day, so no decision may ever read it."""
        return self.window is not None and self.window.forward


@dataclass(frozen=True, kw_only=True)
class DerivedTag:
    """A tag over other tags. A segment is one that is true or false."""

    name: str
    definition: TagDefinition
    value: Node
    inputs: frozenset[str]
    looks_forward: bool

    @property
    def type(self) -> Type:
        return self.value.type


Tag = AggregateTag | DerivedTag


@dataclass(frozen=True, kw_only=True)
class Offer:
    """An offer whose eligibility has been read."""

    name: str
    definition: OfferDefinition
    eligibility: Node

    @property
    def label(self) -> Label:
        return self.definition.label.label()


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """What something is built on: source columns, hence data classes (union) and purposes (intersection)."""

    columns: frozenset[tuple[str, str]]
    classes: DataClass
    purposes: frozenset[Purpose]


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Everything that exists, by name. `tags` stand in an order in which each comes after its inputs."""

    contracts: Mapping[str, DataContract]
    sources: Mapping[str, SourceDefinition]
    tags: Mapping[str, Tag]
    offers: Mapping[str, Offer]
    campaigns: Mapping[str, CampaignDefinition]
    lineages: Mapping[str, Lineage]
    closures: Mapping[tuple[str, str], str]

    def campaign(self, name: str) -> CampaignDefinition:
        return self.campaigns.get(name) or _missing("campaign", name, list(self.campaigns))

    def tag(self, name: str) -> Tag:
        return self.tags.get(name) or _missing("tag", name, list(self.tags))

    def contract_of_kind(self, kind: str) -> DataContract | None:
        return next((contract for contract in self.contracts.values() if contract.kind == kind), None)

    @property
    def segments(self) -> Mapping[str, Tag]:
        """The tags that are true or false, labels left out."""
        return {name: tag for name, tag in self.tags.items() if tag.type.kind is Kind.BOOLEAN and not tag.looks_forward}

    @property
    def tag_types(self) -> Mapping[str, Type]:
        """What an expression over tags may name: everything that does not look forward."""
        return {name: tag.type for name, tag in self.tags.items() if not tag.looks_forward}


def _missing(kind: str, name: str, known: list[str]) -> NoReturn:
    raise NotFoundError(f"there is no {kind} '{name}'", next_step=nearest(name, known))
