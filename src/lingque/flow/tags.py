"""Snapshots of many days, and what can be asked of one tag."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from lingque.core.errors import NotFoundError
from lingque.core.reasons import Refusal
from lingque.flow.intake import make_ready, snapshot_of
from lingque.flow.services import Services
from lingque.govern.contracts import Principal
from lingque.profile.contracts import SNAPSHOT_RUN, SnapshotReport
from lingque.store.runs import subjects_of


def backfill_tags(services: Services, first: date, last: date, actor: Principal) -> Iterator[SnapshotReport | Refusal]:
    """The snapshots of all days from the first to the last, one by one as they are done; ends after a refusal.

    Killed and started again it goes on where it was: a day that is done is recognised by its content.
    """
    if last < first:
        raise NotFoundError(f"there is no day from {first} to {last}", next_step="name the earlier day with --from")
    for number in range((last - first).days + 1):
        report = snapshot_of(services, first + timedelta(days=number), actor)
        yield report
        if isinstance(report, Refusal):
            return
    make_ready(services)


def newest_snapshot(services: Services) -> SnapshotReport | None:
    """What was noted of the snapshot of the latest day there is one of."""
    with services.database.reading() as connection:
        days = subjects_of(connection, kind=SNAPSHOT_RUN, beginning="")
        return services.profile.recorded(connection, date.fromisoformat(days[-1])) if days else None
