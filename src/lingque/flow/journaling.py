"""Decisions that were asked for or triggered, from the journal to the data plane.

The rows are written first and published in the transaction that deletes the entries: a decision is always in exactly
one of the two. Who dies in between has published nothing, and whoever comes next undoes what was written.
"""

from __future__ import annotations

from collections.abc import Callable

from lingque.core.errors import BusyError
from lingque.core.ids import run_id
from lingque.core.reasons import Refusal
from lingque.decide.contracts import DECISION_ORDER, DECISION_TABLE
from lingque.decide.journal import Entry, drop, entries, log_rows
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.store.runs import Run, finish_run, published_versions
from lingque.warehouse.tables import Slice

KIND = "journal"
MOST = 20_000
"""Decisions of one batch: as many rows as candidates, all in memory."""


def move_decisions(
    services: Services, actor: Principal, *, most: int = MOST, progress: Callable[[int], None] = lambda _done: None
) -> int | Refusal:
    """Move every decision that waits, batch by batch, and return how many there were."""
    denied = refused(actor, Action.RUN_TAGS)
    if denied is not None:
        return traced(services, denied, actor, "move_decisions", KIND)
    moved = 0
    while True:
        with services.database.reading() as connection:
            batch = entries(connection, most=most)
            published = published_versions(connection).get(DECISION_TABLE)
        if not batch:
            return moved
        _move(services, batch, published)
        moved += len(batch)
        progress(moved)


def _move(services: Services, batch: list[Entry], published: int | None) -> None:
    first, last = batch[0].entry_id, batch[-1].entry_id
    # the published version is part of the id: what a dead attempt wrote is undone, and written anew
    run = run_id(KIND, first=first, last=last, count=len(batch), published=published)
    target = Slice(table=DECISION_TABLE, name=f"journal-{first:016x}-{last:016x}", order=DECISION_ORDER)
    rows = log_rows(batch, buckets=services.buckets)
    version = services.tables.commit(target, rows, run_id=run, published=published)
    finished = Run(
        run_id=run,
        kind=KIND,
        subject=f"{first}-{last}",
        finished_at=services.clock.now(),
        summary={"decisions": len(batch)},
    )
    with services.database.transaction() as connection:
        if drop(connection, batch) != len(batch):
            raise BusyError(
                "a customer whose decisions were to be moved was erased meanwhile",
                next_step="run the same command again: nothing was moved",
            )
        finish_run(connection, finished, published={DECISION_TABLE: version})
