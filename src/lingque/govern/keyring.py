"""The vault's own keys, wrapped by the master key: those that wrap data keys, and one secret per use.

Between the master key and the data keys stands a *wrapping key*, so that a slow key store (a KMS) is asked a few times
and not once per customer. The secrets behind blind indexes and links outlive every rotation: what they made cannot be
made again without the bank's own keys.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, insert, select

from lingque.core.errors import VaultError
from lingque.govern.ciphers import Lock, Suite
from lingque.govern.key_store import KeyStore, Wrapped
from lingque.govern.tables import vault_secrets, vault_wrapping_keys

SECRETS = ("audit seal", "blind index", "customer links", "notes", "row keys", "tombstones")
"""One for each use: what one of them lets out says nothing about the others."""


class Keyring:
    """Made by `bootstrap`; `load` must have been called before a secret is asked for."""

    def __init__(self, store: KeyStore, suite: Suite) -> None:
        self.store = store
        self.suite = suite
        self._wrapped: dict[str, Wrapped] = {}
        self._secrets: dict[str, bytes] = {}
        self._locks: dict[int, Lock] = {}

    def create(self, connection: Connection, known: dict[str, bytes] | None = None) -> None:
        """Make what is not there yet: the first wrapping key and the secrets, `known` ones as they are."""
        there = set(connection.execute(select(vault_secrets.c.name)).scalars())
        for name in SECRETS:
            if name not in there:
                secret = (known or {}).get(name) or self.suite.new_key()
                wrapped = self.store.wrap(secret, place=f"secret/{name}")
                connection.execute(
                    insert(vault_secrets).values(name=name, master_key=wrapped.master_key, wrapped=wrapped.sealed)
                )
        if connection.execute(select(vault_wrapping_keys)).first() is None:
            self.add_wrapping_key(connection)

    def load(self, connection: Connection) -> None:
        """Read the secrets, still wrapped: a command that needs none does not need the master key either."""
        self._wrapped = {
            row.name: Wrapped(master_key=row.master_key, sealed=row.wrapped)
            for row in connection.execute(select(vault_secrets))
        }
        self._secrets = {}

    def secret(self, name: str) -> bytes:
        """The secret for that use."""
        if name not in self._secrets:
            if name not in self._wrapped:
                raise VaultError(f"the vault has no secret for {name}", next_step="run 'lingque init' in the workspace")
            self._secrets[name] = self.store.unwrap(self._wrapped[name], place=f"secret/{name}")
        return self._secrets[name]

    def newest(self, connection: Connection) -> int:
        """The number of the wrapping key for new data keys, as committed: another process may have rotated it."""
        number = connection.execute(select(func.max(vault_wrapping_keys.c.wrapping_key))).scalar()
        if number is None:
            raise VaultError("the vault has no wrapping key", next_step="run 'lingque init' in the workspace")
        return int(number)

    def lock(self, connection: Connection, number: int) -> Lock:
        """The cipher under that wrapping key."""
        if number not in self._locks:
            row = connection.execute(
                select(vault_wrapping_keys).where(vault_wrapping_keys.c.wrapping_key == number)
            ).one_or_none()
            if row is None:
                raise VaultError(
                    f"wrapping key {number} is not there", next_step="restore the control database from its backup"
                )
            wrapped = Wrapped(master_key=row.master_key, sealed=row.wrapped)
            self._locks[number] = self.suite.lock(self.store.unwrap(wrapped, place=f"wrapping key/{number}"))
        return self._locks[number]

    def add_wrapping_key(self, connection: Connection) -> int:
        """A new wrapping key; from this transaction's commit on, new data keys are wrapped by it."""
        last = connection.execute(select(func.max(vault_wrapping_keys.c.wrapping_key))).scalar() or 0
        wrapped = self.store.wrap(self.suite.new_key(), place=f"wrapping key/{last + 1}")
        connection.execute(
            insert(vault_wrapping_keys).values(
                wrapping_key=last + 1, master_key=wrapped.master_key, wrapped=wrapped.sealed
            )
        )
        return int(last) + 1
