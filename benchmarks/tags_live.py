"""One customer's live tags: what it takes with and without finding her facts."""

from __future__ import annotations

import statistics
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from benchmarks.tags_definitions import CATEGORIES, CHANNELS, definitions
from lingque.catalog.build import build_catalog
from lingque.catalog.yaml_files import read_definitions
from lingque.core.clock import BusinessCalendar, Instant
from lingque.profile.aggregating import Kernels
from lingque.profile.fact_store import FactStore, Filled
from lingque.profile.facts import Layout
from lingque.profile.kernel.columns import TextAnswers
from lingque.profile.kernel.compiled import KernelCache
from lingque.profile.kernel.segments import Links
from lingque.profile.live import LiveTags, layouts_of, live_plans
from lingque.profile.online import OnlineFile
from lingque.warehouse.engine import RowEngine

AS_OF = date(2026, 6, 1)
CUSTOMERS, EVENTS, ROUNDS = 200, 500, 2_000


def live(folder: Path) -> dict[str, Any]:
    """Microseconds of the median customer with 500 events; compilation, cold and from disk, in seconds."""
    (folder / "definitions").mkdir(parents=True)
    (folder / "definitions" / "live.yaml").write_text(definitions(live=True), encoding="utf-8")
    catalog = build_catalog(read_definitions(folder))
    calendar = BusinessCalendar(ZoneInfo("Asia/Shanghai"))
    plans = live_plans(catalog)
    compiled = {"cold": _compiled(plans, folder / "kernels"), "cached": _compiled(plans, folder / "kernels")}
    kernels = Kernels(cache=KernelCache(folder / "kernels"), answers=TextAnswers(RowEngine().ask))
    at = Instant(calendar.start_of(AS_OF) - 1)
    store = _filled(folder / "online", layouts_of(plans), at)
    tags = LiveTags(catalog, store, calendar=calendar, kernels=kernels)
    tags.values(0, at)
    facts = {("transactions", customer): store.read("transactions", customer) for customer in range(CUSTOMERS)}
    found = _median(lambda number: tags.values(number % CUSTOMERS, at))
    held = LiveTags(catalog, _Held(facts), calendar=calendar, kernels=kernels)
    held.values(0, at)
    computed = _median(lambda number: held.values(number % CUSTOMERS, at))
    tomorrow = tags.values(0, Instant(at + 86_400_000_000))
    return {
        "tags": len(tomorrow), "events": EVENTS, "microseconds": computed, "microseconds_with_look_up": found,
        "compilation_seconds": compiled,
    }  # fmt: skip


def _filled(folder: Path, layouts: list[Layout], at: Instant) -> FactStore:
    (layout,) = layouts
    store = FactStore(OnlineFile(folder))
    filled = Filled(
        place=0, layouts=(layout,), links="", filled_at=at, parts={layout.table: {}}, versions={},
        since={layout.table: Instant(at - layout.keeps)}, newest={layout.table: at},
    )  # fmt: skip
    nobody = np.empty(0, np.int64)
    store.begin(filled, Links(parties=nobody, customers=nobody))
    rows = [
        {"customer_id": customer, "party_id": customer, "part": 0} | event
        for customer in range(CUSTOMERS)
        for event in _events(customer, at)
    ]
    columns = {one.name: pa.array([row[one.name] for row in rows], one.type) for one in layout.schema}
    store.add(filled, layout.table, pa.table(columns))
    store.finish(filled)
    return store


class _Held:
    """Facts that were found before."""

    def __init__(self, facts: dict[tuple[str, int], Any]) -> None:
        self._facts = facts

    def read(self, table: str, customer_id: int) -> Any:
        return self._facts[table, customer_id]


def _compiled(plans: list[Any], folder: Path) -> float:
    cache, began = KernelCache(folder), time.process_time()
    for plan in plans:
        for kernel in plan.kernels:
            cache.compiled(kernel)
    return time.process_time() - began


def _median(call: Any) -> float:
    seconds = []
    for number in range(ROUNDS):
        began = time.process_time_ns()
        call(number)
        seconds.append((time.process_time_ns() - began) / 1000)
    return statistics.median(seconds)


def _events(customer: int, at: int) -> list[dict[str, Any]]:
    generator = np.random.default_rng(customer)
    day = int(timedelta(days=1).total_seconds()) * 1_000_000
    when = at - generator.integers(0, 365 * day, EVENTS)
    return [
        {
            "event_time": int(when[number]), "known_at": int(when[number]), "row_key": number,
            "direction": ("credit", "debit")[int(generator.integers(2))],
            "category": CATEGORIES[int(generator.integers(len(CATEGORIES)))],
            "channel": CHANNELS[int(generator.integers(len(CHANNELS)))],
            "merchant": f"merchant-{int(generator.integers(60)):06d}",
            "amount": int(generator.integers(1, 100_000)), "balance": int(generator.integers(1, 100_000)),
        }
        for number in range(EVENTS)
    ]  # fmt: skip
