"""The composition root: the only place that builds databases, engines, key stores and channels.

In: a folder. Out: an `Application`, the opened workspace with its services. Always: nothing else in Lingque makes a
concrete engine, channel or key store.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from lingque.bootstrap.assembling import Application, assemble
from lingque.bootstrap.choices import Channels, all_channels, control_url, fixed_settings, keyring, smtp_only
from lingque.bootstrap.places import LOCK_FILE, MASTER_KEY_FILE, RESTORING_FILE, WAREHOUSE_FOLDER
from lingque.core.clock import BusinessCalendar, Clock, SystemClock
from lingque.core.errors import ConfigurationError, ConflictError
from lingque.core.ids import CustomerId
from lingque.deliver.contracts import AnyChannel
from lingque.flow.backup import CONTROL, WAREHOUSE, check_keys, checked_manifest, lay_out, replay_erasures
from lingque.govern.adopting import adopt
from lingque.govern.contracts import Person
from lingque.govern.key_store import FileKeyStore
from lingque.settings import FILE, load_settings
from lingque.store.database import Database
from lingque.store.dumping import load
from lingque.store.fixed_settings import check_fixed, remember_fixed
from lingque.warehouse.tables import DeltaTables

__all__ = [
    "LOCK_FILE",
    "MASTER_KEY_FILE",
    "WAREHOUSE_FOLDER",
    "Application",
    "Channels",
    "all_channels",
    "create_workspace",
    "open_workspace",
    "restore_workspace",
    "smtp_only",
]


def create_workspace(folder: Path) -> Path:
    """Make the folder a workspace: settings, key, database at this version's schema. Existing parts are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    settings_file = folder / FILE
    if not settings_file.exists():
        with (
            (files("lingque") / "templates" / FILE).open("rb") as template,
            settings_file.open("wb") as target,
        ):
            shutil.copyfileobj(template, target)
    (folder / "definitions").mkdir(exist_ok=True)
    settings = load_settings(folder)
    if settings.vault.key_store == "file":
        FileKeyStore(folder / MASTER_KEY_FILE).create()
    database = Database(control_url(settings, folder))
    try:
        database.migrate()
        with database.transaction() as connection:
            remember_fixed(connection, fixed_settings(settings))
            check_fixed(connection, fixed_settings(settings))
            adopt(connection, keyring(settings, folder))
    finally:
        database.close()
    return settings_file


def restore_workspace(
    backup: Path, folder: Path, *, keys: Path | None, erased: Mapping[CustomerId, Person], clock: Clock | None = None
) -> int:
    """Make an empty folder (and an empty control database) what the backup is of, and erase again who was erased since;
    how many those were. It does not open before: broken off, it has to be begun again in another folder.

    `keys` is the folder of a copy of the keys; None where the keys are elsewhere. Raises `ConfigurationError` for a
    backup that is not as it was made and for a copy of the keys whose days are over, `ConflictError` for a folder or
    database that is not empty.
    """
    manifest = checked_manifest(backup)
    if keys is not None:
        calendar = BusinessCalendar(load_settings(backup).workspace.zone)
        check_keys(keys, calendar.day_of((clock or SystemClock()).now()))
    lay_out(backup, folder)
    settings = load_settings(folder)
    marker = folder / RESTORING_FILE
    marker.parent.mkdir()
    marker.touch()
    if keys is not None:
        (folder / MASTER_KEY_FILE).parent.mkdir(mode=0o700)
        shutil.copy2(keys / MASTER_KEY_FILE.name, folder / MASTER_KEY_FILE)
    database = Database(control_url(settings, folder))
    try:
        if database.has_schema():
            raise ConflictError(
                "the control database is not empty", next_step="name an empty one in LINGQUE_CONTROL__URL"
            )
        database.migrate()
        with database.transaction() as connection:
            load(connection, backup / CONTROL)
    finally:
        database.close()
    here = DeltaTables(folder / WAREHOUSE_FOLDER)
    for table, version in manifest["published"].items():
        DeltaTables(backup / WAREHOUSE).copy(table, version, here.root)
    with _opened(folder, clock=clock, channels=None) as application:
        replayed = replay_erasures(application.services, erased)
    marker.unlink()
    return replayed


@contextmanager
def open_workspace(
    folder: Path, *, clock: Clock | None = None, channels: Channels | None = None
) -> Iterator[Application]:
    """Open a workspace and close it again; `channels` None: all of them.

    Raises `ConfigurationError` where it is none, of another version, or not restored to the end.
    """
    if (folder / RESTORING_FILE).exists():
        raise ConfigurationError(
            f"{folder} was not restored to its end", next_step="restore the backup again, into another folder"
        )
    with _opened(folder, clock=clock, channels=channels) as application:
        yield application


@contextmanager
def _opened(folder: Path, *, clock: Clock | None, channels: Channels | None) -> Iterator[Application]:
    settings = load_settings(folder)
    if settings.vault.key_store == "file" and not (folder / MASTER_KEY_FILE).exists():
        raise ConfigurationError(f"{folder} has not been set up", next_step=f"run 'lingque init {folder}'")
    database = Database(control_url(settings, folder))
    opened: list[AnyChannel] = []

    def open_channels() -> Mapping[str, AnyChannel]:
        made = all_channels(settings, folder) if channels is None else channels(settings)
        opened.extend(made.values())
        return made

    try:
        database.check_schema()
        with database.reading() as connection:
            check_fixed(connection, fixed_settings(settings))
            keys = keyring(settings, folder)
            keys.load(connection)
        yield assemble(folder, settings, database, keys, clock or SystemClock(), open_channels)
    finally:
        for channel in opened:
            channel.close()
        database.close()
