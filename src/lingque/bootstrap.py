"""The composition root: the only place that builds databases, engines, key stores and channels."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import time
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from lingque.core.clock import BusinessCalendar, Clock, SystemClock
from lingque.core.errors import ConfigurationError, ConflictError
from lingque.core.ids import CustomerId
from lingque.core.registries import DataClass
from lingque.decide.pressure import ContactPressure
from lingque.deliver.compose import Sender
from lingque.deliver.contracts import AnyChannel, Channel
from lingque.deliver.customer_rows import DeliverRows
from lingque.deliver.file_drop import RM_COLUMNS, SMS_COLUMNS, FileDropChannel
from lingque.deliver.moves import Moves
from lingque.deliver.outbox import Outbox
from lingque.deliver.receipts import Receipts
from lingque.deliver.smtp import SmtpChannel, SmtpSettings
from lingque.flow.backup import CONTROL, WAREHOUSE, checked_manifest, lay_out, replay_erasures
from lingque.flow.services import RightsTerms, Services, Thresholds
from lingque.govern.adopting import adopt
from lingque.govern.audit import Audit
from lingque.govern.ciphers import Suite
from lingque.govern.contracts import Person
from lingque.govern.key_store import EnvironmentKeyStore, FileKeyStore, KeyStore
from lingque.govern.keyring import Keyring
from lingque.govern.lists import CustomerLists
from lingque.govern.opt_out import OptOutLinks
from lingque.govern.passwords import Passwords
from lingque.govern.permits import PermitOffice
from lingque.govern.preferences import PreferenceLinks
from lingque.govern.quiet_hours import QuietHours
from lingque.govern.rights.people import GovernRows
from lingque.govern.rotation import KeyRotation
from lingque.govern.sealing import AuditSealer
from lingque.govern.sessions import SessionLimits
from lingque.govern.vault import Vault
from lingque.ingest.arrivals import Arrivals
from lingque.ingest.customer_rows import IngestRows
from lingque.ingest.identity import links_as_of, once_linked
from lingque.ingest.reading.postgres import SourceTables
from lingque.ingest.service import Ingest, IngestSettings
from lingque.ingest.tables import corrections, quarantine
from lingque.predict.scoring import Scorer
from lingque.profile.aggregating import Kernels
from lingque.profile.homes import TagHomes
from lingque.profile.kernel.columns import TextAnswers
from lingque.profile.kernel.compiled import KernelCache
from lingque.profile.service import Profile
from lingque.settings import FILE, Settings, load_settings
from lingque.store.database import Database
from lingque.store.dumping import load
from lingque.store.expiring import ExpiringTable
from lingque.store.fixed_settings import check_fixed, remember_fixed
from lingque.store.idempotency import idempotent_answers
from lingque.store.workspace_lock import workspace_lock
from lingque.warehouse.engine import RowEngine, Session
from lingque.warehouse.tables import DeltaTables

CONTROL_FILE = Path("data") / "control.db"
WAREHOUSE_FOLDER = Path("data") / "warehouse"
READING_FOLDER = Path("data") / "reading"
LOCK_FILE = Path("data") / "lock"
RESTORING_FILE = Path("data") / "restoring"
MASTER_KEY_FILE = Path("keys") / "master.key"
KEY_STORES = "lingque.key_stores"
"""Entry points of packages that bring a key store (an HSM, a KMS): a callable without arguments that makes it."""

MINUTE = 60 * 1_000_000

Channels = Callable[[Settings], Mapping[str, AnyChannel]]


def smtp_only(settings: Settings) -> Mapping[str, Channel]:
    """E-mail, and no other channel."""
    smtp = SmtpSettings(
        host=settings.smtp.host,
        port=settings.smtp.port,
        from_address=settings.sender.from_address,
        from_name=settings.sender.name,
        user=settings.smtp.user,
        password=settings.smtp.password.get_secret_value(),
        tls=settings.smtp.tls,
    )
    return {"email": SmtpChannel(smtp)}


def all_channels(settings: Settings, folder: Path) -> Mapping[str, AnyChannel]:
    """The channels of a workspace: e-mail, text messages and calls of relationship managers as files."""
    drop = folder / settings.file_drop.folder
    return {
        **smtp_only(settings),
        "sms": FileDropChannel(drop, name="sms", columns=SMS_COLUMNS),
        "rm_call": FileDropChannel(drop, name="rm_call", columns=RM_COLUMNS),
    }


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
        """The services for a command that writes: one such process per workspace, else `BusyError`."""
        with workspace_lock(self.services.folder / LOCK_FILE):
            yield self.services


def create_workspace(folder: Path) -> Path:
    """Make the folder a workspace: settings, key, database at this version's schema. Existing parts are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    settings_file = folder / FILE
    if not settings_file.exists():
        with (
            (files("lingque") / "templates" / FILE).open("rb") as template,
            settings_file.open("wb") as target,
        ):
            shutil.copyfileobj(template, target)
    (folder / "definitions").mkdir(exist_ok=True)
    settings = load_settings(folder)
    if settings.vault.key_store == "file":
        FileKeyStore(folder / MASTER_KEY_FILE).create()
    database = Database(_control_url(settings, folder))
    try:
        database.migrate()
        with database.transaction() as connection:
            remember_fixed(connection, _fixed(settings))
            check_fixed(connection, _fixed(settings))
            adopt(connection, _keyring(settings, folder))
    finally:
        database.close()
    return settings_file


