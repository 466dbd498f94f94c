"""Segments: how many belong to a condition as it is typed, which segments there are, and what they have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from sqlalchemy import Connection

from lingque.catalog.expressions.conditions import parts_of
from lingque.catalog.expressions.parse import parse_condition
from lingque.catalog.expressions.tree import Name, Node, names_in
from lingque.catalog.expressions.types import Type
from lingque.catalog.lineage import join
from lingque.catalog.model import Catalog, DerivedTag, Lineage, Tag
from lingque.core.errors import NotFoundError, nearest
from lingque.core.reasons import Reason, Refusal
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.profile.bitmaps import Words, count_bits
from lingque.profile.contracts import SnapshotReport
from lingque.profile.segments import MOST_COMPARED, OpenedSnapshot


@dataclass(frozen=True, kw_only=True)
class PartCount:
    """One of the conditions between the outermost `and`s: for how many it is true by itself, and how many are left
    after it and those before it."""

    text: str
    alone: int
    left: int


@dataclass(frozen=True, kw_only=True)
class Counted:
    """How many of the snapshot's customers make the condition true. `columns`: columns had to be read; bits were not
    enough. `lineage`: what it is built on."""

    text: str
    as_of: date
    customers: int
    count: int
    parts: tuple[PartCount, ...]
    lineage: Lineage
    columns: bool

    @property
    def share(self) -> float:
        return self.count / self.customers if self.customers else 0.0


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A condition that has been read, over the snapshot that is asked."""

    text: str
    node: Node
    parts: tuple[tuple[str, Node], ...]
    lineage: Lineage


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A snapshot and the catalog that its tags are named by."""

    catalog: Catalog
    report: SnapshotReport
    opened: OpenedSnapshot


@dataclass(frozen=True, kw_only=True)
class SegmentShown:
    """A segment as it stands in a snapshot; `count` is None where the snapshot has it not, or by another definition."""

    tag: Tag
    count: int | None


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """What segments have in common: `matrix` holds the customers of each two, on the diagonal of each."""

    as_of: date
    customers: int
    segments: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]


def count_segment(services: Services, text: str, actor: Principal, *, as_of: date | None = None) -> Counted | Refusal:
    """Count a condition over tags (the name of a segment is one), in the snapshot of that day, by default the newest.

    Raises `ExpressionError` that points at the character, `NotFoundError` where there is no snapshot.
    """
    denied = refused(actor, Action.COUNT_SEGMENTS)
    if denied is not None:
        return traced(services, denied, actor, "count_segment", "a condition")
    with services.database.reading() as connection:
        reading = read_snapshot(services, connection, catalog_of(services), as_of)
    asked = read_condition(reading, text)
    if isinstance(asked, Refusal):
        return asked
    opened = reading.opened
    nodes = [node for _, node in asked.parts]
    members = opened.members(nodes)
    return Counted(
        text=text,
        as_of=reading.report.as_of,
        customers=opened.customers,
        count=count_bits(_together(members)),
        parts=tuple(_parts(asked, members)),
        lineage=asked.lineage,
        columns=not all(opened.is_indexed(node) for node in nodes),
    )


def list_segments(services: Services, actor: Principal) -> tuple[date, list[SegmentShown]] | Refusal:
    """Every segment with its count in the newest snapshot. Raises `NotFoundError` where there is none."""
    denied = refused(actor, Action.COUNT_SEGMENTS)
    if denied is not None:
        return traced(services, denied, actor, "list_segments", "all segments")
    catalog = catalog_of(services)
    with services.database.reading() as connection:
        report = _report_of(services, connection, None)
    found = []
    for name, tag in catalog.segments.items():
        current = report.closures.get(name) == catalog.closures["tag", name]
        found.append(SegmentShown(tag=tag, count=report.coverage[name].true if current else None))
    return report.as_of, found


def overlap_of(
    services: Services, texts: Sequence[str], actor: Principal, *, as_of: date | None = None
) -> Overlap | Refusal:
    """What these conditions have in common, two by two. Raises as `count_segment`, and `NotFoundError` for too many."""
    denied = refused(actor, Action.COUNT_SEGMENTS)
    if denied is not None:
        return traced(services, denied, actor, "compare_segments", "conditions")
    if not 1 <= len(texts) <= MOST_COMPARED:
        raise NotFoundError(
            f"{len(texts)} segments cannot be compared", next_step=f"name from 1 to {MOST_COMPARED} of them"
        )
    with services.database.reading() as connection:
        reading = read_snapshot(services, connection, catalog_of(services), as_of)
    asked = [read_condition(reading, text) for text in texts]
    nodes: list[Node] = []
    for one in asked:
        if isinstance(one, Refusal):
            return one
        nodes.append(one.node)
    opened = reading.opened
    matrix = opened.overlap(opened.members(nodes))
    return Overlap(
        as_of=reading.report.as_of,
        customers=opened.customers,
        segments=tuple(texts),
        matrix=tuple(tuple(row) for row in matrix),
    )


def read_snapshot(services: Services, connection: Connection, catalog: Catalog, as_of: date | None) -> Reading:
    """The snapshot of that day, or the newest, opened. Raises `NotFoundError`."""
    report = _report_of(services, connection, as_of)
    opened = services.segments.open(connection, report.as_of)
    return Reading(catalog=catalog, report=report, opened=opened)


def read_condition(reading: Reading, text: str) -> Asked | Refusal:
    """The condition, unless the snapshot holds a tag of it by an older definition or not yet. Raises `ExpressionError`.

    The name of a derived segment alone falls into the conditions of its definition.
    """
    catalog, names = reading.catalog, reading.catalog.tag_types
    node = parse_condition(text, names)
    for name in sorted(names_in(node)):
        stale = stale_tag(reading.catalog, reading.report, name)
        if stale is not None:
            return stale
    written = text
    tag = catalog.tags.get(node.name) if isinstance(node, Name) else None
    if isinstance(tag, DerivedTag) and all(
        stale_tag(catalog, reading.report, one) is None for one in names_in(tag.value)
    ):
        written = tag.definition.value
    parts = _read_parts(written, names)
    return Asked(
        text=text,
        node=node,
        parts=parts or ((text, node),),
        lineage=join(catalog.lineages[name] for name in names_in(node)),
    )


def stale_tag(catalog: Catalog, report: SnapshotReport, name: str) -> Refusal | None:
    """Why the snapshot cannot answer for the tag as it is defined now, or nothing."""
    if report.closures.get(name) == catalog.closures["tag", name]:
        return None
    happened = "is defined anew" if name in report.closures else "is new"
    return Refusal(
        reason=Reason.CHANGED_SINCE_PLAN,
        detail=f"tag '{name}' {happened} since the snapshot as of {report.as_of};"
        f" run 'lingque tags run --as-of {report.as_of}'",
    )


def named_segment(catalog: Catalog, name: str) -> Tag:
    """The segment of that name. Raises `NotFoundError`."""
    known = catalog.segments
    if name not in known:
        raise NotFoundError(f"there is no segment '{name}'", next_step=nearest(name, list(known)))
    return known[name]


def _read_parts(text: str, names: Mapping[str, Type]) -> tuple[tuple[str, Node], ...]:
    texts = parts_of(text)
    return tuple((part, parse_condition(part, names)) for part in texts) if len(texts) > 1 else ()


def _together(members: Sequence[Words]) -> Words:
    found = members[0]
    for other in members[1:]:
        found = np.bitwise_and(found, other)
    return found


def _parts(asked: Asked, members: Sequence[Words]) -> list[PartCount]:
    left = members[0]
    found = []
    for (text, _), one in zip(asked.parts, members, strict=True):
        left = np.bitwise_and(left, one)
        found.append(PartCount(text=text, alone=count_bits(one), left=count_bits(left)))
    return found


def _report_of(services: Services, connection: Connection, as_of: date | None) -> SnapshotReport:
    day = services.profile.newest_day(connection) if as_of is None else as_of
    if day is None:
        raise NotFoundError("there is no snapshot yet", next_step="run 'lingque tags run --as-of DAY'")
    return services.profile.find_snapshot(connection, day)
