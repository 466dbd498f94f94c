"""A hundred tags of a bank's customers from their transactions, against a bare scan of the same columns and peers.

    python -m benchmarks.tags [--customers N] [--transactions N] [--peers all|none] [--full | --size large]

Ours is what `lingque tags run` does: from the table's published files to the published snapshot. The scan reads the
columns that the run reads, with as many threads, and does nothing with them. Peers compute the same aggregates: DuckDB
grouped by customer and age band and then cumulated (its best form, far better than one FILTER per tag; at once and
bucket by bucket), Polars and ClickHouse (chdb) bucket by bucket; what each lacks is left out for it and said. Every one
runs in a process of its own, whose memory is what is reported. `--full`: a million customers, a hundred million
transactions; `--size large`: ten million and three hundred million, without peers.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import tags_live
from benchmarks.tags_definitions import CATEGORIES, CHANNELS, DERIVED, definitions, measured
from lingque.bootstrap import create_workspace, open_workspace
from lingque.core.clock import BusinessCalendar
from lingque.core.hashing import bucket_of
from lingque.core.ids import RunId
from lingque.flow.intake import apply, catalog_of
from lingque.govern.access import User, add_user
from lingque.govern.contracts import Principal, Role
from lingque.store.runs import Run, finish_run, published_versions
from lingque.warehouse.parquet import write_parquet
from lingque.warehouse.tables import Slice, SortedFile

# only the peers bring pandas along, and pyarrow loads it at the first array where it is installed: not on our clock
with suppress(ImportError):
    import pandas  # noqa: F401 - imported for what importing it costs

AS_OF = date(2026, 6, 1)
DAYS = 400
MERCHANTS = 50_000
OPERATOR = User(name="operator", person="operator", roles=frozenset({Role.OPERATOR}))
ACTING = Principal(user=OPERATOR.name, person=OPERATOR.person, roles=OPERATOR.roles)
SETTINGS = """
[workspace]
name = "tags"
buckets = {buckets}

[warehouse]
memory_limit = "512MB"
threads = 2
"""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is made."""

    customers: int
    transactions: int

    @property
    def buckets(self) -> int:
        """Some fifteen thousand customers in each, and not fewer than eight."""
        return next((count for count in (8, 64) if count * 20_000 >= self.customers), 256)


SIZES = {
    "small": Size(customers=20_000, transactions=2_000_000),
    "full": Size(customers=1_000_000, transactions=100_000_000),
    "large": Size(customers=10_000_000, transactions=300_000_000),
}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One contender's run, in a process of its own."""

    seconds: float
    cpu_seconds: float
    peak_gb: float
    answer: Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--customers", type=int, default=0, help="instead of the size's")
    parser.add_argument("--transactions", type=int, default=0, help="instead of the size's")
    parser.add_argument("--peers", choices=("all", "none"), default="all")
    parser.add_argument("--full", action="store_true", help="the size that the issue names")
    parser.add_argument("--size", choices=tuple(SIZES), default="small", help="large goes without peers")
    chosen = parser.parse_args()
    named = SIZES["full" if chosen.full else chosen.size]
    size = Size(customers=chosen.customers or named.customers, transactions=chosen.transactions or named.transactions)
    folder = Path(tempfile.mkdtemp(prefix="tags-"))
    try:
        print(json.dumps(measure(folder, size, peers=chosen.peers == "all" and named is not SIZES["large"])))
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, size: Size, *, peers: bool) -> dict[str, Any]:
    """Every figure and every check."""
    _in_process(_make, folder, size)
    ours = _in_process(_nightly, folder, AS_OF)
    print(f"kernel {ours.seconds:.2f} s, {ours.cpu_seconds:.2f} CPU s, {ours.peak_gb:.2f} GB: {ours.answer}")
    base = _files(folder, "transactions")
    again = _in_process(_nightly, folder, AS_OF - timedelta(days=1))
    print(f"again  {again.seconds:.2f} s, {again.cpu_seconds:.2f} CPU s, {again.peak_gb:.2f} GB: {again.answer}")
    scan = _in_process(_scan, folder)
    print(f"scan   {scan.seconds:.2f} s, {scan.cpu_seconds:.2f} CPU s")
    added = _in_process(_one_more_day, folder, size)
    nightly = _in_process(_nightly, folder, AS_OF + timedelta(days=1))
    print(f"nightly {nightly.seconds:.2f} s, {nightly.cpu_seconds:.2f} CPU s: base and {added.answer} rows of one day")
    asked = _in_process(tags_live.live, folder / "live")
    print(f"live   {asked.answer}")
    found: dict[str, Measured] = {}
    checks: dict[str, bool] = {}
    if peers:
        from benchmarks import tags_peers  # not above: every process loads this module, and ours has no use for theirs
    for name, peer in tags_peers.PEERS.items() if peers else ():
        found[name] = _in_process(peer, base, AS_OF)
        checks[f"{name}_equal"] = tags_peers.equal(_snapshot_of(folder), found[name].answer)
        print(f"{name} {found[name].seconds:.2f} s, {found[name].cpu_seconds:.2f} CPU s, {found[name].peak_gb:.2f} GB")
    return {
        "name": "tags",
        "size": {
            "customers": size.customers,
            "transactions": size.transactions,
            "tags": len(measured()) + len(DERIVED),
        },
        "seconds": again.seconds,
        "cpu_seconds": again.cpu_seconds,
        "peak_gb": again.peak_gb,
        "peers": {"scan": scan.cpu_seconds, **{name: one.cpu_seconds for name, one in found.items()}},
        "ratios": {
            "of_scan": again.cpu_seconds / scan.cpu_seconds,
            **{name: one.cpu_seconds / again.cpu_seconds for name, one in found.items()},
        },
        "checks": checks,
        "extra": {
            "first_run_with_compilation_seconds": ours.seconds,
            "nightly_with_one_day_more": {"seconds": nightly.seconds, "cpu_seconds": nightly.cpu_seconds},
            "live": asked.answer,
        },
    }


