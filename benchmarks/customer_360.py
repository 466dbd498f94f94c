"""Everything of one customer in one call, at a bank of any size: milliseconds, and where they go.

A small simulated bank is ingested and its tags are computed. Each of its customers then stands for many: their rows in
every table, their tags and their consents are written again under other numbers, until there are as many customers as
asked for. The vault knows the identifiers of those who are asked about.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import delete, insert, select

from lingque.bootstrap import Application, open_workspace
from lingque.core.clock import BusinessCalendar
from lingque.core.hashing import Int64s, bucket_of
from lingque.core.ids import CustomerId, PartyId, RunId
from lingque.core.reasons import Refusal
from lingque.entry.demo import PEOPLE, lay_out
from lingque.entry.demo.world import StoryClock
from lingque.flow.customer_360 import Customer360, customer_360
from lingque.flow.intake import apply, catalog_of, ingest, make_ready, run_tags
from lingque.flow.services import Services
from lingque.govern.access import add_user
from lingque.govern.contracts import Principal, Role
from lingque.govern.tables import consents, subjects
from lingque.profile.contracts import SNAPSHOT_RUN, SNAPSHOT_TABLE
from lingque.settings import load_settings
from lingque.store.runs import finish_run, newest_run, published_versions, subjects_of
from lingque.testing import MemoryChannel
from lingque.twin.bank import Twin
from lingque.twin.presets import parameters_of
from lingque.twin.systems.all import EXTRACTS
from lingque.warehouse.parquet import write_parquet
from lingque.warehouse.tables import Slice, SortedFile

DEFAULT_CUSTOMERS, MODELS, ASKED, WARM = 20_000, 1_000, 400, 40
_AT_ONCE = 8_192
_ACTORS = {role: Principal(user=one.name, person=one.person, roles=one.roles) for one in PEOPLE for role in one.roles}


@dataclass(frozen=True, kw_only=True)
class _Grown:
    """The bank's customers in the order of its tables, and which customer of the small bank each stands for."""

    ids: Int64s
    buckets: Int64s
    model: Int64s

    @classmethod
    def of(cls, models: Int64s, customers: int, buckets: int) -> _Grown:
        chance = np.random.default_rng(11)
        ids = np.unique(chance.integers(1, 2**63 - 1, customers))
        of = bucket_of(ids, buckets=buckets)
        order = np.lexsort((ids, of))
        return cls(ids=ids[order], buckets=of[order], model=models[chance.integers(0, len(models), len(ids))])


def main() -> None:
    """Print the figures; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=DEFAULT_CUSTOMERS)
    parser.add_argument("--full", action="store_true", help="a million customers")
    options = parser.parse_args()
    customers = 1_000_000 if options.full else options.customers
    began, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="lingque-360-") as name:
        found = _measured(Path(name) / "bank", customers)
    print(json.dumps({
        "name": "customer_360",
        "size": {"customers": customers} | found.pop("size"),
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "peers": {},
        "ratios": {},
        "checks": found.pop("checks"),
        "extra": found,
    }))  # fmt: skip


def _measured(folder: Path, customers: int) -> dict[str, Any]:
    lay_out(folder, "en")
    twin = Twin.make(parameters_of("tiny", customers=MODELS))
    twin.write_extracts(folder / "landing", EXTRACTS)
    clock = StoryClock(BusinessCalendar(load_settings(folder).workspace.zone), twin.parameters.as_of)
    with open_workspace(folder, clock=clock, channels=lambda _settings: {"email": MemoryChannel()}) as application:
        services = application.services
        _small_bank(services, twin)
        with services.database.reading() as connection:
            models = np.array(connection.execute(select(subjects.c.party_id)).scalars().all(), np.int64)
        grown = _Grown.of(models, customers, services.buckets)
        chosen = random.Random(3).sample(range(len(grown.ids)), min(ASKED + WARM, len(grown.ids)))
        before = {number: _counts(services, int(grown.model[number])) for number in chosen[:50]}
        rows = _grow(application, grown)
        _know(application, grown, chosen)
        began = time.process_time()
        make_ready(services)
        ready = time.process_time() - began
        same = {number: _counts(services, int(grown.ids[number])) for number in before} == before
        gc.collect()
        gc.freeze()  # as `lingque serve` does
        wall, cpu = _asked(services, [int(grown.ids[number]) for number in chosen])
        gc.unfreeze()
        copies = list((folder / "data").rglob("*.rows"))
        return {
            "size": {"rows": rows},
            "checks": {"the rows of whom each stands for": same},
            "ms": _spread(wall),
            "cpu_ms": _spread(cpu),
            "make_ready_s": ready,
            "copies_gb": sum(path.stat().st_size for path in copies) / 1e9,
            "parquet_gb": sum(path.with_suffix(".parquet").stat().st_size for path in copies) / 1e9,
        }


def _small_bank(services: Services, twin: Twin) -> None:
    services.profile._kernels = None  # by SQL: to compile two hundred tags takes longer than all of this
    operator = _ACTORS[Role.OPERATOR]
    with services.database.transaction() as connection:
        for user in PEOPLE:
            add_user(connection, user, at=services.clock.now())
    for done in (apply(services, operator), *ingest(services, operator)):
        if isinstance(done, Refusal):
            raise RuntimeError(done.detail)
    report = run_tags(services, twin.parameters.as_of, operator)
    if isinstance(report, Refusal):
        raise RuntimeError(report.detail)


def _grow(application: Application, grown: _Grown) -> int:
    """Every table of customers' rows anew, and publish it; how many rows."""
    services = application.services
    with services.database.reading() as connection:
        versions = published_versions(connection)
    own = [name for name, one in catalog_of(services).contracts.items() if one.of_customers and name in versions]
    made: dict[str, int] = {}
    count = 0
    for name in [*own, SNAPSHOT_TABLE]:
        slices = services.tables.slices(name, versions[name])
        if not slices:
            continue
        small = pa.concat_tables(
            [pq.read_table(path) for path in services.tables.files(name, versions[name])], promote_options="permissive"
        )
        file = services.folder / f"{name}.parquet"
        never_null = [one for one in small.column_names if not small.column(one).null_count]
        write_parquet(file, _rows(small, grown), required=never_null)
        rows = SortedFile(path=file)
        count += rows.num_rows
        made[name] = services.tables.commit(
            Slice(table=name, name=slices[0], order=("bucket", "customer_id")), rows,
            run_id=RunId(f"grown-{name}"), published=versions[name], instead_of=slices[1:],
        )  # fmt: skip
    with services.database.transaction() as connection:
        (day,) = subjects_of(connection, kind=SNAPSHOT_RUN, beginning="")
        run = newest_run(connection, kind=SNAPSHOT_RUN, subject=day)
        if run is None:
            raise RuntimeError("there is no snapshot")
        finish_run(connection, replace(run, run_id=RunId("grown")), published=made)
    return count


