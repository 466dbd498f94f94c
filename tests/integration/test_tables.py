"""Tables of the data plane: slices are replaced whole, versions stay, and what died half-way is never seen."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lingque.core.errors import WarehouseError
from lingque.core.ids import RunId
from lingque.store.database import Database
from lingque.store.runs import Run, finish_run, published_versions
from lingque.warehouse.engine import Session
from lingque.warehouse.tables import DeltaTables, Slice

pytestmark = pytest.mark.any_database

ORDER = ("bucket", "customer_id")


def rows(*ids: int, note: str = "") -> pa.Table:
    return pa.table(
        {
            "bucket": pa.array([i % 2 for i in ids], pa.int32()),
            "customer_id": pa.array(ids, pa.int64()),
            "note": pa.array([note] * len(ids), pa.string()),
        }
    ).sort_by([(name, "ascending") for name in ORDER])


def slice_of(name: str) -> Slice:
    return Slice(table="things", name=name, order=ORDER)


class Plane:
    """The tables as a command uses them: committed here, published there."""

    def __init__(self, tables: DeltaTables, database: Database) -> None:
        self.tables = tables
        self.database = database

    def visible(self) -> int | None:
        with self.database.reading() as connection:
            return published_versions(connection).get("things")

    def commit(self, name: str, content: pa.Table, run: str) -> int:
        return self.tables.commit(slice_of(name), content, run_id=RunId(run), published=self.visible())

    def publish(self, version: int, run: str) -> None:
        with self.database.transaction() as connection:
            finished = Run(run_id=RunId(run), kind="test", subject="things", finished_at=0, summary={})
            finish_run(connection, finished, published={"things": version})

    def write(self, name: str, content: pa.Table, run: str) -> int:
        version = self.commit(name, content, run)
        self.publish(version, run)
        return version

    def read(self, version: int | None = None) -> list[int]:
        with Session(self.tables, memory_limit="256MB", threads=1) as session:
            session.add_versions({"things": self.visible() if version is None else version})
            return session.ask("SELECT customer_id FROM things ORDER BY 1").column(0).to_pylist()

    def files(self) -> dict[str, bytes]:
        folder = self.tables.root / "things"
        found = (path for path in folder.rglob("*") if path.is_file() and "_delta_log" not in path.parts)
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}

    def log(self) -> list[str]:
        return sorted(path.name for path in (self.tables.root / "things" / "_delta_log").glob("*.json"))


@pytest.fixture
def plane(migrated_url: str, tmp_path: Path) -> Iterator[Plane]:
    database = Database(migrated_url)
    yield Plane(DeltaTables(tmp_path / "warehouse"), database)
    database.close()


def test_what_was_committed_is_read_back_in_its_order(plane: Plane) -> None:
    version = plane.write("a", rows(5, 2, 9, 4), "run-1")
    (file,) = plane.tables.files("things", version)
    assert pq.read_table(file).select(list(ORDER)).to_pylist() == [
        {"bucket": 0, "customer_id": 2},
        {"bucket": 0, "customer_id": 4},
        {"bucket": 1, "customer_id": 5},
        {"bucket": 1, "customer_id": 9},
    ]


def test_rows_out_of_order_are_refused_and_nothing_is_written(plane: Plane) -> None:
    with pytest.raises(WarehouseError, match="not ordered by bucket, customer_id"):
        plane.commit("a", rows(1, 2, 3).slice(0, 3).take(pa.array([2, 1, 0])), "run-1")
    assert not (plane.tables.root / "things").exists()


def test_the_same_run_writes_once(plane: Plane) -> None:
    first = plane.commit("a", rows(1, 2), "run-1")
    files, log = plane.files(), plane.log()
    assert plane.commit("a", rows(1, 2), "run-1") == first
    assert (plane.files(), plane.log()) == (files, log)


def test_what_a_dead_run_left_is_invisible_and_undone_by_the_next(plane: Plane) -> None:
    plane.write("a", rows(1, 2), "run-1")
    plane.commit("b", rows(7, 8), "dead")
    assert plane.read() == [1, 2]
    plane.write("c", rows(3), "run-2")
    assert plane.read() == [1, 2, 3]


def test_the_first_run_of_a_table_may_die_too(plane: Plane) -> None:
    plane.commit("b", rows(7, 8), "dead")
    plane.write("c", rows(3), "run-1")
    assert plane.read() == [3]


def test_a_dead_run_that_is_started_again_completes(plane: Plane) -> None:
    plane.write("a", rows(1, 2), "run-1")
    plane.commit("b", rows(7, 8), "dead")
    plane.write("b", rows(7, 8), "dead")
    assert plane.read() == [1, 2, 7, 8]


def test_a_dead_run_completes_also_after_another_undid_it(plane: Plane) -> None:
    plane.write("a", rows(1, 2), "run-1")
    plane.commit("b", rows(7, 8), "dead")
    plane.write("c", rows(3), "run-2")
    plane.write("b", rows(7, 8), "dead")
    assert plane.read() == [1, 2, 3, 7, 8]


def test_a_run_that_died_while_undoing_harms_nothing(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    plane.write("a", rows(1, 2), "run-1")
    plane.commit("b", rows(7, 8), "dead")
    with monkeypatch.context() as patch:
        patch.setattr(DeltaTables, "_write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            plane.commit("c", rows(3), "run-2")
    assert plane.read() == [1, 2]
    plane.write("c", rows(3), "run-2")
    assert plane.read() == [1, 2, 3]


def test_a_slice_is_replaced_and_no_other_is_touched(plane: Plane) -> None:
    plane.write("20260601", rows(1, 2), "run-1")
    kept = plane.files()
    plane.write("20260602", rows(3, 4), "run-2")
    plane.write("20260602", rows(4, 5), "run-3")
    assert plane.read() == [1, 2, 4, 5]
    for name, content in kept.items():
        assert plane.files()[name] == content


def test_a_slice_whose_name_begins_like_another_is_another(plane: Plane) -> None:
    plane.write("day-1", rows(1), "run-1")
    plane.write("day-10", rows(10), "run-2")
    plane.write("day-1", rows(2), "run-3")
    assert plane.read() == [2, 10]


def test_an_empty_slice_takes_the_place_of_a_full_one(plane: Plane) -> None:
    plane.write("a", rows(1), "run-1")
    plane.write("b", rows(2), "run-2")
    plane.write("a", rows(), "run-3")
    assert plane.read() == [2]


def test_a_table_without_rows_is_read_as_one_without_rows(plane: Plane) -> None:
    plane.write("a", rows(), "run-1")
    assert plane.read() == []


def test_an_older_version_still_reads(plane: Plane) -> None:
    first = plane.write("a", rows(1, 2), "run-1")
    second = plane.write("a", rows(3), "run-2")
    plane.write("b", rows(4), "run-3")
    assert (plane.read(first), plane.read(second), plane.read()) == ([1, 2], [3], [3, 4])


@pytest.mark.parametrize("version", [99, 2])
def test_a_version_that_is_not_there_is_named(plane: Plane, version: int) -> None:
    plane.write("a", rows(1), "run-1")
    with pytest.raises(WarehouseError, match=f"version {version} of table 'things'") as lost:
        plane.tables.files("things", version)
    assert "backup" in lost.value.next_step


def test_a_table_that_is_not_there_is_named(plane: Plane) -> None:
    with pytest.raises(WarehouseError, match="table 'nothing'"):
        plane.tables.files("nothing", 1)


def test_a_full_disk_leaves_no_half_file_and_publishes_nothing(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    plane.write("a", rows(1, 2), "run-1")
    before = (plane.files(), plane.log())

    def full(_writer: pq.ParquetWriter, _rows: pa.Table, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetWriter, "write_table", full)
        with pytest.raises(WarehouseError, match="No space left on device") as stopped:
            plane.commit("a", rows(3), "run-2")
    assert "nothing was published" in stopped.value.next_step
    assert (plane.files(), plane.log()) == before
    plane.write("a", rows(3), "run-2")
    assert plane.read() == [3]


FILLING = """
import resource, signal, sys
from pathlib import Path
from lingque.core.errors import WarehouseError
from lingque.warehouse.engine import Session
from lingque.warehouse.tables import DeltaTables

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
with Session(DeltaTables(Path(sys.argv[1])), memory_limit="256MB", threads=1) as session:
    try:
        session.write_sorted("SELECT md5(CAST(range AS VARCHAR)) AS note, range AS n FROM range(500000)", ("n",))
    except WarehouseError as error:
        print(error.what, error.next_step)
