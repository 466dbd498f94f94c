"""Definitions in the control database: every version is kept, none is ever changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Column, Connection, Integer, String, Table, insert, select

from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import KINDS, kind_of, name_of
from lingque.catalog.model import Catalog
from lingque.catalog.yaml_files import Located
from lingque.core.clock import Instant
from lingque.core.hashing import digest_of
from lingque.store.schema import METADATA, InstantColumn, JsonColumn, SerialKey

definitions = Table(
    "definitions",
    METADATA,
    Column("definition_id", SerialKey, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", JsonColumn, nullable=True),  # null: withdrawn
    Column("digest", String(64), nullable=False),
    Column("applied_at", InstantColumn, nullable=False),
    Column("applied_by", String(64), nullable=False),
)

WITHDRAWN = ""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one apply did to one definition."""

    kind: str
    name: str
    version: int
    what: Literal["new", "changed", "withdrawn"]


def apply_definitions(connection: Connection, located: Iterable[Located], *, by: str, at: Instant) -> list[Change]:
    """Make these the definitions in force; what is not among them is withdrawn. Nothing changed writes nothing.

    Raises `DefinitionError` before the first write where they do not make a catalog.
    """
    entries = list(located)
    build_catalog(entries)
    current = {(row.kind, row.name): row for row in _newest(connection)}
    changes: list[Change] = []
    wanted = {(kind_of(e.definition), name_of(e.definition)): e.definition for e in entries}
    for (kind, name), definition in wanted.items():
        body = definition.model_dump(mode="json")
        digest = digest_of(body)
        known = current.get((kind, name))
        if known is not None and known.digest == digest:
            continue
        new = known is None or known.digest == WITHDRAWN
        version = 1 if known is None else known.version + 1
        _write(connection, kind, name, version, body, digest, by, at)
        changes.append(Change(kind=kind, name=name, version=version, what="new" if new else "changed"))
    for (kind, name), known in current.items():
        if (kind, name) not in wanted and known.digest != WITHDRAWN:
            _write(connection, kind, name, known.version + 1, None, WITHDRAWN, by, at)
            changes.append(Change(kind=kind, name=name, version=known.version + 1, what="withdrawn"))
    return changes


def load_catalog(connection: Connection) -> Catalog:
    """The catalog of what is in force."""
    entries = [
        Located(definition=KINDS[row.kind].model_validate(row.body), file=f"{row.kind} {row.name}")
        for row in _newest(connection)
        if row.digest != WITHDRAWN
    ]
    return build_catalog(entries)


def _newest(connection: Connection) -> list[Any]:
    rows = connection.execute(select(definitions).order_by(definitions.c.definition_id))
    return list({(row.kind, row.name): row for row in rows}.values())


def _write(
    connection: Connection,
    kind: str,
    name: str,
    version: int,
    body: object,
    digest: str,
    by: str,
    at: Instant,
) -> None:
    connection.execute(
        insert(definitions).values(
            kind=kind, name=name, version=version, body=body, digest=digest, applied_at=at, applied_by=by
        )
    )
