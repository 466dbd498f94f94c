"""The main job, stage by stage, on a generated bank.

    python -m benchmarks.way [--customers N] [--full]

Peer: a bare DuckDB read of the largest CSV file of the same night (balances) with every column cast, which is the
least that any ingest does; compared by rows a second.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

import duckdb

from lingque.bootstrap import Application, all_channels, open_workspace
from lingque.core.reasons import Refusal
from lingque.entry import demo
from lingque.entry.demo.story import MODEL
from lingque.flow.approving import approve_campaign, review_campaign
from lingque.flow.intake import apply, ingest, run_tags
from lingque.flow.learning import train_model
from lingque.flow.planning import plan_campaign
from lingque.flow.running import run_campaign
from lingque.govern.access import add_user, principal_of
from lingque.testing import MemoryChannel
from lingque.twin.bank import Twin
from lingque.twin.parameters import TwinParameters

T = TypeVar("T")
AS_OF = date(2026, 6, 1)


@dataclass
class Clocked:
    """Wall and CPU seconds per stage."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: float = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - began
        self.cpu += time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--full", action="store_true", help="50,000 customers")
    arguments = parser.parse_args()
    customers = 50_000 if arguments.full else arguments.customers
    folder = Path(tempfile.mkdtemp())
    try:
        result = run(folder / "bank", customers)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(result))


def run(folder: Path, customers: int) -> dict[str, object]:
    twin = Twin.make(TwinParameters(customers=customers, as_of=AS_OF))
    demo.lay_out(folder, "en")
    twin.write_extracts(folder / "landing")
    channel, clocked = MemoryChannel(), Clocked()
    with (
        open_workspace(
            folder, channels=lambda settings: {**all_channels(settings, folder), "email": channel}
        ) as opened,
        opened.writing(),
    ):
        rows, decided = walk(opened, clocked)
    (file,) = (folder / "landing").glob("core_balances_*.csv")
    read = 0

    def bare_read() -> None:
        nonlocal read
        read = bare_rows(file)

    peer = timed(bare_read)
    for name, seconds in clocked.wall.items():
        print(f"{name:12} {seconds:8.2f} s")
    print(f"{'bare read':12} {peer:8.2f} s  ({read:,} balances only)")
    speed, bare = rows / clocked.wall["ingest"], read / peer
    print(f"ingest takes {speed:,.0f} rows a second, a bare read {bare:,.0f}")
    return {
        "name": "way",
        "size": {"customers": customers, "rows": rows, "decided": decided, "mails": len(channel.messages)},
        "seconds": round(sum(clocked.wall.values()), 3),
        "cpu_seconds": round(clocked.cpu, 3),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
        "peers": {"bare_read_rows_a_second": round(bare)},
        "ratios": {"bare_read_rows_a_second": round(speed / bare, 3)},
        "checks": {"one_mail_per_contact": len(channel.messages) == channel.transmissions > 0},
        "extra": {"stages": {name: round(seconds, 3) for name, seconds in clocked.wall.items()}},
    }


def walk(application: Application, clocked: Clocked) -> tuple[int, int]:
    """The way up to the sent messages; rows read, and contacts that left by any channel."""
    services = application.services
    with services.database.transaction() as connection:
        for user in demo.PEOPLE:
            add_user(connection, user, at=services.clock.now())
        otto, ada, lan, hua, approver = (principal_of(connection, user.name) for user in demo.PEOPLE)
    with clocked.stage("apply"):
        done(apply(services, otto))
    with clocked.stage("ingest"):
        rows = sum(done(report).read for report in ingest(services, otto))
    with clocked.stage("model"):
        done(train_model(services, MODEL, ada))
    with clocked.stage("tags"):
        done(run_tags(services, AS_OF, ada))
    with clocked.stage("plan"):
        plan = done(plan_campaign(services, demo.CAMPAIGN, AS_OF, lan))
    done(review_campaign(services, demo.CAMPAIGN, hua, digest=plan.digest))
    done(approve_campaign(services, demo.CAMPAIGN, approver, digest=plan.digest))
    with clocked.stage("run"):
        fates = done(run_campaign(services, demo.CAMPAIGN, lan))
    return rows, sum(fates.by_status.values())


def bare_rows(file: Path) -> int:
    """How many rows there are, read into columns of their types."""
    connection = duckdb.connect()
    # in two steps: this version pushes TRY_CAST into the CSV reader, where it fails instead of giving NULL
    connection.read_csv(str(file), header=True, all_varchar=True).create("raw")
    connection.execute(
        "CREATE TABLE typed AS SELECT * REPLACE (TRY_CAST(balance AS DECIMAL(18, 2)) AS balance) FROM raw"
    ).fetchall()
    ((rows,),) = connection.execute("SELECT count(*) FROM typed").fetchall()
    return int(rows)


def timed(what: Callable[[], None]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def done(outcome: T | Refusal) -> T:
    if isinstance(outcome, Refusal):
        raise SystemExit(str(outcome))
    return outcome


if __name__ == "__main__":
    main()
