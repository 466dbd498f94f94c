"""What crosses the border of `govern`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from lingque.core.clock import Instant
from lingque.core.hashing import Int64s
from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose

Flags = NDArray[np.bool_]

# The seal makes `Permit(...)` outside this package fail at run time; a lint test finds it before that.
_SEAL = object()


class Role(StrEnum):
    """What a person is in the bank. The permission matrix is `lingque.govern.access.PERMISSIONS`."""

    CAMPAIGN_MANAGER = "campaign_manager"
    BRANCH_MANAGER = "branch_manager"
    RELATIONSHIP_MANAGER = "relationship_manager"
    COMPLIANCE_OFFICER = "compliance_officer"
    CONSUMER_PROTECTION_REVIEWER = "consumer_protection_reviewer"
    ANALYST = "analyst"
    OPERATOR = "operator"
    SYSTEM_ADMINISTRATOR = "system_administrator"
    SECURITY_ADMINISTRATOR = "security_administrator"
    AUDIT_ADMINISTRATOR = "audit_administrator"
    CHANNEL_SYSTEM = "channel_system"


class Action(StrEnum):
    """What can be done, as far as leave for it is asked."""

    APPLY_DEFINITIONS = "apply_definitions"
    INGEST = "ingest"
    RUN_TAGS = "run_tags"
    TRAIN_MODEL = "train_model"
    PLAN_CAMPAIGN = "plan_campaign"
    REVIEW_CAMPAIGN = "review_campaign"
    APPROVE_CAMPAIGN = "approve_campaign"
    RUN_CAMPAIGN = "run_campaign"
    HALT_CAMPAIGN = "halt_campaign"
    READ_CAMPAIGN = "read_campaign"
    ADD_USER = "add_user"
    READ_USERS = "read_users"
    GRANT_ROLES = "grant_roles"
    MANAGE_CREDENTIALS = "manage_credentials"
    MANAGE_AUDIENCE_LISTS = "manage_audience_lists"
    MANAGE_EXCLUSION_LISTS = "manage_exclusion_lists"
    SEE_COMPLIANCE_REASONS = "see_compliance_reasons"
    HANDLE_CUSTOMER_REQUESTS = "handle_customer_requests"
    CHECK_AUDIT = "check_audit"
    MANAGE_KEYS = "manage_keys"
    RUN_RETENTION = "run_retention"
    BACK_UP = "back_up"
    READ_CUSTOMER = "read_customer"
    REVEAL_IDENTIFIER = "reveal_identifier"
    RECORD_CONSENT = "record_consent"
    RECORD_LEGAL_BASIS = "record_legal_basis"
    APPROVE_DEFINITIONS = "approve_definitions"
    DELEGATE = "delegate"
    ASSIGN_TAGS = "assign_tags"
    APPROVE_CONSENTS = "approve_consents"
    APPROVE_REVEALS = "approve_reveals"
    COUNT_SEGMENTS = "count_segments"
    READ_DEFINITIONS = "read_definitions"
    ASK_DECISION = "ask_decision"


class ScopeKind(StrEnum):
    """How far somebody's roles reach: the whole bank, an organisation with all under it, or one's own customers."""

    BANK = "bank"
    ORGANISATION = "organisation"
    OWN = "own"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """`of` is the organisation's code (empty: where the person works), or the staff number of who has customers."""

    kind: ScopeKind = ScopeKind.BANK
    of: str = ""


WHOLE_BANK = Scope()


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who acts. `person` is the human being: two accounts of one person are one person to an approval."""

    user: str
    person: str
    roles: frozenset[Role]
    scope: Scope = WHOLE_BANK


@dataclass(frozen=True, kw_only=True)
class Home:
    """To which branch a customer belongs and who looks after them; empty where nobody knows."""

    branch: str
    manager: str


class Homes(Protocol):
    """Where customers belong, as the bank's own files say."""

    def home_of(self, connection: Connection, customer_id: CustomerId) -> Home: ...

    def in_branches(self, snapshot: Any, branches: Collection[str]) -> Flags:
        """Of a snapshot of tags (an Arrow table), who belongs to one of these branches: a flag per row."""
        ...


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What `govern` must know of a party to judge: whose it is and how old."""

    party_id: PartyId
    customer_id: CustomerId
    birth_date: date | None


@dataclass(frozen=True, kw_only=True)
class ConsentEntry:
    """One statement of a customer. Giving adds the classes, withdrawing takes them away; none named means all.

    `origin` identifies the statement, so that importing it twice records it once.
    """

    party_id: PartyId
    purpose: Purpose
    channel: str
    data_classes: DataClass
    action: Literal["give", "withdraw"]
    acted_at: Instant
    wording_version: str
    evidence: str
    origin: str
    expires_at: Instant | None = None
    by_guardian: bool = False


@dataclass(frozen=True, kw_only=True)
class ListEntry:
    """A party put on a list by a delivery, which `origin` names. On the day `expires_on` it is off the list again."""

    list_name: str
    party_id: PartyId
    expires_on: date | None
    origin: str


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """What an act rests on. `automated`: the customer or the proposal was chosen by what is known of the customer;
    `tags`: every tag that was looked at for it, at any remove."""

    automated: bool = True
    tags: frozenset[str] = frozenset()


UNSTATED = Grounds()
"""An automated decision over tags that nobody named."""


@dataclass(frozen=True, kw_only=True)
class PermitAsk:
    """The question: may data of these classes be used for this purpose on this channel at this moment?

    `sending` says that the message leaves now: only then do quiet hours matter. A plan made at night is no fault.
    For the purpose `SHARING` the channel is the partner with whom is shared.
    """

    purpose: Purpose
    channel: str
    data_classes: DataClass
    moment: Instant
    sending: bool = False
    grounds: Grounds = UNSTATED


@dataclass(frozen=True, kw_only=True)
class PermitSet:
    """The answer for many customers: per reason, one flag per customer, in the order of `customer_ids` (n,)."""

    ask: PermitAsk
    customer_ids: Int64s
    refusals: Mapping[Reason, Flags]
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        _check_seal(seal)

    @property
    def allowed(self) -> Flags:
        """True where no reason speaks against it."""
        refused = np.zeros(len(self.customer_ids), dtype=np.bool_)
        for flags in self.refusals.values():
            refused |= flags
        return ~refused

    @property
    def generic_only(self) -> Flags:
        """Who refused automated decisions, where the ask rests on one: for them the non-personalised path remains."""
        nobody = np.zeros(len(self.customer_ids), dtype=np.bool_)
        return self.refusals.get(Reason.AUTOMATED_DECISION_REFUSED, nobody)


@dataclass(frozen=True, kw_only=True)
class Permit:
    """Leave for one act on one customer at one moment. Issued by `govern` only; never stored, never reused."""

    ask: PermitAsk
    customer_id: CustomerId
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        _check_seal(seal)


def _check_seal(seal: object) -> None:
    if seal is not _SEAL:
        raise TypeError("only lingque.govern issues permits; ask its Permits port for one")


@dataclass(frozen=True, kw_only=True)
class OptOut:
    """What a customer's opt-out link withdraws."""

    customer_id: CustomerId
    purpose: Purpose
    channel: str


