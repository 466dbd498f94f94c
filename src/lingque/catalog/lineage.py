"""Lineage: from each tag to source columns, hence its data classes (union) and purposes (intersection)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from lingque.catalog.definitions.shared import classes_of
from lingque.catalog.expressions.tree import names_in
from lingque.catalog.model import AggregateTag, Lineage, ListTag, ManualTag, Offer, Tag
from lingque.core.registries import DataClass, Purpose

NOTHING = Lineage(columns=frozenset(), classes=DataClass(0), purposes=frozenset(Purpose))
"""What a constant is built on."""


def lineage_of_tag(tag: Tag, known: Mapping[str, Lineage]) -> Lineage:
    """The lineage of a tag, given that of its inputs: with the classes that its definition says it reveals besides."""
    found = _by_origin(tag, known)
    return replace(found, classes=found.classes | classes_of(tag.definition.reveals))


def _by_origin(tag: Tag, known: Mapping[str, Lineage]) -> Lineage:
    if isinstance(tag, ListTag):
        # being on a list says something of a person, besides what its members were chosen by
        listed = tag.list
        return Lineage(
            columns=frozenset(), classes=listed.data_classes | DataClass.PERSONAL, purposes=listed.purpose_set
        )
    if isinstance(tag, ManualTag):
        values = tag.values
        return Lineage(columns=frozenset(), classes=values.data_classes, purposes=values.purpose_set)
    if not isinstance(tag, AggregateTag):
        # a feature that is not there is told where the model is checked, and no catalog is made
        return join(known[name] for name in tag.inputs if name in known)
    table = tag.contract.contract
    columns = columns_read(tag)
    return Lineage(
        columns=frozenset((table, name) for name in columns),
        classes=DataClass.union(tag.contract.columns[name].data_classes for name in columns),
        purposes=frozenset(Purpose).intersection(*(tag.contract.columns[name].purpose_set for name in columns)),
    )


def columns_read(tag: AggregateTag) -> frozenset[str]:
    """The columns of its table that the tag is built on: all of them where it names none, because the mere existence
    of rows says something too (`count(*)` over loans is built on the loans' classes)."""
    read = names_in(tag.where) | names_in(tag.value) | (names_in(tag.since) if tag.since else frozenset())
    return read or frozenset(tag.contract.stored)


def lineage_of_offer(offer: Offer, known: Mapping[str, Lineage]) -> Lineage:
    """The lineage of what chooses and values an offer: eligibility, scores, holdings.

    Suitability is left out: the seller must look at it by law, whatever the customer consented to.
    """
    return join(known[name] for name in offer.chosen_by if name in known)


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
