"""A workspace is restored on an empty machine and goes on there; who was erased since does not come back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tiny_bank import (
    AS_OF,
    CAMPAIGN,
    LIN,
    MIN,
    PRINCIPALS,
    Bank,
    audit_of,
    customer_no,
    load_all,
    name_of,
    party_of,
    rows_of,
)

from lingque.bootstrap import MASTER_KEY_FILE, Application, restore_workspace
from lingque.core.errors import ConfigurationError, ConflictError, VaultError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.flow import run_campaign, run_tags
from lingque.flow.backup import ERASED, copy_keys, make_backup, read_erased, write_erased
from lingque.flow.erasing import carry_out_erasure
from lingque.flow.rights import receive_request
from lingque.govern.rights.requests import RequestKind
from lingque.govern.tables import vault_identifiers, vault_keys
from lingque.store.runs import published_versions
from lingque.store.schema import METADATA

ROOT, SAM = PRINCIPALS["root"], PRINCIPALS["sam"]
WHO = 12
URL = "LINGQUE_CONTROL__URL"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Callable[[], Bank]:
    """An empty machine: a folder and, where there is a server, a database."""
    controls = request.getfixturevalue("controls")

    def make() -> Bank:
        folder = tmp_path / "elsewhere"
        url = "" if controls.backend == "sqlite" else controls.new_url(tmp_path)
        monkeypatch.setenv(URL, url)
        return Bank(folder=folder, control=url)

    return make


def copies(application: Application, folder: Path) -> tuple[Path, Path]:
    """A backup and a copy of the keys."""
    services = application.services
    assert not isinstance(make_backup(services, folder / "backup", ROOT), Refusal)
    assert not isinstance(copy_keys(services, services.folder / MASTER_KEY_FILE, folder / "keys", SAM), Refusal)
    return folder / "backup", folder / "keys"


def erase(application: Application, n: int = WHO) -> int:
    services = application.services
    customer = CustomerId(party_of(application, customer_no(n)))
    request = receive_request(services, RequestKind.ERASURE, customer, MIN, verified="card")
    assert not isinstance(request, Refusal)
    assert not isinstance(carry_out_erasure(services, request.request_id, PRINCIPALS["hua_too"]), Refusal)
    return customer


def restore(backup: Path, keys: Path, bank: Bank, *, erased: Path | None = None) -> int:
    people = read_erased(erased or keys / ERASED)
    return restore_workspace(backup, bank.folder, keys=keys, erased=people, clock=bank.clock)


def contents(application: Application) -> dict[str, list[Any]]:
    """Everything in both planes."""
    with application.services.database.reading() as connection:
        found = {table.name: sorted(connection.execute(select(table)), key=repr) for table in METADATA.sorted_tables}
        versions = published_versions(connection)
    return found | {f"data/{table}": list(rows_of(application.services, table)) for table in versions}


def test_a_restored_workspace_is_the_one_that_was_copied_and_goes_on(
    queued_bank: Bank, elsewhere: Callable[[], Bank], tmp_path: Path
) -> None:
    with queued_bank.open() as application:
        application.services.sealer.seal()
        before = contents(application)
        backup, keys = copies(application, tmp_path)
    shutil.move(queued_bank.folder / "landing", tmp_path / "landing")  # the bank's own
    shutil.rmtree(queued_bank.folder)
    there = elsewhere()
    assert restore(backup, keys, there) == 0
    with there.open() as application:
        services = application.services
        assert contents(application) == before
        assert services.sealer.verify().faults == ()
        shutil.move(tmp_path / "landing", there.folder / "landing")
        assert all(report.already_done for report in load_all(services))
        report = run_campaign(services, CAMPAIGN, LIN)
        assert not isinstance(report, Refusal)
        assert len(there.channel.messages) > 10
        assert not isinstance(run_tags(services, AS_OF, PRINCIPALS["otto"]), Refusal)
        party = party_of(application, customer_no(WHO))
        with services.database.reading() as connection:
            assert application.vault.disclose(connection, [party])[party]["name"] == name_of(WHO)


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_no_copy_of_the_data_holds_a_key_or_a_name(queued_bank: Bank, tmp_path: Path) -> None:
    with queued_bank.open() as application:
        backup, keys = copies(application, tmp_path)
    key = (keys / MASTER_KEY_FILE.name).read_text(encoding="ascii").strip()
    for path in backup.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert key.encode() not in content
            assert bytes.fromhex(key) not in content
            assert name_of(WHO).encode() not in content
            assert customer_no(WHO).encode() not in content
    assert (keys / MASTER_KEY_FILE.name).stat().st_mode & 0o777 == 0o600
    assert (keys / "destroy-by.txt").read_text(encoding="utf-8") == "2026-07-01\n"


def test_who_was_erased_after_the_copy_is_erased_again_before_it_opens(
    queued_bank: Bank, elsewhere: Callable[[], Bank], tmp_path: Path
) -> None:
    with queued_bank.open() as application:
        backup, keys = copies(application, tmp_path)
        customer = erase(application)
        written = write_erased(application.services, tmp_path / "newest.json", ROOT)
        assert written == 1
    there = elsewhere()
    assert restore(backup, keys, there, erased=tmp_path / "newest.json") == 1
    with there.open() as application:
        services = application.services
        with services.database.reading() as connection:
            for table in (vault_keys, vault_identifiers):
                assert connection.execute(select(table).where(table.c.party_id == customer)).all() == []
            versions = published_versions(connection)
        for table in versions:
            if table != "decisions":
                assert all(row.get("customer_id") != customer for row in rows_of(services, table)), table
        assert [row.subject for row in audit_of(services, "erase_again")] == [f"customer {customer}"]
        # its number comes again, and is about somebody else
        other = erase(application, WHO + 1)
        assert other != customer
        assert all(row["customer_id"] != other for row in rows_of(services, "customers"))


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_a_restore_that_was_broken_off_does_not_open(
    bank: Bank, elsewhere: Callable[[], Bank], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bank.open() as application:
        backup, keys = copies(application, tmp_path)
    there = elsewhere()

    def die(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("lingque.bootstrap.replay_erasures", die)
    with pytest.raises(KeyboardInterrupt):
        restore(backup, keys, there)
    with pytest.raises(ConfigurationError, match="not restored to its end"), there.open():
        pass
    with pytest.raises(ConflictError, match="is not empty"):
        restore(backup, keys, there)


SPOILED: dict[str, Callable[[Path], object]] = {
    "changed": lambda backup: (backup / "control" / "users.jsonl").write_text("[]\n", encoding="utf-8"),
    "missing": lambda backup: next(backup.rglob("*.parquet")).unlink(),
    "added": lambda backup: (backup / "control" / "more.jsonl").write_text("", encoding="utf-8"),
}


@pytest.mark.parametrize("name", SPOILED)
@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_a_backup_that_is_not_as_it_was_made_is_refused(
    name: str, bank: Bank, elsewhere: Callable[[], Bank], tmp_path: Path
) -> None:
    with bank.open() as application:
        backup, keys = copies(application, tmp_path)
    SPOILED[name](backup)
    there = elsewhere()
    with pytest.raises(ConfigurationError, match="not as it was made"):
        restore(backup, keys, there)
    assert not there.folder.exists()


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_what_cannot_be_restored_is_said(bank: Bank, elsewhere: Callable[[], Bank], tmp_path: Path) -> None:
    with bank.open() as application:
        backup, keys = copies(application, tmp_path)
        for target in ("backup", "keys"):
            with pytest.raises(ConflictError, match="is not empty"):
                make_backup(application.services, tmp_path / target, ROOT)
        with pytest.raises(ConflictError, match="lies in a backup"):
            copy_keys(application.services, bank.folder / MASTER_KEY_FILE, backup / "keys", SAM)
        for actor in (MIN, LIN):
            for refusal in (
                make_backup(application.services, tmp_path / "new", actor),
                copy_keys(application.services, bank.folder / MASTER_KEY_FILE, tmp_path / "new", actor),
                write_erased(application.services, tmp_path / "new", actor),
            ):
                assert isinstance(refusal, Refusal)
                assert refusal.reason is Reason.ROLE_NOT_ALLOWED
        assert not (tmp_path / "new").exists()
    there = elsewhere()
    with pytest.raises(ConfigurationError, match="is not a backup"):
        restore(tmp_path / "nowhere", keys, there)
    (tmp_path / "bad.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="not a list of the erased"):
        restore(backup, keys, there, erased=tmp_path / "bad.json")
    manifest = json.loads((backup / "manifest.json").read_text(encoding="utf-8"))
    (backup / "manifest.json").write_text(json.dumps(manifest | {"schema": "0001"}), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="has schema 0001"):
        restore(backup, keys, there)


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_a_stolen_backup_without_the_keys_opens_no_identifier(
    bank: Bank, elsewhere: Callable[[], Bank], tmp_path: Path
) -> None:
    with bank.open() as application:
        backup, keys = copies(application, tmp_path)
        party = party_of(application, customer_no(WHO))
    there = elsewhere()
    other = tmp_path / "other"
    shutil.copytree(keys, other)
    (other / MASTER_KEY_FILE.name).write_text("ab" * 32 + "\n", encoding="ascii")
    restore_workspace(backup, there.folder, keys=other, erased={}, clock=there.clock)
    with there.open() as application:
        with application.services.database.reading() as connection, pytest.raises(VaultError, match="does not open"):
            application.vault.disclose(connection, [party])
        with pytest.raises(VaultError):
            party_of(application, customer_no(WHO))


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_a_copy_of_the_keys_whose_days_are_over_is_refused_and_nothing_is_made(
    bank: Bank, elsewhere: Callable[[], Bank], tmp_path: Path
) -> None:
    with bank.open() as application:
        backup, keys = copies(application, tmp_path)
    there = elsewhere()
    there.clock.advance(31 * 86_400_000_000)
    with pytest.raises(ConfigurationError, match="was to be destroyed by 2026-07-01"):
        restore(backup, keys, there)
    (keys / "destroy-by.txt").unlink()
    with pytest.raises(ConfigurationError, match="is not a copy of the keys"):
        restore(backup, keys, there)
    assert not there.folder.exists()
