"""Changing the vault's keys while it is in use.

A new wrapping key (and with it, where the key store has one, a new master key) wraps from the first moment on; data
keys are wrapped anew a batch at a time, each batch a transaction. Both open all the while. A rotation that died goes on
where it was: what is still under an old key says so. An old wrapping key goes when nothing stands on it any more; the
database refuses to let it go earlier.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, select, update

from lingque.core.errors import VaultError
from lingque.govern.ciphers import seal, unseal
from lingque.govern.contracts import AuditTrail
from lingque.govern.key_store import FileKeyStore, Wrapped
from lingque.govern.keyring import Keyring
from lingque.govern.tables import vault_keys, vault_secrets, vault_wrapping_keys
from lingque.store.database import Database

BATCH = 5_000


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """Where a rotation stands: data keys wrapped anew by this step, and how many there still are."""

    wrapped: int
    remaining: int


class KeyRotation:
    """Made by `bootstrap`."""

    def __init__(self, keyring: Keyring, database: Database, audit: AuditTrail, *, batch: int = BATCH) -> None:
        self._keyring = keyring
        self._database = database
        self._audit = audit
        self._batch = batch

    def rotate(self, *, actor: str) -> Iterator[Rotation]:
        """Go on with a rotation that was begun, else begin one; yields after each batch. `VaultError` where a key does
        not open: then nothing of that batch was changed."""
        self._begin(actor)
        while True:
            with self._database.transaction() as connection:
                wrapped = self._wrap_batch(connection)
                remaining = self._remaining(connection)
            yield Rotation(wrapped=wrapped, remaining=remaining)
            if not remaining:
                break
        self._finish(actor)

    def _begin(self, actor: str) -> None:
        store = self._keyring.store
        with self._database.transaction() as connection:
            if connection.execute(select(func.count()).select_from(vault_wrapping_keys)).scalar_one() > 1:
                return  # one is under way
            if isinstance(store, FileKeyStore) and self._all_under(connection, store.current()):
                store.add_key()
            number = self._keyring.add_wrapping_key(connection)
            detail: dict[str, object] = {"wrapping_key": number, "master_key": store.current()}
            self._audit.record(connection, actor=actor, act="begin_key_rotation", subject="vault", detail=detail)

    def _all_under(self, connection: Connection, master_key: str) -> bool:
        """False where a rotation died between the new master key and its first transaction: that key is still new."""
        used = {row.master_key for row in connection.execute(select(vault_secrets.c.master_key))}
        used |= {row.master_key for row in connection.execute(select(vault_wrapping_keys.c.master_key))}
        return used == {master_key}

    def _wrap_batch(self, connection: Connection) -> int:
        newest = self._keyring.newest(connection)
        rows = connection.execute(
            select(vault_keys)
            .where(vault_keys.c.wrapping_key != newest)
            .order_by(vault_keys.c.party_id)
            .limit(self._batch)
            .with_for_update()
        ).all()
        lock = self._keyring.lock(connection, newest)
        anew = [
            {
                "party": row.party_id,
                "wrapped": seal(
                    lock,
                    unseal(self._keyring.lock(connection, row.wrapping_key), row.wrapped_key, f"key/{row.party_id}"),
                    f"key/{row.party_id}",
                ),
            }
            for row in rows
        ]
        if anew:
            connection.execute(
                update(vault_keys)
                .where(vault_keys.c.party_id == bindparam("party"))
                .values(wrapping_key=newest, wrapped_key=bindparam("wrapped")),
                anew,
            )
        return len(anew)

    def _remaining(self, connection: Connection) -> int:
        newest = self._keyring.newest(connection)
        left = select(func.count()).select_from(vault_keys).where(vault_keys.c.wrapping_key != newest)
        return int(connection.execute(left).scalar_one())

    def _finish(self, actor: str) -> None:
        """Secrets under the newest master key, old wrapping keys destroyed, then old master keys of a file."""
        store = self._keyring.store
        with self._database.transaction() as connection:
            newest = self._keyring.newest(connection)
            current = store.current()
            for row in connection.execute(select(vault_secrets).where(vault_secrets.c.master_key != current)).all():
                place = f"secret/{row.name}"
                secret = store.unwrap(Wrapped(master_key=row.master_key, sealed=row.wrapped), place=place)
                wrapped = store.wrap(secret, place=place)
                connection.execute(
                    update(vault_secrets)
                    .where(vault_secrets.c.name == row.name)
                    .values(master_key=wrapped.master_key, wrapped=wrapped.sealed)
                )
            connection.execute(delete(vault_wrapping_keys).where(vault_wrapping_keys.c.wrapping_key != newest))
            detail: dict[str, object] = {"wrapping_key": newest, "master_key": current}
            self._audit.record(connection, actor=actor, act="finish_key_rotation", subject="vault", detail=detail)

    def retire(self, master_key: str, *, actor: str) -> None:
        """Destroy a master key of the file that nothing stands on any more; `VaultError` where something does."""
        store = self._keyring.store
        if not isinstance(store, FileKeyStore):
            raise VaultError("the key store is no file", next_step="retire the key where it lives")
        with self._database.transaction() as connection:
            for table in (vault_secrets, vault_wrapping_keys):
                if connection.execute(select(table).where(table.c.master_key == master_key)).first() is not None:
                    raise VaultError(
                        f"keys of the vault still stand on master key {master_key}",
                        next_step="run 'lingque vault rotate' to its end first",
                    )
            detail: dict[str, object] = {"master_key": master_key}
            self._audit.record(connection, actor=actor, act="retire_master_key", subject="vault", detail=detail)
            store.retire(master_key)
