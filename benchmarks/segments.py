"""What it costs to ask about segments: counts on bits and on columns, ids, overlaps; and to find one customer's rows.

The peer is DuckDB over the same files, in the same run: the snapshot's file, and the columns it needs as a table in
memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from lingque.catalog.expressions.parse import parse_condition
from lingque.catalog.expressions.to_sql import row_sql
from lingque.catalog.expressions.types import BOOLEAN, INTEGER, NUMBER, TEXT, Type, money
from lingque.core.hashing import bucket_of
from lingque.core.ids import RunId
from lingque.profile.bitmaps import Bitmaps, build_bitmaps, count_bits
from lingque.profile.segments import MOST_COMPARED, OpenedSnapshot
from lingque.warehouse.engine import RowEngine
from lingque.warehouse.parquet import write_parquet
from lingque.warehouse.points import PointReader
from lingque.warehouse.tables import DeltaTables, Slice

AS_OF = date(2026, 6, 1)
DEFAULT_CUSTOMERS, FULL_CUSTOMERS = 1_000_000, 10_000_000
ROUNDS, PEER_ROUNDS = 15, 5
MADE_AT_ONCE = 131_072
SEGMENTS = MOST_COMPARED
TYPES: dict[str, Type] = {
    **{f"segment_{number}": BOOLEAN for number in range(SEGMENTS)},
    "tier": TEXT,
    "city": TEXT,
    "age": INTEGER,
    "risk_grade": INTEGER,
    "balance": money("CNY"),
    "spending": money("CNY"),
    "score": NUMBER,
    "visits_year": INTEGER,
    "turnover": money("CNY"),
}
INDEXED = "segment_0 and not segment_1 and tier in ('gold', 'silver') and age between 30 and 60 and risk_grade >= 2"
COLUMNS = (
    "balance > cny(20000) and spending between cny(100) and cny(50000) and score > 0.2"
    " and visits_year >= 300 and turnover > balance"
)
MIXED = "age > 30 and segment_0 and balance > cny(50000)"
TENTH = "segment_2"
FIRST_TIME = ("balance", "score", "visits_year", "spending", "turnover")
"""A column each that nobody has asked for yet: money, a number, a count. Then `COLUMNS` finds them held."""


def segments(*, customers: int) -> dict[str, Any]:
    """The figures as `--help` of this module's command describes them."""
    with tempfile.TemporaryDirectory(prefix="lingque-segments-") as name:
        folder = Path(name)
        file = folder / "snapshot.parquet"
        _write_snapshot(file, customers)
        began = time.process_time()
        build_bitmaps(file, folder / "snapshot.bits")
        building = time.process_time() - began
        opened = OpenedSnapshot(file, Bitmaps(folder / "snapshot.bits"), AS_OF, RowEngine(threads=2).ask)
        found = _measured(opened, file)
        found["extra"]["rows of a customer"] = _points(folder, min(customers, 1_000_000))
        found["extra"] |= {
            "building": building,
            "bitmaps_mb": (folder / "snapshot.bits").stat().st_size / 1e6,
            "snapshot_mb": file.stat().st_size / 1e6,
        }
        return found


def _measured(opened: OpenedSnapshot, file: Path) -> dict[str, Any]:
    ours: dict[str, float] = {}
    peers: dict[str, float] = {}
    checks: dict[str, bool] = {}
    cpu: dict[str, float] = {}
    for name in FIRST_TIME:
        node = parse_condition(f"{name} > {name}", TYPES)
        ours[f"first time, {name}"] = _median(partial(opened.count, node), 1, cpu, f"first time, {name}")
    needed = sorted({name for name in TYPES if any(name in text for text in (INDEXED, COLUMNS, MIXED))})
    with duckdb.connect() as engine:
        engine.execute("SET threads = 2")
        listed = ", ".join(needed)
        engine.execute(f"CREATE TABLE held AS SELECT {listed} FROM read_parquet('{file}')")
        for what, text in (("indexed", INDEXED), ("columns", COLUMNS), ("mixed", MIXED)):
            condition = parse_condition(text, TYPES)
            sql = f"SELECT count(*) FROM {{}} WHERE {row_sql(condition, as_of=AS_OF)}"
            ours[what] = _median(lambda node=condition: opened.count(node), ROUNDS, cpu, what)
            for peer, place in (("duckdb file", f"read_parquet('{file}')"), ("duckdb table", "held")):
                question = sql.format(place)
                ask = partial(_ask, engine, question)
                peers[f"{peer}, {what}"] = _median(ask, PEER_ROUNDS, cpu, f"{peer}, {what}")
                (wanted,) = engine.execute(question).fetchall()
                checks[f"{peer}, {what}"] = wanted[0] == opened.count(condition)
    nodes = [parse_condition(f"segment_{number}", TYPES) for number in range(SEGMENTS)]
    (tenth,) = opened.members([parse_condition(TENTH, TYPES)])
    ours["ids"] = _median(lambda: opened.ids(tenth), ROUNDS, cpu, "ids")
    ours["overlap"] = _median(lambda: opened.overlap(opened.members(nodes)), 5, cpu, "overlap")
    matrix = opened.overlap(opened.members(nodes))
    checks["overlap"] = all(matrix[n][n] == opened.count(node) for n, node in enumerate(nodes))
    checks["ids"] = len(opened.ids(tenth)) == count_bits(tenth)
    return {
        "seconds": ours,
        "peers": peers,
        "ratios": {name: seconds / ours[name.rpartition(", ")[2]] for name, seconds in peers.items()},
        "checks": checks,
        "extra": {"ids": count_bits(tenth), "rounds": ROUNDS, "cpu": cpu},
    }


