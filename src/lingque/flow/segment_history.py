"""Who entered a segment and who left it between stored snapshots, and which conditions made it so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
from sqlalchemy import Connection

from lingque.catalog.expressions.tree import names_in
from lingque.catalog.model import Catalog, DerivedTag
from lingque.core.errors import NotFoundError
from lingque.core.hashing import Int64s
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.flow.customers import within_scope
from lingque.flow.intake import catalog_of
from lingque.flow.segments import Asked, Reading, named_segment, read_condition, read_snapshot, stale_tag
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.profile.bitmaps import count_bits


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A condition of the segment: for how many of those who entered it had not been true, and for how many of those
    who left it no longer is. One customer may count under several."""

    text: str
    entered: int
    left: int


@dataclass(frozen=True, kw_only=True)
class Move:
    """From one stored snapshot to the next. `new` and `gone`: of those who entered and left, who were not customers
    before, or are no longer."""

    first: date
    then: date
    members: int
    entered: int
    left: int
    new: int
    gone: int
    causes: tuple[Cause, ...]


@dataclass(frozen=True, kw_only=True)
class History:
    """`unlike`: days whose snapshot has the segment by another definition; they are passed over."""

    segment: str
    moves: tuple[Move, ...]
    unlike: tuple[date, ...]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Is the customer in the segment on a day; `changed`: per tag that the segment looks at and that is not what it was
    on the day before in the list, the value before and the value then."""

    as_of: date
    member: bool | None
    changed: Mapping[str, tuple[Any, Any]]


def segment_history(
    services: Services, name: str, actor: Principal, *, since: date | None = None, until: date | None = None
) -> History | Refusal:
    """From snapshot to snapshot between those days. Raises `NotFoundError` for no such segment or too few snapshots."""
    denied = refused(actor, Action.COUNT_SEGMENTS)
    if denied is not None:
        return traced(services, denied, actor, "read_segment_history", f"segment {name}")
    catalog = catalog_of(services)
    named_segment(catalog, name)
    alike, unlike = _days(services, catalog, name, since, until)
    if len(alike) < 2:
        raise NotFoundError(
            f"there are {len(alike)} snapshots with segment '{name}' as it is defined now, and a move takes two",
            next_step="run 'lingque tags backfill --from DAY --to DAY'",
        )
    moves = []
    for first, then in pairwise(alike):
        with services.database.reading() as connection:
            moves.append(_move(services, connection, catalog, name, first, then))
    return History(segment=name, moves=tuple(moves), unlike=tuple(unlike))


def customer_in_segment(
    services: Services,
    name: str,
    customer_id: CustomerId,
    actor: Principal,
    *,
    since: date | None = None,
    until: date | None = None,
) -> list[Standing] | Refusal:
    """When one customer was in the segment, and what changed. Of a customer within the actor's scope; leaves a trace.
    Raises `NotFoundError` for no such segment."""
    catalog = catalog_of(services)
    tag = named_segment(catalog, name)
    alike, _ = _days(services, catalog, name, since, until)
    looked_at = sorted(names_in(tag.value)) if isinstance(tag, DerivedTag) else []

    def followed(connection: Connection) -> list[Standing]:
        found: list[Standing] = []
        before: dict[str, Any] = {}
        for day in alike:
            try:
                values = services.profile.values_of(connection, day, customer_id)
            except NotFoundError:
                values = {}  # no customer on that day
            changed = {
                one: (before.get(one), values.get(one))
                for one in looked_at
                if found and before.get(one) != values.get(one)
            }
            found.append(Standing(as_of=day, member=values.get(name), changed=changed))
            before = values
        return found

    return within_scope(
        services, customer_id, actor, Action.READ_CUSTOMER, "read_membership", followed, detail={"segment": name}
    )


def _days(
    services: Services, catalog: Catalog, name: str, since: date | None, until: date | None
) -> tuple[list[date], list[date]]:
    """The stored snapshots between those days: which have the segment as it is defined now, and which have not."""
    alike: list[date] = []
    unlike: list[date] = []
    with services.database.reading() as connection:
        for day in services.segments.days(connection):
            if (since is None or day >= since) and (until is None or day <= until):
                report = services.profile.find_snapshot(connection, day)
                (unlike if stale_tag(catalog, report, name) else alike).append(day)
    return alike, unlike


def _move(services: Services, connection: Connection, catalog: Catalog, name: str, first: date, then: date) -> Move:
    readings = [read_snapshot(services, connection, catalog, day) for day in (first, then)]
    asked = [_read(reading, name) for reading in readings]
    before, after = (_ids(reading, one) for reading, one in zip(readings, asked, strict=True))
    entered, left = np.setdiff1d(after[0], before[0]), np.setdiff1d(before[0], after[0])
    causes = [
        Cause(
            text=text,
            entered=int(np.count_nonzero(~np.isin(entered, before[1][place]))),
            left=int(np.count_nonzero(~np.isin(left, after[1][place]))),
        )
        for place, (text, _) in enumerate(asked[1].parts)
    ]
    return Move(
        first=first,
        then=then,
        members=len(after[0]),
        entered=len(entered),
        left=len(left),
        new=len(entered) - count_bits(readings[0].opened.of_ids(entered)),
        gone=len(left) - count_bits(readings[1].opened.of_ids(left)),
        causes=tuple(causes),
    )


def _read(reading: Reading, name: str) -> Asked:
    asked = read_condition(reading, name)
    if isinstance(asked, Refusal):
        raise TypeError(f"the snapshot as of {reading.report.as_of} was chosen because it has the segment: {asked}")
    return asked


def _ids(reading: Reading, asked: Asked) -> tuple[Int64s, Sequence[Int64s]]:
    """The members, and for each condition those for whom it is true."""
    members, *parts = reading.opened.members([asked.node, *(node for _, node in asked.parts)])
    return reading.opened.ids(members), [reading.opened.ids(part) for part in parts]
