"""Sealed is sealed: what was moved, changed, erased or belongs to another key does not open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import Connection, select, update

from lingque.core.clock import BusinessCalendar, Instant
from lingque.core.errors import VaultError
from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.govern.audit import Audit
from lingque.govern.contracts import Permit, PermitAsk, Subject
from lingque.govern.key_store import FileKeyStore
from lingque.govern.permits import PermitOffice
from lingque.govern.tables import audit, vault_identifiers, vault_keys, vault_surrogates
from lingque.govern.vault import Vault
from lingque.store.database import Database
from lingque.testing import FixedClock, MemoryKeyStore

CLOCK = FixedClock(Instant(1_000_000))
ANN, BOB = PartyId(11), PartyId(12)


@pytest.fixture
def connection(migrated_url: str) -> Iterator[Connection]:
    database = Database(migrated_url)
    with database.transaction() as connection:
        yield connection
    database.close()


@pytest.fixture
def vault() -> Vault:
    return Vault(MemoryKeyStore(), Audit(CLOCK))


@pytest.fixture
def permits(connection: Connection, vault: Vault) -> dict[PartyId, Permit]:
    """Leave to write to both, on the ground of service."""
    office = PermitOffice(CLOCK, BusinessCalendar(ZoneInfo("Asia/Shanghai")))
    subjects = [
        Subject(party_id=party, customer_id=CustomerId(party), birth_date=date(1980, 1, 1)) for party in (ANN, BOB)
    ]
    office.record_subjects(connection, subjects)
    vault.put(connection, [(ANN, "email", "ann@mail.example"), (BOB, "email", "bob@mail.example")])
    ask = PermitAsk(purpose=Purpose.SERVICE, channel="email", data_classes=DataClass(0), moment=CLOCK.now())
    issued = {party: office.permit(connection, CustomerId(party), ask) for party in (ANN, BOB)}
    return {party: permit for party, permit in issued.items() if isinstance(permit, Permit)}


def test_an_address_leaves_against_a_permit_and_leaves_a_trace(
    connection: Connection, vault: Vault, permits: dict[PartyId, Permit]
) -> None:
    assert vault.release(connection, permits[ANN]) == "ann@mail.example"
    (row,) = connection.execute(select(audit)).all()
    assert (row.act, row.subject) == ("release_address", f"customer {ANN}")
    assert row.detail == {"kind": "email", "purpose": "SERVICE", "channel": "email"}


def leave_for(connection: Connection, channel: str) -> Permit:
    ask = PermitAsk(purpose=Purpose.SERVICE, channel=channel, data_classes=DataClass(0), moment=CLOCK.now())
    permit = PermitOffice(CLOCK, BusinessCalendar(ZoneInfo("Asia/Shanghai"))).permit(connection, CustomerId(ANN), ask)
    assert isinstance(permit, Permit)
    return permit


def test_a_person_who_calls_is_told_number_and_name_and_no_other_channel_a_name(
    connection: Connection, vault: Vault, permits: dict[PartyId, Permit]
) -> None:
    vault.put(connection, [(ANN, "phone", "13800000000")])
    call = leave_for(connection, "rm_call")
    assert vault.reachable(connection, np.array([ANN, BOB]), channel="rm_call").tolist() == [True, False]
    assert vault.release(connection, call) == vault.release(connection, leave_for(connection, "sms")) == "13800000000"
    unnamed = vault.release_name(connection, call)
    assert isinstance(unnamed, Refusal)
    assert unnamed.reason is Reason.ADDRESS_MISSING
    vault.put(connection, [(ANN, "name", "安女士")])
    assert vault.release_name(connection, call) == "安女士"
    acts = [(row.act, row.detail["kind"]) for row in connection.execute(select(audit).order_by(audit.c.audit_id))]
    assert acts == [("release_address", "phone"), ("release_address", "phone"), ("release_name", "name")]
    for permit in (permits[ANN], leave_for(connection, "sms")):
        with pytest.raises(VaultError, match="a name was asked for on channel"):
            vault.release_name(connection, permit)


def test_nothing_in_the_tables_can_be_read(
    connection: Connection, vault: Vault, permits: dict[PartyId, Permit]
) -> None:
    vault.resolve(connection, namespace="core/customers", keys=["KD-PLAIN-KEY"], mint=True)
    for table in (vault_identifiers, vault_keys, vault_surrogates):
        for row in connection.execute(select(table)):
            for value in row:
                assert b"@mail" not in (value if isinstance(value, bytes) else str(value).encode())
                assert b"PLAIN" not in (value if isinstance(value, bytes) else str(value).encode())


def test_the_same_value_sealed_twice_looks_different(connection: Connection, vault: Vault) -> None:
    vault.put(connection, [(ANN, "email", "same@mail.example"), (BOB, "email", "same@mail.example")])
    one, other = connection.execute(select(vault_identifiers.c.sealed)).scalars().all()
    assert one != other
    assert vault.seal_note("x") != vault.seal_note("x")


def test_a_value_moved_to_another_row_does_not_open(
    connection: Connection, vault: Vault, permits: dict[PartyId, Permit]
) -> None:
    rows = connection.execute(select(vault_identifiers)).all()
    sealed = {row.party_id: row.sealed for row in rows}
    connection.execute(update(vault_identifiers).where(vault_identifiers.c.party_id == ANN).values(sealed=sealed[BOB]))
    with pytest.raises(VaultError, match="does not open"):
        vault.release(connection, permits[ANN])
    assert vault.release(connection, permits[BOB]) == "bob@mail.example"


def test_a_value_moved_with_its_key_does_not_open_either(
    connection: Connection, vault: Vault, permits: dict[PartyId, Permit]
) -> None:
    for table, column in ((vault_identifiers, "sealed"), (vault_keys, "wrapped_key")):
        value = connection.execute(select(table.c[column]).where(table.c.party_id == BOB)).scalar_one()
        connection.execute(update(table).where(table.c.party_id == ANN).values(**{column: value}))
    with pytest.raises(VaultError):
        vault.release(connection, permits[ANN])


def test_a_changed_byte_does_not_open(connection: Connection, vault: Vault, permits: dict[PartyId, Permit]) -> None:
    sealed = bytes(connection.execute(select(vault_identifiers.c.sealed).limit(1)).scalar_one())
    for position in (0, 12, len(sealed) - 1):
        changed = sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :]
        connection.execute(update(vault_identifiers).where(vault_identifiers.c.party_id == ANN).values(sealed=changed))
        with pytest.raises(VaultError, match="does not open"):
            vault.release(connection, permits[ANN])
    note = vault.seal_note("a row")
    assert vault.open_note(note) == "a row"
    with pytest.raises(VaultError):
        vault.open_note(note[:-1] + bytes([note[-1] ^ 1]))


def test_another_master_key_opens_nothing(connection: Connection, vault: Vault, permits: dict[PartyId, Permit]) -> None:
    stranger = Vault(MemoryKeyStore(seed=2), Audit(CLOCK))
    with pytest.raises(VaultError, match="master key"):
        stranger.release(connection, permits[ANN])
    with pytest.raises(VaultError):
        stranger.open_note(vault.seal_note("a row"))
    minted = vault.resolve(connection, namespace="n", keys=["k"], mint=True)
    assert stranger.resolve(connection, namespace="n", keys=["k"], mint=False) == {}
    assert vault.resolve(connection, namespace="n", keys=["k"], mint=False) == minted


def test_an_erased_data_key_erases_everything_of_the_party(
    connection: Connection, vault: Vault, permits: dict[PartyId, Permit]
) -> None:
    connection.execute(vault_keys.delete().where(vault_keys.c.party_id == ANN))
    with pytest.raises(VaultError, match=f"data key of party {ANN}"):
        vault.release(connection, permits[ANN])
    assert vault.release(connection, permits[BOB]) == "bob@mail.example"


def test_putting_again_replaces_and_putting_nothing_forgets(
    connection: Connection, vault: Vault, permits: dict[PartyId, Permit]
) -> None:
    vault.put(connection, [(ANN, "email", "new@mail.example"), (ANN, "name", "Ann")])
    assert vault.release(connection, permits[ANN]) == "new@mail.example"
    vault.put(connection, [(ANN, "email", None)])
    refusal = vault.release(connection, permits[ANN])
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.ADDRESS_MISSING
    reachable = vault.reachable(connection, np.array([BOB, ANN, 5], dtype=np.int64), channel="email")
    assert reachable.tolist() == [True, False, False]


def test_a_key_means_something_within_its_namespace_only(connection: Connection, vault: Vault) -> None:
    one = vault.resolve(connection, namespace="a/b", keys=["1", "2"], mint=True)
    assert vault.resolve(connection, namespace="a/b", keys=["2", "1", "3"], mint=False) == one
    other = vault.resolve(connection, namespace="a/c", keys=["1"], mint=True)
    assert other["1"] not in one.values()
    assert vault.resolve(connection, namespace="a/b", keys=["1", "3"], mint=True)["1"] == one["1"]


def test_many_keys_are_resolved(connection: Connection, vault: Vault) -> None:
    keys = [str(n) for n in range(12_000)]
    minted = vault.resolve(connection, namespace="n", keys=keys, mint=True)
    assert len(set(minted.values())) == len(keys)
    assert all(0 < value < 2**63 for value in minted.values())
    assert vault.resolve(connection, namespace="n", keys=keys, mint=False) == minted


def test_a_key_file_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path / "keys" / "master.key")
    store.create()
    key = store.master_key()
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.path.parent.stat().st_mode & 0o077 == 0
    store.create()
    assert store.master_key() == key
    assert len(key) == 32
    other = FileKeyStore(tmp_path / "other" / "master.key")
    other.create()
    assert other.master_key() != key


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_file_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path / "master.key")
    store.create()
    os.chmod(store.path, mode)
    with pytest.raises(VaultError, match="others can read") as refused:
        store.master_key()
    assert "chmod 600" in refused.value.next_step


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "ab" * 31, "ab" * 33])
def test_a_file_that_holds_no_key_is_refused_and_left_as_it_is(content: str, tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path / "master.key")
    store.path.write_text(content, encoding="ascii")
    os.chmod(store.path, 0o600)
    with pytest.raises(VaultError, match="does not hold a key"):
        store.master_key()
    store.create()
    assert store.path.read_text(encoding="ascii") == content


def test_a_lost_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="cannot be read") as refused:
        FileKeyStore(tmp_path / "master.key").master_key()
    assert "backup" in refused.value.next_step
