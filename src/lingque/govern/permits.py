"""The permit office: the only place where permits are made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
from sqlalchemy import Connection, Select, insert, select

from lingque.core.clock import BusinessCalendar, Clock, Instant
from lingque.core.hashing import Int64s
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.govern.consent import NO_CONSENT_NEEDED, Statement, age_reason, consent_reasons
from lingque.govern.contracts import _SEAL, ConsentEntry, Flags, Permit, PermitAsk, PermitSet, Subject
from lingque.govern.lists import lists_in_force, memberships
from lingque.govern.quiet_hours import QuietHours
from lingque.govern.tables import consents, subjects
from lingque.store.chunks import chunks


class PermitOffice:
    """Keeps the consent register and judges by it. Reads what is committed at the moment of asking."""

    def __init__(self, clock: Clock, calendar: BusinessCalendar, quiet: QuietHours | None = None) -> None:
        self._clock = clock
        self._calendar = calendar
        self._quiet = quiet or QuietHours(calendar=calendar)

    def record_subjects(self, connection: Connection, entries: Iterable[Subject]) -> None:
        """Parties with whose customer they are and their birth date; a known party is updated."""
        listed = list(entries)
        for part in chunks(listed):
            ids = [subject.party_id for subject in part]
            connection.execute(subjects.delete().where(subjects.c.party_id.in_(ids)))
            connection.execute(
                insert(subjects),
                [{"party_id": s.party_id, "customer_id": s.customer_id, "birth_date": s.birth_date} for s in part],
            )

    def record_consents(self, connection: Connection, entries: Iterable[ConsentEntry]) -> int:
        """Append statements and return how many were new; one already recorded (`origin`) is left as it is."""
        listed = list({entry.origin: entry for entry in entries}.values())
        known: set[str] = set()
        for part in chunks([entry.origin for entry in listed]):
            known |= set(connection.execute(select(consents.c.origin).where(consents.c.origin.in_(part))).scalars())
        new = [entry for entry in listed if entry.origin not in known]
        if new:
            connection.execute(insert(consents), [self._row(entry) for entry in new])
        return len(new)

    def permit_set(self, connection: Connection, customer_ids: Int64s, ask: PermitAsk) -> PermitSet:
        """One answer per customer, in order. A customer that is not known is refused, never passed over."""
        wanted = set(customer_ids.tolist())
        judged = self._judge(connection, None if len(wanted) > 1_000 else sorted(wanted), ask)
        refused: dict[Reason, list[int]] = defaultdict(list)
        for customer in wanted:
            for reason in judged.get(customer, frozenset({Reason.UNKNOWN_CUSTOMER})):
                refused[reason].append(customer)
        # by value, not by position: a customer who stands in the list twice is refused twice
        refusals: dict[Reason, Flags] = {
            reason: np.isin(customer_ids, np.array(customers, dtype=np.int64)) for reason, customers in refused.items()
        }
        return PermitSet(ask=ask, customer_ids=customer_ids, refusals=refusals, seal=_SEAL)

    def permit(self, connection: Connection, customer_id: CustomerId, ask: PermitAsk) -> Permit | Refusal:
        """Leave for one act, or the first reason against it (all of them in the detail).

        Where the reason is QUIET_HOURS there is no other: the act may be done at `next_open`.
        """
        judged = self._judge(connection, [customer_id], ask)
        # in the order of their numbers, of which QUIET_HOURS has the greatest
        reasons = sorted(judged.get(customer_id, frozenset({Reason.UNKNOWN_CUSTOMER})))
        if reasons:
            names = ", ".join(reason.name for reason in reasons)
            return Refusal(reason=reasons[0], detail=f"customer {customer_id}: {names}")
        return Permit(ask=ask, customer_id=customer_id, seal=_SEAL)

    def next_open(self, moment: Instant) -> Instant:
        """The first moment, from this one on, outside quiet hours and quiet days."""
        return self._quiet.next_open(moment)

    def _judge(
        self, connection: Connection, only: Sequence[int] | None, ask: PermitAsk
    ) -> dict[int, frozenset[Reason]]:
        """Reasons per known customer; `only` limits it to those."""
        births: dict[int, list[date | None]] = defaultdict(list)
        for row in connection.execute(_limited(select(subjects.c.customer_id, subjects.c.birth_date), only)):
            births[row.customer_id].append(row.birth_date)
        statements = self._statements(connection, only, ask)
        excluded = self._exclusions(connection, only, ask)
        quiet = ask.sending and ask.purpose is Purpose.MARKETING and self._quiet.quiet_at(ask.moment)
        today = self._calendar.day_of(ask.moment)
        judged: dict[int, frozenset[Reason]] = {}
        for customer, dates in births.items():
            reasons: set[Reason] = set()
            if ask.purpose not in NO_CONSENT_NEEDED:
                reasons |= consent_reasons(statements.get(customer, ()), ask.data_classes, ask.moment)
            known = [born for born in dates if born is not None]
            age = age_reason(max(known) if known else None, today, ask.purpose)
            if age is not None:
                reasons.add(age)
            reasons |= excluded.get(customer, frozenset())
            if quiet:
                reasons.add(Reason.QUIET_HOURS)
            judged[customer] = frozenset(reasons)
        return judged

    def _exclusions(
        self, connection: Connection, only: Sequence[int] | None, ask: PermitAsk
    ) -> dict[int, frozenset[Reason]]:
        """Which sort of list keeps whom from being contacted. Which list it was is no part of the answer."""
        if ask.purpose in NO_CONSENT_NEEDED:
            return {}
        on = memberships(connection, only, at=ask.moment)
        known = lists_in_force(connection) if on else {}
        reason_of = {
            name: Reason.COMPLIANCE_EXCLUSION if definition.secret else Reason.ON_EXCLUSION_LIST
            for name, definition in known.items()
            if definition.effect == "exclude"
        }
        return {
            customer: frozenset(reason_of[name] for name in names if name in reason_of)
            for customer, names in on.items()
        }

    def _statements(
        self, connection: Connection, only: Sequence[int] | None, ask: PermitAsk
    ) -> dict[int, list[Statement]]:
        query = (
            select(
                subjects.c.customer_id,
                consents.c.given,
                consents.c.data_classes,
                consents.c.acted_at,
                consents.c.expires_at,
            )
            .join(consents, consents.c.party_id == subjects.c.party_id)
            .where(consents.c.purpose == int(ask.purpose), consents.c.channel == ask.channel)
            .order_by(consents.c.acted_at, consents.c.consent_id)
        )
        result: dict[int, list[Statement]] = defaultdict(list)
        for row in connection.execute(_limited(query, only)):
            result[row.customer_id].append(
                Statement(
                    given=row.given,
                    classes=DataClass(row.data_classes),
                    acted_at=Instant(row.acted_at),
                    expires_at=None if row.expires_at is None else Instant(row.expires_at),
                )
            )
        return result

    def _row(self, entry: ConsentEntry) -> dict[str, object]:
        return {
            "party_id": entry.party_id,
            "purpose": int(entry.purpose),
            "channel": entry.channel,
            "data_classes": int(entry.data_classes),
            "given": entry.action == "give",
            "acted_at": entry.acted_at,
            "expires_at": entry.expires_at,
            "wording_version": entry.wording_version,
            "evidence": entry.evidence,
            "origin": entry.origin,
            "recorded_at": self._clock.now(),
        }


def _limited(query: Select[tuple[object, ...]], only: Sequence[int] | None) -> Select[tuple[object, ...]]:
    return query if only is None else query.where(subjects.c.customer_id.in_(only))
