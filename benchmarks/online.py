"""One customer's row and events: what it takes to find them, and to keep them ready.

Peers are what somebody would do without such a file: SQLite with the same record under a primary key, and a look into
the Parquet file of the snapshot with DuckDB.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lingque.catalog.expressions.types import Kind
from lingque.core.clock import Instant
from lingque.core.ids import RunId
from lingque.profile.fact_store import FactStore, Filled
from lingque.profile.facts import Layout
from lingque.profile.kernel.segments import Links
from lingque.profile.online import OnlineFile
from lingque.profile.rows import RowsOf, RowStore

TAGS, ROUNDS, EVENTS, DAY = 120, 5_000, 100, 86_400_000_000
NOW = Instant(1_780_000_000_000_000)
LAYOUT = Layout(
    table="transactions",
    columns=(("amount", Kind.MONEY), ("balance", Kind.MONEY), ("category", Kind.TEXT), ("channel", Kind.TEXT)),
    keeps=400 * DAY,
)


def main() -> None:
    """Print the figures; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--full", action="store_true", help="a million customers")
    options = parser.parse_args()
    customers = 1_000_000 if options.full else options.customers
    began, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        rows, peers, same = _rows(Path(folder), customers)
        facts = _facts(Path(folder), customers)
    print(json.dumps({
        "name": "online",
        "size": {"customers": customers, "tags": TAGS, "events": customers * EVENTS},
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "peers": {name: micro / 1e6 for name, micro in peers.items()},
        "ratios": {name: micro / rows["p50_us"] for name, micro in peers.items()},
        "checks": {"same_row": same, "all_events": facts.pop("whole")},
        "extra": {"rows": rows, "facts": facts},
    }))  # fmt: skip


def _rows(folder: Path, customers: int) -> tuple[dict[str, float], dict[str, float], bool]:
    snapshot = _snapshot(customers)
    path = folder / "snapshot.parquet"
    pq.write_table(snapshot, path, compression="zstd", row_group_size=131_072)
    names = snapshot.column_names[1:]
    store = RowStore(OnlineFile(folder / "online"))
    kept = RowsOf.of(snapshot.schema, names, run_id=RunId("run"), as_of=date(2026, 6, 1))
    began = time.process_time()
    store.fill(kept, (snapshot.slice(first, 32_768) for first in range(0, customers, 32_768)))
    filled = time.process_time() - began
    chance = np.random.default_rng(7).integers(0, customers, ROUNDS).tolist()
    found = _timed(lambda number: store.read(chance[number], names), ROUNDS)
    few = names[:10]
    ten = _timed(lambda number: store.read(chance[number], few), ROUNDS)
    connection = sqlite3.connect(folder / "rows.db")
    connection.execute("CREATE TABLE rows (customer_id INTEGER PRIMARY KEY, row TEXT)")
    known = set(chance)
    asked = (row for row in snapshot.to_pylist() if row["customer_id"] in known)
    texts = ((row["customer_id"], json.dumps(row, default=str)) for row in asked)
    connection.executemany("INSERT INTO rows VALUES (?, ?)", texts)
    connection.commit()
    by_sqlite = _timed(
        lambda number: json.loads(
            connection.execute("SELECT row FROM rows WHERE customer_id = ?", (chance[number],)).fetchone()[0]
        ),
        ROUNDS,
    )
    engine = duckdb.connect()
    sql = f"SELECT * FROM read_parquet('{path}') WHERE customer_id = ?"
    by_duckdb = _timed(lambda number: engine.execute(sql, (chance[number],)).fetchall(), 20)
    row, wanted = store.read(chance[0], names), snapshot.slice(chance[0], 1).to_pylist()[0]
    same = row is not None and row.values == {name: wanted[name] for name in names}
    figures = {
        "p50_us": statistics.median(found), "p99_us": float(np.quantile(found, 0.99)),
        "p50_us_of_ten_tags": statistics.median(ten), "fill_us_per_customer": filled / customers * 1e6,
    }  # fmt: skip
    return figures, {"sqlite": statistics.median(by_sqlite), "duckdb": statistics.median(by_duckdb)}, same


