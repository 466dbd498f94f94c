"""A full ingest of one file of transactions, every rule checked, against a bare read of the same file.

    python -m benchmarks.ingest [--rows N] [--memory 4GB] [--threads 2] [--full]

Peer: DuckDB's `read_csv` with as many threads into a temporary table, every column typed and bad rows left out. Ours:
what `lingque ingest` does with the delivery, from the digest of the file to the published version, in a process of its
own, whose memory is what is reported. `--full`: 10 million rows within 512 MB for the engine.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from lingque.bootstrap import create_workspace, open_workspace
from lingque.catalog.repository import Change
from lingque.core.reasons import Refusal
from lingque.flow.intake import apply, ingest
from lingque.govern.access import User, add_user
from lingque.govern.contracts import Principal, Role
from lingque.ingest.contracts import IngestReport
from lingque.store.runs import published_versions

DAY = date(2026, 6, 1)
ROWS_PER_CUSTOMER = 100
BAD = 100
ROUNDS = 2
OPERATOR = User(name="operator", person="operator", roles=frozenset({Role.OPERATOR}))
ACTING = Principal(user=OPERATOR.name, person=OPERATOR.person, roles=OPERATOR.roles)

SETTINGS = """
[workspace]
name = "ingest"

[warehouse]
memory_limit = "{memory}"
threads = {threads}
"""

DEFINITIONS = """
contract: customers
label: {zh: 客户, en: Customers}
kind: party
load: full
columns:
  customer_no: {type: text, role: key}
  opened_on: {type: date, role: valid_from}
---
contract: accounts
label: {zh: 账户, en: Accounts}
kind: state
load: full
columns:
  account_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  opened_on: {type: date, role: valid_from}
---
contract: transactions
label: {zh: 交易流水, en: Transactions}
kind: event
load: daily
columns:
  transaction_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  account_no: {type: text, role: reference, references: accounts}
  booked_on: {type: date, role: event_time}
  direction: {type: text, required: true, allowed: [credit, debit], classes: [financial]}
  category: {type: text, required: true, classes: [financial]}
  amount: {type: money, currency: CNY, required: true, classes: [financial]}
  balance: {type: money, currency: CNY, required: true, classes: [financial]}
---
"""

SOURCE = """
source: core_{table}
system: core
contract: {table}
reads:
  {table}: {{files: ["{table}_{{data_date}}.csv"]}}
mapping: mapping/{table}.sql
"""

FILES = {
    "customers": """
SELECT printf('C%08d', i) AS customer_no, '2020-01-01' AS opened_on FROM range({customers}) AS made(i)""",
    "accounts": """
SELECT printf('6222%012d', i) AS account_no, printf('C%08d', i // 2) AS customer_no, '2020-01-02' AS opened_on
FROM range(2 * {customers}) AS made(i)""",
    "transactions": """
SELECT
    printf('TX%010d', i) AS transaction_no,
    printf('C%08d', i * 7919 % {customers}) AS customer_no,
    printf('6222%012d', i * 7919 % {customers} * 2 + i % 2) AS account_no,
    CASE WHEN i % ({rows} // {bad}) = 1 THEN '2026-02-30'
        ELSE strftime(DATE '2025-06-01' + CAST(i * 31 % 365 AS INTEGER), '%Y-%m-%d') END AS booked_on,
    CASE WHEN i % 3 = 0 THEN 'credit' ELSE 'debit' END AS direction,
    ['salary', 'rent', 'groceries', 'travel', 'transfer', 'fee'][1 + i * 13 % 6] AS category,
    printf('%d.%02d', i * 37 % 20000, i % 100) AS amount,
    printf('%d.%02d', i * 91 % 90000, i % 100) AS balance
FROM range({rows}) AS made(i)""",
}

TYPES = {"booked_on": "DATE", "amount": "DECIMAL(18, 2)", "balance": "DECIMAL(18, 2)"}
COLUMNS = (
    "transaction_no", "customer_no", "account_no", "booked_on", "direction", "category", "amount", "balance",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one piece of work in a process of its own took."""

    wall: float
    cpu: float
    peak_gb: float
    answer: Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    rows, memory = (10_000_000, "512MB") if arguments.full else (arguments.rows, arguments.memory)
    folder = Path(tempfile.mkdtemp())
    try:
        result = run(folder / "bank", rows, memory, arguments.threads, rounds=1 if arguments.full else ROUNDS)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(result))


def run(folder: Path, rows: int, memory: str, threads: int, *, rounds: int) -> dict[str, object]:
    lay_out(folder, rows, memory, threads)
    apart(prepare, folder)
    file = folder / "landing" / f"transactions_{DAY:%Y%m%d}.csv"
    pairs: list[tuple[Measured, Measured]] = []
    for _ in range(rounds):
        copy = folder.with_name("copy")
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(file.name))
        (copy / "landing" / file.name).hardlink_to(file)
        bare = apart(bare_read, file, threads, memory)
        ours = apart(ingest_all, copy)
        shutil.rmtree(copy)
        pairs.append((bare, ours))
        print(
            f"bare read {bare.wall:.2f} s (CPU {bare.cpu:.2f}), ingest {ours.wall:.2f} s (CPU {ours.cpu:.2f}), "
            f"ratio {bare.wall / ours.wall:.3f} (of CPU {bare.cpu / ours.cpu:.3f}), peak {ours.peak_gb:.2f} GB",
            flush=True,
        )
    bare, ours = (min((pair[n] for pair in pairs), key=lambda one: one.wall) for n in (0, 1))
    accepted, quarantined, stored = ours.answer
    megabytes = file.stat().st_size / 1e6
    print(f"{rows / ours.wall:,.0f} rows a second; the file has {megabytes:,.0f} MB, the engine may use {memory}")
    return {
        "name": "ingest",
        "size": {"rows": rows, "megabytes": round(megabytes), "memory_limit": memory, "threads": threads},
        "seconds": round(ours.wall, 3),
        "cpu_seconds": round(ours.cpu, 3),
        "peak_gb": round(ours.peak_gb, 3),
        "peers": {"bare_read": round(bare.wall, 3)},
        "ratios": {"bare_read": round(bare.wall / ours.wall, 3)},
        "checks": {
            "every_row_accounted_for": accepted + quarantined == rows and quarantined == bad_rows(rows),
            "accepted_are_stored": stored == accepted,
            "bare_read_found_the_same": bare.answer == accepted,
        },
        "extra": {
            "rows_a_second": round(rows / ours.wall),
            "of_cpu": round(bare.cpu / ours.cpu, 3),
            "peak_gb_bare_read": round(bare.peak_gb, 3),
        },
    }


