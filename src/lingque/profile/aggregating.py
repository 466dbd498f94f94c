"""Aggregate tags for every customer, some buckets at a time: by kernels, and by SQL what they cannot compute."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from lingque.catalog.definitions import DataContract
from lingque.catalog.expressions.to_sql import quote
from lingque.catalog.model import AggregateTag
from lingque.core.clock import BusinessCalendar
from lingque.core.errors import WarehouseError
from lingque.core.hashing import Int64s, bucket_of
from lingque.profile.kernel.columns import TextAnswers
from lingque.profile.kernel.compiled import KernelCache
from lingque.profile.kernel.files import Buckets, TableFiles, ranges
from lingque.profile.kernel.planning import plan_of
from lingque.profile.kernel.segments import Links
from lingque.profile.kernel.walking import Walker
from lingque.profile.tag_sql import (
    PointInTime,
    Reading,
    aggregates_sql,
    overflow_sql,
    readings_of,
    rows_sql,
    typed_sql,
    versions_sql,
)
from lingque.warehouse.engine import Session
from lingque.warehouse.statements import statements
from lingque.warehouse.tables import DeltaTables

SQL = statements("lingque.profile")
WORKERS = 2


@dataclass(frozen=True, kw_only=True)
class Kernels:
    """What computing by kernels takes: where compiled ones are kept, and what answers conditions on texts."""

    cache: KernelCache
    answers: TextAnswers


@dataclass(kw_only=True)
class Aggregation:
    """Aggregate tags as of one point in time. `kernels` None: all of it by SQL, as the referee."""

    session: Session
    tables: DeltaTables
    buckets: int
    at: PointInTime
    calendar: BusinessCalendar
    kernels: Kernels | None

    def batches(
        self,
        tags: Sequence[AggregateTag],
        versions: Mapping[str, int],
        linked: Links,
        population: Callable[[], Int64s],
    ) -> Iterator[pa.Table]:
        """`customer_id` and the tags, in the order of buckets and customers; at least one batch.

        The session knows the tables and `links`; `linked` are the links again. `population` gives the customers in
        ascending order, and names `parties` where tags read them. Raises `WarehouseError`.
        """
        by_kernel, by_sql = self._split(tags, versions)
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="tags") as pool:
            for _, _, walker in by_kernel:  # half a second, in which the engine finds out who the customers are
                pool.submit(walker.load)
            customers = population()
            for reading in by_sql:
                self._compute(reading)
            for _, files, walker in by_kernel if len(linked.parties) else ():
                files.bring_home(linked, ["party_id", "event_time", "known_at", "row_key", *walker.columns])
            wanted, slices = self._pieces(customers, [files for _, files, _ in by_kernel])
            waiting: list[list[Future[pa.Table]]] = []
            for number, inside in enumerate(slices):
                while len(waiting) < len(wanted) and len(waiting) <= number + WORKERS:
                    ahead = len(waiting)
                    waiting.append(
                        [pool.submit(_walked, one, wanted[ahead], slices[ahead], linked) for one in by_kernel]
                    )
                found = [future.result() for future in waiting[number]]
                waiting[number] = []
                yield self._together(tags, inside, by_sql, found)

    def _pieces(self, customers: Int64s, tables: Sequence[TableFiles]) -> tuple[list[Buckets], list[Int64s]]:
        """The ranges of buckets that are walked one after another, and who is in each."""
        home = bucket_of(customers, buckets=self.buckets)
        order = np.argsort(home.astype(np.uint16), kind="stable")  # of sixteen bits numpy counts instead of comparing
        customers, home = customers[order], home[order]
        largest = max(tables, key=lambda files: files.rows, default=None)
        wanted = ranges(
            self.buckets,
            rows=0 if largest is None else largest.rows,
            customers=len(customers),
            borders=() if largest is None else largest.borders,
        )
        edges = np.searchsorted(home, np.array(wanted, home.dtype))
        return wanted, [customers[first:after] for first, after in edges]

    def _split(
        self, tags: Sequence[AggregateTag], versions: Mapping[str, int]
    ) -> tuple[list[tuple[Reading, TableFiles, Walker]], list[Reading]]:
        by_kernel: list[tuple[Reading, TableFiles, Walker]] = []
        by_sql: list[Reading] = []
        for reading in readings_of(tags):
            contract = reading.contract
            if reading.how != "events" or self.kernels is None:
                by_sql.append(reading)
                continue
            paths = self.tables.files(contract.contract, versions[contract.contract])
            texts = [name for name, column in contract.stored.items() if _is_text(contract, name)]
            files = TableFiles(contract.contract, paths, texts=texts, buckets=self.buckets)
            lacking = [name for name in contract.stored if not files.present(name)]
            plan = plan_of(contract, reading.tags, lacking=lacking)
            if plan.kernels:
                walker = Walker(
                    plan=plan,
                    at=self.at,
                    calendar=self.calendar,
                    cache=self.kernels.cache,
                    answers=self.kernels.answers,
                )
                by_kernel.append((reading, files, walker))
            if plan.by_sql:
                rest = tuple(tag for tag, _ in plan.by_sql)
                by_sql.append(Reading(contract=contract, how="events", tags=rest))
        return by_kernel, by_sql

    def _compute(self, reading: Reading) -> None:
        source = self._source(reading)
        try:
            self.session.add_relation(reading.name, aggregates_sql(reading, source, self.at, self.calendar))
        except duckdb.OutOfRangeException as error:  # the engine tells the value, and not whose it is
            raise _does_not_fit(self._guilty(reading, source)) from error
        _refuse_overflow(self.session.ask(overflow_sql(reading)).to_pylist()[0])

    def _guilty(self, reading: Reading, source: str) -> list[str]:
        """The tags that cannot be computed, each by itself."""
        found: list[str] = []
        for tag in reading.tags:
            alone = dataclasses.replace(reading, tags=(tag,))
            try:
                self.session.ask(aggregates_sql(alone, source, self.at, self.calendar))
            except duckdb.OutOfRangeException:
                found.append(tag.name)
        return found

    def _source(self, reading: Reading) -> str:
        """Events are read where they stand; what holds, and how long, is worked out once for all tags on it."""
        if reading.how == "events":
            return f"({self.rows(reading.contract)})"
        if reading.how == "intervals":
            self.add_versions(reading.source, reading.contract, "intervals", {"known_by": self.at.known_by})
        elif reading.contract.kind == "party" and self.at.known_by == self.at.moment:
            return "parties"
        else:
            parameters = {"moment": self.at.moment, "known_by": self.at.known_by}
            self.add_versions(reading.source, reading.contract, "current_versions", parameters)
        return quote(reading.source)

    def add_versions(self, name: str, contract: DataContract, statement: str, parameters: Mapping[str, Any]) -> None:
        """Name what holds, or held, by the rows of a contract."""
        self.session.add_relation(name, self.versions(contract, statement), parameters)

    def versions(self, contract: DataContract, statement: str) -> str:
        """The same as a statement with parameters."""
        return versions_sql(self.rows(contract), SQL[statement].sql)

    def rows(self, contract: DataContract) -> str:
        """The rows of a contract, with all columns that it has now."""
        return rows_sql(contract, self.session.columns(contract.contract))

    def _together(
        self, tags: Sequence[AggregateTag], customers: Int64s, by_sql: Sequence[Reading], found: Sequence[pa.Table]
    ) -> pa.Table:
        made: dict[str, Any] = {"customer_id": pa.array(customers)}
        for table in found:
            made |= {name: table.column(name) for name in table.column_names[1:]}
        if by_sql:
            self.session.add_arrow("_customers", pa.table({"customer_id": made["customer_id"]}))
            rows = self.session.ask(typed_sql("_customers", by_sql)).sort_by("customer_id")
            places = pa.array(np.argsort(np.argsort(customers)))
            made |= {name: rows.column(name).take(places) for name in rows.column_names[1:]}
        return pa.table({"customer_id": made["customer_id"], **{tag.name: made[tag.name] for tag in tags}})


def _walked(one: tuple[Reading, TableFiles, Walker], buckets: Buckets, customers: Int64s, links: Links) -> pa.Table:
    _, files, walker = one
    piece = files.read(buckets, ["party_id", "event_time", *walker.columns])
    return walker.walk(
        piece.rows, links, customers=customers, parts=piece.parts, known_until=piece.known_until, more=piece.more
    )


def _is_text(contract: DataContract, name: str) -> bool:
    return contract.columns[name].type == "text" and contract.columns[name].role != "reference"


def _does_not_fit(tags: Sequence[str]) -> WarehouseError:
    names = ", ".join(f"'{tag}'" for tag in tags)
    return WarehouseError(
        f"{'tag' if len(tags) == 1 else 'each of the tags'} {names} does not fit into 64 bits, or into 128 on its way",
        next_step="look for wrong amounts in its table, or shorten its window",
    )


def _refuse_overflow(counts: Mapping[str, Any]) -> None:
    for tag, customers in counts.items():
        if customers:
            raise WarehouseError(
                f"tag '{tag}' does not fit into 64 bits for {customers} customer(s)",
                next_step="look for wrong amounts in its table, or shorten its window",
            )