def _facts(folder: Path, customers: int) -> dict[str, Any]:
    store = FactStore(OnlineFile(folder / "facts"))
    filled = Filled(
        place=0, layouts=(LAYOUT,), links="", filled_at=NOW, parts={LAYOUT.table: {}}, versions={},
        since={LAYOUT.table: Instant(NOW - LAYOUT.keeps)}, newest={LAYOUT.table: NOW},
    )  # fmt: skip
    nobody = np.empty(0, np.int64)
    store.begin(filled, Links(parties=nobody, customers=nobody))
    anew = follow = 0.0
    step = 10_000
    for first in range(0, customers, step):
        some = np.arange(first, min(customers, first + step))
        rows = _events(some, EVENTS, part=0)
        began = time.process_time()
        store.add(filled, LAYOUT.table, rows)
        anew += time.process_time() - began
    store.finish(filled)
    touched = np.arange(0, customers, 2)  # a day touches about half of them
    for first in range(0, len(touched), step):
        some = touched[first : first + step]
        rows = _events(some, 1, part=1)
        began = time.process_time()
        store.follow(filled, LAYOUT.table, rows, some, instead_of=[1])
        follow += time.process_time() - began
    one, other = store.read(LAYOUT.table, 0), store.read(LAYOUT.table, 1)
    whole = one is not None and other is not None and (len(one.time), len(other.time)) == (EVENTS + 1, EVENTS)
    return {
        "whole": whole, "anew_us_per_customer": anew / customers * 1e6,
        "follow_us_per_customer": follow / len(touched) * 1e6,
        "file_gb": (folder / "facts" / "data.mdb").stat().st_size / 2**30,
    }  # fmt: skip


def _snapshot(customers: int) -> pa.Table:
    generator = np.random.default_rng(1)
    columns: dict[str, Any] = {"customer_id": pa.array(np.arange(customers), pa.int64())}
    texts = pa.array([f"category-{number}" for number in range(20)])
    for number in range(TAGS):
        gaps = generator.random(customers) < 0.1
        whole = generator.integers(0, 1_000_000, customers)
        columns[f"tag_{number}"] = (
            pa.array(whole, mask=gaps),
            pa.array(whole / 7, mask=gaps),
            pa.array(whole % 2 == 0, mask=gaps),
            texts.take(pa.array(whole % 20, mask=gaps)),
            pa.array((whole % 20_000).astype(np.int32), pa.int32(), mask=gaps).cast(pa.date32()),
        )[number % 10 if number % 10 < 5 else 0]
    return pa.table(columns)


def _events(customers: np.ndarray[Any, Any], each: int, *, part: int) -> pa.Table:
    generator = np.random.default_rng(int(customers[0]) + part)
    count = len(customers) * each
    whose = np.repeat(customers, each)
    when = NOW - generator.integers(0, 365 * DAY, count)
    texts = pa.array([f"text-{number}" for number in range(30)])
    columns = {
        "customer_id": whose, "party_id": whose, "event_time": when, "known_at": when,
        "row_key": np.arange(count), "part": np.full(count, part),
        "amount": generator.integers(1, 100_000, count), "balance": generator.integers(1, 100_000, count),
        "category": texts.take(pa.array(generator.integers(0, 30, count))),
        "channel": texts.take(pa.array(generator.integers(0, 4, count))),
    }  # fmt: skip
    return pa.table(columns, LAYOUT.schema)


def _timed(call: Callable[[int], Any], rounds: int) -> list[float]:
    """Microseconds of CPU per call."""
    found = []
    for number in range(rounds):
        began = time.process_time_ns()
        call(number)
        found.append((time.process_time_ns() - began) / 1000)
    return found


if __name__ == "__main__":
    main()
