"""What comes again every night besides the files, their tags and the campaigns: the house is put in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lingque.core.reasons import Refusal
from lingque.flow.journaling import move_decisions
from lingque.flow.retention import Expired, run_retention
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal


@dataclass(frozen=True, kw_only=True)
class PutInOrder:
    """Decisions that were moved to the log, and what was purged of each table; None: somebody else's to do."""

    moved: int | None
    purged: tuple[Expired, ...] | None


def put_in_order(
    services: Services, actor: Principal, *, progress: Callable[[int], None] = lambda _done: None
) -> PutInOrder | Refusal:
    """Move the journal, then purge what is older than any purpose needs, each as far as it is the actor's to do: who
    runs the bank's jobs and who answers for retention are two people. Refused to who may do neither.

    Run again it finds nothing left to do. Raises as `move_decisions` and `run_retention` do.
    """
    cannot_move, cannot_purge = refused(actor, Action.RUN_TAGS), refused(actor, Action.RUN_RETENTION)
    if cannot_move and cannot_purge:
        return traced(services, cannot_move, actor, "put_in_order", "nightly")
    moved = None if cannot_move else move_decisions(services, actor, progress=progress)
    if isinstance(moved, Refusal):
        return moved
    purged = None if cannot_purge else run_retention(services, actor)
    if isinstance(purged, Refusal):
        return purged
    return PutInOrder(moved=moved, purged=None if purged is None else tuple(purged))
