"""What the tests of keys share."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from lingque.core.clock import Instant
from lingque.core.ids import PartyId
from lingque.govern.audit import Audit
from lingque.govern.ciphers import Suite
from lingque.govern.key_store import FileKeyStore, KeyStore
from lingque.govern.keyring import Keyring
from lingque.govern.rotation import KeyRotation
from lingque.govern.tables import vault_keys, vault_secrets, vault_wrapping_keys
from lingque.govern.vault import Vault
from lingque.store.database import Database
from lingque.testing import FixedClock

CLOCK = FixedClock(Instant(1_000_000))


PARTIES = [PartyId(n) for n in range(1, 41)]


HEX = "ab" * 32


def file_store(folder: Path, suite: Suite | None = None) -> FileKeyStore:
    store = FileKeyStore(folder / "keys" / "master.key", suite)
    store.create()
    return store


class Filled:
    """A vault with a name for each of forty parties, and who changes its keys."""

    def __init__(self, url: str, store: KeyStore, *, batch: int = 7) -> None:
        self.database = Database(url)
        self.store = store
        self.keyring = Keyring(store, Suite())
        with self.database.transaction() as connection:
            self.keyring.create(connection)
        with self.database.reading() as connection:
            self.keyring.load(connection)
        self.vault = Vault(self.keyring, Audit(CLOCK))
        self.rotation = KeyRotation(self.keyring, self.database, Audit(CLOCK), batch=batch)

    def fill(self) -> None:
        with self.database.transaction() as connection:
            self.vault.put(connection, [(party, "name", f"客户{party}") for party in PARTIES])

    def names(self) -> dict[PartyId, dict[str, str]]:
        with self.database.reading() as connection:
            return self.vault.disclose(connection, PARTIES)

    def standing(self) -> tuple[set[int], set[str]]:
        """Wrapping keys in use, and master keys in use."""
        with self.database.reading() as connection:
            used = set(connection.execute(select(vault_keys.c.wrapping_key)).scalars())
            masters = set(connection.execute(select(vault_wrapping_keys.c.master_key)).scalars())
            masters |= set(connection.execute(select(vault_secrets.c.master_key)).scalars())
        return used, masters


NAMES = {party: {"name": f"客户{party}"} for party in PARTIES}
