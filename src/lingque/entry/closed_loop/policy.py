"""One round of the platform: observe, learn, ask leave, decide, reserve."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection

from lingque.core.clock import BusinessCalendar, Instant
from lingque.core.errors import BusyError
from lingque.core.hashing import Float64s, Int64s, draw
from lingque.core.ids import CustomerId, PartyId
from lingque.core.registries import DataClass, Purpose
from lingque.decide.contracts import NOTHING, Context, PlannedContact, Requests
from lingque.decide.decision import decide
from lingque.decide.decisions import Decisions
from lingque.decide.facts import TagTable
from lingque.decide.pressure.caps import ContactKind, Now
from lingque.decide.pressure.ledger import capped, commit_each, keys_of, reserve
from lingque.entry.closed_loop.models import Decided, Models
from lingque.entry.closed_loop.offers import CAPS, CHANNEL_OF, OFFER_OF, USED, contact_cost, menu
from lingque.entry.closed_loop.seen import Sales, with_placed
from lingque.govern.consent import ADULT_AGE
from lingque.govern.contracts import ConsentEntry, PermitAsk, Subject
from lingque.govern.permits import PermitOffice
from lingque.store.database import Database
from lingque.testing import FixedClock
from lingque.twin.days import DAY, day_at
from lingque.twin.known import Known
from lingque.twin.loop import CALLED_SHARE, ROUND_DAYS, TEXTED_SHARE, Round
from lingque.twin.responding.contacts import NOT_YET, Contacts
from lingque.warehouse.engine import Session

_CALENDAR = BusinessCalendar(ZoneInfo("Asia/Shanghai"))
_EPOCH = date(1970, 1, 1)
_OPT_OUT_COST, _COMPLAINT_COST = 1_000, 20_000
"""In fen, as the bank reckons them."""
_ASSUMED_CONTACTS, _ASSUMED_OPT_OUTS, _ASSUMED_COMPLAINTS = 2_000, 6, 1
"""What the bank thinks it has seen on a channel before it has seen anything."""
_OLDEST_BORROWER = 65
_CLASSES = DataClass.PERSONAL | DataClass.FINANCIAL
_A_ROUND = (ROUND_DAYS + 1) * DAY


SALT, HOLD_OUT = "closed loop", 0.1


def ids_of(known: Known) -> Int64s:
    """What the platform calls the customers, in their order."""
    return np.arange(1, len(known.age) + 1, dtype=np.int64)


class Believed(Protocol):
    """What stands behind the value of a contact: models, or the truth in their place."""

    def tags(self, now: Round, columns: dict[str, Float64s], touched: NDArray[np.bool_]) -> dict[str, Float64s]:
        """Per role, offer and channel a column of n numbers, as tags are called."""
        ...

    def remember(self, columns: dict[str, Float64s], day: int, decided: Decided, touched: NDArray[np.bool_]) -> None:
        """What was decided on that day, to learn from it."""
        ...


class Learning:
    """The bank's own models, fitted anew every second round on what was observed by then."""

    def __init__(self, known: Known, *, generosity: float) -> None:
        self.generosity = generosity
        self.models = Models(known, draw(ids_of(known), salt=SALT) < HOLD_OUT)

    def tags(self, now: Round, columns: dict[str, Float64s], touched: NDArray[np.bool_]) -> dict[str, Float64s]:
        day = int(day_at(np.array(now.at)))
        if now.number % 2 == 0:
            self.models.learn(sales_of(now), day)
        return self.models.look(columns, touched).columns(generosity=self.generosity)

    def remember(self, columns: dict[str, Float64s], day: int, decided: Decided, touched: NDArray[np.bool_]) -> None:
        self.models.remember(columns, day, decided, touched)


def sales_of(now: Round) -> Sales:
    made = now.responses.conversions
    return Sales(customer=made.customer, offer=made.offer, day=day_at(made.at), amount=made.amount)