def restore_workspace(
    backup: Path, folder: Path, *, keys: Path | None, erased: Mapping[CustomerId, Person], clock: Clock | None = None
) -> int:
    """Make an empty folder (and an empty control database) what the backup is of, and erase again who was erased since;
    how many those were. It does not open before: broken off, it has to be begun again in another folder.

    `keys` is the copy of the key file; None where the keys are elsewhere. Raises `ConfigurationError` for a backup that
    is not as it was made, `ConflictError` for a folder or database that is not empty.
    """
    manifest = checked_manifest(backup)
    lay_out(backup, folder)
    settings = load_settings(folder)
    marker = folder / RESTORING_FILE
    marker.parent.mkdir()
    marker.touch()
    if keys is not None:
        (folder / MASTER_KEY_FILE).parent.mkdir(mode=0o700)
        shutil.copy2(keys, folder / MASTER_KEY_FILE)
    database = Database(_control_url(settings, folder))
    try:
        if database.has_schema():
            raise ConflictError(
                "the control database is not empty", next_step="name an empty one in LINGQUE_CONTROL__URL"
            )
        database.migrate()
        with database.transaction() as connection:
            load(connection, backup / CONTROL)
    finally:
        database.close()
    here = DeltaTables(folder / WAREHOUSE_FOLDER)
    for table, version in manifest["published"].items():
        DeltaTables(backup / WAREHOUSE).copy(table, version, here.root)
    with _opened(folder, clock=clock, channels=None) as application:
        replayed = replay_erasures(application.services, erased)
    marker.unlink()
    return replayed


@contextmanager
def open_workspace(
    folder: Path, *, clock: Clock | None = None, channels: Channels | None = None
) -> Iterator[Application]:
    """Open a workspace and close it again; `channels` None: all of them.

    Raises `ConfigurationError` where it is none, of another version, or not restored to the end.
    """
    if (folder / RESTORING_FILE).exists():
        raise ConfigurationError(
            f"{folder} was not restored to its end", next_step="restore the backup again, into another folder"
        )
    with _opened(folder, clock=clock, channels=channels) as application:
        yield application


@contextmanager
def _opened(folder: Path, *, clock: Clock | None, channels: Channels | None) -> Iterator[Application]:
    settings = load_settings(folder)
    if settings.vault.key_store == "file" and not (folder / MASTER_KEY_FILE).exists():
        raise ConfigurationError(f"{folder} has not been set up", next_step=f"run 'lingque init {folder}'")
    database = Database(_control_url(settings, folder))
    opened: list[AnyChannel] = []

    def open_channels() -> Mapping[str, AnyChannel]:
        made = all_channels(settings, folder) if channels is None else channels(settings)
        opened.extend(made.values())
        return made

    try:
        database.check_schema()
        with database.reading() as connection:
            check_fixed(connection, _fixed(settings))
            keyring = _keyring(settings, folder)
            keyring.load(connection)
        yield _assemble(folder, settings, database, keyring, clock or SystemClock(), open_channels)
    finally:
        for channel in opened:
            channel.close()
        database.close()


