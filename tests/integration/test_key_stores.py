"""Master keys: every key store passes one suite; a vault in use changes its keys without a pause."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from key_stores import HEX, NAMES, Filled, file_store
from sqlalchemy import insert, text
from transit_server import TOKEN, Engine, running

from lingque.bootstrap import create_workspace, open_workspace
from lingque.core.errors import ConfigurationError, VaultError
from lingque.core.ids import PartyId
from lingque.govern.ciphers import NONCE_BYTES, Suite, seal
from lingque.govern.key_store import EnvironmentKeyStore, FileKeyStore, KeyStore, Wrapped
from lingque.govern.tables import vault_keys, vault_secrets, vault_surrogates, vault_wrapping_keys
from lingque.govern.transit import TransitKeyStore, TransitSettings
from lingque.store.database import Database
from lingque.testing import MemoryKeyStore

ENGINE = Engine()


@pytest.fixture(scope="module", autouse=True)
def address() -> Iterator[str]:
    """Of the one server that stands for Vault's transit engine here."""
    with running(ENGINE) as found:
        ADDRESSES.append(found)
        yield found


ADDRESSES: list[str] = []


def transit_store(_folder: Path, **other: str) -> TransitKeyStore:
    where = {"address": ADDRESSES[-1], "mount": "transit", "key": "lingque", "token": TOKEN} | other
    return TransitKeyStore(TransitSettings(**where))


MADE: dict[str, Callable[[Path], KeyStore]] = {
    "file": file_store,
    "file-sm": lambda folder: file_store(folder, Suite(cipher="sm4-gcm", digest="sm3")),
    "environment": lambda _folder: EnvironmentKeyStore(f"{HEX},{'cd' * 32}"),
    "memory": lambda _folder: MemoryKeyStore(),
    "transit": transit_store,
}


@pytest.fixture(params=MADE)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    return MADE[request.param](tmp_path)


def test_what_is_wrapped_is_unwrapped_in_its_place_only(store: KeyStore) -> None:
    one, other = (store.wrap(b"k" * 32, place="here") for _ in range(2))
    assert one.master_key == other.master_key == store.current()
    assert one.sealed != other.sealed
    assert b"kkkk" not in one.sealed
    assert store.unwrap(one, place="here") == b"k" * 32
    with pytest.raises(VaultError, match="does not open"):
        store.unwrap(one, place="there")


def test_a_changed_or_shortened_wrapping_does_not_open(store: KeyStore) -> None:
    wrapped = store.wrap(b"k" * 32, place="here")
    for position in (0, NONCE_BYTES, len(wrapped.sealed) - 1):
        changed = bytearray(wrapped.sealed)
        changed[position] ^= 1
        with pytest.raises(VaultError, match="does not open"):
            store.unwrap(Wrapped(master_key=wrapped.master_key, sealed=bytes(changed)), place="here")
    for length in (0, 5, 20):
        with pytest.raises(VaultError, match="does not open"):
            store.unwrap(Wrapped(master_key=wrapped.master_key, sealed=wrapped.sealed[:length]), place="here")


def test_a_master_key_that_is_not_there_is_named(store: KeyStore) -> None:
    wrapped = store.wrap(b"k" * 32, place="here")
    for name in ("0", "9", "-1", "memory/1/9"):
        with pytest.raises(VaultError, match=f"master key {name}"):
            store.unwrap(Wrapped(master_key=name, sealed=wrapped.sealed), place="here")


@pytest.mark.parametrize("name", ["file", "memory"])
def test_after_a_new_master_key_the_old_one_still_opens(name: str, tmp_path: Path) -> None:
    store = MADE[name](tmp_path)
    assert isinstance(store, FileKeyStore | MemoryKeyStore)
    old = store.wrap(b"k" * 32, place="here")
    assert store.add_key() == store.current() != old.master_key
    assert store.unwrap(old, place="here") == b"k" * 32
    assert store.wrap(b"k" * 32, place="here").master_key == store.current()


def test_a_retired_key_opens_nothing_and_the_current_one_is_not_retired(tmp_path: Path) -> None:
    store = file_store(tmp_path)
    old = store.wrap(b"k" * 32, place="here")
    with pytest.raises(VaultError, match="is the current one"):
        store.retire("1")
    store.add_key()
    new = store.wrap(b"k" * 32, place="here")
    store.retire("1")
    with pytest.raises(VaultError, match="was retired"):
        store.unwrap(old, place="here")
    assert store.unwrap(new, place="here") == b"k" * 32
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.first_key() is None


