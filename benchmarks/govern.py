"""What governing costs: permits, identifiers released, acts recorded, the trail sealed and checked.

    python -m benchmarks.govern [--size N] [--full] [--part permits --part vault --part audit]

Durability: SQLite with WAL and `synchronous = FULL`: a commit returns when it is on the disk. Peers do the least that
there is to do: the bare cipher for each identifier, bare inserts without a chain, the bare digest of the same bytes.
Rates are per CPU second of this process, for the machine may be busy.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.govern_permits import permits
from lingque.core.clock import BusinessCalendar, Instant
from lingque.core.ids import CustomerId, PartyId
from lingque.core.registries import DataClass, Purpose
from lingque.govern.audit import Audit
from lingque.govern.ciphers import Suite
from lingque.govern.contracts import AuditEntry, Permit, PermitAsk, Subject
from lingque.govern.key_store import FileKeyStore
from lingque.govern.keyring import Keyring
from lingque.govern.permits import PermitOffice
from lingque.govern.rotation import KeyRotation
from lingque.govern.sealing import AuditSealer
from lingque.govern.vault import Vault
from lingque.store.database import Database
from lingque.testing import FixedClock

CLOCK = FixedClock(Instant(1_780_000_000_000_000))
GROUP = 1_000
"""Entries, or identifiers, in one transaction."""
MOST_CUSTOMERS = 2_000_000
"""For whom permits are asked; drawing the picture of more takes more memory and shows nothing else."""
PERMITS = 4_000
"""Permits that are asked for one by one before the releasing is timed; each is then used several times."""


@dataclass
class Figures:
    """What the parts found."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    peers: dict[str, float] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    checks: dict[str, bool] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str, count: int) -> Iterator[None]:
        """Something of ours, done `count` times."""
        began, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[name], self.cpu[name] = time.perf_counter() - began, time.process_time() - cpu
        self.rates[name] = count / max(self.cpu[name], 1e-9)
        print(f"{name:24} {count:12,} {self.cpu[name]:8.2f} CPU s {self.rates[name]:12,.0f} a second")

    def peer(self, name: str, against: str, work: Callable[[], None], *, times: float = 1) -> None:
        """What ours is compared with, in the same run; `times` where only such a part of it was done."""
        cpu = time.process_time()
        work()
        self.peers[name] = (time.process_time() - cpu) * times
        self.ratios[name] = self.peers[name] / max(self.cpu[against], 1e-9)
        print(f"  {name:22} {'':12} {self.peers[name]:8.2f} CPU s, {self.ratios[name]:.2f} of ours")

    def target(self, name: str, rate: float) -> None:
        """The figure that the issue names, as a check."""
        self.checks[f"{name} >= {rate:,.0f}/s"] = self.rates[name] >= rate


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A control database on the disk, with keys in a file."""

    folder: Path
    database: Database
    keyring: Keyring
    trail: Audit

    @classmethod
    def made(cls, folder: Path, suite: Suite) -> Bench:
        database = Database(f"sqlite:///{folder / 'control.db'}")
        database.migrate()
        store = FileKeyStore(folder / "keys" / "master.key", suite)
        store.create()
        keyring = Keyring(store, suite)
        with database.transaction() as connection:
            keyring.create(connection)
        with database.reading() as connection:
            keyring.load(connection)
        return cls(folder=folder, database=database, keyring=keyring, trail=Audit(CLOCK))


def vault(bench: Bench, figures: Figures, size: int) -> None:
    """Addresses in, out against permits, and all data keys under a new key."""
    made = Vault(bench.keyring, bench.trail)
    office = PermitOffice(CLOCK, BusinessCalendar(ZoneInfo("Asia/Shanghai")))
    people = [PartyId(n) for n in range(1, size + 1)]
    with bench.database.transaction() as connection:
        office.record_subjects(
            connection,
            [Subject(party_id=n, customer_id=CustomerId(n), birth_date=date(1980, 1, 1)) for n in people],
        )
    with figures.timed("vault: put", size), bench.database.transaction() as connection:
        made.put(connection, [(n, "phone", f"138{n:08}") for n in people])
    ask = PermitAsk(purpose=Purpose.SERVICE, channel="sms", data_classes=DataClass(0), moment=CLOCK.now())
    with bench.database.reading() as connection:
        asked = people[:: max(1, size // PERMITS)]
        found = [office.permit(connection, CustomerId(n), ask) for n in asked]
    permits = [permit for permit in found if isinstance(permit, Permit)] * max(1, size // PERMITS)
    released: list[object] = []
    with figures.timed("vault: release", len(permits)):
        for start in range(0, len(permits), GROUP):
            with bench.database.transaction() as connection:
                released += made.release_all(connection, permits[start : start + GROUP])
    figures.target("vault: release", 20_000)
    figures.checks["every released number is the right one"] = released == [
        f"138{permit.customer_id:08}" for permit in permits
    ]
    key, nonce = AESGCM(bytes(32)), bytes(12)
    sealed = key.encrypt(nonce, b"13800000000", b"1/phone")

    def bare() -> None:
        for _ in permits:
            AESGCM(bytes(32)).decrypt(nonce, sealed, b"1/phone")

    figures.peer("bare AES-GCM", "vault: release", bare)
    with figures.timed("vault: rotate", size):
        for _ in KeyRotation(bench.keyring, bench.database, bench.trail).rotate(actor="root"):
            pass
    with bench.database.reading() as connection:
        opened = made.disclose(connection, people[:GROUP])
    figures.checks["all opens under the new key"] = opened == {n: {"phone": f"138{n:08}"} for n in people[:GROUP]}


def audit(bench: Bench, figures: Figures, size: int) -> None:
    """Entries in groups, sealed, checked, exported, and the export checked by a Python without Lingque."""
    entries = [
        AuditEntry(
            actor="lingque",
            act="release_address",
            subject=f"customer {n}",
            detail={"kind": "phone", "purpose": "MARKETING", "channel": "sms"},
        )
        for n in range(size)
    ]
    with figures.timed("audit: append", size):
        for start in range(0, size, GROUP):
            with bench.database.transaction() as connection:
                bench.trail.record_all(connection, entries[start : start + GROUP])
    figures.target("audit: append", 20_000)
    figures.peer("bare inserts", "audit: append", lambda: bare_inserts(bench.folder / "bare.db", entries))
    sealer = AuditSealer(bench.database, bench.keyring, CLOCK)
    with figures.timed("audit: seal", size):
        sealer.seal()
    with figures.timed("audit: verify", size):
        verdict = sealer.verify()
    figures.target("audit: verify", 500_000)
    figures.checks["the trail is sound"] = not verdict.faults and verdict.entries >= size
    content = b"x" * 160

    def bare() -> None:
        for _ in range(0, size, 4_096):
            hashlib.sha256(content * 4_096).digest()

    figures.peer("bare SHA-256", "audit: verify", bare)
    with figures.timed("audit: export", size):
        sealer.export(bench.folder / "audit.pyz")
    checked = subprocess.run(
        [sys.executable, "-I", "-S", str(bench.folder / "audit.pyz")], capture_output=True, check=False
    )
    figures.checks["the export checks itself"] = checked.returncode == 0 and b"SOUND" in checked.stdout
    with bench.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE audit SET actor = 'otto' WHERE audit_id = ?", (size // 2,))
    found = sealer.verify().faults
    figures.checks["a changed entry is found and named"] = len(found) == 1 and f"entry {size // 2} " in found[0]


def bare_inserts(path: Path, entries: list[AuditEntry]) -> None:
    """The same rows, by the driver."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE audit (id INTEGER PRIMARY KEY, at INTEGER, actor, act, subject, detail)")
    for start in range(0, len(entries), GROUP):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO audit (at, actor, act, subject, detail) VALUES (1, ?, ?, ?, ?)",
            [(one.actor, one.act, one.subject, json.dumps(one.detail)) for one in entries[start : start + GROUP]],
        )
        connection.execute("COMMIT")
    connection.close()


