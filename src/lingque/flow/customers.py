"""One customer, as staff may see them: masked, within one's scope, and every look at more with a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection

from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.flow.services import Services
from lingque.flow.traces import trace
from lingque.govern.access import refused
from lingque.govern.contracts import (
    Action,
    ConsentEntry,
    Home,
    Permit,
    PermitAsk,
    Principal,
)
from lingque.govern.masking import masked
from lingque.govern.preferences import Preferences, SaidOnce, parties_of, preferences_of, said_by
from lingque.govern.reveals import IdentifierKind
from lingque.govern.scopes import outside_scope
from lingque.govern.statements import DecisionRefusal, LegalBasis

T = TypeVar("T")

CHANNEL_OF: dict[IdentifierKind, str] = {"name": "rm_call", "phone": "sms", "email": "email"}
"""The channel for whose sake the vault opens each kind."""


@dataclass(frozen=True, kw_only=True)
class CustomerCard:
    """What is shown without a reason. `identifiers` are masked; `said` is the register of consents, with evidence."""

    customer_id: CustomerId
    home: Home
    identifiers: dict[IdentifierKind, str]
    said: tuple[SaidOnce, ...]
    preferences: Preferences


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a customer stated to a member of staff."""

    purpose: Purpose
    channel: str
    data_classes: DataClass
    given: bool
    by_guardian: bool
    wording_version: str
    evidence: str
    days: int | None


def show_customer(services: Services, customer_id: CustomerId, actor: Principal) -> CustomerCard | Refusal:
    """The customer with masked identifiers."""
    found = identifiers_shown(services, customer_id, actor)
    if isinstance(found, Refusal):
        return found
    with services.database.reading() as connection:
        return card_of(services, connection, customer_id, found, parties_of(connection, customer_id))


def identifiers_shown(
    services: Services, customer_id: CustomerId, actor: Principal
) -> dict[IdentifierKind, str] | Refusal:
    """The customer's identifiers, masked. Leaves the trace of a look at a customer."""

    def looked_up(connection: Connection) -> dict[IdentifierKind, str]:
        values = _opened(services, connection, customer_id, list(CHANNEL_OF))
        return {kind: masked(kind, value) for kind, value in values.items() if isinstance(value, str)}

    return within_scope(services, customer_id, actor, Action.READ_CUSTOMER, "show_customer", looked_up, detail={})


def card_of(
    services: Services,
    connection: Connection,
    customer_id: CustomerId,
    identifiers: dict[IdentifierKind, str],
    parties: list[PartyId],
) -> CustomerCard:
    """The card of a customer of these parties."""
    return CustomerCard(
        customer_id=customer_id,
        home=services.homes.home_of(connection, customer_id),
        identifiers=identifiers,
        said=tuple(said_by(connection, parties)),
        preferences=preferences_of(connection, parties, asked=(), at=services.clock.now()),
    )


def reveal(
    services: Services, customer_id: CustomerId, kind: IdentifierKind, actor: Principal, *, reason: str
) -> str | Refusal:
    """One identifier in full. The trail says who looked, at what, and why; never what was seen."""

    def opened(connection: Connection) -> str | Refusal:
        return _opened(services, connection, customer_id, [kind])[kind]

    detail: dict[str, object] = {"kind": kind, "reason": reason}
    return within_scope(
        services, customer_id, actor, Action.REVEAL_IDENTIFIER, "reveal_identifier", opened, detail=detail
    )


def record_consent(services: Services, customer_id: CustomerId, said: Said, actor: Principal) -> int | Refusal:
    """Append what the customer stated, for each of their parties; how many entries that made."""
    now = services.clock.now()

    def recorded(connection: Connection) -> int:
        parties = parties_of(connection, customer_id)
        expires = None if said.days is None else services.calendar.in_days(now, said.days)
        return services.register.record_consents(
            connection,
            [
                ConsentEntry(
                    party_id=party,
                    purpose=said.purpose,
                    channel=said.channel,
                    data_classes=said.data_classes,
                    action="give" if said.given else "withdraw",
                    acted_at=now,
                    wording_version=said.wording_version,
                    evidence=said.evidence,
                    origin=f"staff/{party}/{int(said.purpose)}/{said.channel}/{int(said.data_classes)}/{said.given}/{now}",
                    expires_at=expires if said.given else None,
                    by_guardian=said.by_guardian,
                )
                for party in parties
            ],
        )

    detail: dict[str, object] = {
        "purpose": said.purpose.name,
        "channel": said.channel,
        "classes": list(said.data_classes.names),
        "given": said.given,
    }
    return within_scope(services, customer_id, actor, Action.RECORD_CONSENT, "record_consent", recorded, detail=detail)