class OptOutTokens(Protocol):
    """Signs what goes into the opt-out link of a message."""

    def token(self, opt_out: OptOut) -> str: ...


class Permits(Protocol):
    """The only issuer of permits. Reads what is committed at the moment of asking."""

    def permit_set(self, connection: Connection, customer_ids: Int64s, ask: PermitAsk) -> PermitSet: ...

    def permit_sets(
        self, connection: Connection, customer_ids: Int64s, asks: Sequence[PermitAsk]
    ) -> list[PermitSet]: ...

    def permit(self, connection: Connection, customer_id: CustomerId, ask: PermitAsk) -> Permit | Refusal: ...

    def next_open(self, moment: Instant) -> Instant: ...


class Addresses(Protocol):
    """Lets an address out of the vault per permit, for one send; and for a contact made by people the customer's name.
    Answers stand in the order of the permits."""

    def reachable(self, connection: Connection, customer_ids: Int64s, *, channel: str) -> Flags: ...

    def release_all(self, connection: Connection, permits: Sequence[Permit]) -> list[str | Refusal]: ...

    def release_names(self, connection: Connection, permits: Sequence[Permit]) -> list[str | Refusal]: ...


class Surrogates(Protocol):
    """Source keys to surrogates. The mapping is the vault's secret."""

    def resolve(self, connection: Connection, *, namespace: str, keys: Iterable[str], mint: bool) -> dict[str, int]: ...

    def row_key_salt(self) -> str: ...


class Identifiers(Protocol):
    """Takes identifiers in; there is no way here to take them out."""

    def put(self, connection: Connection, entries: Iterable[tuple[PartyId, str, str | None]]) -> None: ...

    def seal_note(self, text: str) -> bytes: ...


class ConsentRegister(Protocol):
    """Takes what parties and their consents are."""

    def record_subjects(self, connection: Connection, subjects: Iterable[Subject]) -> None: ...

    def record_consents(self, connection: Connection, entries: Iterable[ConsentEntry]) -> int: ...


class ListRegister(Protocol):
    """Takes what a delivery says about lists of customers."""

    def record_members(self, connection: Connection, entries: Iterable[ListEntry], *, replace: bool) -> int: ...


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """Who did what to what. `subject` and `detail` hold ids and reasons, never personal data."""

    actor: str
    act: str
    subject: str
    detail: Mapping[str, object]


class AuditTrail(Protocol):
    """Who did what. Written in the transaction of the act; never changed, never deleted."""

    def record(
        self, connection: Connection, *, actor: str, act: str, subject: str, detail: dict[str, object]
    ) -> None: ...

    def record_all(self, connection: Connection, entries: Sequence[AuditEntry]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Person:
    """Whom a customer's request is about: one customer with every party."""

    customer_id: CustomerId
    parties: tuple[PartyId, ...]
    birth_date: date | None

    @property
    def ids(self) -> tuple[int, ...]:
        """Every surrogate under which rows of this customer may stand: before a merge, each party was a customer."""
        return tuple(dict.fromkeys([*self.parties, self.customer_id]))


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What an erasure did to a stage's rows: how many went, and how many stay by surrogate only, per table."""

    gone: Mapping[str, int]
    kept: Mapping[str, int]


class CustomerRows(Protocol):
    """A stage's rows of one customer in the control plane: each stage that has some supplies one.

    `erase` deletes or empties what may not be kept; `disclose` gives what the customer may have a copy of, by heading.
    """

    def erase(self, connection: Connection, person: Person) -> Erased: ...

    def disclose(self, connection: Connection, person: Person) -> Mapping[str, Sequence[Mapping[str, Any]]]: ...
