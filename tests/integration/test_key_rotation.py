"""Master keys and wrapping keys are changed while everything opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from key_stores import CLOCK, NAMES, Filled, file_store
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from lingque.core.errors import VaultError
from lingque.core.ids import PartyId
from lingque.govern.key_store import FileKeyStore
from lingque.govern.tables import audit, vault_keys, vault_wrapping_keys
from lingque.testing import MemoryKeyStore


@pytest.fixture
def filled(migrated_url: str, tmp_path: Path) -> Iterator[Filled]:
    made = Filled(migrated_url, file_store(tmp_path))
    made.fill()
    yield made
    made.database.close()


def test_everything_opens_before_while_and_after_keys_are_changed(filled: Filled) -> None:
    secrets = (filled.vault.token_secret(), filled.vault.row_key_salt())
    with filled.database.transaction() as connection:
        minted = filled.vault.resolve(connection, namespace="n", keys=["k"], mint=True)
    left = []
    for step in filled.rotation.rotate(actor="root"):
        left.append(step.remaining)
        assert filled.names() == NAMES
    assert left == [33, 26, 19, 12, 5, 0]
    assert filled.standing() == ({2}, {"2"})
    fresh = Filled(filled.database.url, filled.store)
    assert fresh.names() == NAMES
    assert (fresh.vault.token_secret(), fresh.vault.row_key_salt()) == secrets
    with fresh.database.reading() as connection:
        assert fresh.vault.resolve(connection, namespace="n", keys=["k"], mint=False) == minted
        acts = connection.execute(select(audit.c.act).order_by(audit.c.audit_id)).scalars().all()
    assert acts == ["begin_key_rotation", "finish_key_rotation"]
    fresh.database.close()


def test_a_process_that_began_before_writes_under_the_new_key_and_reads_both(filled: Filled) -> None:
    old = Filled(filled.database.url, filled.store)
    assert old.names() == NAMES
    steps = filled.rotation.rotate(actor="root")
    next(steps)
    with old.database.transaction() as connection:
        old.vault.put(connection, [(PartyId(99), "name", "新客户")])
    list(steps)
    assert old.names() == NAMES
    with filled.database.reading() as connection:
        assert filled.vault.disclose(connection, [PartyId(99)]) == {99: {"name": "新客户"}}
    assert filled.standing() == ({2}, {"2"})
    old.database.close()


def test_a_rotation_that_was_broken_off_goes_on(filled: Filled) -> None:
    steps = filled.rotation.rotate(actor="root")
    next(steps)
    next(steps)
    steps.close()
    assert filled.standing()[0] == {1, 2}
    assert [step.remaining for step in filled.rotation.rotate(actor="root")] == [19, 12, 5, 0]
    assert filled.standing() == ({2}, {"2"})
    assert filled.names() == NAMES
    list(filled.rotation.rotate(actor="root"))
    assert filled.standing() == ({3}, {"3"})


def test_a_rotation_that_died_before_its_first_transaction_takes_the_key_it_made(filled: Filled) -> None:
    assert isinstance(filled.store, FileKeyStore)
    filled.store.add_key()
    list(filled.rotation.rotate(actor="root"))
    assert filled.standing() == ({2}, {"2"})
    assert filled.store.current() == "2"


def test_a_kms_that_has_a_new_key_is_followed(migrated_url: str) -> None:
    store = MemoryKeyStore()
    filled = Filled(migrated_url, store)
    filled.fill()
    store.add_key()
    list(filled.rotation.rotate(actor="root"))
    assert filled.standing() == ({2}, {"memory/1/2"})
    assert filled.names() == NAMES
    with pytest.raises(VaultError, match="no file"):
        filled.rotation.retire("memory/1/1", actor="root")
    filled.database.close()


def test_a_master_key_goes_only_when_nothing_stands_on_it(filled: Filled) -> None:
    steps = filled.rotation.rotate(actor="root")
    next(steps)
    with pytest.raises(VaultError, match="still stand on master key 1"):
        filled.rotation.retire("1", actor="root")
    list(steps)
    filled.rotation.retire("1", actor="root")
    fresh = Filled(filled.database.url, filled.store)
    assert fresh.names() == NAMES
    fresh.database.close()


def test_a_wrapping_key_on_which_a_data_key_stands_cannot_be_deleted(filled: Filled) -> None:
    with pytest.raises(IntegrityError), filled.database.transaction() as connection:
        connection.execute(vault_wrapping_keys.delete())


def test_a_data_key_that_does_not_open_stops_the_rotation_and_loses_nothing(filled: Filled) -> None:
    with filled.database.transaction() as connection:
        connection.execute(vault_keys.update().where(vault_keys.c.party_id == 9).values(wrapped_key=b"x" * 60))
    with pytest.raises(VaultError, match="does not open"):
        list(filled.rotation.rotate(actor="root"))
    with filled.database.transaction() as connection:
        assert filled.vault.destroy(connection, [PartyId(9)], at=CLOCK.now())["vault_keys"] == 1
    list(filled.rotation.rotate(actor="root"))
    assert filled.names() == {party: names for party, names in NAMES.items() if party != 9}
