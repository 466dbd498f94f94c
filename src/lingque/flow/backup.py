"""Copies of both planes and, apart from them, of the keys; and what a restored copy must do before it opens.

A copy is of one moment: the control database as one transaction sees it, and of each table of the data plane the
version that is published there. Every file is in the manifest with its digest. A copy still holds who was erased after
it was made, so the list of the erased is kept with the keys, and a restore erases them again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from lingque.core.clock import datetime_of
from lingque.core.errors import ConfigurationError, ConflictError
from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Refusal
from lingque.flow.erasing import erase_rows
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Person, Principal
from lingque.govern.rights.people import erased_parties, erased_people, note_erasure
from lingque.govern.rights.requests import RequestState, queue
from lingque.store.database import newest_schema
from lingque.store.dumping import dump
from lingque.store.runs import published_versions

MANIFEST = "manifest.json"
CONTROL, WAREHOUSE = "control", "warehouse"
ERASED = "erased.json"
DESTROY_BY = "destroy-by.txt"
KEYS_LIFE_DAYS = 30
"""How long a copy of the keys may lie about: as long as it does, an old copy of the vault can be opened."""
REPLAYED = 0
"""Stands for the request that erased somebody where the database that knew it is lost."""
_BESIDE = ("lingque.toml", "definitions", "mapping")


@dataclass(frozen=True, kw_only=True)
class Backup:
    """What was copied."""

    rows: int
    files: int
    tables: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class KeysCopy:
    """A copy of the keys, and by when it is to be destroyed."""

    destroy_by: date


def make_backup(services: Services, folder: Path, actor: Principal) -> Backup | Refusal:
    """Copy both planes into a new folder, without any key. Raises `ConflictError` where the folder is not empty."""
    denied = refused(actor, Action.BACK_UP)
    if denied is not None:
        return traced(services, denied, actor, "make_backup", "workspace")
    _refuse_full(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with services.database.reading() as connection:
        counts = dump(connection, folder / CONTROL)
        versions = published_versions(connection)
        for table, version in versions.items():
            services.tables.copy(table, version, folder / WAREHOUSE)
    for name in _BESIDE:
        _copy(services.folder / name, folder / name)
    digests = digests_of(folder)
    manifest = {
        "schema": newest_schema(),
        "made_at": datetime_of(services.clock.now()).isoformat(),
        "published": versions,
        "rows": counts,
        "files": digests,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
    rows = sum(counts.values())
    with services.database.transaction() as connection:
        services.audit.record(
            connection, actor=actor.user, act="make_backup", subject="workspace", detail={"rows": rows}
        )
    return Backup(rows=rows, files=len(digests), tables=versions)


def copy_keys(services: Services, key_file: Path, folder: Path, actor: Principal) -> KeysCopy | Refusal:
    """Copy the key file and the list of the erased into a new folder, which must not lie with a backup."""
    denied = refused(actor, Action.MANAGE_KEYS)
    if denied is not None:
        return traced(services, denied, actor, "copy_keys", "vault")
    _refuse_full(folder)
    if any((parent / MANIFEST).exists() for parent in (folder, *folder.parents)):
        raise ConflictError(f"{folder} lies in a backup", next_step="keep the keys apart from what they open")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / key_file.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key_file.read_bytes())
    _write_erased(services, folder / ERASED)
    destroy_by = services.calendar.day_of(services.clock.now()) + timedelta(days=KEYS_LIFE_DAYS)
    (folder / DESTROY_BY).write_text(f"{destroy_by.isoformat()}\n", encoding="utf-8")
    with services.database.transaction() as connection:
        detail: dict[str, object] = {"destroy_by": destroy_by.isoformat()}
        services.audit.record(connection, actor=actor.user, act="copy_keys", subject="vault", detail=detail)
    return KeysCopy(destroy_by=destroy_by)


def write_erased(services: Services, path: Path, actor: Principal) -> int | Refusal:
    """Write the list of the erased: surrogates that stand for nobody any more. How many customers are on it."""
    denied = refused(actor, Action.BACK_UP)
    if denied is not None:
        return traced(services, denied, actor, "write_erased", "workspace")
    return _write_erased(services, path)


def list_erased(services: Services, actor: Principal) -> list[Person] | Refusal:
    """The list of the erased, by customer."""
    denied = refused(actor, Action.BACK_UP)
    if denied is not None:
        return traced(services, denied, actor, "list_erased", "workspace")
    with services.database.reading() as connection:
        return list(erased_people(connection).values())


def _write_erased(services: Services, path: Path) -> int:
    with services.database.reading() as connection:
        people = erased_people(connection)
    path.write_text(json.dumps({str(one.customer_id): one.parties for one in people.values()}), encoding="utf-8")
    return len(people)


def read_erased(path: Path) -> dict[CustomerId, Person]:
    """The list of the erased. Raises `ConfigurationError` for a file that is none."""
    try:
        entries: dict[str, list[int]] = json.loads(path.read_text(encoding="utf-8"))
        return {
            CustomerId(int(customer)): Person(
                customer_id=CustomerId(int(customer)),
                parties=tuple(PartyId(int(party)) for party in parties),
                birth_date=None,
            )
            for customer, parties in entries.items()
        }
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"{path} is not a list of the erased", next_step="write one with 'lingque backup erased'"
        ) from error


def replay_erasures(services: Services, erased: Mapping[CustomerId, Person]) -> int:
    """Erase again whoever was erased after the copy was made, and to its end what was under way then; done again it
    changes nothing. How many there were."""
    with services.database.reading() as connection:
        known = set(erased_parties(connection))
        under_way = {one.customer_id for one in queue(connection) if one.state is RequestState.UNDER_WAY}
        people = dict(erased) | erased_people(connection)
    again = [one for one in people.values() if one.customer_id in under_way or not known.issuperset(one.ids)]
    for person in again:
        erase_rows(services, person)
        with services.database.transaction() as connection:
            services.vault.destroy(connection, person.ids, at=services.clock.now())
            for rows in services.customer_rows:
                rows.erase(connection, person)
            note_erasure(connection, person, request_id=REPLAYED, at=services.clock.now())
            services.audit.record(
                connection, actor="lingque", act="erase_again", subject=f"customer {person.customer_id}", detail={}
            )
    return len(again)


def check_keys(folder: Path, today: date) -> None:
    """Raises `ConfigurationError` for what is no copy of the keys, and for one whose days are over: by then it was to
    be destroyed, for as long as it lies about an old copy of the vault can be opened."""
    try:
        destroy_by = date.fromisoformat((folder / DESTROY_BY).read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{folder} is not a copy of the keys", next_step="name a folder of 'lingque backup keys'"
        ) from error
    if today > destroy_by:
        raise ConfigurationError(
            f"the copy of the keys in {folder} was to be destroyed by {destroy_by}",
            next_step="destroy it, and use a newer copy, or the keys where they are",
        )


def checked_manifest(folder: Path) -> Mapping[str, Any]:
    """The manifest of a backup whose every file is there as it was written. Raises `ConfigurationError` otherwise."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{folder} is not a backup", next_step="name a folder of 'lingque backup make'"
        ) from error
    if manifest["schema"] != newest_schema():
        raise ConfigurationError(
            f"the backup has schema {manifest['schema']}, this version {newest_schema()}",
            next_step="restore it with the version that made it, then run 'lingque init' with this one",
        )
    found = digests_of(folder)
    wrong = sorted(name for name in found.keys() ^ manifest["files"].keys()) or sorted(
        name for name, digest in manifest["files"].items() if found[name] != digest
    )
    if wrong:
        raise ConfigurationError(f"the backup is not as it was made: {wrong[0]}", next_step="use another copy")
    return manifest


def lay_out(backup: Path, folder: Path) -> None:
    """Everything but the control database into an empty folder. Raises `ConflictError` where it is not empty."""
    _refuse_full(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in _BESIDE:
        _copy(backup / name, folder / name)


def digests_of(folder: Path) -> dict[str, str]:
    """SHA-256 of each file under the folder but the manifest."""
    return {
        path.relative_to(folder).as_posix(): _digest(path)
        for path in _files(folder)
        if path.relative_to(folder).as_posix() != MANIFEST
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        shutil.copy2(source, target)


def _refuse_full(folder: Path) -> None:
    contents: Sequence[Path] = list(folder.iterdir()) if folder.exists() else []
    if contents:
        raise ConflictError(f"{folder} is not empty", next_step="name a new folder; nothing was written")
