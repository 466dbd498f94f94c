"""A workspace's services put together: every stage is made here, and gets what it needs from the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lingque.bootstrap.choices import policies, quiet_hours, thresholds
from lingque.bootstrap.places import LOCK_FILE, ONLINE_FOLDER, READING_FOLDER, WAREHOUSE_FOLDER
from lingque.catalog.repository import CatalogInForce
from lingque.core.clock import BusinessCalendar, Clock
from lingque.decide.contracts import DECISION_TABLE
from lingque.decide.history import OfferRows
from lingque.decide.journal import JournalRows
from lingque.decide.pressure.aging import OldContacts
from lingque.decide.pressure.ledger import ContactPressure
from lingque.decide.stocks import OfferStocks
from lingque.decide.tables import decision_journal
from lingque.deliver.compose import Sender
from lingque.deliver.contracts import AnyChannel
from lingque.deliver.customer_rows import DeliverRows
from lingque.deliver.moves import Moves
from lingque.deliver.outbox import Outbox
from lingque.deliver.receipts import Receipts
from lingque.deliver.slots import SlotRows
from lingque.flow.keeping import seal_by_itself
from lingque.flow.services import Places, RightsTerms, Services
from lingque.flow.settling import SettledTogether
from lingque.govern.audit import Audit
from lingque.govern.consent_imports import ConsentImports
from lingque.govern.keyring import Keyring
from lingque.govern.lists import CustomerLists
from lingque.govern.opt_out import OptOutLinks
from lingque.govern.passwords import Passwords
from lingque.govern.permits import PermitOffice
from lingque.govern.preferences import PreferenceLinks
from lingque.govern.rights.people import GovernRows
from lingque.govern.rotation import KeyRotation
from lingque.govern.sealing import AuditSealer
from lingque.govern.sessions import SessionLimits
from lingque.govern.slot_tokens import SlotTokens
from lingque.govern.vault import Vault
from lingque.ingest.arrivals import Arrivals
from lingque.ingest.customer_rows import IngestRows
from lingque.ingest.identity import links_as_of, once_linked
from lingque.ingest.reading.postgres import SourceTables
from lingque.ingest.service import Ingest, IngestSettings
from lingque.ingest.tables import corrections, quarantine
from lingque.predict.scoring import Scorer
from lingque.profile.aggregating import Kernels
from lingque.profile.answering import Answering, Sources
from lingque.profile.customer_rows import ProfileRows
from lingque.profile.homes import TagHomes
from lingque.profile.kernel.columns import TextAnswers
from lingque.profile.kernel.compiled import KernelCache
from lingque.profile.online import OnlineFile
from lingque.profile.segments import Segments
from lingque.profile.service import Profile
from lingque.settings import Settings
from lingque.store.database import Database
from lingque.store.expiring import ExpiringTable
from lingque.store.idempotency import idempotent_answers
from lingque.store.workspace_lock import workspace_lock
from lingque.warehouse.engine import RowEngine, Session
from lingque.warehouse.points import PointReader
from lingque.warehouse.tables import DeltaTables

MINUTE = 60 * 1_000_000


@dataclass(frozen=True, kw_only=True)
class Application:
    """A workspace, opened."""

    settings: Settings
    services: Services
    vault: Vault

    @property
    def session_limits(self) -> SessionLimits:
        """When sessions of the API end."""
        access = self.settings.access
        return SessionLimits(idle=access.idle_minutes * MINUTE, whole=access.session_hours * 60 * MINUTE)

    @contextmanager
    def writing(self) -> Iterator[Services]:
        """The services for a command that writes: one such process per workspace, else `BusyError`.

        What a command that came to its end wrote to the audit trail is sealed.
        """
        with workspace_lock(self.services.folder / LOCK_FILE):
            yield self.services
            seal_by_itself(self.services)


def assemble(
    folder: Path,
    settings: Settings,
    database: Database,
    keyring: Keyring,
    clock: Clock,
    open_channels: Callable[[], Mapping[str, AnyChannel]],
) -> Application:
    """The workspace in that folder, with its database open and its keys loaded; `open_channels` makes its channels."""
    calendar = BusinessCalendar(settings.workspace.zone)
    tables = DeltaTables(folder / WAREHOUSE_FOLDER)
    audit = Audit(clock)
    vault = Vault(keyring, audit)
    office = PermitOffice(clock, calendar, quiet_hours(settings, calendar))
    opt_outs = OptOutLinks(vault, office, audit)
    imports = ConsentImports(office, audit, clock, asks=settings.approvals.consents)
    ledger = SettledTogether(ContactPressure(clock), OfferStocks())
    lists = CustomerLists(vault, clock, calendar)
    warehouse, workspace = settings.warehouse, settings.workspace

    def session() -> Session:
        return Session(tables, memory_limit=warehouse.memory_limit, threads=warehouse.threads)

    def outbox() -> Outbox:
        return Outbox(
            database=database,
            channels=open_channels(),
            permits=office,
            addresses=vault,
            opt_outs=opt_outs,
            ledger=ledger,
            audit=audit,
            sender=Sender(
                name=settings.sender.name,
                contact=settings.sender.contact,
                opt_out_base=settings.sender.opt_out_base,
            ),
            clock=clock,
            calendar=calendar,
        )

    arrivals = Arrivals(
        landing=folder / workspace.landing,
        scratch=folder / READING_FOLDER,
        tables=SourceTables(
            {name: url.get_secret_value() for name, url in settings.connections.items()},
            time_zone=workspace.time_zone,
        ),
        database=database,
        clock=clock,
        calendar=calendar,
    )
    kernels = Kernels(cache=KernelCache(folder / warehouse.kernels), answers=TextAnswers(RowEngine().ask))
    answering = Answering(
        file=OnlineFile(folder / ONLINE_FOLDER),
        sources=Sources(
            database=database,
            tables=tables,
            links_as_of=links_as_of,
            once_linked=once_linked,
            buckets=workspace.buckets,
        ),
        calendar=calendar,
        clock=clock,
        kernels=kernels,
    )
    profile = Profile(
        database=database,
        tables=tables,
        links_as_of=links_as_of,
        once_linked=once_linked,
        audit=audit,
        clock=clock,
        calendar=calendar,
        buckets=workspace.buckets,
        session=session,
        lists=lists,
        scorer=Scorer(database),
        kernels=kernels,
        answering=answering,
    )
    services = Services(
        folder=folder,
        landing=(folder / workspace.landing),
        buckets=workspace.buckets,
        database=database,
        catalogs=CatalogInForce(),
        tables=tables,
        points=PointReader(tables, buckets=workspace.buckets),
        session=session,
        clock=clock,
        calendar=calendar,
        permits=office,
        addresses=vault,
        opt_outs=opt_outs,
        preference_links=PreferenceLinks(vault),
        homes=TagHomes(profile, branch_tag=settings.access.branch_tag, manager_tag=settings.access.manager_tag),
        household_tag=settings.access.household_tag,
        places=Places(organisations=settings.access.organisations, staff=settings.access.staff),
        register=office,
        consent_imports=imports,
        passwords=Passwords(
            database,
            memory_kib=settings.access.password_memory_mib * 1024,
            at_once=settings.access.passwords_at_once,
        ),
        thresholds=thresholds(settings),
        audit=audit,
        lists=lists,
        arrivals=arrivals,
        ingest=Ingest(
            arrivals=arrivals,
            notes=vault,
            database=database,
            tables=tables,
            surrogates=vault,
            identifiers=vault,
            register=office,
            consents=imports,
            lists=lists,
            audit=audit,
            clock=clock,
            calendar=calendar,
            settings=IngestSettings(
                buckets=workspace.buckets, memory_limit=warehouse.memory_limit, threads=warehouse.threads
            ),
        ),
        profile=profile,
        segments=Segments(tables, RowEngine(threads=warehouse.threads).ask),
        open_outbox=outbox,
        receipts=Receipts(
            moves=Moves(ledger=ledger, clock=clock),
            permits=office,
            withdrawals=opt_outs,
            identifiers=vault,
            audit=audit,
            clock=clock,
        ),
        slot_tokens=SlotTokens(vault),
        vault=vault,
        rotation=KeyRotation(keyring, database, audit),
        sealer=AuditSealer(database, keyring, clock),
        customer_rows=(
            GovernRows(clock),
            IngestRows(),
            ProfileRows(answering),
            DeliverRows(),
            OfferRows(),
            JournalRows(held=DECISION_TABLE in settings.rights.legal_hold),
            SlotRows(),
        ),
        rights=RightsTerms(
            deadline_days=settings.rights.deadline_days,
            legal_hold=frozenset(settings.rights.legal_hold),
            bank=settings.sender.name,
            contact=settings.sender.contact,
        ),
        expiring=(
            ExpiringTable(table=idempotent_answers, column="answered_at"),
            ExpiringTable(table=quarantine, column="data_date"),
            ExpiringTable(table=corrections, column="data_date"),
            ExpiringTable(table=decision_journal, column="decided_at"),
            OldContacts(clock),
        ),
        retention=settings.retention.keep,
        snapshots_kept=frozenset(settings.retention.keep_snapshots),
        policies=policies(),
    )
    return Application(settings=settings, services=services, vault=vault)
