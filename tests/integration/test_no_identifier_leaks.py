"""Names, addresses, customer and account numbers are in the vault, sealed, and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import select, text
from tiny_bank import (
    CAMPAIGN,
    CUSTOMERS,
    LIN,
    Bank,
    account_no,
    approve,
    customer_no,
    customers,
    email_of,
    load_all,
    name_of,
    transactions,
)

from lingque.bootstrap import Application
from lingque.core.reasons import Refusal
from lingque.flow import run_campaign
from lingque.store.schema import METADATA

PLANTED = [
    word for n in range(CUSTOMERS) for word in (email_of(n), name_of(n), customer_no(n), account_no(n), f"TX{n:06}A")
]
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


def test_surrogates_are_not_derived_from_keys(controls: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workspaces of one bank know the same customer by different numbers, and order says nothing."""
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
