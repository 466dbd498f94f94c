"""The catalog in use: every name resolved, every expression typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from lingque.catalog.definitions import (
    CampaignDefinition,
    CapDefinition,
    DataContract,
    ListDefinition,
    ManualValues,
    ModelDefinition,
    OfferDefinition,
    PlacementDefinition,
    ProgrammeDefinition,
    SourceDefinition,
    TagDefinition,
)
from lingque.catalog.expressions.tree import Measure, Node, names_in, of_nothing
from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, NUMBER, TEXT, Kind, Type, money
from lingque.core.clock import AnyWindow
from lingque.core.errors import NotFoundError, nearest
from lingque.core.labels import Label
from lingque.core.registries import DataClass, Purpose

Key = tuple[str, str]
"""Kind and name of a definition."""


def column_type(contract: DataContract, name: str) -> Type:
    """The type of a stored column in expressions. A reference is stored as a surrogate, whatever its key was."""
    column = contract.columns[name]
    return INTEGER if column.role == "reference" else value_type(column.type, column.currency)


def value_type(name: str, currency: str | None) -> Type:
    """The type in expressions of what a definition calls so."""
    match name:
        case "money":
            return money(currency or "")
        case "integer":
            return INTEGER
        case "number":
            return NUMBER
        case "date":
            return DATE
        case "boolean":
            return BOOLEAN
        case _:
            return TEXT


@dataclass(frozen=True, kw_only=True)
class AggregateTag:
    """A tag over the rows of one table. Over events it has a window; over states it reads what holds on the day, or,
    for `time_avg`, what held on each day of a window.

    `since`: of the window's rows only those from the last row on for which it is true (whatever `where` says), that row
    included; without such a row none.
    """

    name: str
    definition: TagDefinition
    contract: DataContract
    window: AnyWindow | None
    where: Node
    value: Measure
    since: Node | None = None

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


@dataclass(frozen=True, kw_only=True)
class ModelTag:
    """The score of a model: a probability between 0 and 1, null outside its population or where it is not trained."""

    name: str
    definition: TagDefinition
    model: ModelDefinition

    @property
    def type(self) -> Type:
        return NUMBER

    @property
    def inputs(self) -> frozenset[str]:
        return frozenset(self.model.features) | ({self.model.population} if self.model.population else frozenset())

    @property
    def looks_forward(self) -> bool:
        """It is a guess about the future from what is known on the day."""
        return False


@dataclass(frozen=True, kw_only=True)
class ListTag:
    """Is the customer on a list? Never null."""

    name: str
    definition: TagDefinition
    list: ListDefinition

    @property
    def type(self) -> Type:
        return BOOLEAN

    @property
    def inputs(self) -> frozenset[str]:
        return frozenset()

    @property
    def looks_forward(self) -> bool:
        return False


@dataclass(frozen=True, kw_only=True)
class ManualTag:
    """A value that somebody gave the customer, by hand or in a file; null where nobody did or it has expired."""

    name: str
    definition: TagDefinition
    values: ManualValues

    @property
    def type(self) -> Type:
        return value_type(self.values.type, self.values.currency)

    @property
    def inputs(self) -> frozenset[str]:
        return frozenset()

    @property
    def looks_forward(self) -> bool:
        return False


Tag = AggregateTag | DerivedTag | ModelTag | ListTag | ManualTag


def is_never_null(tag: Tag) -> bool:
    """Has every customer a value, whatever the rows are: a count, a sum, a list?"""
    return isinstance(tag, ListTag) or (isinstance(tag, AggregateTag) and of_nothing(tag.value) is not None)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """An offer whose eligibility has been read. `holdings` says, of itself and of the offers it names, by which tag
    one knows who holds them; those without a tag are left out."""

    name: str
    definition: OfferDefinition
    eligibility: Node
    holdings: Mapping[str, str] = field(default_factory=dict)

    @property
    def chosen_by(self) -> frozenset[str]:
        """The tags by which it is chosen and valued. What the law has the seller look at is not among them."""
        return names_in(self.eligibility) | self.definition.valued_by | frozenset(self.holdings.values())

    @property
    def label(self) -> Label:
        return self.definition.label.label()


@dataclass(frozen=True, kw_only=True)
class Led:
    """Which offers of a placement come first: `offers` where `condition` holds, or those about what `topic` says."""

    led_by: str
    condition: Node | None
    offers: frozenset[str]
    topic: str | None

    @property
    def looks_at(self) -> frozenset[str]:
        """The tags by which it is known whether it holds."""
        return frozenset({self.topic} if self.topic else ()) | (names_in(self.condition) if self.condition else set())


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A placement whose leads have been read."""

    name: str
    definition: PlacementDefinition
    leads: tuple[Led, ...]

    @property
    def led_by(self) -> frozenset[str]:
        """The tags that its leads look at."""
        return frozenset[str]().union(*(lead.looks_at for lead in self.leads))


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """What something is built on: source columns, hence data classes (union) and purposes (intersection)."""

    columns: frozenset[tuple[str, str]]
    classes: DataClass
    purposes: frozenset[Purpose]


@dataclass(frozen=True, kw_only=True)
class Use:
    """That one definition names another: in which field (`("segment",)`, `("features", 3)`; `("value",)`: it reads its
    values), and of a contract which columns are read."""

    of: Key
    field: tuple[str | int, ...]
    columns: frozenset[str] = frozenset()

    @property
    def role(self) -> str:
        return str(self.field[0])


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Everything that exists, by name. `tags` stand in an order in which each comes after its inputs.

    `closures` name each definition with all it is built on; `uses` says what it names itself.
    """

    contracts: Mapping[str, DataContract]
    sources: Mapping[str, SourceDefinition]
    tags: Mapping[str, Tag]
    models: Mapping[str, ModelDefinition]
    lists: Mapping[str, ListDefinition]
    offers: Mapping[str, Offer]
    caps: Mapping[str, CapDefinition]
    campaigns: Mapping[str, CampaignDefinition]
    placements: Mapping[str, Placement]
    programmes: Mapping[str, ProgrammeDefinition]
    lineages: Mapping[str, Lineage]
    closures: Mapping[Key, str]
    uses: Mapping[Key, tuple[Use, ...]]

    def campaign(self, name: str) -> CampaignDefinition:
        return self.campaigns.get(name) or _missing("campaign", name, list(self.campaigns))

    def placement(self, name: str) -> Placement:
        return self.placements.get(name) or _missing("placement", name, list(self.placements))

    def programme_of(self, campaign: str) -> ProgrammeDefinition | None:
        """With which other campaigns it is planned; None: by itself."""
        return next((one for one in self.programmes.values() if campaign in one.campaigns), None)

    def tag(self, name: str) -> Tag:
        return self.tags.get(name) or _missing("tag", name, list(self.tags))

    def model(self, name: str) -> ModelDefinition:
        return self.models.get(name) or _missing("model", name, list(self.models))

    def list_(self, name: str) -> ListDefinition:
        return self.lists.get(name) or _missing("list", name, list(self.lists))

    def users_of(self, key: Key) -> frozenset[Key]:
        """Every definition whose closure changes when this one does, itself left out."""
        built_on = self.built_on
        found: set[Key] = set()
        waiting = {key}
        while waiting:
            waiting = {user for user, below in built_on.items() if below & waiting} - found
            found |= waiting
        return frozenset(found)

    @property
    def built_on(self) -> Mapping[Key, frozenset[Key]]:
        """What each definition names itself."""
        return {key: frozenset(use.of for use in uses) for key, uses in self.uses.items()}

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
