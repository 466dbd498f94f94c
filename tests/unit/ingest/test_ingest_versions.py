"""States as versions: whatever the order in which days arrive, each day has the state that its delivery said."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingque.catalog.definitions import DataContract
from lingque.core.clock import BusinessCalendar
from lingque.ingest.versions import HISTORY, Versions
from lingque.warehouse.engine import Session
from lingque.warehouse.tables import SortedFile

CALENDAR = BusinessCalendar(ZoneInfo("Asia/Shanghai"))
FIRST = date(2026, 6, 1)
LABEL = {"zh": "账户", "en": "Accounts"}
Told = dict[int, str | None]
"""What a delivery says: per key its only attribute; None in a delta: the key stands for nothing any more."""


def contract(load: str, *, valid_to: bool = False) -> DataContract:
    columns: dict[str, Any] = {
        "account_no": {"type": "text", "role": "key"},
        "customer_no": {"type": "text", "role": "party"},
        "kind": {"type": "text"},
        "opened_on": {"type": "date", "role": "valid_from"},
    }
    if valid_to:
        columns["closed_on"] = {"type": "date", "role": "valid_to"}
    return DataContract.model_validate(
        {"contract": "accounts", "label": LABEL, "kind": "state", "load": load, "columns": columns}
    )


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def start(number: int) -> int:
    return CALENDAR.start_of(day(number))


def opened(key: int) -> int:
    """Key 0 was opened long before the first delivery, the others on its eve and on its day."""
    return (-30, -1, 0)[key]


@dataclass
class Slices:
    """The files of a table, as a session reads those of Delta tables."""

    root: Path
    contract: DataContract
    there: dict[str, Path] = field(default_factory=dict)
    loaded: set[date] = field(default_factory=set)

    def files(self, _table: str, _version: int) -> list[Path]:
        return list(self.there.values())

    def schema(self, _table: str, _version: int) -> pa.Schema:
        return pa.schema([])

    def session(self) -> Session:
        return Session(self, memory_limit="256MB", threads=1)  # type: ignore[arg-type]

    def deliver(self, number: int, told: Told, *, begins: int | None = None) -> set[str]:
        """Take in a day; the names of the slices that it wrote."""
        rows = [
            (key, value, opened(key) if begins is None else begins, None, value is None) for key, value in told.items()
        ]
        return self.deliver_rows(number, rows)

    def deliver_rows(self, number: int, rows: list[tuple[int, str | None, int, int | None, bool]]) -> set[str]:
        held = pa.array(
            [{"party_id": 7, "kind": kind} for _, kind, _, _, _ in rows],
            pa.struct({"party_id": pa.int64(), "kind": pa.string()}),
        )
        table = pa.table(
            {
                "_key": pa.array([row[0] for row in rows], pa.int64()),
                "_held": held,
                "customer_id": pa.array([7] * len(rows), pa.int64()),
                "bucket": pa.array([1] * len(rows), pa.int32()),
                "valid_from": pa.array([start(row[2]) for row in rows], pa.int64()),
                "valid_to": pa.array([None if row[3] is None else start(row[3]) for row in rows], pa.int64()),
                "ended": pa.array([row[4] for row in rows], pa.bool_()),
            }
        )
        delivered = self.root / "delivered.parquet"
        pq.write_table(table, delivered)
        with self.session() as session:
            written = Versions(session, self.contract, CALENDAR, salt="s").slices(
                SortedFile(path=delivered),
                day(number),
                version=1 if self.there else None,
                present=sorted(self.there),
                loaded=self.loaded,
            )
            self.loaded.add(day(number))
            for name, rows_of_slice in written.items():
                self.there.pop(name, self.root / "none").unlink(missing_ok=True)
                if isinstance(rows_of_slice, SortedFile) and rows_of_slice.num_rows:
                    self.there[name] = self.root / f"{name}.parquet"
                    shutil.move(rows_of_slice.path, self.there[name])
        return set(written)

    def rows(self) -> list[dict[str, Any]]:
        return [row for path in self.there.values() for row in pq.read_table(path).to_pylist()]

    def state(self, number: int) -> Told:
        """What holds at the beginning of that day, as known by then: the rule of the decision record, word for word."""
        moment = start(number)
        seen = [row for row in self.rows() if row["valid_from"] < moment and row["known_at"] <= moment]
        last: dict[int, dict[str, Any]] = {}
        for row in sorted(seen, key=lambda row: (row["valid_from"], row["known_at"])):
            last[row["account_no"]] = row
        return {key: row["kind"] for key, row in last.items() if not row["ended"]}


def full_oracle(days: dict[int, Told], number: int) -> Told:
    """The last delivery before the day counts; a key that no delivery had yet is backdated to when it began."""
    before = [one for one in sorted(days) if one < number]
    state = dict(days[before[-1]]) if before else {}
    for key in (0, 1, 2):
        bringing = [one for one in sorted(days) if key in days[one]]
        if bringing and bringing[0] >= number and opened(key) < number:
            state[key] = days[bringing[0]][key]
    return state


def delta_oracle(days: dict[int, Told], number: int) -> Told:
    state: Told = {}
    for key in (0, 1, 2):
        telling = [one for one in sorted(days) if key in days[one]]
        before = [one for one in telling if one < number]
        if before:
            state[key] = days[before[-1]][key]
        elif telling and opened(key) < number:
            state[key] = days[telling[0]][key]
    return {key: value for key, value in state.items() if value is not None}


FULL_DAYS = st.tuples(st.integers(0, 4), st.dictionaries(st.integers(0, 2), st.sampled_from("ab"), max_size=3))
DELTA_DAYS = st.tuples(
    st.integers(0, 4), st.dictionaries(st.integers(0, 2), st.sampled_from(["a", "b", None]), max_size=3)
)


@settings(max_examples=5)
@given(arriving=st.lists(FULL_DAYS, min_size=1, max_size=6))
def test_days_in_any_order_and_again_give_each_day_its_state(arriving: list[tuple[int, Told]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        slices, days = Slices(Path(folder), contract("full")), dict[int, Told]()
        for number, told in arriving:
            slices.deliver(number, told)
            days[number] = told
        assert [slices.state(n) for n in range(-2, 7)] == [full_oracle(days, n) for n in range(-2, 7)]


@settings(max_examples=5)
@given(arriving=st.lists(DELTA_DAYS, min_size=1, max_size=6))
def test_changes_in_any_order_and_again_give_each_day_its_state(arriving: list[tuple[int, Told]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        slices, days = Slices(Path(folder), contract("delta")), dict[int, Told]()
        for number, told in arriving:
            slices.deliver(number, told)
            days[number] = told
        assert [slices.state(n) for n in range(-2, 7)] == [delta_oracle(days, n) for n in range(-2, 7)]


@pytest.mark.parametrize("load", ["full", "delta"])
@pytest.mark.parametrize("first", ["a", "b"])
def test_a_key_that_a_day_sent_again_no_longer_names_began_when_it_did(tmp_path: Path, load: str, first: str) -> None:
    slices = Slices(tmp_path, contract(load))
    for number, told in ((0, {0: first}), (1, {0: "a"}), (0, {})):
        slices.deliver(number, told)
    assert [slices.state(n) for n in (-31, -29, 0, 1, 2)] == [{}, *[{0: "a"}] * 4]


@pytest.fixture
def slices(tmp_path: Path) -> Slices:
    return Slices(tmp_path, contract("full"))


def test_a_day_on_which_nothing_changed_adds_no_version(slices: Slices) -> None:
    slices.deliver(0, {0: "a", 1: "b"})
    assert slices.deliver(1, {0: "a", 1: "b"}) == {day(1).isoformat()}
    assert len(slices.rows()) == 2


def test_a_late_day_touches_only_the_slices_that_must_say_something_else(slices: Slices) -> None:
    for number in (0, 2, 3):
        slices.deliver(number, {0: "a", 1: "b"} if number < 3 else {0: "a"})
    assert slices.deliver(1, {0: "x", 1: "b"}) == {day(1).isoformat(), day(2).isoformat()}
    assert slices.deliver(1, {0: "a", 1: "b"}) == {day(1).isoformat(), day(2).isoformat()}
    assert len(slices.rows()) == 3  # the two keys and the end of one


def test_a_version_keeps_its_row_key_when_the_day_comes_again(slices: Slices) -> None:
    slices.deliver(0, {0: "a"})
    slices.deliver(1, {0: "b"})
    before = sorted(row["row_key"] for row in slices.rows())
    slices.deliver(1, {0: "b", 1: "a"})
    assert set(before) < {row["row_key"] for row in slices.rows()}
    assert len(set(before)) == 2


def test_what_begins_later_holds_from_then_on_unless_it_is_gone_again(slices: Slices) -> None:
    slices.deliver(0, {0: "a"}, begins=4)
    slices.deliver(1, {0: "b"}, begins=4)
    assert [slices.state(n) for n in (2, 4, 5)] == [{}, {}, {0: "b"}]
    slices.deliver(2, {})
    assert [slices.state(n) for n in (3, 5, 6)] == [{}, {}, {}]


def test_a_history_is_taken_over_as_it_is(tmp_path: Path) -> None:
    slices = Slices(tmp_path, contract("full", valid_to=True))
    rows = [(0, "a", -5, -3, False), (0, "b", -3, -2, False), (0, "c", -1, None, False), (1, "a", -5, None, False)]
    assert slices.deliver_rows(0, rows) == {HISTORY}
    assert [slices.state(n).get(0) for n in (-5, -4, -3, -2, -1, 0, 9)] == [None, "a", "a", "b", None, "c", "c"]
    assert slices.state(9)[1] == "a"
    assert len(slices.rows()) == len(rows) + 1
    assert slices.deliver_rows(1, rows[3:]) == {HISTORY}
    assert slices.state(9) == {1: "a"}


def test_rows_of_the_first_landing_are_the_state_before(slices: Slices) -> None:
    """They have `valid_to` and no `ended`, and stand in the slice `all`."""
    old = {
        "row_key": pa.array([1, 2], pa.int64()),
        "account_no": pa.array([0, 1], pa.int64()),
        "party_id": pa.array([7, 7], pa.int64()),
        "customer_id": pa.array([7, 7], pa.int64()),
        "bucket": pa.array([1, 1], pa.int32()),
        "valid_from": pa.array([start(-30), start(-1)], pa.int64()),
        "known_at": pa.array([start(-29), start(0)], pa.int64()),
        "valid_to": pa.array([2**63 - 1] * 2, pa.int64()),
        "data_date": pa.array([day(0)] * 2, pa.date32()),
    }
    slices.there[HISTORY] = slices.root / "old.parquet"
    pq.write_table(pa.table(old), slices.there[HISTORY])
    slices.deliver(1, {0: "a"})
    assert set(slices.there) == {day(0).isoformat(), day(1).isoformat()}
    assert (slices.state(1), slices.state(2)) == ({0: None, 1: None}, {0: "a"})
