"""Clusters of customers: found in a snapshot, shown, and written down as definitions to be applied like any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lingque.catalog.definitions import TagDefinition
from lingque.catalog.lineage import join
from lingque.catalog.model import Catalog, Lineage
from lingque.core.errors import ConflictError
from lingque.core.labels import Label
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import Purpose
from lingque.flow.intake import catalog_of
from lingque.flow.segments import read_condition, read_snapshot, stale_tag
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.profile.cluster_tags import tags_of
from lingque.profile.clustering import Clustering, Method, cluster


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """What was found over which customers; `definitions` make it tags; `labels` are those of the tags it is over."""

    name: str
    label: Label
    as_of: date
    customers: int
    found: Clustering
    labels: dict[str, Label]
    lineage: Lineage
    definitions: tuple[TagDefinition, ...]


def find_clusters(
    services: Services,
    name: str,
    label: Label,
    tags: Sequence[str],
    actor: Principal,
    *,
    segment: str = "true",
    method: Method = "kmeans",
    clusters: int | None = None,
    as_of: date | None = None,
    seed: int = 1,
) -> Clusters | Refusal:
    """Clusters of whoever makes the condition true, over these tags. Nothing is stored: the definitions are the result.

    Refused for data that may not serve analytics, for too few customers, and for tags that do not vary. Raises
    `NotFoundError`, `ExpressionError`, `ConflictError` where a tag of that name is there, `ConfigurationError` for a
    tag that is no number.
    """
    denied = refused(actor, Action.TRAIN_MODEL)
    if denied is not None:
        return traced(services, denied, actor, "find_clusters", name)
    catalog = catalog_of(services)
    wanted = list(dict.fromkeys(tags))
    types = [(tag, catalog.tag(tag).type) for tag in wanted]
    with services.database.reading() as connection:
        reading = read_snapshot(services, connection, catalog, as_of)
    asked = read_condition(reading, segment)
    if isinstance(asked, Refusal):
        return asked
    for tag in wanted:
        stale = stale_tag(catalog, reading.report, tag)
        if stale is not None:
            return stale
    lineage = join([asked.lineage, *(catalog.lineages[tag] for tag in wanted)])
    barred = not_for_analysis(lineage)
    if barred is not None:
        return traced(services, barred, actor, "find_clusters", name)
    (members,) = reading.opened.members([asked.node])
    rows = reading.opened.rows(wanted, members)
    found = cluster(rows, types, method=method, clusters=clusters, seed=seed)
    if isinstance(found, Refusal):
        return found
    labels = {tag: catalog.tag(tag).definition.label.label() for tag in wanted}
    definitions = tags_of(found, name, label, labels=labels, owner=actor.user)
    _refuse_taken(catalog, definitions)
    return Clusters(
        name=name,
        label=label,
        as_of=reading.report.as_of,
        customers=rows.num_rows,
        found=found,
        labels=labels,
        lineage=lineage,
        definitions=definitions,
    )


def not_for_analysis(lineage: Lineage) -> Refusal | None:
    """Learning is analysis: all that is underneath must allow it."""
    if Purpose.ANALYTICS in lineage.purposes:
        return None
    purposes = ", ".join(sorted(one.name.lower() for one in lineage.purposes)) or "nothing"
    return Refusal(
        reason=Reason.PURPOSE_NOT_ALLOWED, detail=f"together these tags may serve {purposes}, and this is analytics"
    )


def _refuse_taken(catalog: Catalog, definitions: Sequence[TagDefinition]) -> None:
    taken = [one.tag for one in definitions if one.tag in catalog.tags]
    if taken:
        raise ConflictError(f"there is a tag '{taken[0]}' already", next_step="choose another name for the clusters")
