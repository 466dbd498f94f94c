"""Live tags: computed from one customer's facts at the moment of asking, by the kernels that compute snapshots.

A live value is what the snapshot of the coming morning would hold if nothing more happened today. So at the last moment
of a day it is the next morning's snapshot, and windows age without any event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lingque.catalog.definitions import DataContract
from lingque.catalog.expressions.to_python import RowFunction, row_function
from lingque.catalog.expressions.to_sql import quote, row_sql
from lingque.catalog.expressions.tree import Aggregate, AmongAll, Name, Trend, of_nothing, walk
from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import AggregateTag, Catalog, DerivedTag, Tag, column_type
from lingque.core.clock import BusinessCalendar, Ever, Instant
from lingque.core.errors import ConfigurationError
from lingque.core.hashing import Float64s, Int64s
from lingque.profile.aggregating import Kernels
from lingque.profile.facts import Facts, Layout
from lingque.profile.kernel.compiled import Compiled
from lingque.profile.kernel.plan import Kernel, Moments, Plan, Span
from lingque.profile.kernel.planning import plan_of
from lingque.profile.kernel.walking import refuse_overflow
from lingque.profile.tag_sql import PointInTime

_DAY = 86_400_000_000
_EPOCH = date(1970, 1, 1)


def live_tags(catalog: Catalog) -> tuple[tuple[AggregateTag, ...], tuple[DerivedTag, ...]]:
    """The live tags, and the tags they are built on as far as those can be worked out when it is asked; each after its
    inputs. Of the others a live tag reads the value of the morning."""
    wanted = {name for name, tag in catalog.tags.items() if tag.definition.clock == "live"}
    for tag in reversed(list(catalog.tags.values())):
        if tag.name in wanted and isinstance(tag, DerivedTag):
            wanted |= {name for name in tag.inputs if _can_be_live(catalog.tag(name))}
    tags = [tag for tag in catalog.tags.values() if tag.name in wanted]
    aggregates = tuple(tag for tag in tags if isinstance(tag, AggregateTag))
    return aggregates, tuple(tag for tag in tags if isinstance(tag, DerivedTag))


def _can_be_live(tag: Tag) -> bool:
    """Live by its definition, or it could have been."""
    if tag.definition.clock == "live":
        return True
    if isinstance(tag, DerivedTag):
        return not any(isinstance(part, AmongAll) for part in walk(tag.value))
    if not isinstance(tag, AggregateTag) or tag.contract.holds or tag.looks_forward or isinstance(tag.window, Ever):
        return False
    plan = plan_of(tag.contract, [tag])
    return not plan.by_sql and all(isinstance(node, Name) for kernel in plan.kernels for node in kernel.needs.codes)


def live_plans(catalog: Catalog) -> list[Plan]:
    """A plan per table of events. `ConfigurationError` names a tag that no kernel can compute: it cannot be live."""
    by_table: dict[str, list[AggregateTag]] = {}
    contracts: dict[str, DataContract] = {}
    for tag in live_tags(catalog)[0]:
        by_table.setdefault(tag.contract.contract, []).append(tag)
        contracts[tag.contract.contract] = tag.contract
    plans = [plan_of(contracts[table], tags) for table, tags in by_table.items()]
    for plan in plans:
        for tag, reason in plan.by_sql:
            raise ConfigurationError(
                f"tag '{tag.name}' cannot be live: no kernel computes {reason}",
                next_step="make it daily ('clock: daily'), or say it without that",
            )
    return plans


def layouts_of(plans: list[Plan]) -> list[Layout]:
    """What the store keeps for these tags."""
    layouts = []
    for plan in plans:
        names: dict[str, None] = {}
        spans: list[Span] = []
        for kernel in plan.kernels:
            names.update(dict.fromkeys(column.name for column in kernel.needs.numbers))
            for node in kernel.needs.codes:
                if not isinstance(node, Name):
                    raise ConfigurationError(
                        f"tag '{kernel.tags[0].name}' cannot be live: it tells apart texts that are made of a column",
                        next_step="make it daily ('clock: daily')",
                    )
                names[node.name] = None
            names |= dict.fromkeys(kernel.needs.tests)
            spans += [border for border in kernel.borders if isinstance(border, Span)]
        longest = max((day - span.days(day)[0]).days for span in dict.fromkeys(spans) for day in _DAYS)
        kinds = tuple((name, column_type(plan.contract, name).kind) for name in sorted(names))
        layouts.append(Layout(table=plan.contract.contract, columns=kinds, keeps=(longest + MARGIN) * _DAY))
    return layouts


MARGIN = 62
"""Days that events are kept beyond the longest window: late ones come after newer ones, and a moment that has passed
can still be asked about."""
_DAYS = [date(2028, 1, 1) + timedelta(days=number) for number in range(366)]
"""A window of the calendar is some days longer on another day, and in a leap year."""


class KeptFacts(Protocol):
    """Where one customer's events are found."""

    def read(self, table: str, customer_id: int) -> Facts | None: ...


