"""Sealed is sealed: what was moved, changed, erased or belongs to another key does not open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING
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
from lingque.govern.ciphers import Suite
from lingque.govern.contracts import Permit, PermitAsk, Subject
from lingque.govern.keyring import Keyring
from lingque.govern.permits import PermitOffice
from lingque.govern.tables import (
    audit,
    returned_parties,
    vault_identifiers,
    vault_keys,
    vault_surrogates,
    vault_tombstones,
)
from lingque.govern.vault import Vault
from lingque.store.database import Database
from lingque.testing import FixedClock, MemoryKeyStore

if TYPE_CHECKING:
    from conftest import Controls

CLOCK = FixedClock(Instant(1_000_000))
ANN, BOB = PartyId(11), PartyId(12)


@pytest.fixture
def suite(controls: Controls) -> Suite:
    """Each suite on one database: neither cares about the other."""
    return Suite() if controls.backend == "sqlite" else Suite(cipher="sm4-gcm", digest="sm3")


@pytest.fixture
def connection(migrated_url: str) -> Iterator[Connection]:
    database = Database(migrated_url)
    with database.transaction() as connection:
        yield connection
    database.close()


def made_vault(connection: Connection, suite: Suite) -> Vault:
    keyring = Keyring(MemoryKeyStore(), suite)
    keyring.create(connection)
    keyring.load(connection)
    return Vault(keyring, Audit(CLOCK))


@pytest.fixture
def vault(connection: Connection, suite: Suite) -> Vault:
    return made_vault(connection, suite)


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
    assert vault.release_all(connection, [permits[ANN]])[0] == "ann@mail.example"
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
    assert (
        vault.release_all(connection, [call])[0]
        == vault.release_all(connection, [leave_for(connection, "sms")])[0]
        == "13800000000"
    )
    unnamed = vault.release_names(connection, [call])[0]
    assert isinstance(unnamed, Refusal)
    assert unnamed.reason is Reason.ADDRESS_MISSING
    vault.put(connection, [(ANN, "name", "安女士")])
    assert vault.release_names(connection, [call])[0] == "安女士"
    acts = [(row.act, row.detail["kind"]) for row in connection.execute(select(audit).order_by(audit.c.audit_id))]
    assert acts == [("release_address", "phone"), ("release_address", "phone"), ("release_name", "name")]
    for permit in (permits[ANN], leave_for(connection, "sms")):
        with pytest.raises(VaultError, match="a name was asked for on channel"):
            vault.release_names(connection, [permit])[0]


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
        vault.release_all(connection, [permits[ANN]])[0]
    assert vault.release_all(connection, [permits[BOB]])[0] == "bob@mail.example"


def test_a_value_moved_with_its_key_does_not_open_either(
    connection: Connection, vault: Vault, permits: dict[PartyId, Permit]
) -> None:
    for table, column in ((vault_identifiers, "sealed"), (vault_keys, "wrapped_key")):
        value = connection.execute(select(table.c[column]).where(table.c.party_id == BOB)).scalar_one()
        connection.execute(update(table).where(table.c.party_id == ANN).values(**{column: value}))
    with pytest.raises(VaultError):
        vault.release_all(connection, [permits[ANN]])[0]


def test_a_changed_byte_does_not_open(connection: Connection, vault: Vault, permits: dict[PartyId, Permit]) -> None:
    sealed = bytes(connection.execute(select(vault_identifiers.c.sealed).limit(1)).scalar_one())
    for position in (0, 12, len(sealed) - 1):
        changed = sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :]
        connection.execute(update(vault_identifiers).where(vault_identifiers.c.party_id == ANN).values(sealed=changed))
        with pytest.raises(VaultError, match="does not open"):
            vault.release_all(connection, [permits[ANN]])[0]
    note = vault.seal_note("a row")
    assert vault.open_note(note) == "a row"
    with pytest.raises(VaultError):
        vault.open_note(note[:-1] + bytes([note[-1] ^ 1]))


def test_another_master_key_opens_nothing(
    connection: Connection, vault: Vault, permits: dict[PartyId, Permit], suite: Suite
) -> None:
    keyring = Keyring(MemoryKeyStore(seed=2), suite)
    keyring.load(connection)
    stranger = Vault(keyring, Audit(CLOCK))
    with pytest.raises(VaultError, match="master key"):
        stranger.release_all(connection, [permits[ANN]])[0]
    with pytest.raises(VaultError):
        stranger.open_note(vault.seal_note("a row"))
    with pytest.raises(VaultError):
        stranger.resolve(connection, namespace="n", keys=["k"], mint=False)
    with pytest.raises(VaultError):
        stranger.token_secret()


def test_many_addresses_leave_at_once_each_with_a_trace(
    connection: Connection, vault: Vault, permits: dict[PartyId, Permit]
) -> None:
    vault.put(connection, [(BOB, "email", None)])
    bob, ann, again = vault.release_all(connection, [permits[BOB], permits[ANN], permits[ANN]])
    assert isinstance(bob, Refusal)
    assert bob.reason is Reason.ADDRESS_MISSING
    assert ann == again == "ann@mail.example"
    assert [row.subject for row in connection.execute(select(audit))] == [f"customer {ANN}"] * 2
    assert vault.release_all(connection, []) == []


@pytest.mark.parametrize(
    ("kind", "kept", "asked"),
    [
        ("phone", "+86 138-0013-8000", "13800138000"),
        ("email", "Ann@Mail.example", " ann@mail.EXAMPLE "),
        ("name", "安女士", "安女士"),
    ],
)
def test_a_party_is_found_by_a_blind_index(
    kind: str, kept: str, asked: str, connection: Connection, vault: Vault
) -> None:
    vault.put(connection, [(ANN, kind, kept), (BOB, kind, "13900000000")])
    assert vault.find(connection, kind=kind, value=asked) == [ANN]
    assert vault.find(connection, kind=kind, value="nobody") == []
    assert vault.find(connection, kind="document", value=asked) == []
    vault.put(connection, [(ANN, kind, None)])
    assert vault.find(connection, kind=kind, value=asked) == []


def test_what_is_destroyed_opens_for_nobody(
    connection: Connection, vault: Vault, permits: dict[PartyId, Permit]
) -> None:
    minted = vault.resolve(connection, namespace="core/customers", keys=["K1", "K2"], mint=True)
    vault.put(connection, [(PartyId(minted["K1"]), "name", "安女士")])
    assert vault.destroy(connection, [PartyId(minted["K1"]), ANN], at=CLOCK.now()) == {
        "vault_keys": 2, "vault_identifiers": 2, "vault_surrogates": 1
    }  # fmt: skip
    assert isinstance(vault.release_all(connection, [permits[ANN]])[0], Refusal)
    assert vault.resolve(connection, namespace="core/customers", keys=["K1", "K2"], mint=False) == {"K2": minted["K2"]}
    assert connection.execute(select(returned_parties)).all() == []
    again = vault.resolve(connection, namespace="core/customers", keys=["K1", "K3"], mint=True)
    assert again["K1"] != minted["K1"]
    # known to have been erased, by a digest under which nobody can be found
    assert connection.execute(select(returned_parties)).all() == [(again["K1"], CLOCK.now())]
    (tomb,) = connection.execute(select(vault_tombstones.c.key_index)).scalars()
    blinds = connection.execute(select(vault_surrogates.c.key_index)).scalars().all()
    assert tomb not in blinds
    (told,) = connection.execute(select(audit).where(audit.c.act == "erased_customer_delivered_again")).all()
    assert told.subject == f"party {again['K1']}"
    vault.destroy(connection, [again["K1"]], at=Instant(CLOCK.now() + 1))
    assert connection.execute(select(returned_parties)).all() == []
    assert connection.execute(select(vault_tombstones.c.erased_at)).scalars().all() == [CLOCK.now() + 1]
    assert vault.release_all(connection, [permits[BOB]])[0] == "bob@mail.example"


def test_an_erased_data_key_erases_everything_of_the_party(
    connection: Connection, vault: Vault, permits: dict[PartyId, Permit]
) -> None:
    connection.execute(vault_keys.delete().where(vault_keys.c.party_id == ANN))
    with pytest.raises(VaultError, match=f"data key of party {ANN}"):
        vault.release_all(connection, [permits[ANN]])[0]
    assert vault.release_all(connection, [permits[BOB]])[0] == "bob@mail.example"


def test_putting_again_replaces_and_putting_nothing_forgets(
    connection: Connection, vault: Vault, permits: dict[PartyId, Permit]
) -> None:
    vault.put(connection, [(ANN, "email", "new@mail.example"), (ANN, "name", "Ann")])
    assert vault.release_all(connection, [permits[ANN]])[0] == "new@mail.example"
    vault.put(connection, [(ANN, "email", None)])
    refusal = vault.release_all(connection, [permits[ANN]])[0]
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
