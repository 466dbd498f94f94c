"""Bringing a vault of the first release under wrapping keys.

There the master key, alone and as it stood in its file, wrapped the data keys (as hexadecimal text) and was what every
secret was derived from. Both go on being what they were, wrapped by the master key from now on.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, bindparam, select, update

from lingque.core.errors import ConfigurationError
from lingque.govern.ciphers import Suite, seal, unseal
from lingque.govern.key_store import FileKeyStore
from lingque.govern.keyring import SECRETS, Keyring
from lingque.govern.tables import vault_keys, vault_secrets, vault_surrogates
from lingque.store.chunks import chunks

_FIRST = Suite()


def adopt(connection: Connection, keyring: Keyring) -> None:
    """Make the vault's keys, those of the first release in their places. Doing it again does nothing."""
    store = keyring.store
    made_before = connection.execute(select(vault_secrets)).first() is None and (
        connection.execute(select(vault_surrogates)).first() is not None
        or connection.execute(select(vault_keys)).first() is not None
    )
    first = store.first_key() if isinstance(store, FileKeyStore) else None
    if not made_before or first is None:
        keyring.create(connection)
        return
    if keyring.suite != _FIRST:
        raise ConfigurationError(
            "the vault was sealed with aes-256-gcm and sha-256", next_step="take [vault] out of the settings"
        )
    keyring.create(connection, {name: _FIRST.derive(first, name) for name in SECRETS if name != "audit seal"})
    number = keyring.newest(connection)
    lock, old = keyring.lock(connection, number), AESGCM(first)
    bare = connection.execute(select(vault_keys).where(vault_keys.c.wrapping_key.is_(None))).all()
    for part in chunks(bare):
        connection.execute(
            update(vault_keys)
            .where(vault_keys.c.party_id == bindparam("party"))
            .values(wrapping_key=number, wrapped_key=bindparam("wrapped")),
            [
                {
                    "party": row.party_id,
                    "wrapped": seal(
                        lock,
                        bytes.fromhex(unseal(old, row.wrapped_key, f"key/{row.party_id}").decode()),
                        f"key/{row.party_id}",
                    ),
                }
                for row in part
            ],
        )