@dataclass(kw_only=True)
class _Prepared:
    """A kernel on one day. Its results are written over at each call: every border writes all that is its."""

    kernel: Kernel
    run: Compiled
    moments: Moments
    latest: int
    questions: dict[str, str]
    unfinished: list[tuple[AggregateTag, int | None, str]]
    places: list[tuple[str, bool, int]]
    whole: Int64s
    real: Float64s
    have_whole: NDArray[np.uint8]
    have_real: NDArray[np.uint8]
    failed: Int64s


class LiveTags:
    """Values of live tags. Made for one catalog; keeps what depends on the day only. For one thread at a time."""

    def __init__(self, catalog: Catalog, store: KeptFacts, *, calendar: BusinessCalendar, kernels: Kernels) -> None:
        aggregates, derived = live_tags(catalog)
        self._plans = live_plans(catalog)
        self._layouts = layouts_of(self._plans)
        self._derived: list[tuple[str, RowFunction]] = [(tag.name, row_function(tag.value)) for tag in derived]
        self._names = tuple(name for name, tag in catalog.tags.items() if tag.definition.clock == "live")
        self.by_name = frozenset(self._names)
        made = {tag.name for tag in aggregates} | {tag.name for tag in derived}
        self._daily = tuple(sorted({name for tag in derived for name in tag.inputs} - made))
        self._store = store
        self._calendar = calendar
        self._kernels = kernels
        self._day: date | None = None
        self._prepared: list[tuple[Plan, list[_Prepared]]] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The live tags."""
        return self._names

    @property
    def daily(self) -> tuple[str, ...]:
        """The tags of the morning that they read."""
        return self._daily

    @property
    def layouts(self) -> Sequence[Layout]:
        """What must be kept to compute them."""
        return self._layouts

    def prepare(self, at: Instant) -> None:
        """Compile what is not compiled yet."""
        self._prepare(self._calendar.day_of(at) + timedelta(days=1))

    def values(self, customer_id: int, at: Instant, *, daily: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Every live tag of the customer. `daily`: values of the newest snapshot, of the tags that live ones read; one
        that is not there is none.

        Money in minor units, days as `date`, none as None. Raises `WarehouseError` where a value does not fit.
        """
        as_of = self._calendar.day_of(at) + timedelta(days=1)
        if as_of != self._day:
            self._prepare(as_of)
        found = dict.fromkeys(self._daily) | dict(daily or {})
        for (plan, kernels), layout in zip(self._prepared, self._layouts, strict=True):
            facts = self._store.read(plan.contract.contract, customer_id)
            for one in kernels:
                found.update(self._run(one, facts, layout, at, as_of))
        for name, function in self._derived:
            found[name] = function(found, as_of)
        return {name: found[name] for name in self._names}

    def _prepare(self, as_of: date) -> None:
        start = self._calendar.start_of(as_of)
        point = PointInTime(as_of=as_of, moment=start, known_by=start)
        self._prepared = [(plan, [self._ready(kernel, point) for kernel in plan.kernels]) for plan in self._plans]
        self._day = as_of

    def _ready(self, kernel: Kernel, point: PointInTime) -> _Prepared:
        moments = kernel.moments(point, self._calendar)
        questions = {
            text: "SELECT "
            + ", ".join(
                f"{row_sql(node, as_of=point.as_of)} AS {quote(f'_{number}')}" for number, node in enumerate(nodes)
            )
            + " FROM rows"
            for text, nodes in kernel.needs.tests.items()
        }
        run = self._kernels.cache.compiled(kernel)
        always = {real: [slot.always for slot in kernel.slots if slot.real is real] for real in (False, True)}
        return _Prepared(
            kernel=kernel,
            run=run,
            moments=moments,
            latest=int(max(moments.ends)),
            questions=questions,
            unfinished=_unfinished(kernel),
            places=[(_BEFORE * slot.earlier + slot.tag, slot.real, slot.row) for slot in kernel.slots],
            whole=np.zeros((len(always[False]), 1), np.int64),
            real=np.zeros((len(always[True]), 1), np.float64),
            have_whole=np.array(always[False], np.uint8).reshape(-1, 1),
            have_real=np.array(always[True], np.uint8).reshape(-1, 1),
            failed=np.zeros(len(kernel.checks) + 1, np.int64),
        )

    def _run(self, one: _Prepared, facts: Facts | None, layout: Layout, at: Instant, as_of: date) -> dict[str, Any]:
        if facts is None:
            return {tag.name: of_nothing(tag.value) for tag in one.kernel.tags}
        kernel = one.kernel
        arguments, texts = self._arguments(one, facts, layout)
        latest = min(one.latest, at + 1)  # what lies ahead in the day has not happened
        one.run(
            _FIRST, _START, np.array([len(facts.time)], np.int64), facts.time, facts.known_at, False, at + 1, latest,
            one.moments.begins, one.moments.which, one.moments.ends, one.moments.days,
            np.array([len(some) for some in texts], np.int64), one.whole, one.real,
            one.have_whole, one.have_real, one.failed, *arguments,
        )  # fmt: skip
        if np.count_nonzero(one.failed):
            failed = one.failed.copy()
            one.failed[:] = 0
            refuse_overflow(kernel, failed)
        values = (one.whole[:, 0].tolist(), one.real[:, 0].tolist())
        have = (one.have_whole[:, 0].tolist(), one.have_real[:, 0].tolist())
        found = {tag: values[real][row] if have[real][row] else None for tag, real, row in one.places}
        for tag, code, earlier in one.unfinished:
            before = found[earlier] if earlier else None
            found[tag.name] = self._finished(tag, found[tag.name], before, None if code is None else texts[code], as_of)
        return found

    def _arguments(
        self, one: _Prepared, facts: Facts, layout: Layout
    ) -> tuple[list[NDArray[Any]], list[tuple[Any, ...]]]:
        """The kernel's arguments that are columns, and what its codes stand for."""
        places = {name: place for place, (name, _) in enumerate(layout.columns)}
        needs = one.kernel.needs
        found: list[NDArray[Any]] = []
        for column in needs.numbers:
            place = places[column.name]
            found.append(facts.columns[place])
            if column.name in needs.nullable:
                known = facts.known[place]
                found.append(np.ones(len(facts.time), np.uint8) if known is None else known)
        for text in needs.tests:
            place = places[text]
            found += [
                facts.columns[place],
                self._kernels.answers.tests_of(one.questions[text], text, facts.texts[place]),
            ]
        meant: list[tuple[Any, ...]] = []
        for node in needs.codes:
            if not isinstance(node, Name):
                raise TypeError("a live tag tells apart the values of columns only")
            codes, values = _codes(facts, places[node.name], node.type.kind)
            found.append(codes)
            meant.append(values)
        found += [np.zeros(len(meant[place]) + 1, np.int64) for place, _ in one.kernel.stamps]
        return found, meant

    def _finished(self, tag: AggregateTag, value: Any, before: Any, values: tuple[Any, ...] | None, as_of: date) -> Any:
        if isinstance(tag.value, Trend):
            return None if value is None or not before else value / before
        if value is None:
            return None
        if values is not None:
            value = values[value]  # a day stands there as its number
        if isinstance(tag.value, Aggregate) and tag.value.function in ("recency", "tenure"):
            return (as_of - self._calendar.day_of(Instant(value))).days
        match tag.type.kind:
            case Kind.BOOLEAN:
                return bool(value)
            case Kind.DATE:
                return _EPOCH + timedelta(days=value)
            case _:
                return value


