"""Definitions and files come in; tags come out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from lingque.catalog.definitions import CampaignDefinition, DataContract, ListDefinition, TagDefinition
from lingque.catalog.differences import Difference
from lingque.catalog.model import Catalog
from lingque.catalog.repository import (
    Change,
    apply_definitions,
    definitions_in_force,
    differences,
    load_catalog,
)
from lingque.catalog.yaml_export import export_definitions
from lingque.catalog.yaml_files import Located, read_definitions
from lingque.core.errors import DefinitionError, nearest
from lingque.core.reasons import Reason, Refusal
from lingque.flow.agreeing import not_agreed_on
from lingque.flow.organising import follow_bank
from lingque.flow.services import Services
from lingque.flow.traces import trace, traced
from lingque.govern.access import refused, user_names
from lingque.govern.contracts import Action, Principal
from lingque.govern.rights.people import erased_parties
from lingque.ingest.contracts import IngestReport, Late, Waiting
from lingque.ingest.files import Delivery
from lingque.ingest.lateness import late_sources
from lingque.profile.contracts import SnapshotReport
from lingque.profile.filling import Progress, nobody_is_told
from lingque.profile.kernel.planning import kernel_gap
from lingque.profile.live import live_tags
from lingque.store.runs import published_versions

_ORDER = {"reference": 0, "party": 1, "state": 2, "event": 3, "consent": 4, "list": 5}


def catalog_of(services: Services) -> Catalog:
    """The catalog in force."""
    with services.database.reading() as connection:
        return services.catalogs.read(connection)


def diff(services: Services) -> list[Difference]:
    """What `apply` would change. Raises `DefinitionError` where it would change nothing because something is wrong."""
    located = read_definitions(services.folder)
    with services.database.reading() as connection:
        _refuse_unknown_owners(located, user_names(connection))
        return differences(connection, located, check=_refuse_live_without_a_kernel)


def export(services: Services, folder: Path) -> list[Path]:
    """Write the definitions in force as YAML and SQL; raises `ConflictError` where the folder is not empty."""
    with services.database.reading() as connection:
        return export_definitions(definitions_in_force(connection), folder)


def apply(services: Services, actor: Principal) -> list[Change] | Refusal:
    """Make the workspace's YAML the definitions in force. Raises `DefinitionError` before anything changes."""
    denied = refused(actor, Action.APPLY_DEFINITIONS)
    if denied is not None:
        return traced(services, denied, actor, "apply_definitions", "definitions")
    located = read_definitions(services.folder)
    with services.database.transaction() as connection:
        _refuse_unknown_owners(located, user_names(connection))
        lacking = not_agreed_on(services, connection, located, actor)
        if lacking is not None:
            trace(services, connection, lacking, actor, "apply_definitions", "definitions")
            return lacking
        changes = apply_definitions(
            connection, located, by=actor.user, at=services.clock.now(), check=_refuse_live_without_a_kernel
        )
        for change in changes:
            services.audit.record(
                connection,
                actor=actor.user,
                act="apply_definition",
                subject=f"{change.kind} {change.name}",
                detail={"what": change.what, "version": change.version},
            )
    return changes


def _refuse_unknown_owners(located: list[Located], users: list[str]) -> None:
    """Who answers for a campaign must be somebody, or nobody could tell whose work an approver must not approve.

    Likewise for a list, which keeps people from being contacted.
    """
    problems = [
        entry.problem("owner", found=f"there is no user '{owned.owner}'", allowed=nearest(owned.owner, users))
        for entry in located
        if isinstance(owned := entry.definition, CampaignDefinition | ListDefinition) and owned.owner not in users
    ]
    if problems:
        raise DefinitionError(problems, next_step="name a user, or add one with 'lingque users add'")


def _refuse_live_without_a_kernel(catalog: Catalog, located: Sequence[Located]) -> None:
    """A live value is computed while somebody waits: what only SQL computes comes once a day."""
    live = [tag for tag in live_tags(catalog)[0] if tag.definition.clock == "live"]
    gaps = {tag.name: kernel_gap(tag) for tag in live}
    problems = [
        entry.problem(
            "clock",
            found=f"is live, and no kernel computes {gap}",
            allowed="make it daily, or say it without that",
        )
        for entry in located
        if isinstance(entry.definition, TagDefinition) and (gap := gaps.get(entry.definition.tag)) is not None
    ]
    if problems:
        raise DefinitionError(problems, next_step="change the definitions; nothing was applied")


