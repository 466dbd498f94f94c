"""An audience that looks like a segment: ranked by what a snapshot says, and put onto a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lingque.catalog.lineage import join
from lingque.catalog.model import Catalog, Lineage
from lingque.core.errors import ConflictError, NotFoundError
from lingque.core.labels import Label
from lingque.core.reasons import Refusal
from lingque.flow.clusters import not_for_analysis
from lingque.flow.freezing import Choice, Frozen, put_on_list
from lingque.flow.grounds import tags_under
from lingque.flow.intake import catalog_of
from lingque.flow.segments import named_segment, read_condition, read_snapshot, stale_tag
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.predict.look_alike import LookAlike, look_alike
from lingque.profile.bitmaps import unpack


@dataclass(frozen=True, kw_only=True)
class Audience:
    """A ranked audience and what it was found by; of which classes of data, for which purposes (`lineage`)."""

    segment: str
    as_of: date
    found: LookAlike
    labels: dict[str, Label]
    features: tuple[str, ...]
    lineage: Lineage


def find_look_alikes(
    services: Services,
    segment: str,
    features: Sequence[str],
    actor: Principal,
    *,
    within: str = "true",
    as_of: date | None = None,
    seed: int = 1,
) -> Audience | Refusal:
    """Rank whoever is not in the segment by how much they look like those who are, of those who make `within` true.

    Refused for data that may not serve analytics, and for too small a segment. A feature that the segment is built on
    would only give back its definition: `ConflictError`. Raises `NotFoundError`, `ExpressionError`.
    """
    denied = refused(actor, Action.TRAIN_MODEL)
    if denied is not None:
        return traced(services, denied, actor, "find_look_alikes", f"segment {segment}")
    catalog = catalog_of(services)
    named_segment(catalog, segment)
    wanted = list(dict.fromkeys(features))
    types = [(tag, catalog.tag(tag).type) for tag in wanted]
    _refuse_what_defines(catalog, segment, wanted)
    with services.database.reading() as connection:
        reading = read_snapshot(services, connection, catalog, as_of)
    asked = [read_condition(reading, text) for text in (segment, within)]
    nodes, lineages = [], []
    for one in asked:
        if isinstance(one, Refusal):
            return one
        nodes.append(one.node)
        lineages.append(one.lineage)
    for tag in wanted:
        stale = stale_tag(catalog, reading.report, tag)
        if stale is not None:
            return stale
    lineage = join([*lineages, *(catalog.lineages[tag] for tag in wanted)])
    barred = not_for_analysis(lineage)
    if barred is not None:
        return traced(services, barred, actor, "find_look_alikes", f"segment {segment}")
    opened = reading.opened
    members, inside = opened.members(nodes)
    flags = unpack(members, opened.customers)[unpack(inside | members, opened.customers)]
    rows = opened.rows(wanted, inside | members)
    found = look_alike(rows, flags, types, as_of=reading.report.as_of, name=segment, seed=seed)
    if isinstance(found, Refusal):
        return found
    return Audience(
        segment=segment,
        as_of=reading.report.as_of,
        found=found,
        labels={tag: catalog.tag(tag).definition.label.label() for tag in wanted},
        features=tuple(wanted),
        lineage=lineage,
    )


def keep_audience(
    services: Services,
    audience: Audience,
    most: int,
    list_name: str,
    actor: Principal,
    *,
    expires_on: date | None = None,
    reason: str = "",
) -> Frozen | Refusal:
    """The likest of the audience onto a list of the actor's, which must state the classes of data and serve no more
    purposes than it. Raises `NotFoundError`, and `ConflictError` where the audience was found by the list itself."""
    if most < 1:
        raise NotFoundError(f"{most} customers are none", next_step="name how many of the likest to keep")
    choice = Choice(
        as_of=audience.as_of,
        customers=audience.found.ids[:most],
        lineage=audience.lineage,
        built_on=frozenset((audience.segment, *audience.features)),
        origin=f"like segment {audience.segment}",
    )
    return put_on_list(services, catalog_of(services), choice, list_name, actor, expires_on=expires_on, reason=reason)


def _refuse_what_defines(catalog: Catalog, segment: str, features: Sequence[str]) -> None:
    defining = tags_under(catalog, [segment])
    shared = [tag for tag in features if tag in defining]
    if shared:
        raise ConflictError(
            f"segment '{segment}' is built on {', '.join(shared)}, which would only give back its definition",
            next_step="leave those tags out of the features",
        )
