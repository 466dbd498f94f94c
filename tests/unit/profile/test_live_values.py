"""Live values are what the snapshot would hold: the same kernels over one customer's facts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_runs import ANSWERS, walked
from test_kernel_values import COMMON, COMPILED, OF_TIME, row_of

from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import TagDefinition
from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import Catalog
from lingque.catalog.yaml_files import Located
from lingque.core.clock import Instant
from lingque.core.errors import ConfigurationError, WarehouseError
from lingque.profile.aggregating import Kernels
from lingque.profile.facts import FactStore, Layout
from lingque.profile.live import LiveTags, layouts_of, live_plans
from made_up_tags import AS_OF, CALENDAR, LABEL, MOMENT, POPULATION, Facts, alike, contract, customer_of, facts_of

# the language refuses live tags over everything there ever was
BOUNDED = [one for one in (*COMMON, *OF_TIME) if not one["window"].startswith(("next", "since", "ever"))]
DEFINITIONS = [one for one in BOUNDED if "'none'" not in one["value"]]
KERNELS = Kernels(cache=COMPILED, answers=ANSWERS)
DAY = 86_400_000_000
NUMBERS = itertools.count()


def catalog_of(*definitions: dict[str, str]) -> Catalog:
    made = [
        TagDefinition.model_validate(
            {"tag": f"tag_{number}", "label": LABEL, "family": "value", "from": "facts_of_bank", "clock": "live"} | one
        )
        for number, one in enumerate(definitions)
    ]
    return build_catalog([Located(definition=one, file="tags.yaml") for one in (contract("event"), *made)])


CATALOG = catalog_of(*DEFINITIONS)


def store_for(folder: Path, catalog: Catalog) -> FactStore:
    """A store that nothing is in."""
    store = FactStore(folder / f"facts-{next(NUMBERS)}", layouts_of(live_plans(catalog), AS_OF))
    store.fill([])
    return store


def by_customer(facts: Sequence[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in facts:
        found.setdefault(customer_of(row), []).append(row)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("facts")


@settings(max_examples=25)
@given(facts=facts_of("event_time"), data=st.data())
def test_live_values_are_those_of_the_morning_s_snapshot(facts: Facts, data: st.DataObject, folder: Path) -> None:
    """Events come in any order, some of them twice."""
    arriving = data.draw(st.permutations([*facts, *facts[: len(facts) // 2]]))
    tags = [CATALOG.tag(f"tag_{number}") for number in range(len(DEFINITIONS))]
    expected = walked(tags, facts, COMPILED)  # type: ignore[arg-type]
    with store_for(folder, CATALOG) as store:
        cut = data.draw(st.integers(0, len(arriving)))
        for batch in (arriving[:cut], arriving[cut:]):
            store.append("facts_of_bank", by_customer(batch))
        live = LiveTags(CATALOG, store, calendar=CALENDAR, kernels=KERNELS)
        for customer in POPULATION:
            found = live.values(customer, Instant(MOMENT - 1))
            for name, value in found.items():
                assert alike(value, expected[customer][name]), (CATALOG.tag(name).definition, customer)


def test_windows_age_without_events_and_what_lies_ahead_has_not_happened(tmp_path: Path) -> None:
    catalog = catalog_of({"value": "count(*)", "window": "3 days"})
    with store_for(tmp_path, catalog) as store:
        noon = MOMENT + DAY // 2
        rows = [row_of(event_time=noon + hours, known_at=MOMENT, row_key=hours) for hours in (0, 3_600_000_000)]
        store.append("facts_of_bank", {1: rows})
        live = LiveTags(catalog, store, calendar=CALENDAR, kernels=KERNELS)
        counts = [live.values(1, Instant(noon + after))["tag_0"] for after in (-1, 0, DAY // 24, 2 * DAY, 3 * DAY)]
    assert counts == [0, 1, 2, 2, 0]


def test_derived_live_tags_read_live_and_daily_ones(tmp_path: Path) -> None:
    counted = catalog_of({"value": "count(*)", "window": "3 days"}).tag("tag_0").definition
    often = TagDefinition.model_validate(
        {"tag": "often", "label": LABEL, "family": "value", "clock": "live", "value": "tag_0 > 1"}
    )
    parts = [contract("event"), counted.model_copy(update={"clock": "daily"}), often]
    catalog = build_catalog([Located(definition=one, file="tags.yaml") for one in parts])
    with store_for(tmp_path, catalog) as store:
        store.append("facts_of_bank", {1: [row_of(row_key=1), row_of(row_key=2)]})
        live = LiveTags(catalog, store, calendar=CALENDAR, kernels=KERNELS)
        assert live.values(1, Instant(MOMENT - 1)) == {"often": True}
        assert live.values(7, Instant(MOMENT - 1)) == {"often": False}


def test_the_same_event_again_changes_nothing(tmp_path: Path) -> None:
    catalog = catalog_of({"value": "sum(amount)", "window": "3 days"})
    with store_for(tmp_path, catalog) as store:
        live = LiveTags(catalog, store, calendar=CALENDAR, kernels=KERNELS)
        for amount in (100, 999):
            store.append("facts_of_bank", {1: [row_of(row_key=1, amount=amount)]})
        assert live.values(1, Instant(MOMENT - 1)) == {"tag_0": 100}


def test_events_older_than_every_window_are_not_kept(tmp_path: Path) -> None:
    catalog = catalog_of({"value": "count(*)", "window": "3 days"})
    with store_for(tmp_path, catalog) as store:
        store.append("facts_of_bank", {1: [row_of(row_key=1, event_time=MOMENT - 1000 * DAY), row_of(row_key=2)]})
        facts = store.read("facts_of_bank", 1)
    assert facts is not None
    assert facts.key.tolist() == [2]


def test_facts_kept_for_other_definitions_are_not_added_to(tmp_path: Path) -> None:
    one = Layout(table="facts_of_bank", columns=(("visits", Kind.INTEGER),), keeps=DAY)
    other = Layout(table="facts_of_bank", columns=(("amount", Kind.MONEY),), keeps=DAY)
    with FactStore(tmp_path, [one]) as store:
        store.fill([("facts_of_bank", 1, [row_of()])])
        assert store.is_current
    with FactStore(tmp_path, [other]) as store:
        assert not store.is_current
        with pytest.raises(WarehouseError, match="kept for other definitions"):
            store.append("facts_of_bank", {1: [row_of()]})


def test_a_tag_without_a_kernel_cannot_be_live() -> None:
    with pytest.raises(ConfigurationError, match=r"tag 'tag_0' cannot be live: no kernel computes cast\(\) of a text"):
        live_plans(catalog_of({"value": "max(cast(city as integer))", "window": "3 days"}))