def test_a_key_file_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    store = file_store(tmp_path)
    content = store.path.read_bytes()
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.path.parent.stat().st_mode & 0o077 == 0
    store.create()
    assert store.path.read_bytes() == content
    assert file_store(tmp_path / "other").path.read_bytes() != content


# --- a KMS over the network ------------------------------------------------------------------------------------------


def test_a_kms_over_the_network_is_followed_when_it_has_a_new_version(migrated_url: str, tmp_path: Path) -> None:
    filled = Filled(migrated_url, transit_store(tmp_path))
    filled.fill()
    before = len(ENGINE.asked)
    assert filled.names() == NAMES
    assert filled.vault.token_secret() == filled.vault.token_secret()
    assert len(ENGINE.asked) - before <= 2  # a few times, and not once per customer
    ENGINE.rotate()
    list(filled.rotation.rotate(actor="root"))
    newest = f"transit/lingque/v{len(ENGINE.versions)}"
    assert filled.standing() == ({2}, {newest})
    ENGINE.oldest = len(ENGINE.versions)
    fresh = Filled(filled.database.url, filled.store)
    assert fresh.names() == NAMES
    with pytest.raises(VaultError, match="no file"):
        filled.rotation.retire("transit/lingque/v1", actor="root")
    for made in (filled, fresh):
        made.database.close()


def test_what_a_kms_answers_is_told_without_what_it_was_sent(tmp_path: Path) -> None:
    store = transit_store(tmp_path)
    wrapped = store.wrap(b"k" * 32, place="here")
    for other, said in (
        ({"token": "hvs.wrong"}, "refuses the token"),
        ({"key": "unknown"}, "no such key"),
        ({"address": "http://127.0.0.1:1"}, "cannot be reached"),
    ):
        with pytest.raises(VaultError, match=said) as refused:
            transit_store(tmp_path, **other).wrap(b"k" * 32, place="here")
        assert TOKEN not in str(refused.value)
        assert "hvs.wrong" not in str(refused.value)
    ENGINE.sealed = True
    try:
        with pytest.raises(VaultError, match="answers with status 503"):
            store.unwrap(wrapped, place="here")
    finally:
        ENGINE.sealed = False


@pytest.mark.parametrize(
    "where",
    [{"address": ""}, {"address": "vault.bank"}, {"address": "http://vault.bank:8200"}, {"token": ""}],
)
def test_a_kms_to_which_the_token_would_go_in_the_clear_is_not_asked(where: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        transit_store(tmp_path, **where)


def test_a_workspace_keeps_its_master_key_in_a_kms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGQUE_VAULT__KEY_STORE", "transit")
    monkeypatch.setenv("LINGQUE_TRANSIT__ADDRESS", ADDRESSES[-1])
    monkeypatch.setenv("LINGQUE_TRANSIT__TOKEN", TOKEN)
    create_workspace(tmp_path / "bank")
    assert not (tmp_path / "bank" / "keys").exists()
    with open_workspace(tmp_path / "bank") as application:
        assert application.vault.open_note(application.vault.seal_note("x")) == "x"
        assert TOKEN not in repr(application.settings)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_file_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    store = file_store(tmp_path)
    os.chmod(store.path, mode)
    with pytest.raises(VaultError, match="others can read") as refused:
        store.wrap(b"k", place="here")
    assert "chmod 600" in refused.value.next_step


BAD = ["", "abc", "zz" * 32, "ab" * 31, "ab" * 33, "retired", f"{HEX}\nretired", f"{HEX}\n\n{HEX}"]


@pytest.mark.parametrize("content", BAD)
def test_a_file_that_holds_no_key_is_refused_and_left_as_it_is(content: str, tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path / "master.key")
    store.path.write_text(content, encoding="ascii")
    os.chmod(store.path, 0o600)
    with pytest.raises(VaultError, match="does not hold a key"):
        store.current()
    store.create()
    assert store.path.read_text(encoding="ascii") == content


def test_a_lost_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="cannot be read") as refused:
        FileKeyStore(tmp_path / "master.key").current()
    assert "backup" in refused.value.next_step
    with pytest.raises(VaultError, match="LINGQUE_VAULT__MASTER_KEYS"):
        EnvironmentKeyStore(" ").current()
    with pytest.raises(VaultError, match="does not hold a key") as bad:
        EnvironmentKeyStore("secret").current()
    assert "secret" not in str(bad.value)