def lay_out(folder: Path, rows: int, memory: str, threads: int) -> None:
    folder.mkdir(parents=True)
    (folder / "lingque.toml").write_text(SETTINGS.format(memory=memory, threads=threads), encoding="utf-8")
    create_workspace(folder)
    (folder / "mapping").mkdir()
    (folder / "landing").mkdir()
    sources = "---".join(SOURCE.format(table=table) for table in FILES)
    (folder / "definitions" / "bank.yaml").write_text(DEFINITIONS + sources, encoding="utf-8")
    connection = duckdb.connect()
    customers = max(1, rows // ROWS_PER_CUSTOMER)
    for table, sql in FILES.items():
        made = sql.format(customers=customers, rows=rows, bad=BAD)
        path = folder / "landing" / f"{table}_{DAY:%Y%m%d}.csv"
        connection.execute(f"COPY ({made}) TO '{path}' (HEADER)")
        columns = ", ".join(str(row[0]) for row in connection.execute(f"DESCRIBE {made}").fetchall())
        (folder / "mapping" / f"{table}.sql").write_text(
            f"SELECT _file, _row, {columns} FROM {table}", encoding="utf-8"
        )


def bad_rows(rows: int) -> int:
    return len(range(1, rows, rows // BAD))


def prepare(folder: Path) -> None:
    """People, definitions, and the customers and accounts that the transactions speak of."""
    with open_workspace(folder) as application, application.writing() as services:
        with services.database.transaction() as connection:
            add_user(connection, OPERATOR, at=services.clock.now())
        done(apply(services, ACTING))
        for report in ingest(services, ACTING):
            if done(report).contract == "accounts":  # the transactions come next
                break


def ingest_all(folder: Path) -> Measured:
    """Accepted, quarantined and stored rows of the transactions."""
    pa.array([0])  # Arrow looks for pandas once, which no bank's installation has: the benchmarks' peers bring it along
    with open_workspace(folder) as application, application.writing() as services:
        began, cpu = time.perf_counter(), time.process_time()
        reports = [done(report) for report in ingest(services, ACTING)]
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        with services.database.reading() as connection:
            version = published_versions(connection)["transactions"]
        with services.session() as session:
            session.add_versions({"transactions": version})
            stored = session.ask("SELECT count(*) AS n FROM transactions").column("n")[0].as_py()
    if [report.already_done for report in reports] != [True, True, False]:
        raise SystemExit("something else than the transactions was loaded too")
    answer = (reports[-1].accepted, reports[-1].quarantined, stored)
    return Measured(wall=wall, cpu=cpu, peak_gb=peak, answer=answer)


def bare_read(file: Path, threads: int, memory: str) -> Measured:
    """How many rows it finds."""
    connection = duckdb.connect()
    connection.execute(f"SET enable_progress_bar = false; SET threads = {threads}; SET memory_limit = '{memory}'")
    connection.execute(f"SET temp_directory = '{file.parent / 'spilled'}'")
    columns = ", ".join(f"{name}: '{TYPES.get(name, 'VARCHAR')}'" for name in COLUMNS)
    began, cpu = time.perf_counter(), time.process_time()
    connection.execute(
        f"CREATE TEMP TABLE typed AS SELECT * FROM read_csv('{file}', auto_detect = false, header = true, "
        f"ignore_errors = true, columns = {{{columns}}})"
    )
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    (answer,) = connection.execute("SELECT count(*) FROM typed").fetchone() or (0,)
    return Measured(wall=wall, cpu=cpu, peak_gb=peak, answer=answer)


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """In a new process, so that each has a peak of its own."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def done(outcome: IngestReport | Refusal | list[Change]) -> Any:
    if isinstance(outcome, Refusal):
        raise SystemExit(str(outcome))
    return outcome


if __name__ == "__main__":
    main()