def _assemble(
    folder: Path,
    settings: Settings,
    database: Database,
    keyring: Keyring,
    clock: Clock,
    open_channels: Callable[[], Mapping[str, AnyChannel]],
) -> Application:
    calendar = BusinessCalendar(settings.workspace.zone)
    tables = DeltaTables(folder / WAREHOUSE_FOLDER)
    audit = Audit(clock)
    vault = Vault(keyring, audit)
    office = PermitOffice(clock, calendar, _quiet_hours(settings, calendar))
    opt_outs = OptOutLinks(vault, office, audit)
    ledger = ContactPressure(clock, calendar)
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
        kernels=Kernels(cache=KernelCache(folder / warehouse.kernels), answers=TextAnswers(RowEngine().ask)),
    )
    services = Services(
        folder=folder,
        landing=(folder / workspace.landing),
        buckets=workspace.buckets,
        database=database,
        tables=tables,
        session=session,
        clock=clock,
        calendar=calendar,
        permits=office,
        addresses=vault,
        opt_outs=opt_outs,
        preference_links=PreferenceLinks(vault),
        homes=TagHomes(profile, branch_tag=settings.access.branch_tag, manager_tag=settings.access.manager_tag),
        register=office,
        passwords=Passwords(database, memory_kib=settings.access.password_memory_mib * 1024),
        thresholds=_thresholds(settings),
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
            lists=lists,
            audit=audit,
            clock=clock,
            calendar=calendar,
            settings=IngestSettings(
                buckets=workspace.buckets, memory_limit=warehouse.memory_limit, threads=warehouse.threads
            ),
        ),
        profile=profile,
        open_outbox=outbox,
        receipts=Receipts(
            moves=Moves(ledger=ledger, clock=clock),
            permits=office,
            withdrawals=opt_outs,
            identifiers=vault,
            audit=audit,
            clock=clock,
        ),
        vault=vault,
        rotation=KeyRotation(keyring, database, audit),
        sealer=AuditSealer(database, keyring, clock),
        customer_rows=(GovernRows(clock), IngestRows(), DeliverRows()),
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
        ),
        retention=settings.retention.keep,
    )
    return Application(settings=settings, services=services, vault=vault)


def _quiet_hours(settings: Settings, calendar: BusinessCalendar) -> QuietHours:
    contact = settings.contact
    days = frozenset(contact.quiet_days)
    if not contact.quiet_from:
        return QuietHours(calendar=calendar, days=days)
    begin, end = time.fromisoformat(contact.quiet_from), time.fromisoformat(contact.quiet_to)
    return QuietHours(calendar=calendar, begin=begin, end=end, days=days)


def _keyring(settings: Settings, folder: Path) -> Keyring:
    vault = settings.vault
    suite = Suite(cipher=vault.cipher, digest=vault.digest)
    if vault.key_store == "file":
        return Keyring(FileKeyStore(folder / MASTER_KEY_FILE, suite), suite)
    if vault.key_store == "environment":
        return Keyring(EnvironmentKeyStore(vault.master_keys.get_secret_value(), suite), suite)
    (found,) = entry_points(group=KEY_STORES, name=vault.key_store) or (None,)
    if found is None:
        raise ConfigurationError(
            f"there is no key store '{vault.key_store}'",
            next_step=f"'file', 'environment', or one that an installed package names under {KEY_STORES}",
        )
    make: Callable[[], KeyStore] = found.load()
    return Keyring(make(), suite)


def _thresholds(settings: Settings) -> Thresholds:
    asked = settings.approvals
    return Thresholds(
        audience=asked.second_above_customers,
        cost=asked.second_above_cost,
        data_classes=DataClass.union(DataClass[name.upper()] for name in asked.second_for_classes),
        definitions=asked.definitions,
    )


def _fixed(settings: Settings) -> dict[str, str]:
    """The settings that stored rows depend on."""
    workspace, vault = settings.workspace, settings.vault
    return {
        "workspace.time_zone": workspace.time_zone,
        "workspace.buckets": str(workspace.buckets),
        "vault.cipher": vault.cipher,
        "vault.digest": vault.digest,
    }


def _control_url(settings: Settings, folder: Path) -> str:
    return settings.control.url.get_secret_value() or f"sqlite:///{folder / CONTROL_FILE}"