class Platform:
    """Decides round after round as the platform does: a `Policy` of the loop.

    Leave is asked of the permit office, which knows everybody's birthday, consent, and each opt-out as a withdrawal;
    contacts are reserved in the ledger of contact pressure; the choice is the decision function's. In capacities and in
    what may be proposed to whom it is like the policies that it is compared with.
    """

    def __init__(self, known: Known, believed: Believed, database: Database, session: Callable[[], Session]) -> None:
        """`database`: migrated, and empty."""
        self.ids = ids_of(known)
        self._known, self._believed, self._database, self._session = known, believed, database, session
        self._clock = FixedClock(Instant(0))
        self._office = PermitOffice(self._clock, _CALENDAR)
        self._withdrawn: set[tuple[int, int]] = set()
        self.decided: list[Decisions] = []
        self._register()

    def __call__(self, now: Round) -> Contacts:
        at, day = Instant(now.at), int(day_at(np.array(now.at)))
        columns = with_placed(self._known.columns(day), sales_of(now), day)
        touched = self._touched(now)
        tags = columns | self._believed.tags(now, columns, touched)
        with self._database.transaction() as connection:
            self._withdraw(connection, now)
            requests = self._requests(connection, at, tags)
        context = Context(
            moment=at,
            today=_EPOCH + timedelta(days=day),
            hold_out=HOLD_OUT,
            # outcomes take longer than a round: who is held out is so in all of them
            salt=SALT,
            capacity={"rm_call": int(CALLED_SHARE * len(self.ids)), "sms": int(TEXTED_SHARE * len(self.ids))},
        )
        decisions = decide(requests, menu(self._costs(now)), context)
        self.decided.append(decisions)
        given = np.where(decisions.contacted, decisions.chosen, NOTHING).astype(np.int64)
        self._reserve(given, at, now.number)
        chosen = decisions.chosen.astype(np.int64)
        outcome = Decided(chosen=chosen, given=given, held_out=decisions.held_out)
        self._believed.remember(columns, day, outcome, touched)
        who = np.flatnonzero(given != NOTHING)
        return Contacts(
            customer=who,
            channel=CHANNEL_OF[given[who]],
            offer=OFFER_OF[given[who]],
            creative=np.zeros(len(who), dtype=np.int64),
            at=np.full(len(who), now.at),
        )

    def _register(self) -> None:
        """Everybody's birthday, and consent to texts and calls: what the others are told, too."""
        birth = [_EPOCH + timedelta(days=self._known.today - 366 * int(age) - 180) for age in self._known.age]
        subjects = [
            Subject(party_id=PartyId(one), customer_id=CustomerId(one), birth_date=day)
            for one, day in zip(self.ids.tolist(), birth, strict=True)
        ]
        with self._database.transaction() as connection:
            self._office.record_subjects(connection, subjects)
            self._office.record_consents(
                connection,
                [_consent(one, channel, "give", Instant(0)) for one in self.ids.tolist() for channel in USED],
            )

    def _withdraw(self, connection: Connection, now: Round) -> None:
        """Who opted out on a channel takes the consent back."""
        gone = np.flatnonzero(now.responses.opted_out_at < NOT_YET)
        said = {
            (int(now.sent.customer[one]) + 1, int(now.sent.channel[one])): Instant(int(now.responses.opted_out_at[one]))
            for one in gone.tolist()
        }
        new = {key: when for key, when in said.items() if key not in self._withdrawn}
        names = {int(number): name for number, name in zip(CHANNEL_OF[: len(USED)], USED, strict=True)}
        self._office.record_consents(
            connection, [_consent(one, names[channel], "withdraw", when) for (one, channel), when in new.items()]
        )
        self._withdrawn |= new.keys()

    def _requests(self, connection: Connection, at: Instant, tags: dict[str, Float64s]) -> Requests:
        asks = [PermitAsk(purpose=Purpose.MARKETING, channel=one, data_classes=_CLASSES, moment=at) for one in USED]
        now = Now(instant=at, calendar=_CALENDAR)
        kinds = [ContactKind(channel=one, purpose=Purpose.MARKETING) for one in USED]
        table = pa.table(
            {
                "customer_id": self.ids,
                "of_age": tags["age"] >= ADULT_AGE,
                "borrows": (tags["student"] == 0) & (tags["age"] < _OLDEST_BORROWER),
            }
            | {name: pa.array(column, from_pandas=True) for name, column in tags.items()}
        )
        return Requests(
            clock="planned",
            as_of=_EPOCH + timedelta(days=int(day_at(np.array(int(at))))),
            customer_ids=self.ids,
            facts=TagTable(table, self._session),
            permits=[self._office.permit_set(connection, self.ids, ask) for ask in asks],
            reachable=np.ones((len(USED), len(self.ids)), dtype=np.bool_),
            capped=np.stack([capped(connection, self.ids, kind, CAPS, now) for kind in kinds]),
        )

    def _costs(self, now: Round) -> dict[str, int]:
        """Of a contact with what opt-outs and complaints cost on average, as observed so far on each channel."""
        costs = {}
        for number, name in zip(CHANNEL_OF[: len(USED)].tolist(), USED, strict=True):
            mine = now.sent.channel == number
            made = int(mine.sum()) + _ASSUMED_CONTACTS
            lost = contact_cost(name) * made
            for happened, assumed, cost in (
                (now.responses.opted_out_at, _ASSUMED_OPT_OUTS, _OPT_OUT_COST),
                (now.responses.complained_at, _ASSUMED_COMPLAINTS, _COMPLAINT_COST),
            ):
                lost += cost * (int((happened[mine] < NOT_YET).sum()) + assumed)
            costs[name] = round(lost / made)
        return costs

    def _touched(self, now: Round) -> NDArray[np.bool_]:
        touched = np.zeros(len(self.ids), dtype=np.bool_)
        touched[now.sent.customer[now.sent.at > now.at - _A_ROUND]] = True
        return touched

    def _reserve(self, given: Int64s, at: Instant, number: int) -> None:
        planned = [
            PlannedContact(
                wave_id=number + 1, customer_id=CustomerId(int(self.ids[one])), step=1,
                channel=USED[int(given[one]) % len(USED)], purpose=Purpose.MARKETING,
            )
            for one in np.flatnonzero(given != NOTHING).tolist()
        ]  # fmt: skip
        if not planned:
            return
        with self._database.transaction() as connection:
            refused = reserve(connection, planned, caps=CAPS, now=Now(instant=at, calendar=_CALENDAR))
            made = commit_each(connection, keys_of(planned), now=at)
        if refused or not made.all():
            raise BusyError("a contact that was decided exceeds a cap", next_step="report this: nobody else reserves")


def _consent(customer: int, channel: str, action: Literal["give", "withdraw"], at: Instant) -> ConsentEntry:
    return ConsentEntry(
        party_id=PartyId(customer), purpose=Purpose.MARKETING, channel=channel,
        data_classes=_CLASSES, action=action, acted_at=at, wording_version="1",
        evidence="simulated", origin=f"{customer}/{channel}/{action}",
    )  # fmt: skip
