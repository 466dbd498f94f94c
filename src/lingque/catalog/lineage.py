"""Lineage: from each tag to source columns, hence its data classes (union) and purposes (intersection)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lingque.catalog.expressions.tree import names_in
from lingque.catalog.model import AggregateTag, Lineage, Offer, Tag
from lingque.core.registries import DataClass, Purpose

NOTHING = Lineage(columns=frozenset(), classes=DataClass(0), purposes=frozenset(Purpose))
"""What a constant is built on."""


def lineage_of_tag(tag: Tag, known: Mapping[str, Lineage]) -> Lineage:
    """The lineage of a tag, given that of its inputs."""
    if not isinstance(tag, AggregateTag):
        return join(known[name] for name in tag.inputs)
    read = names_in(tag.where) | names_in(tag.value)
    table = tag.contract.contract
    # the mere existence of rows says something too: `count(*)` over loans is built on the loans' classes
    columns = read or frozenset(tag.contract.stored)
    return Lineage(
        columns=frozenset((table, name) for name in columns),
        classes=DataClass.union(tag.contract.columns[name].data_classes for name in columns),
        purposes=frozenset(Purpose).intersection(*(tag.contract.columns[name].purpose_set for name in columns)),
    )


def lineage_of_offer(offer: Offer, known: Mapping[str, Lineage]) -> Lineage:
    """The lineage of an offer's eligibility."""
    return join(known[name] for name in names_in(offer.eligibility))


def join(lineages: Iterable[Lineage]) -> Lineage:
    """What several together are built on."""
    result = NOTHING
    for one in lineages:
        result = Lineage(
            columns=result.columns | one.columns,
            classes=result.classes | one.classes,
            purposes=result.purposes & one.purposes,
        )
    return result
