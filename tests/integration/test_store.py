"""The control database: schema, transactions, views, and one writing process per workspace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, func, inspect, select, text
from sqlalchemy.exc import DBAPIError
from tiny_bank import LAN, Bank, audit_of

import lingque.store.idempotency
from lingque.bootstrap import LOCK_FILE, Application, open_workspace
from lingque.core.clock import Instant
from lingque.core.errors import BusyError, ConfigurationError
from lingque.flow import apply
from lingque.govern.access import User, add_user
from lingque.govern.tables import users
from lingque.store.database import Database
from lingque.store.schema import METADATA
from lingque.store.straight import changed_by, execute_each, rows_of
from lingque.store.workspace_lock import workspace_lock

HOLD = """
import sys, time
from pathlib import Path
from lingque.store.workspace_lock import workspace_lock
with workspace_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def unmigrated(control_url: str) -> Iterator[Database]:
    database = Database(control_url)
    yield database
    database.close()


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database(migrated_url)
    yield database
    database.close()


def new_user(name: str) -> User:
    return User(name=name, person=name, roles=frozenset())


def test_migrating_from_nothing_gives_exactly_the_schema_that_the_code_speaks_of(unmigrated: Database) -> None:
    unmigrated.migrate()
    with unmigrated.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert set(inspect(connection).get_table_names()) == {*METADATA.tables, "alembic_version"}
    assert lingque.store.idempotency.idempotent_answers.name in METADATA.tables


def test_migrating_again_keeps_what_is_there(database: Database) -> None:
    with database.transaction() as connection:
        add_user(connection, new_user("kept"), at=0)
    database.migrate()
    database.check_schema()
    with database.reading() as connection:
        assert connection.execute(select(users.c.user_name)).scalars().all() == ["kept"]


def test_a_database_that_was_never_migrated_is_refused_with_the_way_out(unmigrated: Database) -> None:
    with pytest.raises(ConfigurationError, match="schema none") as refused:
        unmigrated.check_schema()
    assert "lingque init" in refused.value.next_step


def test_a_workspace_of_another_version_is_not_opened(bank: Bank) -> None:
    with bank.open() as application, application.services.database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    with pytest.raises(ConfigurationError, match="at schema 0000"), bank.open():
        pass


def test_a_folder_that_is_no_workspace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a workspace"), open_workspace(tmp_path):
        pass


def test_an_error_takes_back_the_whole_transaction(database: Database) -> None:
    def write_and_fail() -> None:
        with database.transaction() as connection:
            add_user(connection, new_user("half"), at=0)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(users)).scalar_one() == 0


def test_what_goes_straight_to_the_driver_is_part_of_the_transaction(database: Database) -> None:
    adding = (
        "INSERT INTO users (user_name, person, roles, added_at, scope_kind, scope_of)"
        " VALUES (:name, 'a\\:b 100%', :roles, :at, 'bank', '')"
    )
    rows = [{"name": name, "roles": "[]", "at": 0} for name in ("ann", "ben")]

    def write_and_fail() -> None:
        with database.transaction() as connection:
            execute_each(connection, adding, rows)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with database.transaction() as connection:
        execute_each(connection, adding, rows)
        assert changed_by(connection, "UPDATE users SET added_at = :at WHERE added_at < :at", {"at": 7}) == 2
    with database.reading() as connection:
        found = rows_of(connection, "SELECT person FROM users WHERE user_name = :name AND 7 % 4 = 3", {"name": "ann"})
    assert found == [("a:b 100%",)]
    with database.reading() as connection, pytest.raises(DBAPIError) as failed:
        rows_of(connection, "SELECT secret FROM users WHERE user_name = :name", {"name": "somebody"})
    assert "SELECT secret" in str(failed.value)
    assert "somebody" not in str(failed.value), "values may be personal"


def test_nothing_written_in_a_view_is_kept(database: Database) -> None:
    with database.reading() as connection:
        add_user(connection, new_user("ghost"), at=0)
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(users)).scalar_one() == 0


def test_a_view_stays_as_it_was_while_others_write(database: Database) -> None:
    """And does not stop them: a withdrawal must not wait for somebody's long look."""
    count = select(func.count()).select_from(users)

    def write() -> None:
        with database.transaction() as connection:
            add_user(connection, new_user("meanwhile"), at=0)

    with database.reading() as connection:
        assert connection.execute(count).scalar_one() == 0
        writer = threading.Thread(target=write)
        writer.start()
        writer.join(timeout=5)
        assert not writer.is_alive()
        assert connection.execute(count).scalar_one() == 0
    with database.reading() as connection:
        assert connection.execute(count).scalar_one() == 1


def test_several_transactions_on_one_connection_are_each_all_or_nothing(database: Database) -> None:
    """Each as it would be on one of its own: a view stays, a writer sees what others wrote, an error takes back."""

    def known(connection: Connection) -> set[str]:
        return {name for (name,) in rows_of(connection, "SELECT user_name FROM users")}

    def write_and_fail(own: Connection, expected: set[str]) -> None:
        with database.transaction(own) as connection:
            assert known(connection) == expected
            add_user(connection, new_user("ben"), at=Instant(0))
            raise KeyError

    with database.connected() as own:
        with database.reading(own) as connection:
            before = known(connection)
            with database.transaction() as other:
                add_user(other, new_user("eva"), at=Instant(0))
            assert known(connection) == before
        with pytest.raises(KeyError):
            write_and_fail(own, before | {"eva"})
        with pytest.raises(KeyError), database.reading(own):
            raise KeyError
        with database.reading(own) as connection:
            assert known(connection) == before | {"eva"}
            changed_by(connection, "DELETE FROM users WHERE user_name = :name", {"name": "eva"})
        with database.transaction(own) as connection:
            assert known(connection) == before | {"eva"}, "nothing written in a view is kept"
            add_user(connection, new_user("mia"), at=Instant(0))
    with database.reading() as connection:
        assert known(connection) == before | {"eva", "mia"}


def test_two_writers_at_once_both_succeed(database: Database) -> None:
    def write(number: int) -> None:
        for step in range(5):
            with database.transaction() as connection:
                add_user(connection, new_user(f"w{number}_{step}"), at=0)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(users)).scalar_one() == 20


def test_a_second_process_is_turned_away_at_once_and_the_lock_dies_with_its_holder(bank: Bank) -> None:
    lock = bank.folder / LOCK_FILE
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with bank.open() as application:
            before = len(audit_of(application.services))
            with pytest.raises(BusyError, match=str(holder.pid)), application.writing() as services:
                apply(services, LAN)
            assert len(audit_of(application.services)) == before
            os.kill(holder.pid, signal.SIGKILL)
            holder.wait()
            with application.writing() as services:
                assert services is application.services
    finally:
        holder.kill()
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()


def test_the_lock_is_free_again_after_its_holder_finished(tmp_path: Path) -> None:
    for _ in range(2):
        with workspace_lock(tmp_path / "data" / "lock"):
            assert (tmp_path / "data" / "lock").read_text() == str(os.getpid())


def test_an_opened_workspace_can_be_opened_again_next_to_itself(loaded: Application, bank: Bank) -> None:
    with bank.open() as second:
        assert audit_of(second.services) == audit_of(loaded.services)
