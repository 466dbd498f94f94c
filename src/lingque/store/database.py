"""The engine and the unit of work: one command, one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from lingque.core.errors import BusyError, ConfigurationError

BUSY_TIMEOUT_SECONDS = 30


class Database:
    """The control database. Made by `bootstrap` and nowhere else."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing. Writers of one SQLite file wait for each other; a wait too long is a `BusyError`."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except OperationalError as error:
            if "database is locked" in str(error):
                raise BusyError(
                    "the control database is held by another process",
                    next_step="wait for it to finish, or see which process holds it",
                ) from error
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view; nothing written in it is kept."""
        with self.engine.connect() as connection:
            try:
                yield connection
            finally:
                connection.rollback()

    def migrate(self) -> None:
        """Bring the schema to this version's. Safe to call at every start."""
        with as_file(files("lingque.store") / "migrations") as scripts, self.engine.begin() as connection:
            config = _alembic(scripts)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def check_schema(self) -> None:
        """Raise `ConfigurationError` where the schema is not this version's."""
        with as_file(files("lingque.store") / "migrations") as scripts, self.reading() as connection:
            wanted = ScriptDirectory.from_config(_alembic(scripts)).get_current_head()
            found = MigrationContext.configure(connection).get_current_revision()
        if found != wanted:
            raise ConfigurationError(
                f"the control database is at schema {found or 'none'}, this version needs {wanted}",
                next_step="run 'lingque init' on the workspace: it migrates the database and keeps its content",
            )

    def close(self) -> None:
        self.engine.dispose()


def _alembic(scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.set_main_option("path_separator", "os")
    return config


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
        event.listen(engine, "connect", _sqlite_settings)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    raise ConfigurationError(
        f"no control database of kind '{parsed.get_backend_name()}'",
        next_step="use sqlite:///path/control.db or postgresql://user@host/name",
    )


def _sqlite_settings(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN is late and deferred: two readers that then both write would deadlock.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # a committed withdrawal must survive a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # erased values leave no trace in free pages
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