def _rows(small: pa.Table, grown: _Grown) -> Iterator[pa.Table]:
    ids = small.column("customer_id").to_numpy()
    small = small.take(pa.array(np.argsort(ids, kind="stable")))
    ids = np.sort(ids)
    yield small.slice(0, 0)
    for first in range(0, len(grown.ids), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        begin, end = (np.searchsorted(ids, grown.model[part], side) for side in ("left", "right"))
        count = end - begin
        at = np.repeat(begin - np.concatenate([[0], np.cumsum(count)[:-1]]), count) + np.arange(count.sum())
        rows = small.take(pa.array(at))
        for name, values in (("customer_id", grown.ids), ("party_id", grown.ids), ("bucket", grown.buckets)):
            if name in rows.column_names:
                field = rows.schema.field(name)
                column = pa.array(np.repeat(values[part], count)).cast(field.type)
                rows = rows.set_column(rows.column_names.index(name), field, column)
        yield rows


def _know(application: Application, grown: _Grown, chosen: list[int]) -> None:
    """Everybody and what they consented to in the control plane; in the vault those who are asked about."""
    with application.services.database.transaction() as connection:
        births = {row.party_id: row.birth_date for row in connection.execute(select(subjects))}
        said: dict[int, list[dict[str, Any]]] = {}
        for row in connection.execute(select(consents)).mappings():
            said.setdefault(row["party_id"], []).append({k: v for k, v in row.items() if k != "consent_id"})
        connection.execute(delete(consents))
        connection.execute(delete(subjects))
        pairs = list(zip(grown.ids.tolist(), grown.model.tolist(), strict=True))
        for first in range(0, len(pairs), _AT_ONCE):
            part = pairs[first : first + _AT_ONCE]
            new = [{"party_id": one, "customer_id": one, "birth_date": births[model]} for one, model in part]
            connection.execute(insert(subjects), new)
            texts = [
                row | {"party_id": one, "origin": f"{one}/{number}"}
                for one, model in part
                for number, row in enumerate(said.get(model, ()))
            ]
            if texts:
                connection.execute(insert(consents), texts)
        for number in chosen:
            party = PartyId(int(grown.ids[number]))
            known = {"name": "张三", "phone": "+8613800138000", "email": f"{number}@mail.example"}
            application.vault.put(connection, [(party, kind, value) for kind, value in known.items()])


def _counts(services: Services, customer: int) -> dict[str, int]:
    """How many rows each table has of the customer."""
    with services.database.reading() as connection:
        versions = published_versions(connection)
    own = [name for name, one in catalog_of(services).contracts.items() if one.of_customers and name in versions]
    return {name: services.points.rows(name, versions[name], [customer]).num_rows for name in own}


def _asked(services: Services, customers: list[int]) -> tuple[list[float], list[float]]:
    actor = _ACTORS[Role.COMPLIANCE_OFFICER]
    wall: list[float] = []
    cpu: list[float] = []
    for customer in customers:
        began, before = time.perf_counter(), time.process_time()
        found = customer_360(services, CustomerId(customer), actor)
        cpu.append(1000 * (time.process_time() - before))
        wall.append(1000 * (time.perf_counter() - began))
        if not isinstance(found, Customer360) or not found.tags or not found.card.identifiers:
            raise RuntimeError(f"customer {customer} was not shown")
    return wall[WARM:], cpu[WARM:]


def _spread(values: list[float]) -> dict[str, float]:
    return {f"p{share}": float(np.quantile(values, share / 100)) for share in (50, 90, 99)}


if __name__ == "__main__":
    main()