"""


def test_a_disk_that_fills_while_the_engine_writes_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FILLING, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout
    assert "nothing was published" in done.stdout
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_that_the_engine_wrote_is_moved_and_several_slices_are_one_version(plane: Plane) -> None:
    plane.write("a", rows(1, 2), "run-1")
    with Session(plane.tables, memory_limit="256MB", threads=1) as session:
        session.add_arrow("given", rows(9, 4, 7))
        written = session.write_sorted("SELECT * FROM given", ORDER)
        also = [(slice_of("a"), rows())]
        version = plane.tables.commit(
            slice_of("b"), written, run_id=RunId("run-2"), published=plane.visible(), also=also
        )
    plane.publish(version, "run-2")
    assert plane.read() == [4, 7, 9]
    assert plane.tables.slices("things", version) == ["b"]
    assert list((plane.tables.root / ".scratch").iterdir()) == []


def test_a_file_out_of_order_is_refused(plane: Plane) -> None:
    with Session(plane.tables, memory_limit="256MB", threads=1) as session:
        many = "SELECT CAST(range % 2 AS INTEGER) AS bucket, range AS customer_id, '' AS note FROM range(300000)"
        written = session.write_sorted(many, ("customer_id",))
        with pytest.raises(WarehouseError, match="not ordered by bucket, customer_id"):
            plane.tables.commit(slice_of("b"), written, run_id=RunId("run-2"), published=None)


def test_a_column_that_was_added_is_null_in_older_slices(plane: Plane) -> None:
    plane.write("a", rows(1), "run-1")
    plane.write("b", rows(2).append_column("added", pa.array([5], pa.int64())), "run-2")
    with Session(plane.tables, memory_limit="256MB", threads=1) as session:
        session.add_versions({"things": plane.visible() or 0})
        answer = session.ask("SELECT customer_id, added FROM things ORDER BY 1").to_pylist()
    assert answer == [{"customer_id": 1, "added": None}, {"customer_id": 2, "added": 5}]
    version = plane.write("b", rows(), "run-3")
    assert plane.read() == [1]
    assert "added" in plane.tables.schema("things", version).names


def test_a_slice_cannot_leave_its_folder() -> None:
    for name in ("../outside", "a/b", "", ".hidden", "A"):
        with pytest.raises(ValueError, match="folder name"):
            slice_of(name)
