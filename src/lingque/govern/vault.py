"""The vault: source keys become surrogates, identifiers are sealed, and an address leaves for one send.

Envelope encryption: a random data key per party, wrapped by the master key, both AES-256-GCM with the place of the
value as associated data, so that a sealed value moved to another row does not open. Look-up by source key goes
through a blind index, HMAC-SHA-256 under a key derived from the master key (HKDF, RFC 5869).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, delete, insert, select

from lingque.core.errors import VaultError
from lingque.core.hashing import Int64s
from lingque.core.ids import PartyId, new_surrogate
from lingque.core.reasons import Reason, Refusal
from lingque.govern.contracts import AuditTrail, Flags, Permit
from lingque.govern.key_store import KEY_BYTES, KeyStore
from lingque.govern.tables import subjects, vault_identifiers, vault_keys, vault_surrogates
from lingque.store.chunks import chunks

NONCE_BYTES = 12
ADDRESS_OF_CHANNEL = {"email": "email", "sms": "phone", "rm_call": "phone"}
NAMED_CHANNELS = frozenset({"rm_call"})
"""Where a person makes the contact and must know whom to ask for. No other channel is ever told a name."""


class Vault:
    """Made by `bootstrap` with the key store of the workspace."""

    def __init__(self, keys: KeyStore, audit: AuditTrail) -> None:
        self._keys = keys
        self._audit = audit

    def resolve(self, connection: Connection, *, namespace: str, keys: Iterable[str], mint: bool) -> dict[str, int]:
        """The surrogate of each key; unknown keys are minted one, or left out where `mint` is false."""
        secret = self._derived("blind index")
        index = {_blind(secret, namespace, key): key for key in keys}
        found: dict[str, int] = {}
        for part in chunks(list(index)):
            rows = connection.execute(
                select(vault_surrogates.c.key_index, vault_surrogates.c.surrogate).where(
                    vault_surrogates.c.namespace == namespace, vault_surrogates.c.key_index.in_(part)
                )
            )
            found.update((index[blind], surrogate) for blind, surrogate in rows)
        if mint:
            # in the order of the keys: an engine hands them over in any
            missing = sorted((key, blind) for blind, key in index.items() if key not in found)
            new = [(blind, key, new_surrogate()) for key, blind in missing]
            if new:
                connection.execute(
                    insert(vault_surrogates),
                    [{"namespace": namespace, "key_index": blind, "surrogate": made} for blind, _, made in new],
                )
            found.update((key, made) for _, key, made in new)
        return found

    def row_key_salt(self) -> str:
        """What makes row keys say nothing about the source's keys to whoever lacks the master key."""
        return self._derived("row keys").hex()

    def token_secret(self) -> bytes:
        """What signs the links that customers are given."""
        return self._derived("customer links")

    def put(self, connection: Connection, entries: Iterable[tuple[PartyId, str, str | None]]) -> None:
        """Seal identifiers `(party, kind, value)` in the place of what was there under that kind; None: forget it."""
        listed = list(entries)
        data_keys = self._data_keys(connection, {party for party, _, _ in listed}, create=True)
        for part in chunks(listed, 2_000):
            for kind in {kind for _, kind, _ in part}:
                parties = [party for party, k, _ in part if k == kind]
                connection.execute(
                    delete(vault_identifiers).where(
                        vault_identifiers.c.kind == kind, vault_identifiers.c.party_id.in_(parties)
                    )
                )
            rows = [
                {"party_id": party, "kind": kind, "sealed": _seal(data_keys[party], value, f"{party}/{kind}")}
                for party, kind, value in part
                if value is not None
            ]
            if rows:
                connection.execute(insert(vault_identifiers), rows)

    def seal_note(self, text: str) -> bytes:
        """Seal text that may hold identifiers but belongs to no known party (a quarantined row)."""
        return _seal(self._derived("notes"), text, "note")

    def open_note(self, sealed: bytes) -> str:
        """The text again. `VaultError` where it was changed or belongs to another key."""
        return _open(self._derived("notes"), sealed, "note")

    def reachable(self, connection: Connection, customer_ids: Int64s, *, channel: str) -> Flags:
        """Per customer, in order: is there an address for the channel? Opens none."""
        rows = connection.execute(
            select(subjects.c.customer_id)
            .join(vault_identifiers, vault_identifiers.c.party_id == subjects.c.party_id)
            .where(vault_identifiers.c.kind == ADDRESS_OF_CHANNEL[channel])
        )
        having = np.fromiter(rows.scalars(), dtype=np.int64)
        return np.isin(customer_ids, having)

    def release(self, connection: Connection, permit: Permit) -> str | Refusal:
        """The one address that the permitted send needs. Leaves a trace in the caller's transaction."""
        return self._open_one(connection, permit, ADDRESS_OF_CHANNEL[permit.ask.channel], act="release_address")

    def release_name(self, connection: Connection, permit: Permit) -> str | Refusal:
        """The customer's name, for a contact that a person makes. Leaves a trace likewise.

        Raises `VaultError` for a channel that needs no name.
        """
        if permit.ask.channel not in NAMED_CHANNELS:
            raise VaultError(
                f"a name was asked for on channel {permit.ask.channel}",
                next_step=f"names are released only to {', '.join(sorted(NAMED_CHANNELS))}",
            )
        return self._open_one(connection, permit, "name", act="release_name")

    def _open_one(self, connection: Connection, permit: Permit, kind: str, *, act: str) -> str | Refusal:
        row = connection.execute(
            select(vault_identifiers.c.party_id, vault_identifiers.c.sealed)
            .join(subjects, vault_identifiers.c.party_id == subjects.c.party_id)
            .where(subjects.c.customer_id == permit.customer_id, vault_identifiers.c.kind == kind)
            .order_by(vault_identifiers.c.party_id)
        ).first()
        if row is None:
            return Refusal(reason=Reason.ADDRESS_MISSING, detail=f"customer {permit.customer_id} has no {kind}")
        party = PartyId(row.party_id)
        data_key = self._data_keys(connection, {party}, create=False)[party]
        self._audit.record(
            connection,
            actor="lingque",
            act=act,
            subject=f"customer {permit.customer_id}",
            detail={"kind": kind, "purpose": permit.ask.purpose.name, "channel": permit.ask.channel},
        )
        return _open(data_key, row.sealed, f"{party}/{kind}")

    def _data_keys(self, connection: Connection, parties: set[PartyId], *, create: bool) -> dict[PartyId, bytes]:
        master = self._keys.master_key()
        found: dict[PartyId, bytes] = {}
        for part in chunks(sorted(parties)):
            rows = connection.execute(select(vault_keys).where(vault_keys.c.party_id.in_(part)))
            found.update(
                (PartyId(row.party_id), bytes.fromhex(_open(master, row.wrapped_key, f"key/{row.party_id}")))
                for row in rows
            )
        missing = sorted(parties - found.keys())
        if missing and not create:
            raise VaultError(
                f"the data key of party {missing[0]} is not there",
                next_step="it was erased, or restore the vault",
            )
        made = {party: secrets.token_bytes(KEY_BYTES) for party in missing}
        if made:
            rows_to_add = [
                {"party_id": party, "wrapped_key": _seal(master, key.hex(), f"key/{party}")}
                for party, key in made.items()
            ]
            connection.execute(insert(vault_keys), rows_to_add)
        return found | made

    def _derived(self, use: str) -> bytes:
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"lingque {use}".encode()).derive(
            self._keys.master_key()
        )


def _blind(secret: bytes, namespace: str, key: str) -> bytes:
    return hmac.digest(secret, f"{namespace}\x1f{key}".encode(), "sha256")


def _seal(key: bytes, text: str, place: str) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text.encode(), place.encode())


def _open(key: bytes, sealed: bytes, place: str) -> str:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode()).decode()
    except InvalidTag as error:
        raise VaultError(
            f"the sealed value at {place.partition('/')[0]} does not open",
            next_step="it was changed, or the master key is not the one that sealed it",
        ) from error