def permit_part(bench: Bench, figures: Figures, size: int) -> None:
    """`benchmarks.govern_permits`, on a control database of its own."""
    permits(bench.database, figures, size)


PARTS: dict[str, Callable[[Bench, Figures, int], None]] = {"permits": permit_part, "vault": vault, "audit": audit}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--size", type=int, default=100_000, help="audit entries, customers; a fifth as many identifiers"
    )
    parser.add_argument(
        "--full", action="store_true", help="5,000,000 entries, 2,000,000 customers, 1,000,000 identifiers"
    )
    parser.add_argument(
        "--part", action="append", choices=list(PARTS), help="only this part; may be given several times"
    )
    arguments = parser.parse_args()
    size = 5_000_000 if arguments.full else max(arguments.size, 5 * GROUP)
    sizes = {"vault": size // 5 // GROUP * GROUP, "audit": size, "permits": min(size, MOST_CUSTOMERS)}
    figures = Figures()
    for name in arguments.part or PARTS:
        folder = Path(tempfile.mkdtemp())
        try:
            bench = Bench.made(folder, Suite())
            PARTS[name](bench, figures, sizes.get(name, size))
            bench.database.close()
        finally:
            shutil.rmtree(folder)
    print(json.dumps(result(figures, size)))


def result(figures: Figures, size: int) -> dict[str, object]:
    return {
        "name": "govern",
        "size": {"entries": size, "durability": "SQLite WAL, synchronous = FULL", "group": GROUP},
        "seconds": round(sum(figures.wall.values()), 3),
        "cpu_seconds": round(sum(figures.cpu.values()), 3),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
        "peers": {name: round(seconds, 3) for name, seconds in figures.peers.items()},
        "ratios": {name: round(ratio, 3) for name, ratio in figures.ratios.items()},
        "checks": figures.checks,
        "extra": {"per_cpu_second": {name: round(rate) for name, rate in figures.rates.items()}},
    }


if __name__ == "__main__":
    main()
