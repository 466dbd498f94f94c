"""Names, addresses, telephone, customer and account numbers are in the vault, sealed, and nowhere else.

Searched by value, in every form in which a stored value could hold them, and by what could be made of them without a
secret: anybody can hash all customer numbers that there may be.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import typed
from sqlalchemy import select, text
from test_models import CUSTOMERS as LEARNERS
from test_models import facts, make_learning
from tiny_bank import (
    CAMPAIGN,
    CUSTOMERS,
    LIN,
    Bank,
    account_no,
    approve,
    consents,
    customer_no,
    customers,
    email_of,
    load_all,
    name_of,
    transactions,
    write_csv,
)

from lingque.bootstrap import Application
from lingque.core.ids import new_surrogate
from lingque.core.reasons import Refusal
from lingque.entry.mailbox import Mailbox, open_mailbox
from lingque.flow import run_campaign
from lingque.predict.tables import models
from lingque.store.schema import METADATA

pytestmark = pytest.mark.any_database

if TYPE_CHECKING:
    from conftest import Controls

PLANTED = [
    word for n in range(CUSTOMERS) for word in (email_of(n), name_of(n), customer_no(n), account_no(n), f"TX{n:06}A")
]
ON_SQLITE = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
VAULT = {"vault_identifiers", "vault_keys", "vault_surrogates", "quarantine"}


@pytest.fixture
def used(sent_bank: Bank) -> Iterator[Application]:
    with sent_bank.open() as application:
        yield application


def assert_clean(content: bytes, where: object) -> None:
    found = [word for word in PLANTED if word.encode() in content]
    assert not found, f"{found[:3]} in {where}"


def files_under(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_nothing_is_left_in_the_data_plane(sent_bank: Bank) -> None:
    warehouse = sent_bank.folder / "data" / "warehouse"
    parquet = [path for path in files_under(warehouse) if path.suffix == ".parquet"]
    assert len({path.relative_to(warehouse).parts[0] for path in parquet}) == 6  # five tables and the decisions
    for path in files_under(warehouse):
        assert_clean(path.read_bytes(), path)
        assert_clean(str(path).encode(), "a name")
    for path in parquet:
        assert_clean(repr(pq.read_table(path).to_pylist()).encode(), path)


def test_nothing_is_left_in_the_control_plane(used: Application) -> None:
    with used.services.database.reading() as connection:
        tables = METADATA.sorted_tables
        for table in tables:
            rows = connection.execute(select(table)).all()
            assert_clean(repr(rows).encode(), table.name)
            for row in rows:
                for value in row:
                    if isinstance(value, bytes):
                        assert_clean(value, table.name)
        assert {table.name for table in tables} >= VAULT


def test_nothing_is_left_in_the_files_of_the_workspace(used: Application, sent_bank: Bank) -> None:
    with used.services.database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("PRAGMA wal_checkpoint"))
    for path in files_under(sent_bank.folder):
        if "landing" not in path.parts:
            assert_clean(path.read_bytes(), path)


def test_nothing_is_left_in_the_log(
    bank: Bank, loaded: Application, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for contract, rows in {"customers": customers(), "transactions": [*transactions(), ("?",) * 8]}.items():
        bank.deliver(contract, rows[1:])
    load_all(loaded.services)
    approve(loaded.services)
    assert not isinstance(run_campaign(loaded.services, CAMPAIGN, LIN), Refusal)
    assert_clean("".join(capfd.readouterr()).encode(), "the output")
    assert_clean(caplog.text.encode(), "the log")


def test_surrogates_are_not_derived_from_keys(
    controls: Controls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workspaces of one bank know the same customer by different numbers, and order says nothing."""
    monkeypatch.setattr("lingque.govern.vault.new_surrogate", new_surrogate)  # as it is outside tests
    key = [customer_no(n) for n in range(CUSTOMERS)]
    ids = []
    for name in ("one", "other"):
        with controls.workspace("defined", tmp_path / name, monkeypatch).open() as application:
            with application.services.database.transaction() as connection:
                found = application.vault.resolve(connection, namespace="core/customers", keys=key, mint=True)
            ids.append([found[one] for one in key])
    assert len(set(ids[0])) == CUSTOMERS
    assert not set(ids[0]) & set(ids[1])
    assert ids[0] != sorted(ids[0])


# --- the whole workspace, after everything was done by the commands ---------------------------------------------------

NOT_OURS = {"landing", "outgoing", "mailbox"}
"""What the bank delivered, and what is handed to whoever sends it."""
DIGEST = re.compile(rb"[0-9a-f]{32,128}")
COMMANDS = (
    "apply --as otto",
    "ingest --as otto",
    "quarantine list --as otto",
    "quality show --as otto",
    "tags run --as-of 2026-06-01 --as otto",
    "models train deposit_soon --as ada",
    "models card deposit_soon --as ada",
    "campaign plan idle_to_deposit --as-of 2026-06-01 --as lin",
    "campaign explain idle_to_deposit --as lin",
    "campaign review idle_to_deposit --as hua",
    "campaign approve idle_to_deposit --as min",
    "campaign run idle_to_deposit --as lin",
    "messages status idle_to_deposit --as lin",
    "campaign report idle_to_deposit --as lin",
    "ingest --as otto",
)


def phone_of(n: int) -> str:
    return f"+86138{n:08}"


