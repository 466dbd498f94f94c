"""Definitions in the control database: every version is kept, none is ever changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError
from sqlalchemy import Column, Connection, Integer, String, Table, func, insert, select

from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import KINDS, AnyDefinition, kind_of, name_of
from lingque.catalog.differences import Difference, compare
from lingque.catalog.model import Catalog
from lingque.catalog.withdrawing import withdrawn_in_use
from lingque.catalog.yaml_files import Located
from lingque.core.clock import Instant
from lingque.core.errors import ConfigurationError, DefinitionError
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


Check = Callable[[Catalog, Sequence[Located]], None]
"""What later stages ask of a catalog before it may be applied; raises `DefinitionError`."""


def nothing_more(_catalog: Catalog, _located: Sequence[Located]) -> None:
    """Whatever makes a catalog may be applied."""


def apply_definitions(
    connection: Connection, located: Iterable[Located], *, by: str, at: Instant, check: Check = nothing_more
) -> list[Change]:
    """Make these the definitions in force; what is not among them is withdrawn. Nothing changed writes nothing.

    Raises `DefinitionError` before the first write where they do not make a catalog, or not one that passes the check.
    """
    versions = {(row.kind, row.name): row.version for row in _newest(connection)}
    changes: list[Change] = []
    for one in differences(connection, located, check=check):
        version = versions.get((one.kind, one.name), 0) + 1
        _write(connection, one, version, by, at)
        changes.append(Change(kind=one.kind, name=one.name, version=version, what=one.what))
    return changes


def differences(connection: Connection, located: Iterable[Located], *, check: Check = nothing_more) -> list[Difference]:
    """What an apply of these would change. Raises `DefinitionError` as `apply_definitions` does."""
    entries = list(located)
    bodies = {(row.kind, row.name): row.body for row in _newest(connection) if row.digest != WITHDRAWN}
    try:
        catalog = build_catalog(entries)
    except DefinitionError as error:
        raise withdrawn_in_use(bodies, entries) or error from None
    check(catalog, entries)
    return compare(bodies, entries, catalog)


def definitions_in_force(connection: Connection) -> list[AnyDefinition]:
    """Every definition in force. Raises `ConfigurationError` where one is in a form of an earlier release."""
    found: list[AnyDefinition] = []
    for row in _newest(connection):
        if row.digest == WITHDRAWN:
            continue
        try:
            found.append(KINDS[row.kind].model_validate(row.body))
        except (ValidationError, KeyError) as error:
            raise _older_form(f"{row.kind} {row.name}") from error
    return found


def load_catalog(connection: Connection) -> Catalog:
    """The catalog of what is in force. Raises `ConfigurationError` where it is in a form of an earlier release."""
    entries = [
        Located(definition=definition, file=f"{kind_of(definition)} {name_of(definition)}")
        for definition in definitions_in_force(connection)
    ]
    try:
        return build_catalog(entries, check_mappings=False)
    except DefinitionError as error:
        raise _older_form(error.problems[0].file) from error


class CatalogInForce:
    """The catalog in force, built again only after an apply: it takes longer to build than most questions to answer.
    Made by `bootstrap`; used from several threads."""

    def __init__(self) -> None:
        self._known: tuple[int | None, Catalog] | None = None

    def read(self, connection: Connection) -> Catalog:
        """As `load_catalog`. Versions of definitions are only ever added, so the newest number names them all."""
        newest = connection.execute(select(func.max(definitions.c.definition_id))).scalar_one()
        known = self._known
        if known is None or known[0] != newest:
            known = self._known = (newest, load_catalog(connection))
        return known[1]


def _older_form(definition: str) -> ConfigurationError:
    return ConfigurationError(
        f"the definitions in force are in an older form than this release reads ({definition})",
        next_step="run 'lingque apply' to apply the definitions again; it names what is to be mended in them",
    )


def _newest(connection: Connection) -> list[Any]:
    rows = connection.execute(select(definitions).order_by(definitions.c.definition_id))
    return list({(row.kind, row.name): row for row in rows}.values())


def _write(connection: Connection, one: Difference, version: int, by: str, at: Instant) -> None:
    withdrawn = one.body is None
    connection.execute(
        insert(definitions).values(
            kind=one.kind,
            name=one.name,
            version=version,
            body=one.body,
            digest=WITHDRAWN if withdrawn else digest_of(one.body),
            applied_at=at,
            applied_by=by,
        )
    )
