"""The audit trail's chain: committed entries are sealed in blocks, each over the one before it.

A block holds every entry with an id above the last one's and up to its own; ids that a rolled-back transaction took are
no gap, for what counts is the entries that are there. On PostgreSQL the sealer waits, for a moment, until nobody is in
the middle of writing, so that no lower id can appear later. The chain shows every change to whoever has one digest
from a place he trusts; the seal, under a secret of the vault, shows also a chain that was made anew as a whole.
"""

from __future__ import annotations

import hmac
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Text, cast, func, insert, literal, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.sql.elements import ColumnElement

from lingque.core.clock import Clock
from lingque.core.errors import BusyError
from lingque.govern.audit_verifier import GENESIS, LEAF_BYTES, digest_of, first_difference, leaf_of
from lingque.govern.ciphers import DigestName
from lingque.govern.keyring import Keyring
from lingque.govern.tables import audit, audit_blocks
from lingque.store.database import Database

BLOCK_ENTRIES = 4_096
MOST_WAITED = "2s"
_ALGORITHMS: dict[DigestName, str] = {"sha-256": "sha256", "sm3": "sm3"}


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """The newest block: note its number and digest down elsewhere, and nothing before it can be changed unseen."""

    block: int
    entries: int
    digest: bytes


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a verification found: faults in words (none: sound), how much is sealed and how much is not yet."""

    faults: tuple[str, ...]
    blocks: int
    entries: int
    unsealed: int
    digest: bytes


class AuditSealer:
    """Made by `bootstrap`."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._algorithm = _ALGORITHMS[keyring.suite.digest]
        self._clock = clock

    def seal(self, *, most_blocks: int | None = None) -> Sealed:
        """Seal everything that is committed, or so many blocks of it; the newest block.

        `BusyError` where a writer does not come to its end on PostgreSQL, or somebody else is sealing.
        """
        with self._database.transaction() as connection:
            up_to = self._settled(connection)
        made = 0
        while True:
            try:
                with self._database.transaction() as connection:
                    last = self._last(connection)
                    wanted = 0 if made == most_blocks else BLOCK_ENTRIES
                    texts = self._texts(connection, last.last_id, up_to, wanted)
                    if not texts:
                        return Sealed(block=last.block, entries=last.entries, digest=last.digest)
                    self._append(connection, last, texts)
            except IntegrityError as error:
                # two sealers on PostgreSQL: the second finds the block there and its transaction comes to nothing
                raise BusyError("somebody else is sealing the audit trail", next_step="seal again later") from error
            made += 1

    def verify(self, *, noted: tuple[int, bytes] | None = None) -> Verdict:
        """Check every block and every entry in them; `noted` is a block's number and digest from elsewhere."""
        faults: list[str] = []
        previous, last_id, entries, expected = GENESIS, 0, 0, 0
        with self._database.reading() as connection:
            blocks = connection.execute(select(audit_blocks).order_by(audit_blocks.c.block)).all()
            for expected, row in enumerate(blocks, start=1):
                if row.block != expected:
                    faults.append(f"block {expected} is missing")
                    break
                faults += self._faults_of(connection, row, previous, last_id)
                previous, last_id, entries = row.digest, row.last_id, entries + row.entries
            left = select(func.count()).select_from(audit).where(audit.c.audit_id > last_id)
            unsealed = int(connection.execute(left).scalar_one())
        digests = {row.block: row.digest for row in blocks}
        if noted is not None and digests.get(noted[0]) != noted[1]:
            faults.append(f"block {noted[0]} is not the one noted down")
        return Verdict(
            faults=tuple(faults), blocks=len(blocks), entries=entries, unsealed=unsealed, digest=bytes(previous)
        )

    def export(self, path: Path) -> Sealed:
        """Write everything sealed into one file that checks itself with Python alone: `python3 FILE`."""
        with (
            self._database.reading() as connection,
            zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as file,
        ):
            last = self._last(connection)
            file.writestr("__main__.py", (files("lingque.govern") / "audit_verifier.py").read_bytes())
            file.writestr("head.json", json.dumps({"algorithm": self._algorithm}))
            with file.open("blocks.jsonl", "w") as out:
                for row in connection.execute(select(audit_blocks).order_by(audit_blocks.c.block)):
                    block = {"block": row.block, "last_id": row.last_id, "sealed_at": row.sealed_at}
                    shown = block | {"leaves": row.leaves.hex(), "digest": row.digest.hex()}
                    out.write(json.dumps(shown).encode() + b"\n")
            with file.open("entries.jsonl", "w") as out:
                for entry in self._entries(connection, last.last_id):
                    out.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        return Sealed(block=last.block, entries=last.entries, digest=last.digest)

    def _settled(self, connection: Connection) -> int:
        """Up to which id nothing can appear any more."""
        if connection.dialect.name == "postgresql":
            try:
                connection.execute(text(f"SET LOCAL lock_timeout = '{MOST_WAITED}'"))
                connection.execute(text("LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE"))
            except OperationalError as error:
                raise BusyError(
                    "somebody has been writing to the audit trail for too long", next_step="seal again later"
                ) from error
        return int(connection.execute(select(func.coalesce(func.max(audit.c.audit_id), 0))).scalar_one())

    def _last(self, connection: Connection) -> Any:
        row = connection.execute(select(audit_blocks).order_by(audit_blocks.c.block.desc()).limit(1)).one_or_none()
        return row or _NOTHING

    def _append(self, connection: Connection, last: Any, texts: Sequence[str]) -> None:
        last_id = int(texts[-1].partition("|")[0])
        digest = digest_of(self._algorithm, last.digest, last.block + 1, last_id, "".join(texts))
        connection.execute(
            insert(audit_blocks).values(
                block=last.block + 1,
                last_id=last_id,
                entries=len(texts),
                leaves=b"".join(leaf_of(self._algorithm, one) for one in texts),
                digest=digest,
                seal=self._seal_of(digest),
                sealed_at=self._clock.now(),
            )
        )

    def _faults_of(self, connection: Connection, row: Any, previous: bytes, last_id: int) -> list[str]:
        text = self._text(connection, last_id, row.last_id)
        made = digest_of(self._algorithm, previous, row.block, row.last_id, text)
        if made != row.digest or row.last_id <= last_id or len(row.leaves) != row.entries * LEAF_BYTES:
            texts = self._texts(connection, last_id, row.last_id)
            return [f"block {row.block}: {first_difference(self._algorithm, row.leaves, texts)}"]
        if not hmac.compare_digest(self._seal_of(row.digest), row.seal):
            return [f"block {row.block} was not sealed by this platform: the chain was made anew"]
        return []

    def _seal_of(self, digest: bytes) -> bytes:
        return self._keyring.suite.mac(self._keyring.secret("audit seal"), digest)

    def _text(self, connection: Connection, after: int, up_to: int) -> str:
        """The texts of the entries one behind the other: row by row they would take half as long again."""
        texts = (
            select(_text_of(connection).label("text"), audit.c.audit_id)
            .where(audit.c.audit_id > after, audit.c.audit_id <= up_to)
            .order_by(audit.c.audit_id)
            .subquery()
        )
        if connection.dialect.name == "postgresql":
            joined: ColumnElement[str] = func.string_agg(
                texts.c.text, aggregate_order_by(literal(""), texts.c.audit_id)
            )
        else:
            joined = func.group_concat(texts.c.text, "")
        return connection.execute(select(joined)).scalar_one() or ""

    def _texts(self, connection: Connection, after: int, up_to: int, most: int | None = None) -> list[str]:
        """Entries as `audit_verifier.text_of` writes them; by the database, which is five times as fast."""
        wanted = (
            select(_text_of(connection))
            .where(audit.c.audit_id > after, audit.c.audit_id <= up_to)
            .order_by(audit.c.audit_id)
            .limit(most)
        )
        return list(connection.execute(wanted).scalars())

    def _entries(self, connection: Connection, up_to: int) -> Iterator[list[object]]:
        columns = (
            audit.c.audit_id,
            audit.c.at,
            audit.c.actor,
            audit.c.act,
            audit.c.subject,
            cast(audit.c.detail, Text),
        )
        rows = connection.execute(select(*columns).where(audit.c.audit_id <= up_to).order_by(audit.c.audit_id))
        return (list(row) for row in rows)


@dataclass(frozen=True, kw_only=True)
class _Nothing:
    block: int = 0
    last_id: int = 0
    entries: int = 0
    digest: bytes = GENESIS


_NOTHING = _Nothing()


def _text_of(connection: Connection) -> ColumnElement[str]:
    """What `audit_verifier.text_of` writes: in one call, for a chain of concatenations takes twice as long."""
    columns: tuple[ColumnElement[Any], ...] = (audit.c.actor, audit.c.act, audit.c.subject, cast(audit.c.detail, Text))
    form = "%s|%s|" + "|".join(["%s:%s"] * len(columns)) + "\n"
    values = [value for column in columns for value in (func.length(column), column)]
    write = func.format if connection.dialect.name == "postgresql" else func.printf
    written: ColumnElement[str] = write(form, audit.c.audit_id, audit.c.at, *values)
    return written