def with_phones(bank: Bank) -> None:
    """The learning bank, whose customers have telephone numbers now, and a file that cannot be read."""
    bank.replace_in(
        "contracts", "  email: {type", "  phone: {type: text, role: identifier, identifier: phone}\n  email: {type"
    )
    columns = ("customer_no", "name", "email", "birth_date", "city", "opened_on", "phone")
    bank.map("customers", f"SELECT _file, _row, {', '.join(columns)} FROM customers")
    rows = [(*row, phone_of(n)) for n, row in enumerate(customers(LEARNERS))]
    write_csv(bank.folder / "landing" / "customers_20260601.csv", columns, rows)
    bad = [(f"BAD{row[0]}", *row[1:6], "?", "?") for row in transactions()]
    bank.deliver("transactions", [*facts()[0], *bad])
    bank.deliver("consents", consents(LEARNERS))


@pytest.fixture
def worked(
    controls: Controls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Iterator[tuple[Bank, str]]:  # fmt: skip
    """A workspace in which every command was used, and all that they said."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("lingque.predict.judging.RESAMPLES", 50)
    monkeypatch.setattr("lingque.predict.learners.MOST_TREES", 30)
    bank = controls.workspace("learning", tmp_path / "worked", monkeypatch, make=make_learning)
    with_phones(bank)
    mailbox = Mailbox()
    with open_mailbox(mailbox) as port:
        monkeypatch.setenv("LINGQUE_SMTP__PORT", str(port))
        codes = {words: typed(bank, words) for words in COMMANDS}
        (bank.folder / "landing" / "customers_20260602.csv").write_text("\n".join(word for word in EVERYBODY))
        codes["a spoiled file"] = typed(bank, "ingest --as otto")
    unknown = "campaign report idle_to_deposit --as lin"  # the days in which its outcome is seen have not come
    assert {words: code for words, code in codes.items() if code} == {unknown: 3, "a spoiled file": 1}
    assert len(mailbox.mails) > 20
    # the mail server of the test is no part of what is tested
    logged = [record.getMessage() for record in caplog.records if record.name != "mail.log"]
    yield bank, "".join(capfd.readouterr()) + "\n".join(logged)
    controls.drop(bank.control)


EVERYBODY = [
    word
    for n in range(LEARNERS)
    for word in (email_of(n), name_of(n), customer_no(n), account_no(n), phone_of(n), phone_of(n)[1:], f"TX{n:06}")
]


def forms_of(kinds: Mapping[str, int]) -> re.Pattern[bytes]:
    """Every identifier of these kinds (stem: how many digits follow), in whatever way it could be written without a
    secret.

    A stem has so many digits, and its hex is sought with those that follow it, as no random number has by chance.
    """
    ways: set[bytes] = set()
    for stem, digits in kinds.items():
        for one in (stem.encode(), stem.encode("gb18030"), json.dumps(stem)[1:-1].encode()):
            ways.add(re.escape(one) + b"[0-9]{%d}" % digits)
            ways.add(one.hex().encode() + b"(?:3[0-9]){%d}" % digits)
    return re.compile(b"|".join(sorted(ways)), re.IGNORECASE)


def digests_of(words: Iterable[str]) -> set[bytes]:
    ways = ("md5", "sha1", "sha256", "blake2b")
    return {hashlib.new(way, word.encode()).hexdigest().encode() for word in words for way in ways}


FORMS = forms_of({"client": 3, "客户甲乙丙丁戊": 3, "KD2026": 5, "62220210000": 3, "8613800000": 3, "TX0": 5})
DIGESTS = digests_of(EVERYBODY)
NUMBERS = {int(digest[:16], 16) >> shift for digest in DIGESTS for shift in (0, 1, 2)} | {
    int(word) for word in EVERYBODY if word.isdigit()
}


def test_every_planted_identifier_would_be_found() -> None:
    for word in EVERYBODY:
        for way in (word, word.upper(), json.dumps(word), word.encode().hex()):
            assert FORMS.search(b"x" + way.encode() + b"x"), way


def assert_free(content: bytes, where: object) -> None:
    found = FORMS.search(content)
    assert found is None, f"{found and found[0]!r} in {where}"
    assert not DIGESTS & set(DIGEST.findall(content)), where


@ON_SQLITE
def test_no_identifier_is_anywhere_after_every_command_was_used(worked: tuple[Bank, str]) -> None:
    bank, said = worked
    assert_free(said.encode(), "what the commands said")
    assert "deposit_soon" in said
    seen: set[str] = set()
    with bank.open() as application:
        services = application.services
        with services.database.engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint"))
        for path in files_under(bank.folder):
            kind = path.relative_to(bank.folder).parts[0]
            if kind not in NOT_OURS:
                seen.add(path.suffix)
                assert_free(str(path).encode() + path.read_bytes(), path)
        for path in files_under(bank.folder / "data" / "warehouse"):
            if path.suffix == ".parquet":
                assert_table_free(pq.read_table(path), path)
        with services.database.reading() as connection:
            for table in METADATA.sorted_tables:
                rows = connection.execute(select(table)).mappings().all()
                assert_free(repr(rows).encode(), table.name)
                assert_free(
                    json.dumps([dict(row) for row in rows], default=str, ensure_ascii=False).encode(), table.name
                )
            trained = connection.execute(select(models)).all()
    assert seen >= {".parquet", ".json", ".db", ".yaml", ".sql", ".key", ".toml"}
    assert len(trained) >= 1
    assert all(row.artefact["booster"] and row.card for row in trained)


def assert_table_free(rows: pa.Table, where: object) -> None:
    for name in rows.column_names:
        column = rows.column(name)
        assert_free(name.encode() + repr(column.to_pylist()).encode(), f"{where}: {name}")
        if pa.types.is_integer(column.type):
            assert not NUMBERS & set(column.to_pylist()), f"{where}: {name}"