_BEFORE = "\0"
"""Goes before the name of a tag where the value over the window before is meant; no tag is called so."""


def _unfinished(kernel: Kernel) -> list[tuple[AggregateTag, int | None, str]]:
    """The tags whose value is not yet what the kernel gives; of which code it is, and where the value before is."""
    codes = {slot.tag: slot.code for slot in kernel.slots}

    def is_unfinished(tag: AggregateTag) -> bool:
        of_time = isinstance(tag.value, Aggregate) and tag.value.function in ("recency", "tenure")
        coded = codes[tag.name] is not None or tag.type.kind in (Kind.BOOLEAN, Kind.DATE)
        return of_time or coded or isinstance(tag.value, Trend)

    return [
        (tag, codes[tag.name], _BEFORE + tag.name if isinstance(tag.value, Trend) else "")
        for tag in kernel.tags
        if is_unfinished(tag)
    ]


_FIRST, _START = np.array([0, 1], np.int64), np.zeros(1, np.int64)


def _codes(facts: Facts, place: int, kind: Kind) -> tuple[NDArray[np.int32], tuple[Any, ...]]:
    if kind is Kind.TEXT:
        return facts.columns[place], facts.texts[place]
    values, places = np.unique(facts.columns[place], return_inverse=True)
    codes: NDArray[np.int32] = places.astype(np.int32)
    known = facts.known[place]
    if known is not None:
        codes[known == 0] = len(values)
    return codes, tuple(values.tolist())