def record_decision_refusal(
    services: Services, customer_id: CustomerId, actor: Principal, *, no: bool, wording_version: str, evidence: str
) -> int | Refusal:
    """Append that the customer refuses automated decisions, or no longer does; for how many parties."""

    def recorded(connection: Connection) -> int:
        entries = [
            DecisionRefusal(
                party_id=party,
                refused=no,
                acted_at=services.clock.now(),
                wording_version=wording_version,
                evidence=evidence,
            )
            for party in parties_of(connection, customer_id)
        ]
        services.register.record_decision_refusals(connection, entries)
        return len(entries)

    return within_scope(
        services, customer_id, actor, Action.RECORD_CONSENT, "record_decision_refusal", recorded, detail={"refused": no}
    )


def preference_link(services: Services, customer_id: CustomerId, actor: Principal) -> str | Refusal:
    """The token of a link to the customer's own page, to be given to them."""

    def made(_connection: Connection) -> str:
        return services.preference_links.token(customer_id, at=services.clock.now())

    return within_scope(services, customer_id, actor, Action.RECORD_CONSENT, "make_preference_link", made, detail={})


def record_legal_basis(services: Services, basis: LegalBasis, actor: Principal) -> Refusal | None:
    """Compliance states on what else than separate consent a purpose may use some classes of data."""
    with services.database.transaction() as connection:
        refusal = refused(actor, Action.RECORD_LEGAL_BASIS) or services.register.record_legal_basis(
            connection, basis, by=actor.user
        )
        subject = basis.purpose.name.lower()
        if refusal is not None:
            trace(services, connection, refusal, actor, "record_legal_basis", subject)
            return refusal
        services.audit.record(
            connection,
            actor=actor.user,
            act="record_legal_basis",
            subject=subject,
            detail={"classes": list(basis.data_classes.names), "article": basis.article, "document": basis.document},
        )
    return None


def within_scope(
    services: Services,
    customer_id: CustomerId,
    actor: Principal,
    action: Action,
    act: str,
    done: Callable[[Connection], T | Refusal],
    *,
    detail: dict[str, object],
) -> T | Refusal:
    """Leave for the action, the customer within the actor's scope; then the act and its trace in one transaction."""
    with services.database.reading() as connection:  # where somebody belongs is looked up without holding up writers
        refusal = (
            refused(actor, action)
            or outside_scope(connection, actor, customer_id, services.homes)
            or _unknown(connection, customer_id)
        )
    with services.database.transaction() as connection:
        outcome = refusal or done(connection)
        if isinstance(outcome, Refusal):
            trace(services, connection, outcome, actor, act, "a customer")
        else:
            services.audit.record(
                connection, actor=actor.user, act=act, subject=f"customer {customer_id}", detail=detail
            )
        return outcome


def _unknown(connection: Connection, customer_id: CustomerId) -> Refusal | None:
    if parties_of(connection, customer_id):
        return None
    # the number is not repeated: what was asked for may be somebody's telephone number
    return Refusal(reason=Reason.UNKNOWN_CUSTOMER, detail="there is no customer of that number")


def _opened(
    services: Services, connection: Connection, customer_id: CustomerId, kinds: Sequence[IdentifierKind]
) -> dict[IdentifierKind, str | Refusal]:
    """The names in one look into the vault, the addresses in another."""
    found: dict[IdentifierKind, str | Refusal] = {}
    permits: dict[IdentifierKind, Permit] = {}
    for kind in kinds:
        ask = PermitAsk(
            purpose=Purpose.SERVICE,
            channel=CHANNEL_OF[kind],
            data_classes=DataClass(0),
            moment=services.clock.now(),
        )
        permit = services.permits.permit(connection, customer_id, ask)
        if isinstance(permit, Permit):
            permits[kind] = permit
        else:
            found[kind] = permit
    for named, opened in ((True, services.addresses.release_names), (False, services.addresses.release_all)):
        part = {kind: permit for kind, permit in permits.items() if (kind == "name") is named}
        found |= zip(part, opened(connection, list(part.values())), strict=True)
    return {kind: found[kind] for kind in kinds}
