"""Rows in, tags out: the one function for a bucket, for a batch of a cluster, and for a single customer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lingque.catalog.expressions.tree import Aggregate, Trend, names_in
from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import AggregateTag
from lingque.core.clock import BusinessCalendar
from lingque.core.errors import WarehouseError
from lingque.core.hashing import Int64s
from lingque.profile.kernel.columns import Coded, Columns, TextAnswers
from lingque.profile.kernel.compiled import KernelCache
from lingque.profile.kernel.plan import Kernel, Plan, Slot
from lingque.profile.kernel.segments import Links, Rows, Segments, segments_of
from lingque.profile.tag_sql import PointInTime

_DAY = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class Walker:
    """Computes the tags of one plan as of one point in time. Used from several threads at once."""

    plan: Plan
    at: PointInTime
    calendar: BusinessCalendar
    cache: KernelCache
    answers: TextAnswers

    @property
    def columns(self) -> tuple[str, ...]:
        """The stored columns that the kernels read, besides `party_id`, `event_time` and `known_at`."""
        names: dict[str, None] = {}
        for kernel in self.plan.kernels:
            for node in (*kernel.needs.numbers, *kernel.needs.codes):
                names |= dict.fromkeys(sorted(names_in(node)))
            names |= dict.fromkeys(kernel.needs.tests)
        return tuple(names)

    def load(self) -> None:
        """Have the kernels ready: compiled now where they never were."""
        for kernel in self.plan.kernels:
            self.cache.compiled(kernel)

    def walk(
        self,
        table: pa.Table,
        links: Links,
        *,
        customers: Int64s | None = None,
        parts: tuple[int, ...] = (0,),
        known_until: int | None = None,
        more: Callable[[Sequence[str]], pa.Table] | None = None,
    ) -> pa.Table:
        """`customer_id` and each tag: of these customers in their order, or of all with rows here in ascending order.

        `parts`: where the rows of each file begin. Within one they stand by customer and time. `known_until`: by when
        everything here was known; `more` gives columns that `table` does not have: `known_at` and `row_key` are needed
        of few tables. Raises `WarehouseError` where rows are not in order, and where a value does not fit into 64 bits.
        """
        read: dict[str, Int64s | None] = {}

        def other(name: str) -> Int64s | None:
            if name not in read:
                source = table if more is None or name in table.column_names else more([name])
                read[name] = _integers(source, name) if name in source.column_names else None
            return read[name]

        rows = Rows(party=_integers(table, "party_id"), time=_integers(table, "event_time"), parts=parts, more=other)
        found = segments_of(rows, links, table=self.plan.contract.contract)
        if customers is not None:
            found = found.of(customers)
        time = _followed(rows.time, found.again)
        known = None if known_until is not None and known_until <= self.at.known_by else other("known_at")
        if known is not None:
            known = _followed(known, found.again)
        columns = Columns(table, again=found.again, as_of=self.at.as_of, answers=self.answers)
        made: dict[str, pa.Array] = {"customer_id": pa.array(found.customers)}
        for kernel in self.plan.kernels:
            made |= self._run(kernel, found, columns, time, known)
        return pa.table(made)

    def _run(
        self, kernel: Kernel, found: Segments, columns: Columns, time: Int64s, known: Int64s | None
    ) -> dict[str, pa.Array]:
        arguments, codes = columns.arguments(kernel)
        moments = kernel.moments(self.at, self.calendar)
        count = len(found.customers)
        values = {  # every border writes all that is its, so nothing has to be cleared
            real: np.empty((sum(slot.real is real for slot in kernel.slots), count), np.float64 if real else np.int64)
            for real in (False, True)
        }
        have = {real: np.empty(array.shape, np.uint8) for real, array in values.items()}
        failed = np.zeros(len(kernel.checks) + 1, np.int64)
        self.cache.compiled(kernel)(
            found.first, found.starts, found.stops, time, time if known is None else known, known is None,
            self.at.known_by, max(moments.ends),
            moments.begins, moments.which, moments.ends, moments.days,
            np.array([len(code.values) for code in codes], np.int64),
            values[False], values[True], have[False], have[True], failed, *arguments,
        )  # fmt: skip
        refuse_overflow(kernel, failed)
        slots: dict[str, list[Slot]] = {}
        for slot in kernel.slots:
            slots.setdefault(slot.tag, []).append(slot)
        arrays = {
            tag.name: [
                (values[slot.real][slot.row], None if slot.always else have[slot.real][slot.row], slot)
                for slot in slots[tag.name]
            ]
            for tag in kernel.tags
        }
        return {tag.name: self._finished(tag, arrays[tag.name], codes) for tag in kernel.tags}

    def _finished(
        self, tag: AggregateTag, parts: list[tuple[NDArray[Any], NDArray[np.uint8] | None, Slot]], codes: list[Coded]
    ) -> pa.Array:
        values, known, slot = parts[0]
        if isinstance(tag.value, Trend):
            earlier, also, _ = parts[1]
            there = (earlier != 0).view(np.uint8)
            for one in (known, also):
                there = there if one is None else there & one
            with np.errstate(divide="ignore", invalid="ignore"):
                values = values.astype(np.float64) / earlier.astype(np.float64)
            return _array(values, there, pa.float64())
        if slot.code is not None:
            return _decoded(codes[slot.code], values, known)
        if isinstance(tag.value, Aggregate) and tag.value.function in ("recency", "tenure"):
            return _array(days_until(self.at.as_of, values, self.calendar), known, pa.int64())
        return _typed(values, known, tag.type.kind)


def days_until(as_of: date, instants: Int64s, calendar: BusinessCalendar) -> Int64s:
    """Whole business days from each instant's day to that day."""
    changes = calendar.offsets(as_of + timedelta(days=1))
    begins = np.array([begin for begin, _ in changes], np.int64)
    offsets = np.array([offset for _, offset in changes], np.int64)
    places = np.maximum(np.searchsorted(begins, instants, side="right") - 1, 0)
    days: Int64s = (as_of - date(1970, 1, 1)).days - (instants + offsets[places]) // _DAY
    return days


