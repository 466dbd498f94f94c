"""The engine and the unit of work: one command, one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from lingque.core.errors import BusyError, ConfigurationError, WarehouseError
from lingque.store.straight import begin
from lingque.store.turns import Turns

BUSY_TIMEOUT_SECONDS = 30
_NO_ROOM = ("database or disk is full", "disk I/O error", "No space left on device")


class Database:
    """The control database. Made by `bootstrap` and nowhere else."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)
        # SQLite's readers see one state anyway; PostgreSQL's must ask for it
        postgresql = self.engine.dialect.name == "postgresql"
        self._is_sqlite = not postgresql
        self._reader = self.engine.execution_options(**_isolated("REPEATABLE READ") if postgresql else {})
        # whoever waited for a lock must see what its holder wrote, whatever the server's own setting is
        self._writer = self.engine.execution_options(**_isolated("READ COMMITTED") if postgresql else {})
        file = self.engine.url.database if not postgresql else None
        self._turn = Turns(Path(f"{file}-turns"), patience=BUSY_TIMEOUT_SECONDS).taken if file else nullcontext

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """For several transactions, one after the other: a fifth of what a decision takes went on connections."""
        with _named(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self, on: Connection | None = None) -> Iterator[Connection]:
        """All or nothing, on a connection of its own or on this one. Writers of one SQLite file come in the order in
        which they asked; a wait too long is a `BusyError`, a full disk a `WarehouseError`."""
        with _named(), self._turn(), self._writer.begin() if on is None else _begun(on, self._writer) as connection:
            # whoever will write says so at once: one that began by reading could not wait for the other writer any more
            self._begin(connection, "BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def reading(self, on: Connection | None = None) -> Iterator[Connection]:
        """A consistent view, without waiting for writers; nothing written in it is kept. `on` as above."""
        if on is not None:
            with _named(), _begun(on, self._reader) as connection:
                self._begin(connection, "BEGIN")
                yield connection
                connection.rollback()
            return
        with _named(), self._reader.connect() as connection:
            # what is begun and not committed, closing takes back
            connection.begin()
            self._begin(connection, "BEGIN")
            yield connection

    def _begin(self, connection: Connection, statement: str) -> None:
        """SQLite's driver begins late and deferred: two readers that then both write would deadlock. By an event of
        SQLAlchemy's, which is the usual way, every connection calls a hundred functions more."""
        if self._is_sqlite:
            begin(connection, statement)

    def forget(self) -> None:
        """Have the files hold nothing any more that was deleted: SQLite's write-ahead log, until it is emptied, keeps
        the file from being overwritten. Waits for readers of an older state, too long is a `BusyError`. PostgreSQL's
        log is kept and recycled as its operators say."""
        if not self._is_sqlite:
            return
        with _named(), self.engine.connect() as connection:
            busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        if busy:
            raise BusyError(
                "the control database's write-ahead log is being read and cannot be emptied",
                next_step="run the same command again: what was done stays done",
            )

    def migrate(self) -> None:
        """Bring the schema to this version's. Safe to call at every start."""
        from lingque.store.migrating import upgrade  # Alembic takes as long to import as a short command runs

        with self.transaction() as connection:
            upgrade(connection)

    def has_schema(self) -> bool:
        """Has anything been made here?"""
        with self.reading() as connection:
            return inspect(connection).has_table("alembic_version")

    def check_schema(self) -> None:
        """Raise `ConfigurationError` where the schema is not this version's."""
        with self.reading() as connection:
            known = inspect(connection).has_table("alembic_version")
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if known else None
        if found != newest_schema():
            raise ConfigurationError(
                f"the control database is at schema {found or 'none'}, this version needs {newest_schema()}",
                next_step="run 'lingque init' on the workspace: it migrates the database and keeps its content",
            )

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _begun(connection: Connection, as_in: Engine) -> Iterator[Connection]:
    """A transaction on it, isolated as that engine's are."""
    level = as_in.get_execution_options().get("isolation_level")
    if level is not None:
        connection.execution_options(isolation_level=level)
    with connection.begin():
        yield connection


def _isolated(level: str) -> dict[str, Any]:
    return {"isolation_level": level}


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if "database is locked" in str(error):
            raise BusyError(
                "the control database is held by another process",
                next_step="wait for it to finish, or see which process holds it",
            ) from error
        for told in _NO_ROOM:
            if told in str(error):
                raise WarehouseError(
                    f"the control database cannot be written: {told}",
                    next_step="make room or mend the rights, then run the same command again: nothing was changed",
                ) from error
        raise


def newest_schema() -> str:
    """The number of this version's schema: migrations are numbered, and their files begin with the number."""
    scripts = (files("lingque.store") / "migrations" / "versions").iterdir()
    return max(script.name.partition("_")[0] for script in scripts if script.name[0].isdigit())


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            parsed,
            connect_args={"timeout": BUSY_TIMEOUT_SECONDS},
            hide_parameters=True,
            pool_use_lifo=True,  # the one used last knows its statements and pages
        )
        event.listen(engine, "connect", _sqlite_settings)
        return engine
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, hide_parameters=True)
    raise ConfigurationError(
        f"no control database of kind '{parsed.get_backend_name()}'",
        next_step="use sqlite:///path/control.db or postgresql://user@host/name",
    )


def _sqlite_settings(connection: Any, _record: Any) -> None:
    # Transactions begin where `Database` says so.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # a committed withdrawal must survive a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # erased values leave no trace in free pages
    cursor.close()
