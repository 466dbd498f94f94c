"""Live values are what the snapshot would hold: the same kernels over one customer's facts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_runs import ANSWERS, walked
from test_kernel_values import COMPILED, LIVE, row_of

from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import TagDefinition
from lingque.catalog.model import Catalog
from lingque.catalog.yaml_files import Located
from lingque.core.clock import Instant
from lingque.core.errors import ConfigurationError
from lingque.profile.aggregating import Kernels
from lingque.profile.fact_store import FactStore, Filled
from lingque.profile.facts import Layout, packed, rows_in
from lingque.profile.kernel.segments import Links
from lingque.profile.live import LiveTags, layouts_of, live_plans
from lingque.profile.online import OnlineFile
from made_up_tags import CALENDAR, COLUMNS, LABEL, MOMENT, POPULATION, Facts, alike, contract, customer_of, facts_of

KERNELS = Kernels(cache=COMPILED, answers=ANSWERS)
DAY = 86_400_000_000
NUMBERS = itertools.count()
CUSTOMERS = np.array([1, 3, 4], np.int64)


def catalog_of(*definitions: dict[str, str]) -> Catalog:
    made = [
        TagDefinition.model_validate(
            {"tag": f"tag_{number}", "label": LABEL, "family": "value", "from": "facts_of_bank", "clock": "live"} | one
        )
        for number, one in enumerate(definitions)
    ]
    return build_catalog([Located(definition=one, file="tags.yaml") for one in (contract("event"), *made)])


CATALOG = catalog_of(*LIVE)


class Store(FactStore):
    """A store for the live tags of a catalog, into which rows are put without files."""

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        super().__init__(OnlineFile(folder / f"facts-{next(NUMBERS)}"))
        (layout,) = layouts_of(live_plans(catalog))
        self.layout = layout
        self.state = Filled(
            place=0, layouts=(layout,), links="", filled_at=MOMENT, parts={layout.table: {}}, versions={},
            since={layout.table: Instant(MOMENT - layout.keeps)}, newest={layout.table: MOMENT},
        )  # fmt: skip
        self.begin(self.state, Links.of(np.empty(0, np.int64), np.empty(0, np.int64)))
        self.finish(self.state)

    def take(self, part: int, facts: Sequence[dict[str, Any]], *, instead_of: Sequence[int] = ()) -> None:
        """The rows of one file, in place of what was known of it and of those others."""
        rows = [{"part": part, "customer_id": customer_of(row)} | row for row in facts]
        columns = {field.name: pa.array([row[field.name] for row in rows], field.type) for field in self.layout.schema}
        self.follow(self.state, self.layout.table, pa.table(columns), CUSTOMERS, instead_of=[part, *instead_of])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("facts")


@settings(max_examples=25)
@given(facts=facts_of("event_time"), data=st.data())
def test_live_values_are_those_of_the_morning_s_snapshot(facts: Facts, data: st.DataObject, folder: Path) -> None:
    """Events come in any order; a file comes twice, or is corrected, or goes; two files become one."""
    arriving = data.draw(st.permutations(facts))
    tags = [CATALOG.tag(f"tag_{number}") for number in range(len(LIVE))]
    expected = walked(tags, facts, COMPILED)  # type: ignore[arg-type]
    store = Store(folder, CATALOG)
    cut = data.draw(st.integers(0, len(arriving)))
    first, second = arriving[:cut], arriving[cut:]
    for part, rows in ((0, [*first, *second[:2]]), (1, second), (2, second), (0, first), (0, first)):
        store.take(part, rows)
    store.take(3, second, instead_of=[1, 2])
    live = LiveTags(CATALOG, store, calendar=CALENDAR, kernels=KERNELS)
    for customer in POPULATION:
        found = live.values(customer, Instant(MOMENT - 1))
        for name, value in found.items():
            assert alike(value, expected[customer][name]), (CATALOG.tag(name).definition, customer)


def test_windows_age_without_events_and_what_lies_ahead_has_not_happened(tmp_path: Path) -> None:
    catalog = catalog_of({"value": "count(*)", "window": "3 days"})
    store = Store(tmp_path, catalog)
    noon = MOMENT + DAY // 2
    rows = [row_of(event_time=noon + hours, known_at=MOMENT, row_key=hours) for hours in (0, 3_600_000_000)]
    store.take(0, rows)
    live = LiveTags(catalog, store, calendar=CALENDAR, kernels=KERNELS)
    counts = [live.values(1, Instant(noon + after))["tag_0"] for after in (-1, 0, DAY // 24, 2 * DAY, 3 * DAY)]
    assert counts == [0, 1, 2, 2, 0]


def with_derived(often: str, **below: str) -> Catalog:
    counted = catalog_of({"value": "count(*)", "window": "3 days"} | below).tag("tag_0").definition
    derived = TagDefinition.model_validate(
        {"tag": "often", "label": LABEL, "family": "value", "clock": "live", "value": often}
    )
    parts = [contract("event"), counted.model_copy(update={"clock": "daily"}), derived]
    return build_catalog([Located(definition=one, file="tags.yaml") for one in parts])


def test_derived_live_tags_are_built_on_what_can_be_worked_out_now(tmp_path: Path) -> None:
    catalog = with_derived("tag_0 > 1")
    store = Store(tmp_path, catalog)
    store.take(0, [row_of(row_key=1), row_of(row_key=2)])
    live = LiveTags(catalog, store, calendar=CALENDAR, kernels=KERNELS)
    assert live.daily == ()
    assert live.values(1, Instant(MOMENT - 1)) == {"often": True}
    assert live.values(7, Instant(MOMENT - 1)) == {"often": False}


def test_of_what_cannot_they_read_the_value_of_the_morning(tmp_path: Path) -> None:
    catalog = with_derived("tag_0 > 1", value="stddev(visits / 2)")
    live = LiveTags(catalog, FactStore(OnlineFile(tmp_path)), calendar=CALENDAR, kernels=KERNELS)
    assert (live.daily, live.layouts) == (("tag_0",), [])
    assert live.values(1, Instant(MOMENT - 1), daily={"tag_0": 2.5}) == {"often": True}
    assert live.values(1, Instant(MOMENT - 1)) == {"often": None}


def test_events_older_than_every_window_are_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path, catalog_of({"value": "count(*)", "window": "3 days"}))
    store.take(0, [row_of(row_key=1, event_time=MOMENT - 1000 * DAY), row_of(row_key=2)])
    facts = store.read("facts_of_bank", 1)
    assert facts is not None
    assert facts.key.tolist() == [2]


@settings(max_examples=25)
@given(facts=facts_of("event_time"))
def test_what_is_packed_is_unpacked(facts: Facts) -> None:
    columns = tuple((name, one.kind) for name, one in COLUMNS.items())
    layout = Layout(table="facts_of_bank", columns=columns, keeps=DAY)
    whole = [{"part": number, "customer_id": customer_of(row)} | row for number, row in enumerate(facts)]
    rows = pa.table({one.name: pa.array([row[one.name] for row in whole], one.type) for one in layout.schema})
    order = [(name, "ascending") for name in ("customer_id", "part")]
    unpacked = rows_in(layout, dict(packed(layout, rows)))
    assert unpacked.sort_by(order).to_pylist() == rows.sort_by(order).to_pylist()


def test_whose_rows_they_are_can_be_put_right(tmp_path: Path) -> None:
    """Party 3 is found to be customer 1, then customer 4, then nobody else."""
    store = Store(tmp_path, catalog_of({"value": "count(*)", "window": "3 days"}))
    store.take(0, [row_of(row_key=key, party_id=key) for key in (1, 3, 4)])
    for links, expected in (
        ({2: 1, 3: 1}, {1: [1, 3], 3: None, 4: [4]}),
        ({2: 1, 3: 4}, {1: [1], 3: None, 4: [3, 4]}),
        ({2: 1}, {1: [1], 3: [3], 4: [4]}),
    ):
        linked = Links.of(np.array(list(links), np.int64), np.array(list(links.values()), np.int64))
        store.relink(store.state, linked)
        for customer, keys in expected.items():
            facts = store.read("facts_of_bank", customer)
            assert (None if facts is None else sorted(facts.key.tolist())) == keys
    assert store.forget([1]) == 1
    assert store.read("facts_of_bank", 1) is None


def test_a_tag_without_a_kernel_cannot_be_live() -> None:
    with pytest.raises(ConfigurationError, match=r"tag 'tag_0' cannot be live: no kernel computes cast\(\) of a text"):
        live_plans(catalog_of({"value": "max(cast(city as integer))", "window": "3 days"}))