# Data


def _make(folder: Path, size: Size) -> None:
    """A workspace whose tables stand as an ingest leaves them: base files in order, under published versions."""
    settings = create_workspace(folder)
    settings.write_text(SETTINGS.format(buckets=size.buckets), encoding="utf-8")
    shutil.rmtree(folder / "data")
    create_workspace(folder)
    (folder / "definitions" / "bank.yaml").write_text(definitions(), encoding="utf-8")
    with open_workspace(folder) as application:
        services = application.services
        with services.database.transaction() as connection:
            add_user(connection, OPERATOR, at=services.clock.now())
        apply(services, ACTING)
        ids = np.random.default_rng(1).permutation(np.arange(1, size.customers + 1, dtype=np.int64)) * 7_919_777_777
        home = bucket_of(ids, buckets=size.buckets)
        order = np.lexsort((ids, home))
        ids, home = ids[order], home[order]
        made = {"customers": _customers(ids, home), "transactions": _transactions(ids, home, size, services.calendar)}
        for name, batches in made.items():
            time_column = "valid_from" if name == "customers" else "event_time"
            file = _written(folder / "data" / f"{name}.parquet", batches)
            target = Slice(table=name, name="all", order=("bucket", "customer_id", time_column, "row_key"))
            version = services.tables.commit(target, file, run_id=RunId(f"make-{name}"), published=None)
            run = Run(
                run_id=RunId(f"make-{name}"), kind="ingest", subject=f"core_{name}/2026-06-01",
                finished_at=services.clock.now(), summary={},
            )  # fmt: skip
            with services.database.transaction() as connection:
                finish_run(connection, run, published={name: version})


def _written(path: Path, batches: Iterator[pa.Table]) -> SortedFile:
    first = next(batches)
    write_parquet(path, chain([first], batches), required=first.column_names)
    return SortedFile(path=path)


def _customers(ids: np.ndarray, home: np.ndarray) -> Iterator[pa.Table]:
    count = len(ids)
    yield pa.table(
        {
            "row_key": ids, "party_id": ids, "customer_id": ids, "bucket": home,
            "valid_from": np.zeros(count, np.int64), "known_at": np.zeros(count, np.int64),
            "ended": np.zeros(count, bool), "segment": pa.array(["mass"] * count),
        }
    )  # fmt: skip


