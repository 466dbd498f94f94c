"""What a customer has said, as it stands at a moment, and the links by which they say more themselves."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, bindparam, or_, select

from lingque.core.clock import Instant
from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Reason
from lingque.core.registries import DataClass, Purpose
from lingque.govern.consent import Statement, consent_reasons
from lingque.govern.tables import automated_refusals, consents, refused_tags, subjects

LINK_LASTS = 7 * 86_400 * 1_000_000
"""A link shows what is known of somebody: unlike one that only refuses, it has an end."""

_TAG_BYTES = 16
_PARTIES = (  # built once: whatever is done for a customer asks it
    select(subjects.c.party_id)
    .where(
        or_(
            subjects.c.customer_id == bindparam("customer"),
            subjects.c.customer_id
            == select(subjects.c.customer_id).where(subjects.c.party_id == bindparam("customer")).scalar_subquery(),
        )
    )
    .order_by(subjects.c.party_id)
)


class TokenSecret(Protocol):
    """What signs the links that customers are given."""

    def token_secret(self) -> bytes: ...


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """`agreed` says by purpose, channel and class of data whether consent holds now."""

    agreed: Mapping[tuple[Purpose, str, DataClass], bool]
    refuses_automated: bool
    refused_tags: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class SaidOnce:
    """One entry of the register, with its evidence."""

    purpose: Purpose
    channel: str
    data_classes: DataClass
    given: bool
    by_guardian: bool
    acted_at: Instant
    expires_at: Instant | None
    wording_version: str
    evidence: str


class PreferenceLinks:
    """Makes and reads links to a customer's own page."""

    def __init__(self, secret: TokenSecret) -> None:
        self._secret = secret

    def token(self, customer_id: CustomerId, *, at: Instant) -> str:
        """Names the customer by surrogate only and the end of the link; signed with HMAC-SHA-256."""
        body = f"{customer_id}.{at + LINK_LASTS}".encode()
        return base64.urlsafe_b64encode(self._tag(body) + body).decode().rstrip("=")

    def read(self, token: str, *, at: Instant) -> CustomerId | None:
        """Whose page it opens; None where we did not make it, or it is over."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(body)):
            return None
        customer, ends = body.decode().split(".")
        return CustomerId(int(customer)) if at < int(ends) else None

    def _tag(self, body: bytes) -> bytes:
        # its own prefix: a link that refuses must never open the page, whatever it says
        return hmac.new(self._secret.token_secret(), b"preferences\x00" + body, hashlib.sha256).digest()[:_TAG_BYTES]


def parties_of(connection: Connection, customer_id: CustomerId) -> list[PartyId]:
    """Every party of the customer. An id from before a merge speaks for the customer that it became part of."""
    found = connection.execute(_PARTIES, {"customer": customer_id}).scalars()
    return [PartyId(party) for party in found]


def said_by(connection: Connection, parties: Iterable[PartyId]) -> list[SaidOnce]:
    """Every statement of these parties, in the order in which they count."""
    rows = connection.execute(
        select(consents)
        .where(consents.c.party_id.in_(list(parties)))
        .order_by(consents.c.acted_at, consents.c.consent_id)
    )
    return [
        SaidOnce(
            purpose=Purpose(row.purpose),
            channel=row.channel,
            data_classes=DataClass(row.data_classes),
            given=row.given,
            by_guardian=row.by_guardian,
            acted_at=Instant(row.acted_at),
            expires_at=None if row.expires_at is None else Instant(row.expires_at),
            wording_version=row.wording_version,
            evidence=row.evidence,
        )
        for row in rows
    ]


def preferences_of(
    connection: Connection,
    parties: list[PartyId],
    *,
    asked: Iterable[tuple[Purpose, str, DataClass]],
    at: Instant,
) -> Preferences:
    """How these parties, together one customer, stand to the questions."""
    questions = list(asked)
    said = said_by(connection, parties) if questions else []
    return Preferences(
        agreed={
            (purpose, channel, one): _holds(said, purpose, channel, one, at) for purpose, channel, one in questions
        },
        refuses_automated=_newest_no(connection, parties, at),
        refused_tags=_refused(connection, parties, at),
    )


def _holds(said: list[SaidOnce], purpose: Purpose, channel: str, one: DataClass, at: Instant) -> bool:
    statements = [
        Statement(given=entry.given, classes=entry.data_classes, acted_at=entry.acted_at, expires_at=entry.expires_at)
        for entry in said
        if entry.purpose is purpose and entry.channel == channel
    ]
    reasons = consent_reasons(statements, one, at)
    if one is DataClass.PERSONAL:
        return not reasons
    return Reason.NO_CONSENT_FOR_DATA_CLASS not in reasons


def _newest_no(connection: Connection, parties: list[PartyId], at: Instant) -> bool:
    newest = connection.execute(
        select(automated_refusals.c.refused)
        .where(automated_refusals.c.party_id.in_(parties), automated_refusals.c.acted_at <= at)
        .order_by(automated_refusals.c.acted_at.desc(), automated_refusals.c.refusal_id.desc())
    ).first()
    return newest is not None and bool(newest.refused)


def _refused(connection: Connection, parties: list[PartyId], at: Instant) -> frozenset[str]:
    rows = connection.execute(
        select(refused_tags.c.tag, refused_tags.c.refused)
        .where(refused_tags.c.party_id.in_(parties), refused_tags.c.acted_at <= at)
        .order_by(refused_tags.c.acted_at, refused_tags.c.refusal_id)
    )
    newest = {row.tag: row.refused for row in rows}
    return frozenset(tag for tag, no in newest.items() if no)