# --- settings, and vaults of the first release -----------------------------------------------------------------------


def test_a_workspace_takes_its_master_keys_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINGQUE_VAULT__KEY_STORE", "environment")
    with pytest.raises(VaultError, match="no master key"):
        create_workspace(tmp_path / "bank")
    monkeypatch.setenv("LINGQUE_VAULT__MASTER_KEYS", HEX)
    monkeypatch.setenv("LINGQUE_VAULT__CIPHER", "sm4-gcm")
    monkeypatch.setenv("LINGQUE_VAULT__DIGEST", "sm3")
    create_workspace(tmp_path / "bank")
    assert not (tmp_path / "bank" / "keys").exists()
    with open_workspace(tmp_path / "bank") as application:
        note = application.vault.seal_note("x")
        assert HEX not in repr(application.settings)
    with open_workspace(tmp_path / "bank") as application:
        assert application.vault.open_note(note) == "x"
    monkeypatch.setenv("LINGQUE_VAULT__CIPHER", "aes-256-gcm")
    with pytest.raises(ConfigurationError, match=r"vault\.cipher"), open_workspace(tmp_path / "bank"):
        pass


def test_a_key_store_that_nobody_brings_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGQUE_VAULT__KEY_STORE", "cloud")
    with pytest.raises(ConfigurationError, match="no key store 'cloud'"):
        create_workspace(tmp_path / "bank")


def make_first_release(application_folder: Path) -> tuple[dict[str, bytes], bytes]:
    """Put the vault of a new workspace into the form in which the first release kept it."""
    store = FileKeyStore(application_folder / "keys" / "master.key")
    master = store.first_key()
    assert master is not None
    derived = {name: Suite().derive(master, name) for name in ("blind index", "row keys", "customer links", "notes")}
    database = Database(f"sqlite:///{application_folder / 'data' / 'control.db'}")
    with database.transaction() as connection:
        connection.execute(vault_secrets.delete())
        connection.execute(vault_wrapping_keys.delete())
        wrapped = seal(Suite().lock(master), ("11" * 32).encode(), "key/5")
        connection.execute(insert(vault_keys).values(party_id=5, wrapped_key=wrapped, wrapping_key=None))
        name = seal(Suite().lock(bytes.fromhex("11" * 32)), "安女士".encode(), "5/name")
        add = text("INSERT INTO vault_identifiers (party_id, kind, sealed) VALUES (5, 'name', :name)")
        connection.execute(add, {"name": name})
        index = Suite().mac(derived["blind index"], b"core/customers\x1fKD1")
        connection.execute(insert(vault_surrogates).values(namespace="core/customers", key_index=index, surrogate=5))
    database.close()
    return derived, seal(Suite().lock(derived["notes"]), b"a row", "note")


def test_a_vault_of_the_first_release_is_brought_under_wrapping_keys(tmp_path: Path) -> None:
    folder = tmp_path / "bank"
    create_workspace(folder)
    derived, note = make_first_release(folder)
    for _ in range(2):
        create_workspace(folder)
    with open_workspace(folder) as application:
        vault, database = application.vault, application.services.database
        list(application.services.rotation.rotate(actor="root"))
        with database.reading() as connection:
            assert vault.disclose(connection, [PartyId(5)]) == {5: {"name": "安女士"}}
            assert vault.resolve(connection, namespace="core/customers", keys=["KD1"], mint=False) == {"KD1": 5}
        assert vault.open_note(note) == "a row"
        assert vault.token_secret() == derived["customer links"]
        assert vault.row_key_salt() == derived["row keys"].hex()


def test_a_vault_of_the_first_release_is_not_adopted_under_another_cipher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bank"
    create_workspace(folder)
    make_first_release(folder)
    database = Database(f"sqlite:///{folder / 'data' / 'control.db'}")
    with database.transaction() as connection:
        connection.execute(text("DELETE FROM fixed_settings WHERE setting LIKE 'vault%'"))
    database.close()
    monkeypatch.setenv("LINGQUE_VAULT__CIPHER", "sm4-gcm")
    with pytest.raises(ConfigurationError, match="was sealed with aes-256-gcm"):
        create_workspace(folder)