def _typed(values: NDArray[Any], known: NDArray[np.uint8] | None, kind: Kind) -> pa.Array:
    match kind:
        case Kind.BOOLEAN:
            return _array(np.packbits(values != 0, bitorder="little"), known, pa.bool_(), len(values))
        case Kind.DATE:
            return _array(values.astype(np.int32), known, pa.date32())
        case Kind.NUMBER:
            return _array(values, known, pa.float64())
        case _:
            return _array(values, known, pa.int64())


def _array(values: NDArray[Any], known: NDArray[np.uint8] | None, kind: pa.DataType, count: int = -1) -> pa.Array:
    """The same memory as a column, with a bit for each value that there is (None: all are)."""
    count = len(values) if count < 0 else count
    nulls = 0 if known is None else count - int(np.count_nonzero(known))
    bits = pa.py_buffer(np.packbits(known, bitorder="little")) if nulls and known is not None else None
    return pa.Array.from_buffers(kind, count, [bits, pa.py_buffer(values)], nulls)


def _decoded(code: Coded, values: Int64s, known: NDArray[np.uint8] | None) -> pa.Array:
    return pc.take(code.values, _array(values, known, pa.int64()))


def _integers(table: pa.Table, name: str) -> Int64s:
    return np.ascontiguousarray(table.column(name).to_numpy(), np.int64)


def _followed(array: Int64s, again: Int64s) -> Int64s:
    return np.concatenate([array, array[again]]) if len(again) else array


def refuse_overflow(kernel: Kernel, failed: Int64s) -> None:
    """`WarehouseError` that names the tags whose values did not fit."""
    if not failed.any():
        return
    tags = sorted({tag for number in np.flatnonzero(failed) for tag in kernel.checks[number]})
    names = ", ".join(f"'{tag}'" for tag in tags)
    raise WarehouseError(
        f"{'tag' if len(tags) == 1 else 'one of the tags'} {names} does not fit into 64 bits",
        next_step="look for wrong amounts in its table, or shorten its window",
    )