def _transactions(ids: np.ndarray, home: np.ndarray, size: Size, calendar: BusinessCalendar) -> Iterator[pa.Table]:
    """Skewed as a bank's: a tenth of the customers makes half of the payments, merchants follow a power law."""
    generator = np.random.default_rng(2)
    end = calendar.start_of(AS_OF)
    day = 86_400_000_000
    weights = generator.pareto(2.0, len(ids)) + 0.2
    counts = generator.poisson(weights * (size.transactions / weights.sum()))
    merchants = pa.array([f"merchant-{number:06d}" for number in range(MERCHANTS)])
    first_key, span = 0, DAYS * day
    edges = np.searchsorted(home, np.arange(size.buckets + 1))
    for bucket in range(size.buckets):
        inside = slice(edges[bucket], edges[bucket + 1])
        whose = np.repeat(np.arange(edges[bucket + 1] - edges[bucket]), counts[inside])
        count = len(whose)
        placed = np.sort(whose * span + generator.integers(0, span, count))  # by customer, then by time
        party, when = ids[inside][placed // span], end - span + placed % span
        amount = (np.exp(generator.normal(9.0, 1.5, count)) + 1).astype(np.int64)
        picked = (generator.power(0.2, count) * MERCHANTS).astype(np.int32)
        columns = {
            "row_key": np.arange(first_key, first_key + count), "party_id": party, "customer_id": party,
            "bucket": np.full(count, bucket, np.int32), "event_time": when,
            "known_at": (when // day + 1) * day,
            "direction": _coded(generator.choice(2, count, p=[0.25, 0.75]), ["credit", "debit"]),
            "category": _coded(generator.integers(0, len(CATEGORIES), count), CATEGORIES),
            "channel": _coded(generator.integers(0, len(CHANNELS), count), CHANNELS),
            "merchant": pa.DictionaryArray.from_arrays(picked, merchants),
            "amount": amount, "balance": amount * 3,
        }  # fmt: skip
        first_key += count
        yield pa.table(columns)


def _coded(codes: np.ndarray, texts: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), pa.array(texts))


# What is measured


def _nightly(folder: Path, as_of: date) -> dict[str, Any]:
    with open_workspace(folder) as application:
        services = application.services
        report = services.profile.snapshot(catalog_of(services), as_of, actor=OPERATOR.name)
    return {"customers": report.customers}


def _one_more_day(folder: Path, size: Size) -> int:
    """The next day's delivery beside the base."""
    with open_workspace(folder) as application:
        services = application.services
        with services.database.reading() as connection:
            versions = published_versions(connection)
        (base,) = services.tables.files("transactions", versions["transactions"])
        day = 86_400_000_000
        wanted = max(size.transactions // DAYS, 1)
        groups = pq.read_metadata(base).num_row_groups
        per_group = -(-wanted // groups)
        begin = services.calendar.start_of(AS_OF)
        parts = []
        with pq.ParquetFile(base) as file:
            for number in range(groups):
                rows = file.read_row_group(number)
                rows = rows.take(np.linspace(0, rows.num_rows - 1, min(per_group, rows.num_rows)).astype(np.int64))
                parts.append(rows)
        rows = pa.concat_tables(parts)
        when = begin + np.arange(rows.num_rows, dtype=np.int64) % day
        changed = {"event_time": when, "known_at": np.full(rows.num_rows, begin + day)}
        for name, values in changed.items():
            rows = rows.set_column(rows.column_names.index(name), name, pa.array(values, pa.int64()))
        keys = pa.array(rows.column("row_key").to_numpy() + size.transactions * 2)
        rows = rows.set_column(rows.column_names.index("row_key"), "row_key", keys)
        order = ("bucket", "customer_id", "event_time", "row_key")
        rows = rows.sort_by([(name, "ascending") for name in order])
        target = Slice(table="transactions", name="2026-06-01", order=order)
        version = services.tables.commit(target, rows, run_id=RunId("make-day"), published=versions["transactions"])
        run = Run(
            run_id=RunId("make-day"), kind="ingest", subject="core_transactions/2026-06-02",
            finished_at=services.clock.now(), summary={},
        )  # fmt: skip
        with services.database.transaction() as connection:
            finish_run(connection, run, published={"transactions": version})
    return int(rows.num_rows)


def _files(folder: Path, table: str) -> list[Path]:
    with open_workspace(folder) as application:
        services = application.services
        with services.database.reading() as connection:
            version = published_versions(connection)[table]
        return services.tables.files(table, version)


def _snapshot_of(folder: Path) -> pa.Table:
    with open_workspace(folder) as application, application.services.database.reading() as connection:
        return application.services.profile.tags_of(connection, AS_OF)


def _scan(folder: Path) -> int:
    """The same columns from the same files, by as many threads; texts as codes, as the kernel reads them."""
    texts = ["direction", "category", "channel", "merchant"]
    columns = ["party_id", "event_time", "amount", "balance", *texts]
    paths = _files(folder, "transactions")
    work = [(path, number) for path in paths for number in range(pq.read_metadata(path).num_row_groups)]

    def read(one: tuple[Path, int]) -> int:
        with pq.ParquetFile(one[0], memory_map=True, read_dictionary=texts) as file:
            return int(file.read_row_group(one[1], columns=columns, use_threads=False).num_rows)

    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(read, work))


def _in_process(function: Callable[..., Any], *arguments: Any) -> Measured:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_timed, function, arguments).result()


def _timed(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Measured:
    gc.freeze()  # what importing all contenders' libraries left is not looked through again on anybody's clock
    began, cpu = time.perf_counter(), time.process_time()
    answer = function(*arguments)
    gc.unfreeze()
    return Measured(
        seconds=time.perf_counter() - began,
        cpu_seconds=time.process_time() - cpu,
        peak_gb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
        answer=answer,
    )


if __name__ == "__main__":
    main()
