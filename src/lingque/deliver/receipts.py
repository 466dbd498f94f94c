"""What comes back about single messages: a gateway's receipts, what staff confirm, and customers' refusals.

Statements are kept as they came, each once. A status only moves forward: a late `delivered` undoes nothing. A contact
made by people counts as made only where there was leave for it at the moment at which it was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection, insert, select

from lingque.core.clock import Clock, Instant
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import Purpose
from lingque.deliver.contracts import BY_PEOPLE, Status, Withdrawals
from lingque.deliver.grounds import grounds_of
from lingque.deliver.leave import ask_of
from lingque.deliver.moves import Moves
from lingque.deliver.tables import deliveries, receipts
from lingque.govern.contracts import AuditTrail, Identifiers, OptOut, Permits

Outcome = Literal["delivered", "failed", "opened", "clicked", "answered", "done", "declined", "expired", "opted_out"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One row of a file of receipts."""

    row: int
    key: str
    outcome: Outcome
    at: Instant
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class RowProblem:
    """Why a row did not count, or (`WRONG_STATE`) what about it somebody has to look at. `field` is the column."""

    row: int
    field: str
    reason: Reason


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a number of statements came to: how many were new, and how many had been taken before."""

    counted: int
    repeated: int
    problems: tuple[RowProblem, ...]


@dataclass(frozen=True, kw_only=True)
class _Step:
    """Which statuses a statement moves on, and to what."""

    before: frozenset[Status]
    after: Status
    reason: Reason | None = None


_OUT: frozenset[Status] = frozenset({"sending", "handed_over", "sent", "unknown"})
_OPEN: frozenset[Status] = frozenset({"sending", "assigned"})

_STEPS: dict[Outcome, _Step] = {
    "delivered": _Step(before=_OUT, after="delivered"),
    "opened": _Step(before=_OUT, after="delivered"),
    "clicked": _Step(before=_OUT, after="delivered"),
    "failed": _Step(before=_OUT | _OPEN, after="failed", reason=Reason.RECEIVER_REFUSED),
    "answered": _Step(before=_OUT | _OPEN | {"delivered", "expired"}, after="answered"),
    # what was done in time may be told when the task has expired already
    "done": _Step(before=_OPEN | {"expired"}, after="sent"),
    "declined": _Step(before=_OPEN, after="declined", reason=Reason.DECLINED),
    "expired": _Step(before=_OPEN | {"handed_over"}, after="expired", reason=Reason.NOT_DONE_IN_TIME),
    "opted_out": _Step(
        before=_OUT | _OPEN | {"delivered", "answered"}, after="answered", reason=Reason.RECEIVER_OPTED_OUT
    ),
}

_ONLY_BY_PEOPLE: frozenset[Outcome] = frozenset({"done", "declined"})
_NEVER_BY_PEOPLE: frozenset[Outcome] = frozenset({"delivered", "opened", "clicked"})
_MADE: frozenset[Outcome] = frozenset({"done", "answered", "opted_out"})
"""What a person can only state who has made the contact."""

_ENDED: frozenset[Status] = frozenset({"refused", "cancelled"})


@dataclass(frozen=True, kw_only=True)
class Receipts:
    """Takes statements about messages. Made by `bootstrap`."""

    moves: Moves
    permits: Permits
    withdrawals: Withdrawals
    identifiers: Identifiers
    audit: AuditTrail
    clock: Clock

    def take(self, connection: Connection, statements: Sequence[Statement], *, origin: str) -> Taken:
        """Record the statements in the caller's transaction, and what follows from each; `origin` names the file."""
        counted = repeated = 0
        problems: list[RowProblem] = []
        for statement in statements:
            work = connection.execute(
                select(deliveries).where(deliveries.c.message_key == statement.key).with_for_update()
            ).one_or_none()
            problem = self._unusable(statement, work)
            if problem is not None:
                problems.append(problem)
            elif _known(connection, statement):
                repeated += 1
            else:
                counted += 1
                self._record(connection, statement, origin)
                if not self._follow(connection, statement, work, origin):
                    problems.append(_problem(statement, "outcome", Reason.WRONG_STATE))
        return Taken(counted=counted, repeated=repeated, problems=tuple(problems))

    def _unusable(self, statement: Statement, work: Any) -> RowProblem | None:
        if work is None:
            return _problem(statement, "key", Reason.UNKNOWN_REFERENCE)
        if statement.outcome == "opted_out":
            return None  # a refusal is heard whatever else is odd about its row
        if not work.queued_at <= statement.at <= self.clock.now():
            return _problem(statement, "at", Reason.VALUE_NOT_ALLOWED)
        wrong = _NEVER_BY_PEOPLE if work.channel in BY_PEOPLE else _ONLY_BY_PEOPLE
        if statement.outcome in wrong or work.status == "queued":
            return _problem(statement, "outcome", Reason.WRONG_STATE)
        return None

    def _follow(self, connection: Connection, statement: Statement, work: Any, origin: str) -> bool:
        """False where somebody has to look: a person made a contact that had been refused or cancelled."""
        made = work.channel in BY_PEOPLE and statement.outcome in _MADE
        lost = self._leave_lost(connection, statement, work) if made and work.status in _OPEN else None
        if statement.outcome == "opted_out":
            self._withdraw_consent(connection, statement, work, origin)
        if lost is not None:
            self.moves.move(connection, work, "refused", reason=lost, batch_id=work.batch_id)
            self.audit.record(
                connection,
                actor="lingque",
                act="refuse_confirmation",
                subject=f"customer {work.customer_id}",
                detail={"message": work.message_key, "reason": lost.name},
            )
            return False
        step = _STEPS[statement.outcome]
        if work.status in step.before:
            self.moves.move(connection, work, step.after, reason=step.reason, batch_id=work.batch_id)
        return not (made and work.status in _ENDED)

    def _leave_lost(self, connection: Connection, statement: Statement, work: Any) -> Reason | None:
        ask = ask_of(work, grounds_of(connection, work.grounds_digest), statement.at, sending=True)
        permit = self.permits.permit(connection, CustomerId(work.customer_id), ask)
        return permit.reason if isinstance(permit, Refusal) else None

    def _withdraw_consent(self, connection: Connection, statement: Statement, work: Any, origin: str) -> None:
        gone = OptOut(customer_id=CustomerId(work.customer_id), purpose=Purpose(work.purpose), channel=work.channel)
        # nobody answers before they are written to, nor tomorrow: a clock that is wrong must not undo a refusal
        at = min(max(statement.at, work.queued_at), self.clock.now())
        self.withdrawals.withdraw(connection, gone, at=at, evidence=f"{origin[:150]} row {statement.row}")

    def _record(self, connection: Connection, statement: Statement, origin: str) -> None:
        connection.execute(
            insert(receipts).values(
                message_key=statement.key,
                outcome=statement.outcome,
                at=statement.at,
                origin_file=origin[:200],
                origin_row=statement.row,
                sealed_note=self.identifiers.seal_note(statement.note) if statement.note else None,
                recorded_at=self.clock.now(),
            )
        )


def _known(connection: Connection, statement: Statement) -> bool:
    query = select(receipts.c.receipt_id).where(
        receipts.c.message_key == statement.key,
        receipts.c.outcome == statement.outcome,
        receipts.c.at == statement.at,
    )
    return connection.execute(query).first() is not None


def _problem(statement: Statement, field: str, reason: Reason) -> RowProblem:
    return RowProblem(row=statement.row, field=field, reason=reason)
