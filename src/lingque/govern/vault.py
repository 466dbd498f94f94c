"""The vault: source keys become surrogates, identifiers are sealed, and an address leaves for one send.

Envelope encryption: a random data key per party, wrapped by a wrapping key, which the master key wraps
(`lingque.govern.keyring`). Look-up by source key or by a telephone number goes through a blind index: an HMAC under a
secret of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from sqlalchemy import Connection, delete, insert, select

from lingque.core.clock import Instant
from lingque.core.errors import VaultError
from lingque.core.hashing import Int64s
from lingque.core.ids import PartyId, new_surrogate
from lingque.core.reasons import Reason, Refusal
from lingque.govern.ciphers import Lock, seal, unseal
from lingque.govern.contracts import AuditEntry, AuditTrail, Flags, Permit
from lingque.govern.keyring import Keyring
from lingque.govern.tables import (
    returned_parties,
    subjects,
    vault_identifiers,
    vault_keys,
    vault_surrogates,
    vault_tombstones,
)
from lingque.store.chunks import chunks

ADDRESS_OF_CHANNEL = {"email": "email", "sms": "phone", "rm_call": "phone"}
NAMED_CHANNELS = frozenset({"rm_call"})
"""Where a person makes the contact and must know whom to ask for. No other channel is ever told a name."""

ROWS_AT_ONCE = 2_000


class Vault:
    """Made by `bootstrap` with the keys of the workspace."""

    def __init__(self, keyring: Keyring, audit: AuditTrail) -> None:
        self._keyring = keyring
        self._suite = keyring.suite
        self._audit = audit

    def resolve(self, connection: Connection, *, namespace: str, keys: Iterable[str], mint: bool) -> dict[str, int]:
        """The surrogate of each key; unknown keys are minted one, or left out where `mint` is false."""
        index = {self._blind(f"{namespace}\x1f{key}"): key for key in keys}
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
                self._note_returned(connection, namespace, {blind: made for blind, _, made in new})
            found.update((key, made) for _, key, made in new)
        return found

    def row_key_salt(self) -> str:
        """What makes row keys say nothing about the source's keys to whoever lacks the master key."""
        return self._keyring.secret("row keys").hex()

    def token_secret(self) -> bytes:
        """What signs the links that customers are given."""
        return self._keyring.secret("customer links")

    def put(self, connection: Connection, entries: Iterable[tuple[PartyId, str, str | None]]) -> None:
        """Seal identifiers `(party, kind, value)` in the place of what was there under that kind; None: forget it."""
        listed = list(entries)
        locks = self._locks(connection, {party for party, _, _ in listed}, create=True)
        for part in chunks(listed, ROWS_AT_ONCE):
            for kind in {kind for _, kind, _ in part}:
                parties = [party for party, k, _ in part if k == kind]
                connection.execute(
                    delete(vault_identifiers).where(
                        vault_identifiers.c.kind == kind, vault_identifiers.c.party_id.in_(parties)
                    )
                )
            rows = [
                {
                    "party_id": party,
                    "kind": kind,
                    "sealed": seal(locks[party], value.encode(), f"{party}/{kind}"),
                    "value_index": self._blind(f"{kind}\x1e{_spelling(kind, value)}"),
                }
                for party, kind, value in part
                if value is not None
            ]
            if rows:
                connection.execute(insert(vault_identifiers), rows)

    def find(self, connection: Connection, *, kind: str, value: str) -> list[PartyId]:
        """Who has that identifier, by its blind index; nothing is opened. Finds what was sealed since there is one."""
        index = self._blind(f"{kind}\x1e{_spelling(kind, value)}")
        found = select(vault_identifiers.c.party_id).where(
            vault_identifiers.c.value_index == index, vault_identifiers.c.kind == kind
        )
        return [PartyId(party) for party in connection.execute(found.order_by(vault_identifiers.c.party_id)).scalars()]

    def holders(self, connection: Connection, parties: Sequence[PartyId]) -> dict[PartyId, set[str]]:
        """Which kinds of identifiers are kept of each party."""
        columns = (vault_identifiers.c.party_id, vault_identifiers.c.kind)
        found: dict[PartyId, set[str]] = {}
        for party, kind in connection.execute(select(*columns).where(vault_identifiers.c.party_id.in_(parties))):
            found.setdefault(PartyId(party), set()).add(kind)
        return found

    def seal_note(self, text: str) -> bytes:
        """Seal text that may hold identifiers but belongs to no known party (a quarantined row)."""
        return seal(self._suite.lock(self._keyring.secret("notes")), text.encode(), "note")

    def open_note(self, sealed: bytes) -> str:
        """The text again. `VaultError` where it was changed or belongs to another key."""
        return unseal(self._suite.lock(self._keyring.secret("notes")), sealed, "note").decode()

    def reachable(self, connection: Connection, customer_ids: Int64s, *, channel: str) -> Flags:
        """Per customer, in order: is there an address for the channel? Opens none."""
        rows = connection.execute(
            select(subjects.c.customer_id)
            .join(vault_identifiers, vault_identifiers.c.party_id == subjects.c.party_id)
            .where(vault_identifiers.c.kind == ADDRESS_OF_CHANNEL[channel])
        )
        having = np.fromiter(rows.scalars(), dtype=np.int64)
        return np.isin(customer_ids, having)

    def release_all(self, connection: Connection, permits: Sequence[Permit]) -> list[str | Refusal]:
        """The one address that each permitted send needs, in order. Each leaves a trace in the caller's transaction."""
        return self._open(connection, permits, None, act="release_address")

    def release_names(self, connection: Connection, permits: Sequence[Permit]) -> list[str | Refusal]:
        """The customers' names, for contacts that a person makes. Each leaves a trace likewise.

        Raises `VaultError` for a channel that needs no name.
        """
        for permit in permits:
            if permit.ask.channel not in NAMED_CHANNELS:
                raise VaultError(
                    f"a name was asked for on channel {permit.ask.channel}",
                    next_step=f"names are released only to {', '.join(sorted(NAMED_CHANNELS))}",
                )
        return self._open(connection, permits, "name", act="release_name")

    def disclose(self, connection: Connection, parties: Sequence[PartyId]) -> dict[PartyId, dict[str, str]]:
        """Everything that is kept under these parties, by kind: for the customer's own copy. The caller records why."""
        rows = connection.execute(
            select(vault_identifiers)
            .where(vault_identifiers.c.party_id.in_(parties))
            .order_by(vault_identifiers.c.party_id, vault_identifiers.c.kind)
        ).all()
        locks = self._locks(connection, {PartyId(row.party_id) for row in rows}, create=False)
        opened: dict[PartyId, dict[str, str]] = {}
        for row in rows:
            value = unseal(locks[row.party_id], row.sealed, f"{row.party_id}/{row.kind}").decode()
            opened.setdefault(PartyId(row.party_id), {})[row.kind] = value
        return opened

    def destroy(self, connection: Connection, parties: Iterable[int], *, at: Instant) -> dict[str, int]:
        """Crypto-shredding: data keys, what they sealed, and which source's key a party was. Rows gone, per table.

        Of the source's key a tombstone stays: a digest of its blind index under a secret of its own, by which it is
        known when the source delivers it again, and by which nobody can be found.
        """
        gone = {"vault_keys": 0, "vault_identifiers": 0}
        listed = sorted(parties)
        self._bury(connection, listed, at)
        for part in chunks(listed):
            for table in (vault_identifiers, vault_keys):
                gone[table.name] += connection.execute(delete(table).where(table.c.party_id.in_(part))).rowcount
        return gone | {"vault_surrogates": self.forget_keys(connection, listed)}

    def forget_keys(self, connection: Connection, surrogates: Sequence[int]) -> int:
        """Which source keys these surrogates stand for is nobody's knowledge any more; how many were known."""
        gone = 0
        for part in chunks(surrogates):
            found = delete(vault_surrogates).where(vault_surrogates.c.surrogate.in_(part))
            gone += connection.execute(found).rowcount
        return gone

    def _bury(self, connection: Connection, parties: Sequence[int], at: Instant) -> None:
        for part in chunks(parties):
            rows = connection.execute(
                select(vault_surrogates.c.namespace, vault_surrogates.c.key_index).where(
                    vault_surrogates.c.surrogate.in_(part)
                )
            ).all()
            tombs = [self._tomb(namespace, blind) for namespace, blind in rows]
            connection.execute(delete(vault_tombstones).where(vault_tombstones.c.key_index.in_(tombs)))
            if tombs:
                connection.execute(insert(vault_tombstones), [{"key_index": one, "erased_at": at} for one in tombs])
            connection.execute(delete(returned_parties).where(returned_parties.c.party_id.in_(part)))

    def _note_returned(self, connection: Connection, namespace: str, minted: Mapping[bytes, int]) -> None:
        """Which of the new surrogates stand for the key of somebody who was erased; each is told in the trail."""
        if connection.execute(select(vault_tombstones.c.key_index).limit(1)).first() is None:
            return
        tombs = {self._tomb(namespace, blind): made for blind, made in minted.items()}
        returned: dict[int, int] = {}
        for part in chunks(list(tombs)):
            known = select(vault_tombstones).where(vault_tombstones.c.key_index.in_(part))
            returned.update((tombs[row.key_index], row.erased_at) for row in connection.execute(known))
        if returned:
            rows = [{"party_id": party, "erased_at": erased} for party, erased in returned.items()]
            connection.execute(insert(returned_parties), rows)
        entries = [
            AuditEntry(actor="lingque", act="erased_customer_delivered_again", subject=f"party {party}", detail={})
            for party in returned
        ]
        self._audit.record_all(connection, entries)

    def _tomb(self, namespace: str, blind: bytes) -> bytes:
        return self._suite.mac(self._keyring.secret("tombstones"), namespace.encode() + b"\x1e" + blind)

    def _open(
        self, connection: Connection, permits: Sequence[Permit], kind: str | None, *, act: str
    ) -> list[str | Refusal]:
        opened: list[str | Refusal] = []
        for part in chunks(permits, ROWS_AT_ONCE):
            kinds = [kind or ADDRESS_OF_CHANNEL[permit.ask.channel] for permit in part]
            sealed = self._sealed(connection, part, kinds)
            locks = self._locks(connection, {party for party, _ in sealed.values()}, create=False)
            traces = []
            for permit, wanted in zip(part, kinds, strict=True):
                customer = permit.customer_id
                if (customer, wanted) not in sealed:
                    opened.append(Refusal(reason=Reason.ADDRESS_MISSING, detail=f"customer {customer} has no {wanted}"))
                    continue
                party, value = sealed[customer, wanted]
                opened.append(unseal(locks[party], value, f"{party}/{wanted}").decode())
                detail = {"kind": wanted, "purpose": permit.ask.purpose.name, "channel": permit.ask.channel}
                traces.append(AuditEntry(actor="lingque", act=act, subject=f"customer {customer}", detail=detail))
            self._audit.record_all(connection, traces)
        return opened

    def _sealed(
        self, connection: Connection, permits: Sequence[Permit], kinds: Sequence[str]
    ) -> dict[tuple[int, str], tuple[PartyId, bytes]]:
        """By customer and kind, the party that has it and the sealed value; of several parties the first."""
        rows = connection.execute(
            select(
                subjects.c.customer_id, vault_identifiers.c.kind, vault_identifiers.c.party_id,
                vault_identifiers.c.sealed,
            )
            .join(subjects, vault_identifiers.c.party_id == subjects.c.party_id)
            .where(
                subjects.c.customer_id.in_({permit.customer_id for permit in permits}),
                vault_identifiers.c.kind.in_(set(kinds)),
            )
            .order_by(vault_identifiers.c.party_id)
        )  # fmt: skip
        sealed: dict[tuple[int, str], tuple[PartyId, bytes]] = {}
        for customer, kind, party, value in rows:
            sealed.setdefault((customer, kind), (PartyId(party), value))
        return sealed

    def _locks(self, connection: Connection, parties: set[PartyId], *, create: bool) -> dict[int, Lock]:
        """The cipher under each party's data key."""
        found: dict[int, Lock] = {}
        for part in chunks(sorted(parties)):
            for party, number, wrapped in connection.execute(
                select(vault_keys.c.party_id, vault_keys.c.wrapping_key, vault_keys.c.wrapped_key).where(
                    vault_keys.c.party_id.in_(part)
                )
            ):
                key = unseal(self._keyring.lock(connection, number), wrapped, f"key/{party}")
                found[party] = self._suite.lock(key)
        missing = sorted(parties - found.keys())
        if missing and not create:
            raise VaultError(
                f"the data key of party {missing[0]} is not there",
                next_step="it was erased, or restore the vault",
            )
        if missing:
            found |= self._new_locks(connection, missing)
        return found

    def _new_locks(self, connection: Connection, parties: Sequence[PartyId]) -> dict[int, Lock]:
        number = self._keyring.newest(connection)
        wrapping = self._keyring.lock(connection, number)
        made = {party: self._suite.new_key() for party in parties}
        connection.execute(
            insert(vault_keys),
            [
                {"party_id": party, "wrapping_key": number, "wrapped_key": seal(wrapping, key, f"key/{party}")}
                for party, key in made.items()
            ],
        )
        return {party: self._suite.lock(key) for party, key in made.items()}

    def _blind(self, content: str) -> bytes:
        return self._suite.mac(self._keyring.secret("blind index"), content.encode())


def _spelling(kind: str, value: str) -> str:
    """One spelling of what people write in several ways: +86 138-0000-0000 is 13800000000."""
    if kind == "phone":
        return "".join(sign for sign in value if sign.isdigit())[-11:]
    return value.strip().casefold()