def waiting(services: Services, catalog: Catalog) -> list[Delivery]:
    """Everything in the landing folder, in the order in which it must be loaded: what is referred to comes first.

    Of events that each delivery replaces as a whole, only the newest delivery; of what holds every day counts, because
    each says what changed. Raises `SourceError`.
    """
    found: list[Delivery] = []
    for source in sorted(catalog.sources.values(), key=lambda s: _ORDER[catalog.contracts[s.contract].kind]):
        of_source = services.arrivals.deliveries(source)
        found.extend(of_source[-1:] if _replaces_all(catalog.contracts[source.contract]) else of_source)
    return found


def _replaces_all(contract: DataContract) -> bool:
    return contract.load == "full" and (not contract.holds or bool(contract.with_role("valid_to")))


def incomplete(services: Services) -> list[Waiting]:
    """What has come in part and waits for its control file. Raises `SourceError`."""
    return [entry for source in catalog_of(services).sources.values() for entry in services.arrivals.waiting(source)]


def ingest(services: Services, actor: Principal) -> Iterator[IngestReport | Refusal]:
    """Load what is waiting, one report each as it is done. Raises `SourceError`; what was loaded before it stays.

    What it says of the bank's places and staff is followed; a tree that is none is refused at the end.
    """
    denied = refused(actor, Action.INGEST)
    if denied is not None:
        yield traced(services, denied, actor, "ingest", "all sources")
        return
    catalog = catalog_of(services)
    published: set[str] = set()
    for delivery in waiting(services, catalog):
        loaded = services.ingest.load(catalog, delivery, actor=actor.user)
        published |= set() if loaded.held else {loaded.contract}
        yield loaded
    yield from follow_bank(services, catalog, published, actor)


def run_tags(services: Services, as_of: date, actor: Principal) -> SnapshotReport | Refusal:
    """The snapshot of that day, and what is asked about one customer at a time made ready. Refused as `snapshot_of`."""
    report = snapshot_of(services, as_of, actor)
    if not isinstance(report, Refusal):
        make_ready(services)
    return report


def make_ready(services: Services, told: Progress = nobody_is_told) -> None:
    """Bring what answers about one customer at a time up to what is published. Nothing of the erased is put there."""
    with services.database.reading() as connection:
        erased = np.array(erased_parties(connection), np.int64)
        versions = published_versions(connection)
    services.profile.answering.make_ready(without=erased, told=told)
    for name, contract in catalog_of(services).contracts.items():
        if contract.of_customers and name in versions:
            services.points.make_ready(name, versions[name])


def snapshot_of(services: Services, as_of: date, actor: Principal) -> SnapshotReport | Refusal:
    """The snapshot of that day. Refused where a source is late whose rule is to wait; the others leave a trace."""
    denied = refused(actor, Action.RUN_TAGS)
    if denied is not None:
        return traced(services, denied, actor, "run_tags", as_of.isoformat())
    catalog = catalog_of(services)
    late = late_upstream(services, as_of)
    waits = [one for one in late if one.rule == "wait"]
    if waits:
        missing = ", ".join(f"{one.source} ({one.needed})" for one in waits)
        refusal = Refusal(reason=Reason.UPSTREAM_LATE, detail=f"a snapshot as of {as_of} waits for {missing}")
        return traced(services, refusal, actor, "run_tags", as_of.isoformat())
    with services.database.transaction() as connection:
        for one in late:
            services.audit.record(
                connection,
                actor=actor.user,
                act="alert_late_source" if one.rule == "alert" else "go_on_without_late_source",
                subject=f"{one.source}/{one.needed.isoformat()}",
                detail={"as_of": as_of.isoformat(), "newest": None if one.newest is None else one.newest.isoformat()},
            )
    report = services.profile.snapshot(catalog, as_of, actor=actor.user)
    if report.customers:
        with services.database.reading() as connection:
            services.segments.open(connection, as_of)  # makes the bitmaps: the first who counts does not wait for them
    return report


def late_upstream(services: Services, as_of: date) -> list[Late]:
    """Which sources a snapshot of that day should have and has not, with the rule that each states."""
    with services.database.reading() as connection:
        return late_sources(connection, load_catalog(connection), as_of)
