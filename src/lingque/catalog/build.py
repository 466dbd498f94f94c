"""From single definitions to a catalog: resolve names, read expressions, order tags, inherit classes and purposes.

All problems are collected before anything is refused, so that one apply tells all there is to mend.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

import sqlglot
from sqlglot import exp

from lingque.catalog.definitions import (
    AnyDefinition,
    CampaignDefinition,
    DataContract,
    OfferDefinition,
    SourceDefinition,
    TagDefinition,
    kind_of,
    name_of,
)
from lingque.catalog.expressions.parse import parse_aggregate, parse_condition, parse_row_expression
from lingque.catalog.expressions.tree import Aggregate, Node, names_in
from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, TEXT, Kind, Type, money
from lingque.catalog.lineage import lineage_of_offer, lineage_of_tag
from lingque.catalog.model import AggregateTag, Catalog, DerivedTag, Lineage, Offer, Tag
from lingque.catalog.yaml_files import Located
from lingque.core.clock import Window
from lingque.core.errors import DefinitionError, ExpressionError, Problem, nearest
from lingque.core.hashing import digest_of
from lingque.core.money import Money
from lingque.core.registries import Purpose
from lingque.warehouse.subset import breaches

_D = TypeVar("_D", bound=AnyDefinition)


def build_catalog(located: Iterable[Located]) -> Catalog:
    """The catalog of these definitions. Raises `DefinitionError` with every problem found."""
    return _Builder(list(located)).build()


def column_type(contract: DataContract, name: str) -> Type:
    """The type of a stored column in expressions."""
    column = contract.columns[name]
    match column.type:
        case "money":
            return money(column.currency or "")
        case "integer":
            return INTEGER
        case "date":
            return DATE
        case "boolean":
            return BOOLEAN
        case _:
            return TEXT


class _Builder:
    def __init__(self, located: list[Located]) -> None:
        self.problems: list[Problem] = []
        self.at: dict[tuple[str, str], Located] = {}
        for entry in located:
            key = (kind_of(entry.definition), name_of(entry.definition))
            if key in self.at:
                other = self.at[key]
                self.problem(
                    entry,
                    key[0],
                    found=f"'{key[1]}' is defined twice",
                    allowed=f"it stands in {other.file} already",
                )
            self.at[key] = entry
        self.contracts = self.of(DataContract)
        self.tags: dict[str, Tag] = {}

    def build(self) -> Catalog:
        self.check_contracts()
        self.check_sources()
        self.read_tags()
        offers = self.read_offers()
        lineages: dict[str, Lineage] = {}
        for name, tag in self.tags.items():
            lineages[name] = lineage_of_tag(tag, lineages)
        self.check_campaigns(offers, lineages)
        if self.problems:
            raise DefinitionError(self.problems)
        return Catalog(
            contracts=self.contracts,
            sources=self.of(SourceDefinition),
            tags=self.tags,
            offers=offers,
            campaigns=self.of(CampaignDefinition),
            lineages=lineages,
            closures=self.closures(),
        )

    def of(self, model: type[_D]) -> dict[str, _D]:
        return {name: entry.definition for (_, name), entry in self.at.items() if isinstance(entry.definition, model)}

    def problem(self, entry: Located, *path: str, found: str, allowed: str) -> None:
        self.problems.append(entry.problem(*path, found=found, allowed=allowed))

    def check_contracts(self) -> None:
        for kind in ("party", "consent"):
            several = [name for name, contract in self.contracts.items() if contract.kind == kind]
            for name in several[1:]:
                self.problem(
                    self.at["contract", name], "kind", found=f"a second contract of kind {kind}",
                    allowed=f"'{several[0]}' is one already",
                )  # fmt: skip
        for name, contract in self.contracts.items():
            for column_name, column in contract.columns.items():
                target = self.contracts.get(column.references or "")
                if column.references and (target is None or target.kind != "state"):
                    states = [other for other, c in self.contracts.items() if c.kind == "state"]
                    self.problem(
                        self.at["contract", name], "columns", column_name, "references",
                        found=f"'{column.references}' is no contract of kind state",
                        allowed=nearest(column.references, states),
                    )  # fmt: skip

    def check_sources(self) -> None:
        filled: dict[str, str] = {}
        for name, source in self.of(SourceDefinition).items():
            entry = self.at["source", name]
            first = filled.setdefault(source.contract, name)
            if first != name:
                self.problem(
                    entry, "contract", found=f"source '{first}' fills '{source.contract}' already",
                    allowed="each would replace what the other delivered; read both files in one source",
                )  # fmt: skip
            if source.contract not in self.contracts:
                self.problem(
                    entry, "contract", found=f"there is no contract '{source.contract}'",
                    allowed=nearest(source.contract, list(self.contracts)),
                )  # fmt: skip
                continue
            found = breaches(source.mapping_sql)
            if not found:
                found = _mapping_gaps(source, self.contracts[source.contract])
            for breach in found:
                self.problem(
                    entry,
                    "mapping",
                    found=f"{source.mapping} {breach}",
                    allowed="see docs/how-to/map-your-files.md",
                )

    def read_tags(self) -> None:
        definitions = self.of(TagDefinition)
        aggregates = {name: d for name, d in definitions.items() if d.source is not None}
        for name, definition in aggregates.items():
            self.read_aggregate(name, definition)
        self.read_derived({name: d for name, d in definitions.items() if d.source is None})

    def read_aggregate(self, name: str, definition: TagDefinition) -> None:
        entry = self.at["tag", name]
        contract = self.contracts.get(definition.source or "")
        if contract is None or contract.kind == "consent":
            tables = [n for n, c in self.contracts.items() if c.kind != "consent"]
            self.problem(
                entry, "from", found=f"there is no table '{definition.source}'",
                allowed=nearest(definition.source or "", tables),
            )  # fmt: skip
            return
        if (contract.kind == "event") != (definition.window is not None):
            self.problem(
                entry, "window", found="is missing" if contract.kind == "event" else "is too much",
                allowed="events are read over a window; states are read as they stand on the day",
            )  # fmt: skip
            return
        names = {column: column_type(contract, column) for column in contract.stored}
        where = self.expression(entry, "where", definition.where or "true", names, condition=True)
        value = self.aggregate(entry, definition.value, names)
        if where is not None and value is not None:
            self.tags[name] = AggregateTag(
                name=name,
                definition=definition,
                contract=contract,
                window=Window.parse(definition.window) if definition.window else None,
                where=where,
                value=value,
            )

    def read_derived(self, definitions: Mapping[str, TagDefinition]) -> None:
        order = self.derived_order(definitions)
        for name in order:
            definition = definitions[name]
            entry = self.at["tag", name]
            types = {other: tag.type for other, tag in self.tags.items()}
            value = self.expression(entry, "value", definition.value, types, condition=False)
            if value is None:
                continue
            if value.type.kind is Kind.NULL:
                self.problem(entry, "value", found="is always null", allowed="say what it is")
                continue
            inputs = names_in(value)
            self.tags[name] = DerivedTag(
                name=name,
                definition=definition,
                value=value,
                inputs=inputs,
                looks_forward=any(self.tags[other].looks_forward for other in inputs),
            )

    def derived_order(self, definitions: Mapping[str, TagDefinition]) -> list[str]:
        graph = {
            name: {column.name for column in _columns(definition.value)} & set(definitions)
            for name, definition in definitions.items()
        }
        while True:
            try:
                return list(TopologicalSorter(graph).static_order())
            except CycleError as error:
                ring = [str(name) for name in error.args[1]]
                self.problem(
                    self.at["tag", ring[0]], "value", found=f"is built on itself: {' → '.join(ring)}",
                    allowed="break the circle",
                )  # fmt: skip
                # the others are read all the same, so that one apply tells everything
                graph = {name: inputs - set(ring) for name, inputs in graph.items() if name not in ring}

    def read_offers(self) -> dict[str, Offer]:
        offers: dict[str, Offer] = {}
        names = {name: tag.type for name, tag in self.tags.items() if not tag.looks_forward}
        for name, definition in self.of(OfferDefinition).items():
            entry = self.at["offer", name]
            condition = self.expression(entry, "eligibility", definition.eligibility, names, condition=True)
            if condition is not None:
                offers[name] = Offer(name=name, definition=definition, eligibility=condition)
        return offers

    def check_campaigns(self, offers: Mapping[str, Offer], lineages: Mapping[str, Lineage]) -> None:
        for name, campaign in self.of(CampaignDefinition).items():
            entry = self.at["campaign", name]
            segment, outcome = self.tags.get(campaign.segment), self.tags.get(campaign.outcome)
            boolean = [n for n, tag in self.tags.items() if tag.type.kind is Kind.BOOLEAN and not tag.looks_forward]
            labels = [n for n, tag in self.tags.items() if tag.looks_forward]
            if segment is None or campaign.segment not in boolean:
                self.problem(
                    entry, "segment", found=f"'{campaign.segment}' is no tag that is true or false",
                    allowed=nearest(campaign.segment, boolean),
                )  # fmt: skip
            if outcome is None or not outcome.looks_forward or outcome.type.kind is not Kind.BOOLEAN:
                self.problem(
                    entry, "outcome", found=f"'{campaign.outcome}' is no true-or-false tag that looks forward",
                    allowed=nearest(campaign.outcome, labels),
                )  # fmt: skip
            for offer in campaign.offers:
                self.check_offer_of(entry, campaign, offer, offers)
            self.check_purpose(entry, campaign, offers, lineages)

    def check_offer_of(
        self, entry: Located, campaign: CampaignDefinition, name: str, offers: Mapping[str, Offer]
    ) -> None:
        if name not in offers:
            self.problem(entry, "offers", found=f"there is no offer '{name}'", allowed=nearest(name, list(offers)))
            return
        creatives, currency = offers[name].definition.creatives, offers[name].definition.currency
        if not any(campaign.language in creatives.get(channel, {}) for channel in campaign.channels):
            self.problem(
                entry, "offers",
                found=f"offer '{name}' has no creative for {', '.join(campaign.channels)} in {campaign.language}",
                allowed="write one, or choose another language",
            )  # fmt: skip
        for channel, use in campaign.channels.items():
            if not _has_digits(use.contact_cost, currency):
                self.problem(
                    entry, "channels", channel, "contact_cost",
                    found=f"{use.contact_cost} is not an amount of {currency}",
                    allowed="use no more digits than the currency has",
                )  # fmt: skip
        if len({offers[other].definition.currency for other in campaign.offers if other in offers}) > 1:
            self.problem(entry, "offers", found="offers in several currencies", allowed="one campaign has one currency")

    def check_purpose(
        self,
        entry: Located,
        campaign: CampaignDefinition,
        offers: Mapping[str, Offer],
        lineages: Mapping[str, Lineage],
    ) -> None:
        """Data may serve only the purposes its columns allow; the message names the path that breaks it."""
        purpose = Purpose[campaign.purpose.upper()]
        uses = {"segment": lineages.get(campaign.segment)}
        for name in campaign.offers:
            uses[f"offer {name}"] = lineage_of_offer(offers[name], lineages) if name in offers else None
        for use, lineage in uses.items():
            if lineage is None or purpose in lineage.purposes:
                continue
            for table, column in sorted(lineage.columns):
                if purpose not in self.contracts[table].columns[column].purpose_set:
                    allowed = ", ".join(self.contracts[table].columns[column].purposes)
                    self.problem(
                        entry, "purpose",
                        found=f"{campaign.purpose}: {use} is built on {table}.{column}, which may serve {allowed} only",
                        allowed="build it on other data, or change the purpose",
                    )  # fmt: skip

    def expression(
        self, entry: Located, field: str, text: str, names: Mapping[str, Type], *, condition: bool
    ) -> Node | None:
        try:
            return parse_condition(text, names) if condition else parse_row_expression(text, names)
        except ExpressionError as error:
            self.from_expression(entry, field, error)
            return None

    def aggregate(self, entry: Located, text: str, names: Mapping[str, Type]) -> Aggregate | None:
        try:
            return parse_aggregate(text, names)
        except ExpressionError as error:
            self.from_expression(entry, "value", error)
            return None

    def from_expression(self, entry: Located, field: str, error: ExpressionError) -> None:
        pointed = f"{error.message}, at «{error.text[error.position :][:30]}»"
        self.problem(entry, field, found=pointed, allowed=error.next_step or "see the expression reference")

    def closures(self) -> dict[tuple[str, str], str]:
        """The hash of each definition and of everything it is built on."""
        result: dict[tuple[str, str], str] = {}

        def closure(kind: str, name: str) -> str:
            if (kind, name) not in result:
                definition = self.at[kind, name].definition
                below = sorted(closure(k, n) for k, n in self.built_on(definition))
                result[kind, name] = digest_of({"body": definition.model_dump(mode="json"), "built_on": below})
            return result[kind, name]

        for kind, name in self.at:
            closure(kind, name)
        return result

    def built_on(self, definition: AnyDefinition) -> set[tuple[str, str]]:
        match definition:
            case SourceDefinition():
                return {("contract", definition.contract)}
            case TagDefinition():
                tag = self.tags[definition.tag]
                if isinstance(tag, AggregateTag):
                    return {("contract", tag.contract.contract)}
                return {("tag", name) for name in tag.inputs}
            case OfferDefinition():
                return {("tag", column.name) for column in _columns(definition.eligibility)}
            case CampaignDefinition():
                tags = {("tag", definition.segment), ("tag", definition.outcome)}
                return tags | {("offer", name) for name in definition.offers}
            case _:
                return set()


def _has_digits(amount: Decimal, currency: str) -> bool:
    try:
        Money.parse(str(amount), currency)
    except (ValueError, OverflowError):
        return False
    return True


def _columns(text: str) -> list[exp.Column]:
    try:
        return list(sqlglot.parse_one(text, dialect="duckdb").find_all(exp.Column))
    except (sqlglot.errors.ParseError, sqlglot.errors.TokenError, RecursionError):
        return []  # reported with its place when the expression itself is read


def _mapping_gaps(source: SourceDefinition, contract: DataContract) -> list[str]:
    """Columns the mapping must deliver and does not, or delivers and must not."""
    query = sqlglot.parse_one(source.mapping_sql, dialect="duckdb")
    delivered = set(query.named_selects) if isinstance(query, exp.Query) else set()
    wanted = {*contract.columns, "_file", "_row"}
    gaps = [f"does not deliver '{name}'" for name in sorted(wanted - delivered)]
    gaps += [f"delivers '{name}', which the contract does not have" for name in sorted(delivered - wanted)]
    known = set(source.reads)
    local = {cte.alias for cte in query.find_all(exp.CTE)}
    for table in sorted({table.name for table in query.find_all(exp.Table)} - local - known):
        gaps.append(f"reads '{table}'; {nearest(table, sorted(known))}")
    return gaps
