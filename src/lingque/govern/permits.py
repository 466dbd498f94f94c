"""The permit office: the only place where permits are made."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from lingque.core.clock import BusinessCalendar, Clock, Instant
from lingque.core.hashing import Int64s
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.core.registries import Purpose
from lingque.govern.contracts import _SEAL, Permit, PermitAsk, PermitSet
from lingque.govern.judging import Question, judge_many, judge_one
from lingque.govern.picture import CurrentPicture
from lingque.govern.quiet_hours import QuietHours
from lingque.govern.register import Register


class PermitOffice(Register):
    """Keeps the register and judges by it. Every permit sees what is committed at the moment of asking, and what its
    own transaction wrote (`lingque.govern.picture` says how)."""

    def __init__(self, clock: Clock, calendar: BusinessCalendar, quiet: QuietHours | None = None) -> None:
        super().__init__(clock)
        self._calendar = calendar
        self._quiet = quiet or QuietHours(calendar=calendar)
        self._picture = CurrentPicture()

    def permit_set(self, connection: Connection, customer_ids: Int64s, ask: PermitAsk) -> PermitSet:
        """One answer per customer, in order. A customer that is not known is refused, never passed over."""
        (answer,) = self.permit_sets(connection, customer_ids, [ask])
        return answer

    def permit_sets(self, connection: Connection, customer_ids: Int64s, asks: Sequence[PermitAsk]) -> list[PermitSet]:
        """As `permit_set`, one per ask, of one and the same state of the register."""
        view = self._picture.view(connection, customer_ids)
        return [
            PermitSet(
                ask=ask,
                customer_ids=customer_ids,
                refusals=judge_many(view, customer_ids, self._question(ask)),
                seal=_SEAL,
            )
            for ask in asks
        ]

    def permit(self, connection: Connection, customer_id: CustomerId, ask: PermitAsk) -> Permit | Refusal:
        """Leave for one act, or the first reason against it (all of them in the detail).

        Where the reason is QUIET_HOURS there is no other: the act may be done at `next_open`.
        """
        view = self._picture.view(connection, (customer_id,))
        reasons = judge_one(view, customer_id, self._question(ask))
        if reasons:
            names = ", ".join(reason.name for reason in reasons)
            return Refusal(reason=reasons[0], detail=f"customer {customer_id}: {names}")
        return Permit(ask=ask, customer_id=customer_id, seal=_SEAL)

    def next_open(self, moment: Instant) -> Instant:
        """The first moment, from this one on, outside quiet hours and quiet days."""
        return self._quiet.next_open(moment)

    def _question(self, ask: PermitAsk) -> Question:
        quiet = ask.sending and ask.purpose is Purpose.MARKETING and self._quiet.quiet_at(ask.moment)
        return Question(ask=ask, today=self._calendar.day_of(ask.moment), quiet=quiet)
