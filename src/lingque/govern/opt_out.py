"""Refusing as easily as agreeing: a signed link that withdraws one consent (PIPL art. 15–16)."""

from __future__ import annotations

import base64
import hashlib
import hmac

from sqlalchemy import Connection

from lingque.core.clock import Instant
from lingque.core.ids import CustomerId
from lingque.core.registries import DataClass, Purpose
from lingque.govern.contracts import AuditTrail, ConsentEntry, ConsentRegister, OptOut
from lingque.govern.preferences import parties_of
from lingque.govern.vault import Vault

_TAG_BYTES = 16


class OptOutLinks:
    """Makes and honours links. A link never expires and works more than once: refusing must not get harder."""

    def __init__(self, vault: Vault, register: ConsentRegister, audit: AuditTrail) -> None:
        self._vault = vault
        self._register = register
        self._audit = audit

    def token(self, opt_out: OptOut) -> str:
        """A token that names the customer by surrogate only, signed with HMAC-SHA-256."""
        body = f"{opt_out.customer_id}.{int(opt_out.purpose)}.{opt_out.channel}".encode()
        return base64.urlsafe_b64encode(self._tag(body) + body).decode().rstrip("=")

    def read(self, token: str) -> OptOut | None:
        """What the token withdraws; None where we did not make it."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(body)):
            return None
        customer, purpose, channel = body.decode().split(".")
        return OptOut(customer_id=CustomerId(int(customer)), purpose=Purpose(int(purpose)), channel=channel)

    def withdraw(self, connection: Connection, opt_out: OptOut, *, at: Instant, evidence: str) -> None:
        """Withdraw the consent of every party of the customer, effective at once.

        A link that went out before the customer was merged into another speaks for that other one.
        """
        self._register.record_consents(
            connection,
            [
                ConsentEntry(
                    party_id=party,
                    purpose=opt_out.purpose,
                    channel=opt_out.channel,
                    data_classes=DataClass(0),
                    action="withdraw",
                    acted_at=at,
                    wording_version="opt-out link",
                    evidence=evidence,
                    origin=f"opt-out/{party}/{int(opt_out.purpose)}/{opt_out.channel}/{at}",
                )
                for party in parties_of(connection, opt_out.customer_id)
            ],
        )
        self._audit.record(
            connection,
            actor=f"customer {opt_out.customer_id}",
            act="withdraw_consent",
            subject=f"customer {opt_out.customer_id}",
            detail={"purpose": opt_out.purpose.name, "channel": opt_out.channel, "evidence": evidence},
        )

    def _tag(self, body: bytes) -> bytes:
        return hmac.new(self._vault.token_secret(), body, hashlib.sha256).digest()[:_TAG_BYTES]
