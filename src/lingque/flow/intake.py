"""Definitions and files come in; tags come out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from lingque.catalog.definitions import CampaignDefinition, DataContract
from lingque.catalog.model import Catalog
from lingque.catalog.repository import Change, apply_definitions, load_catalog
from lingque.catalog.yaml_files import Located, read_definitions
from lingque.core.errors import DefinitionError, nearest
from lingque.core.reasons import Refusal
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused, user_names
from lingque.govern.contracts import Action, Principal
from lingque.ingest.contracts import IngestReport
from lingque.ingest.files import Delivery, deliveries
from lingque.profile.contracts import SnapshotReport

_ORDER = {"reference": 0, "party": 1, "state": 2, "event": 3, "consent": 4, "list": 5}


def catalog_of(services: Services) -> Catalog:
    """The catalog in force."""
    with services.database.reading() as connection:
        return load_catalog(connection)


def apply(services: Services, actor: Principal) -> list[Change] | Refusal:
    """Make the workspace's YAML the definitions in force. Raises `DefinitionError` before anything changes."""
    denied = refused(actor, Action.APPLY_DEFINITIONS)
    if denied is not None:
        return traced(services, denied, actor, "apply_definitions", "definitions")
    located = read_definitions(services.folder)
    with services.database.transaction() as connection:
        _refuse_unknown_owners(located, user_names(connection))
        changes = apply_definitions(connection, located, by=actor.user, at=services.clock.now())
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
    """Who answers for a campaign must be somebody, or nobody could tell whose work an approver must not approve."""
    problems = [
        entry.problem("owner", found=f"there is no user '{campaign.owner}'", allowed=nearest(campaign.owner, users))
        for entry in located
        if isinstance(campaign := entry.definition, CampaignDefinition) and campaign.owner not in users
    ]
    if problems:
        raise DefinitionError(problems, next_step="name a user, or add one with 'lingque users add'")


def waiting(services: Services, catalog: Catalog) -> list[Delivery]:
    """Everything in the landing folder, in the order in which it must be loaded: what is referred to comes first.

    Of events that each delivery replaces as a whole, only the newest delivery; of what holds every day counts, because
    each says what changed. Raises `SourceError`.
    """
    found: list[Delivery] = []
    for source in sorted(catalog.sources.values(), key=lambda s: _ORDER[catalog.contracts[s.contract].kind]):
        of_source = deliveries(source, services.landing)
        found.extend(of_source[-1:] if _replaces_all(catalog.contracts[source.contract]) else of_source)
    return found


def _replaces_all(contract: DataContract) -> bool:
    return contract.load == "full" and (not contract.holds or bool(contract.with_role("valid_to")))


def ingest(services: Services, actor: Principal) -> Iterator[IngestReport | Refusal]:
    """Load what is waiting, one report each as it is done. Raises `SourceError`; what was loaded before it stays."""
    denied = refused(actor, Action.INGEST)
    if denied is not None:
        yield traced(services, denied, actor, "ingest", "all sources")
        return
    catalog = catalog_of(services)
    for delivery in waiting(services, catalog):
        yield services.ingest.load(catalog, delivery, actor=actor.user)


def run_tags(services: Services, as_of: date, actor: Principal) -> SnapshotReport | Refusal:
    """The snapshot of that day."""
    denied = refused(actor, Action.RUN_TAGS)
    if denied is not None:
        return traced(services, denied, actor, "run_tags", as_of.isoformat())
    return services.profile.snapshot(catalog_of(services), as_of, actor=actor.user)
