"""No secret and nothing personal is in what the commands of governing say, log, raise or store."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from commands import typed
from sqlalchemy import select, text
from tiny_bank import Bank, customer_no, email_of, name_of, party_of

from lingque.core.errors import VaultError
from lingque.govern.api_keys import new_api_key
from lingque.govern.keyring import SECRETS
from lingque.store.schema import METADATA

pytestmark = pytest.mark.any_database

WHO = 12
SMTP_PASSWORD = "correct-horse-battery"
COMMANDS = (
    "rights receive access {customer} --verified card --as min",
    "rights receive erasure {customer} --verified card --as min",
    "rights list --as min",
    "rights answer 1 {out}/copy --as min",
    "rights show 1 --as min",
    "audit seal --as min",
    "audit verify --as min",
    "audit export {out}/audit.pyz --as min",
    "vault rotate --as sam",
    "vault retire 1 --as sam",
    "backup make {out}/backup --as root",
    "backup keys {out}/keys --as sam",
    "backup erased {out}/erased.json --as root",
    "retention plan --as min",
    "retention run --as min",
    "rights erase 2 --as hua_too",
    "vault retire 9 --as sam",
    "rights show 99 --as min",
    "rights erase 2 --as min",
)


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_no_secret_is_anywhere_after_the_commands_of_governing_were_used(
    sent_bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("LINGQUE_SMTP__PASSWORD", SMTP_PASSWORD)
    secrets = {"password": SMTP_PASSWORD.encode()}
    with sent_bank.open() as application:
        customer = party_of(application, customer_no(WHO))
        with application.services.database.transaction() as connection:
            secrets["api key"] = new_api_key(connection, "min", at=application.services.clock.now()).encode()
        keyring = application.vault._keyring
        secrets |= {name: keyring.secret(name) for name in SECRETS}
    key_file = sent_bank.folder / "keys" / "master.key"
    keys = set(key_file.read_text(encoding="ascii").split())
    codes = [typed(sent_bank, words.format(customer=customer, out=tmp_path)) for words in COMMANDS]
    assert codes == [0] * 16 + [1, 1, 1]
    keys |= set(key_file.read_text(encoding="ascii").split()) - {"retired"}
    secrets |= {f"master key {n}": bytes.fromhex(key) for n, key in enumerate(sorted(keys))}
    forms = {f"{name} {way}": form for name, secret in secrets.items() for way, form in written(secret).items()}
    personal = {word: word.encode() for word in (name_of(WHO), email_of(WHO), customer_no(WHO))}

    said = ("".join(capfd.readouterr()) + "\n".join(record.getMessage() for record in caplog.records)).encode()
    assert b"SOUND" not in said
    assert_without(said, forms | personal, "what was said")
    with sent_bank.open() as application:
        with application.services.database.engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint"))
        with application.services.database.reading() as connection:
            for table in METADATA.sorted_tables:
                for row in connection.execute(select(table)):
                    for value in row:
                        content = value if isinstance(value, bytes) else repr(value).encode()
                        assert_without(content, forms | personal, table.name)
    for path in [*tmp_path.rglob("*"), *sent_bank.folder.rglob("*")]:
        if path.is_file() and path != key_file and "keys" not in path.parts:
            assert_without(path.read_bytes(), forms, path)
            if not {"copy", "landing"} & set(path.parts):
                assert_without(path.read_bytes() + str(path).encode(), personal, path)


def written(secret: bytes) -> dict[str, bytes]:
    return {"plain": secret, "hexadecimal": secret.hex().encode(), "upper": secret.hex().upper().encode()}


def assert_without(content: bytes, forms: dict[str, bytes], where: object) -> None:
    found = [name for name, form in forms.items() if form in content]
    assert not found, f"{found} in {where}"


def test_what_holds_a_secret_does_not_print_it(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGQUE_SMTP__PASSWORD", SMTP_PASSWORD)
    with bank.open() as application:
        shown = repr(application) + repr(application.vault) + repr(application.services)
        secret = application.vault.token_secret()
        assert SMTP_PASSWORD not in shown
        assert secret.hex() not in shown
        with pytest.raises(VaultError) as failed:
            application.vault.open_note(b"x" * 60)
    assert SMTP_PASSWORD not in str(failed.value)
