"""A full disk, a second process: told, and nothing is lost."""

from __future__ import annotations

import os
import random
import re
import resource
import subprocess
import sys

import pytest
from bad_deliveries import ALL, INGEST, NEXT_DAY, new_rows, spoiled
from commands import say
from deltalake import DeltaTable
from readers_view import content, count_of_rows
from tiny_bank import (
    Bank,
    load_all,
)

from lingque.bootstrap import LOCK_FILE
from lingque.core.errors import WarehouseError
from lingque.store.workspace_lock import workspace_lock
from lingque.warehouse.engine import SCRATCH

pytestmark = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)


def many_rows() -> list[tuple[str, ...]]:
    """So many that the file of the table is larger than everything else that a load writes."""
    chance = random.Random(6)  # noqa: S311 - any amounts will do, if only they do not compress
    row = new_rows(1)[0]
    amounts = (f"{chance.randrange(10**8)}.00" for _ in range(20_000))
    return [spoiled(row, transaction_no=f"M{n:06}", balance=amount) for n, amount in enumerate(amounts)]


def in_a_process(bank: Bank, *, largest_file: int) -> subprocess.CompletedProcess[str]:
    """`lingque ingest` where no file may grow beyond that: what a full disk is to whoever writes."""
    return subprocess.run(
        [sys.executable, "-m", "lingque", *INGEST, "--workspace", str(bank.folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "400"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY)),
    )


@pytest.mark.parametrize(
    ("largest_file", "told"),
    [(100_000, r"cannot write .*\.parquet: File too large"), (20_000, "the control database cannot be written: disk")],
    ids=["no room for the rows", "no room for the control database"],
)
def test_a_full_disk_is_told_and_nothing_is_lost(largest_file: int, told: str, bank: Bank) -> None:
    before = content(bank)
    bank.deliver("transactions", many_rows(), NEXT_DAY)
    done = in_a_process(bank, largest_file=largest_file)
    assert done.returncode == 1
    assert re.search(told, done.stderr)
    assert "make room or mend the rights, then run the same command again" in done.stderr
    assert "Traceback" not in done.stderr
    assert content(bank) == before
    assert not list((bank.folder / "data").rglob("*.half"))

    say(bank, *INGEST)
    assert not list((bank.folder / "data" / "warehouse" / SCRATCH).iterdir())
    assert count_of_rows(bank) == ALL + 20_000


def test_no_room_for_a_tables_log_is_told_and_nothing_is_lost(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last thing that a load writes to the data plane."""
    before = content(bank)
    bank.deliver("transactions", new_rows(), NEXT_DAY)
    told = "Generic LocalFileSystem error\n  \x1b[31m↳\x1b[0m No space left on device (os error 28)\n"
    with monkeypatch.context() as patch:
        patch.setattr(DeltaTable, "create_write_transaction", lambda *_a, **_k: (_ for _ in ()).throw(OSError(told)))
        with bank.open() as application, pytest.raises(WarehouseError, match="No space left on device") as stopped:
            load_all(application.services)
    assert "make room" in stopped.value.next_step
    assert "\x1b" not in stopped.value.what
    assert content(bank) == before
    say(bank, *INGEST)
    assert count_of_rows(bank) == ALL + 20


def test_a_second_process_is_turned_away_and_changes_nothing(bank: Bank) -> None:
    before = content(bank)
    bank.deliver("transactions", new_rows(), NEXT_DAY)
    with workspace_lock(bank.folder / LOCK_FILE):
        done = in_a_process(bank, largest_file=resource.RLIM_INFINITY)
    assert done.returncode == 1
    assert f"another process (id {os.getpid()}) is writing to this workspace" in done.stderr
    assert "wait until it has finished; nothing was changed" in done.stderr
    assert content(bank) == before
    say(bank, *INGEST)
    assert count_of_rows(bank) == ALL + 20
