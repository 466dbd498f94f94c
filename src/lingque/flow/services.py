"""What the flows work with. Made by `bootstrap`; flows build nothing themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lingque.catalog.repository import CatalogInForce
from lingque.core.clock import BusinessCalendar, Clock
from lingque.core.registries import DataClass
from lingque.decide.question import Policy
from lingque.deliver.outbox import Outbox
from lingque.deliver.receipts import Receipts
from lingque.govern.consent_imports import ConsentImports
from lingque.govern.contracts import Addresses, AuditTrail, CustomerRows, Homes, Permits
from lingque.govern.lists import CustomerLists
from lingque.govern.opt_out import OptOutLinks
from lingque.govern.passwords import Passwords
from lingque.govern.preferences import PreferenceLinks
from lingque.govern.register import Register
from lingque.govern.rotation import KeyRotation
from lingque.govern.sealing import AuditSealer
from lingque.govern.slot_tokens import SlotTokens
from lingque.govern.vault import Vault
from lingque.ingest.arrivals import Arrivals
from lingque.ingest.service import Ingest
from lingque.profile.segments import Segments
from lingque.profile.service import Profile
from lingque.store.database import Database
from lingque.store.expiring import Expiring
from lingque.warehouse.engine import Session
from lingque.warehouse.points import PointReader
from lingque.warehouse.tables import DeltaTables

NO_CLASS = DataClass(0)


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """From where on a campaign takes a second approver: so many customers, so much money for contacts (minor units), or
    data of one of these classes. A campaign without a hold-out always does. `definitions`: they are approved before
    they are applied."""

    audience: int | None = None
    cost: int | None = None
    data_classes: DataClass = NO_CLASS
    definitions: bool = False


@dataclass(frozen=True, kw_only=True)
class RightsTerms:
    """How customers' requests are answered: in how many days, by whom, and which tables a law keeps."""

    deadline_days: int
    legal_hold: frozenset[str]
    bank: str
    contact: str


@dataclass(frozen=True, kw_only=True)
class Places:
    """Which contracts name the bank's places and its staff; empty: none does."""

    organisations: str
    staff: str


@dataclass(frozen=True, kw_only=True)
class Services:
    """The stages of one workspace, ready to use."""

    folder: Path
    landing: Path
    buckets: int
    database: Database
    catalogs: CatalogInForce
    tables: DeltaTables
    points: PointReader
    session: Callable[[], Session]
    clock: Clock
    calendar: BusinessCalendar
    permits: Permits
    addresses: Addresses
    opt_outs: OptOutLinks
    preference_links: PreferenceLinks
    homes: Homes
    household_tag: str
    places: Places
    register: Register
    consent_imports: ConsentImports
    passwords: Passwords
    thresholds: Thresholds
    audit: AuditTrail
    lists: CustomerLists
    arrivals: Arrivals
    ingest: Ingest
    profile: Profile
    segments: Segments
    open_outbox: Callable[[], Outbox]
    receipts: Receipts
    slot_tokens: SlotTokens
    vault: Vault
    rotation: KeyRotation
    sealer: AuditSealer
    customer_rows: tuple[CustomerRows, ...]
    rights: RightsTerms
    expiring: tuple[Expiring, ...]
    retention: Mapping[str, int]
    snapshots_kept: frozenset[str]
    policies: tuple[Policy, ...]
