"""The audit trail: nothing in it can be changed, taken out, put in or moved unseen."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select, update

from lingque.core.clock import Instant
from lingque.core.errors import BusyError
from lingque.govern.audit import Audit
from lingque.govern.audit_verifier import check
from lingque.govern.ciphers import Suite
from lingque.govern.contracts import AuditEntry
from lingque.govern.keyring import Keyring
from lingque.govern.sealing import AuditSealer
from lingque.govern.tables import audit, audit_blocks
from lingque.store.database import Database
from lingque.testing import FixedClock, MemoryKeyStore

if TYPE_CHECKING:
    from conftest import Controls

CLOCK = FixedClock(Instant(1_000_000))
TRAIL = Audit(CLOCK)


def entries(count: int, first: int = 1) -> list[AuditEntry]:
    return [
        AuditEntry(actor="敏", act="read", subject=f"customer {n}", detail={"n": n, "备注": "a|b:c\n", "f": 0.1})
        for n in range(first, first + count)
    ]


class Trail:
    """A trail of ten entries in blocks of four."""

    def __init__(self, url: str, suite: Suite, *, seed: int = 1) -> None:
        self.database = Database(url)
        self.keyring = Keyring(MemoryKeyStore(seed), suite)
        with self.database.transaction() as connection:
            self.keyring.create(connection)
        with self.database.reading() as connection:
            self.keyring.load(connection)
        self.sealer = AuditSealer(self.database, self.keyring, CLOCK)

    def write(self, count: int, first: int = 1) -> None:
        with self.database.transaction() as connection:
            TRAIL.record_all(connection, entries(count, first))

    def do(self, *statements: object) -> None:
        with self.database.transaction() as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]

    def faults(self) -> tuple[str, ...]:
        return self.sealer.verify().faults


@pytest.fixture
def suite(controls: Controls) -> Suite:
    """Each digest on one database: neither cares about the other."""
    return Suite(digest="sha-256" if controls.backend == "sqlite" else "sm3")


@pytest.fixture
def trail(migrated_url: str, suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trail]:
    monkeypatch.setattr("lingque.govern.sealing.BLOCK_ENTRIES", 4)
    made = Trail(migrated_url, suite)
    made.write(10)
    made.sealer.seal()
    yield made
    made.database.close()


def test_what_was_sealed_is_sound_and_what_was_not_is_counted(trail: Trail) -> None:
    verdict = trail.sealer.verify()
    assert (verdict.faults, verdict.blocks, verdict.entries, verdict.unsealed) == ((), 3, 10, 0)
    trail.write(3, 11)
    assert trail.sealer.verify().unsealed == 3
    again = trail.sealer.seal()
    assert trail.sealer.seal() == again
    verdict = trail.sealer.verify(noted=(again.block, again.digest))
    assert (verdict.faults, verdict.blocks, verdict.entries, verdict.unsealed) == ((), 4, 13, 0)


def test_an_empty_trail_is_sound(migrated_url: str, suite: Suite) -> None:
    made = Trail(migrated_url, suite)
    assert made.sealer.seal().block == 0
    assert made.faults() == ()
    made.database.close()


def taken_by_a_rolled_back_transaction(trail: Trail) -> None:
    with suppress(InterruptedError), trail.database.transaction() as connection:
        TRAIL.record_all(connection, entries(2, 50))
        raise InterruptedError


def test_ids_that_came_to_nothing_are_no_gap(trail: Trail) -> None:
    taken_by_a_rolled_back_transaction(trail)
    trail.write(2, 11)
    trail.sealer.seal()
    assert trail.faults() == ()


ID = audit.c.audit_id
TAMPERINGS: dict[str, tuple[Callable[[], list[object]], str]] = {
    "actor": (lambda: [update(audit).where(ID == 6).values(actor="otto")], "block 2: entry 6 was changed"),
    "act": (lambda: [update(audit).where(ID == 1).values(act="write")], "block 1: entry 1 was changed"),
    "subject": (lambda: [update(audit).where(ID == 4).values(subject="customer 5")], "block 1: entry 4 was changed"),
    "detail": (lambda: [update(audit).where(ID == 10).values(detail={})], "block 3: entry 10 was changed"),
    "time": (lambda: [update(audit).where(ID == 5).values(at=1)], "block 2: entry 5 was changed"),
    "a sign from one field to the next": (
        lambda: [update(audit).where(ID == 5).values(act="rea", subject="dcustomer 5")],
        "block 2: entry 5 was changed",
    ),
    "deleted": (lambda: [delete(audit).where(ID == 6)], "block 2: 1 entries after 5 were taken out"),
    "deleted at the beginning": (
        lambda: [delete(audit).where(ID <= 2)],
        "block 1: 2 entries after the beginning of the block were taken out",
    ),
    "a whole block deleted": (lambda: [delete(audit).where(ID > 4, ID <= 8)], "block 2: 4 entries after"),
    "inserted": (
        lambda: [
            delete(audit).where(ID == 7),
            update(audit).where(ID == 8).values(audit_id=7),
            insert(audit).values(audit_id=8, at=1, actor="x", act="x", subject="x", detail={}),
        ],
        "block 2: entry 7 was changed",
    ),
    "moved": (
        lambda: [
            update(audit).where(ID == 6).values(audit_id=60),
            update(audit).where(ID == 7).values(audit_id=6),
            update(audit).where(ID == 60).values(audit_id=7),
        ],
        "block 2: entry 6 was changed",
    ),
    "block deleted": (lambda: [delete(audit_blocks).where(audit_blocks.c.block == 2)], "block 2 is missing"),
    "block's digest": (
        lambda: [update(audit_blocks).where(audit_blocks.c.block == 2).values(digest=b"x" * 32)],
        "block 2: its entries are those sealed, but its digest",
    ),
    "block's border": (
        lambda: [update(audit_blocks).where(audit_blocks.c.block == 2).values(last_id=7)],
        "block 2: 1 entries after 7 were taken out",
    ),
    "block's seal": (
        lambda: [update(audit_blocks).where(audit_blocks.c.block == 3).values(seal=b"x" * 32)],
        "block 3 was not sealed by this platform",
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_whatever_is_done_to_it_is_found_and_said_where(name: str, trail: Trail) -> None:
    make, expected = TAMPERINGS[name]
    trail.do(*make())
    assert any(fault.startswith(expected) for fault in trail.faults()), trail.faults()


def test_an_entry_put_into_a_gap_is_found(trail: Trail) -> None:
    trail.do(*(insert(audit).values(audit_id=n, at=1, actor="a", act="b", subject="c", detail={}) for n in (20, 22)))
    trail.sealer.seal()
    trail.do(insert(audit).values(audit_id=21, at=1, actor="x", act="x", subject="x", detail={}))
    assert trail.faults() == ("block 4: entry 21 was put in",)


def test_a_chain_made_anew_as_a_whole_is_found_by_its_seal(trail: Trail, suite: Suite) -> None:
    """Who can write to the database but has no master key."""
    trail.do(update(audit).where(ID == 6).values(actor="otto"), delete(audit_blocks))
    forger = AuditSealer(trail.database, Keyring(MemoryKeyStore(9), suite), CLOCK)
    forger._keyring._secrets["audit seal"] = b"guessed" * 4
    forger.seal()
    assert forger.verify().faults == ()
    assert len(trail.faults()) == 3
    assert all("was not sealed by this platform" in fault for fault in trail.faults())


def test_an_end_that_was_cut_off_is_found_by_the_digest_noted_down(trail: Trail) -> None:
    noted = trail.sealer.seal()
    trail.do(delete(audit).where(ID > 8), delete(audit_blocks).where(audit_blocks.c.block == 3))
    assert trail.faults() == ()
    assert trail.sealer.verify(noted=(noted.block, noted.digest)).faults == ("block 3 is not the one noted down",)


def run(path: Path, *arguments: str) -> tuple[int, str]:
    """As an auditor does: another Python, without this project."""
    command = [sys.executable, "-I", "-S", str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=path.parent, check=False)
    return done.returncode, done.stdout + done.stderr


def changed(path: Path, name: str, change: Callable[[list[str]], list[str]]) -> Path:
    """A copy of the export in which one of its files is another."""
    other = path.with_name("changed.pyz")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for inner in old.namelist():
            content = old.read(inner)
            if inner == name:
                content = "\n".join(change(content.decode().splitlines())).encode()
            new.writestr(inner, content)
    return other


def test_an_export_checks_itself_without_lingque(trail: Trail, tmp_path: Path) -> None:
    path = tmp_path / "audit.pyz"
    last = trail.sealer.export(path)
    code, said = run(path, str(last.block), last.digest.hex())
    assert (code, said.splitlines()) == (0, [f"10 entries in 3 blocks, the last one {last.digest.hex()}", "SOUND"])
    code, said = run(path, "3", "00" * 32)
    assert code == 1
    assert "block 3 is not the one noted down" in said
    first = json.loads(zipfile.ZipFile(path).read("entries.jsonl").decode().splitlines()[0])
    assert first[2:5] == ["敏", "read", "customer 1"]


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("entries.jsonl", lambda rows: [*rows[:5], rows[5].replace("敏", "otto"), *rows[6:]], "entry 6 was changed"),
        ("entries.jsonl", lambda rows: rows[:5] + rows[6:], "1 entries after 5 were taken out"),
        ("entries.jsonl", lambda rows: [*rows[:4], rows[5], rows[4], *rows[6:]], "entry 6 is not in the place"),
        ("entries.jsonl", lambda rows: [*rows, rows[-1].replace("[10,", "[11,")], "entry 11 is in no block"),
        ("blocks.jsonl", lambda rows: rows[:1] + rows[2:], "block 2 is missing"),
    ],
)
def test_a_changed_export_is_not_sound(
    name: str, change: Callable[[list[str]], list[str]], expected: str, trail: Trail, tmp_path: Path
) -> None:
    trail.sealer.export(tmp_path / "audit.pyz")
    code, said = run(changed(tmp_path / "audit.pyz", name, change))
    assert code == 1
    assert expected in said
    assert said.rstrip().endswith("NOT SOUND")


def test_writers_do_not_wait_for_each_other_and_no_entry_is_left_behind(trail: Trail) -> None:
    """On PostgreSQL a lower id may be committed later: the sealer waits for it, and gives up rather than skip it."""
    if trail.database.engine.dialect.name != "postgresql":
        pytest.skip("writers of one SQLite file come one after the other")
    with trail.database.engine.connect() as slow:
        TRAIL.record_all(slow, entries(1, 11))
        trail.write(1, 12)
        with pytest.raises(BusyError, match="too long"):
            trail.sealer.seal()
        assert trail.faults() == ()
        slow.commit()
    trail.sealer.seal()
    verdict = trail.sealer.verify()
    assert (verdict.faults, verdict.entries, verdict.unsealed) == ((), 12, 0)


def test_an_entry_is_of_the_transaction_of_its_act(trail: Trail) -> None:
    def fail(connection: Connection) -> None:
        TRAIL.record_all(connection, entries(1, 11))
        raise KeyError

    with pytest.raises(KeyError), trail.database.transaction() as connection:
        fail(connection)
    with trail.database.reading() as connection:
        assert len(connection.execute(select(ID)).all()) == 10


WORDS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=40)
DETAILS = st.dictionaries(
    WORDS, st.none() | st.booleans() | st.integers() | WORDS | st.lists(WORDS, max_size=3), max_size=3
)


@hypothesis.given(st.lists(st.tuples(WORDS, WORDS, WORDS, DETAILS), min_size=1, max_size=6))
@hypothesis.settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_database_writes_what_the_verifier_writes(
    trail: Trail, rows: list[tuple[str, str, str, dict[str, object]]]
) -> None:
    """Whatever the words are: what is hashed is the same text, so that an export of a sound trail is sound."""
    made = [AuditEntry(actor=actor, act=act, subject=subject, detail=detail) for actor, act, subject, detail in rows]
    with trail.database.transaction() as connection:
        TRAIL.record_all(connection, made)
    trail.sealer.seal()
    assert trail.faults() == ()
    with trail.database.reading() as connection:
        exported = list(trail.sealer._entries(connection, 2**62))
        blocks = [
            {"block": row.block, "last_id": row.last_id, "leaves": row.leaves.hex(), "digest": row.digest.hex()}
            for row in connection.execute(select(audit_blocks).order_by(audit_blocks.c.block))
        ]
    algorithm = {"sha-256": "sha256", "sm3": "sm3"}[trail.keyring.suite.digest]
    assert check(algorithm, blocks, json.loads(json.dumps(exported)))[0] == []