def _ask(engine: duckdb.DuckDBPyConnection, question: str) -> list[Any]:
    return engine.execute(question).fetchall()


def _points(folder: Path, customers: int) -> dict[str, float]:
    """Milliseconds of CPU to find the rows of one customer in a table of twenty rows for each, in the median and at the
    99th percentile; of DuckDB in the median."""
    random = np.random.default_rng(9)
    ids = np.unique(random.integers(1, 2**63 - 1, customers))
    buckets = bucket_of(ids, buckets=64)
    order = np.lexsort((ids, buckets))
    count = len(ids) * 20
    who = np.repeat(order, 20)
    rows = pa.table(
        {
            "customer_id": ids[who],
            "bucket": buckets[who],
            "event_time": random.integers(0, 2**50, count),
            "amount": random.integers(0, 10**7, count),
            "kind": pa.array(random.integers(0, 30, count)).cast(pa.string()),
            "balance": random.integers(0, 10**9, count),
        }
    )
    tables = DeltaTables(folder / "tables")
    target = Slice(table="transactions", name="all", order=("bucket", "customer_id"))
    version = tables.commit(target, rows, run_id=RunId("made"), published=None)
    del rows, who
    reader = PointReader(tables, buckets=64)
    reader.make_ready("transactions", version)
    reader.rows("transactions", version, [int(ids[0])])
    asked = ids[random.integers(0, len(ids), 200)].tolist()
    ours = [_cpu(lambda one=one: reader.rows("transactions", version, [one])) for one in asked]
    (file,) = tables.files("transactions", version)
    with duckdb.connect() as engine:
        engine.execute("SET threads = 1")
        question = f"SELECT * FROM read_parquet('{file}') WHERE customer_id = {{}}"
        theirs = [_cpu(lambda one=one: engine.execute(question.format(one)).fetchall()) for one in asked[:20]]
    return {
        "p50": 1000 * statistics.median(ours),
        "p99": 1000 * float(np.quantile(ours, 0.99)),
        "duckdb p50": 1000 * statistics.median(theirs),
    }


def _cpu(call: Callable[[], Any]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _write_snapshot(file: Path, customers: int) -> None:
    write_parquet(file, _snapshot(customers))


def _snapshot(customers: int) -> Iterator[pa.Table]:
    """Drawn values in the order of a hash, as a snapshot's are; some of each are missing."""
    random = np.random.default_rng(5)
    with_text = {"tier": ("basic", "silver", "gold", "black"), "city": tuple(f"city {number}" for number in range(60))}
    for first in range(0, customers, MADE_AT_ONCE):
        size = min(MADE_AT_ONCE, customers - first)
        columns: dict[str, pa.Array] = {"customer_id": pa.array(np.sort(random.integers(1, 2**63 - 1, size)))}
        for number in range(SEGMENTS):
            share = 0.1 if number == 2 else 0.82 - 0.04 * number
            columns[f"segment_{number}"] = _some(random, random.random(size) < share, known=0.97)
        for name, words in with_text.items():
            codes = pa.array(random.integers(0, len(words), size), pa.int32())
            columns[name] = pa.DictionaryArray.from_arrays(codes, pa.array(words)).cast(pa.string())
        columns["age"] = _some(random, random.integers(18, 95, size), known=0.98)
        columns["risk_grade"] = _some(random, random.integers(1, 6, size), known=0.7)
        for name in ("balance", "spending", "turnover"):
            columns[name] = pa.array(np.exp(random.normal(14, 2, size)).astype(np.int64))
        columns["score"] = _some(random, random.random(size), known=0.9)
        columns["visits_year"] = pa.array(random.integers(0, 1000, size))
        yield pa.table(columns)


def _some(random: np.random.Generator, values: np.ndarray, *, known: float) -> pa.Array:
    return pa.array(values, mask=random.random(len(values)) >= known)


def _median(call: Callable[[], Any], rounds: int, cpu: dict[str, float], what: str) -> float:
    """Seconds by the wall clock, for several threads work on some of it; those of CPU go into `cpu`."""
    seconds, of_cpu = [], []
    for _ in range(rounds):
        began, before = time.perf_counter(), time.process_time()
        call()
        seconds.append(time.perf_counter() - began)
        of_cpu.append(time.process_time() - before)
    cpu[what] = statistics.median(of_cpu)
    return statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=DEFAULT_CUSTOMERS, help="customers")
    parser.add_argument("--full", action="store_true", help=f"{FULL_CUSTOMERS:,} customers")
    arguments = parser.parse_args()
    customers = FULL_CUSTOMERS if arguments.full else arguments.size
    began, before = time.perf_counter(), time.process_time()
    found = segments(customers=customers)
    for what, seconds in found["seconds"].items():
        cpu_ms = 1000 * found["extra"]["cpu"].get(what, float("nan"))
        print(f"{what}: {1000 * seconds:.2f} ms, {cpu_ms:.2f} ms of CPU")
    for what, seconds in found["peers"].items():
        cpu_ms = 1000 * found["extra"]["cpu"][what]
        print(f"  {what}: {1000 * seconds:.1f} ms, {cpu_ms:.1f} ms of CPU; {found['ratios'][what]:.1f} times as long")
    print(
        json.dumps(
            {
                "name": "segments",
                "size": {"customers": customers},
                "seconds": time.perf_counter() - began,
                "cpu_seconds": time.process_time() - before,
                "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
                "peers": found["peers"],
                "ratios": found["ratios"],
                "checks": found["checks"],
                "extra": found["extra"] | {"ours": found["seconds"]},
            }
        )
    )


if __name__ == "__main__":
    main()
